use std::fmt;
use std::sync::Arc;

/// A measured value with its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// What it belongs to: `stream-metrics`, `stream-thread-metrics` and so on.
    pub group: &'static str,
    /// Its name, unique within group and tags.
    pub name: &'static str,
    /// What it says, and in which unit.
    pub description: &'static str,
    /// Which thread, task, store or client it is about, outermost first.
    pub tags: Vec<(&'static str, Arc<str>)>,
    /// The value when it was read.
    pub value: MetricValue,
}

/// The value of a [`Metric`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum MetricValue {
    /// A count or a size.
    Integer(i64),
    /// An average or a ratio; NaN where there is nothing to take it of.
    Float(f64),
    /// A name or a state.
    Text(String),
}

impl Metric {
    /// The value of a tag; none where the metric does not have it.
    pub fn tag(&self, tag: &str) -> Option<&str> {
        self.tags.iter().find(|(name, _)| *name == tag).map(|(_, value)| &**value)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{{", self.group)?;
        for (index, (name, value)) in self.tags.iter().enumerate() {
            write!(f, "{}{name}={value:?}", if index == 0 { "" } else { "," })?;
        }
        write!(f, "}} {} = {}", self.name, self.value)
    }
}

impl MetricValue {
    /// The number, where it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            Self::Text(_) => None,
        }
    }

    /// The whole number, where it is one.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            _ => None,
        }
    }

    /// The text, where it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(value) => Some(value),
            _ => None,
        }
    }
}

impl fmt::Display for MetricValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

impl From<i64> for MetricValue {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<u64> for MetricValue {
    fn from(value: u64) -> Self {
        Self::Integer(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<usize> for MetricValue {
    fn from(value: usize) -> Self {
        Self::Integer(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<f64> for MetricValue {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<String> for MetricValue {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_prints_with_its_tags_and_answers_for_its_own_kind_only() {
        let tags = vec![("thread-id", "t".into()), ("task-id", "0_1".into())];
        let mut metric = Metric { group: "stream-task-metrics", name: "n", description: "", tags, value: 7u64.into() };
        assert_eq!(metric.to_string(), r#"stream-task-metrics{thread-id="t",task-id="0_1"} n = 7"#);
        assert_eq!((metric.tag("task-id"), metric.tag("client-id")), (Some("0_1"), None));
        assert_eq!((metric.value.as_i64(), metric.value.as_f64()), (Some(7), Some(7.0)));
        metric.value = 0.5.into();
        assert_eq!((metric.value.as_i64(), metric.value.as_f64()), (None, Some(0.5)));
        metric.value = "RUNNING".to_owned().into();
        assert_eq!((metric.value.as_f64(), metric.value.as_str()), (None, Some("RUNNING")));
        assert_eq!(MetricValue::from(u64::MAX), MetricValue::Integer(i64::MAX));
    }
}
