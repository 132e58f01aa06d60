use super::Metric;
use std::sync::Arc;

/// The metrics of an instance as they were at one moment: groups one after another, within them by thread, task and store.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics {
    metrics: Vec<Metric>,
}

impl Metrics {
    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Metric> {
        self.metrics.iter()
    }

    /// The metrics of this group and name, one for each thread, task or store that has it.
    pub fn named(&self, group: &str, name: &str) -> impl Iterator<Item = &Metric> {
        self.metrics.iter().filter(move |metric| metric.group == group && metric.name == name)
    }

    /// The metric of this group and name that has all of these tags; the first of them where there are several.
    pub fn get(&self, group: &str, name: &str, tags: &[(&str, &str)]) -> Option<&Metric> {
        self.named(group, name).find(|metric| tags.iter().all(|(tag, value)| metric.tag(tag) == Some(value)))
    }

    /// The sum of the metrics of this group and name; none where there is no such number.
    pub fn sum(&self, group: &str, name: &str) -> Option<f64> {
        self.named(group, name).filter_map(|metric| metric.value.as_f64()).reduce(|sum, value| sum + value)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.metrics.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.metrics.is_empty()
    }

    /// Adds metrics of a group that share their tags.
    pub(crate) fn scope(&mut self, group: &'static str, tags: &[(&'static str, &Arc<str>)]) -> Scope<'_> {
        let tags = tags.iter().map(|(name, value)| (*name, Arc::clone(value))).collect();
        Scope { metrics: &mut self.metrics, group, tags }
    }
}

impl IntoIterator for Metrics {
    type Item = Metric;
    type IntoIter = std::vec::IntoIter<Metric>;

    fn into_iter(self) -> Self::IntoIter {
        self.metrics.into_iter()
    }
}

impl<'a> IntoIterator for &'a Metrics {
    type Item = &'a Metric;
    type IntoIter = std::slice::Iter<'a, Metric>;

    fn into_iter(self) -> Self::IntoIter {
        self.metrics.iter()
    }
}

/// Group and tags of the metrics to be added.
pub(crate) struct Scope<'a> {
    metrics: &'a mut Vec<Metric>,
    group: &'static str,
    tags: Vec<(&'static str, Arc<str>)>,
}

impl Scope<'_> {
    pub(crate) fn add(&mut self, name: &'static str, description: &'static str, value: impl Into<super::MetricValue>) {
        let tags = self.tags.clone();
        self.metrics.push(Metric { group: self.group, name, description, tags, value: value.into() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_found_by_group_name_and_tags_and_summed() {
        let mut metrics = Metrics::default();
        for (task, count) in [("0_0", 2i64), ("0_1", 3)] {
            metrics.scope("tasks", &[("task-id", &task.into())]).add("count", "", count);
        }
        metrics.scope("client", &[]).add("state", "", "RUNNING".to_owned());
        let found = metrics.get("tasks", "count", &[("task-id", "0_1")]);
        assert_eq!(found.and_then(|metric| metric.value.as_i64()), Some(3));
        assert_eq!(metrics.get("tasks", "count", &[("task-id", "0_2")]), None);
        assert_eq!(metrics.get("client", "count", &[]), None);
        assert_eq!(metrics.sum("tasks", "count"), Some(5.0));
        assert_eq!(metrics.sum("client", "state"), None);
        assert_eq!((metrics.len(), metrics.iter().count(), metrics.clone().into_iter().count()), (3, 3, 3));
    }
}
