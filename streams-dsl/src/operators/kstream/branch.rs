use crate::data::Data;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, TaskContext};
use streams_core::record::Record;

/// Decides whether a record belongs to a branch.
pub(crate) type Predicate<K, V> = Arc<dyn Fn(&K, &V) -> Result<bool, StreamsError> + Send + Sync>;

/// Forwards each record to the first branch whose predicate holds; without one to the default branch, if there is one.
pub(crate) struct Branch<K, V> {
    /// One per child, in their order; the default branch has none and is asked last.
    predicates: Box<[Option<Predicate<K, V>>]>,
    default: Option<usize>,
    downstream: Downstream<K, V>,
}

impl<K, V> Branch<K, V> {
    pub(crate) fn new(predicates: Box<[Option<Predicate<K, V>>]>, downstream: Downstream<K, V>) -> Self {
        let default = predicates.iter().position(Option::is_none);
        Self { predicates, default, downstream }
    }

    fn choose(&self, record: &Record<K, V>) -> Result<Option<usize>, StreamsError> {
        for (child, predicate) in self.predicates.iter().enumerate() {
            if let Some(predicate) = predicate
                && predicate(&record.key, &record.value)?
            {
                return Ok(Some(child));
            }
        }
        Ok(self.default)
    }
}

impl<K: Data, V: Data> Operator for Branch<K, V> {}

impl<K: Data, V: Data> Node<K, V> for Branch<K, V> {
    fn process(&mut self, context: &mut TaskContext, record: Record<K, V>) -> Result<(), StreamsError> {
        match self.choose(&record)? {
            Some(child) => self.downstream.forward_to(child, context, record),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::testing::Collector;

    fn above(limit: i64) -> Option<Predicate<String, i64>> {
        Some(Arc::new(move |_: &String, value: &i64| Ok(*value > limit)))
    }

    fn route(predicates: Vec<Option<Predicate<String, i64>>>, values: &[i64]) -> Vec<Vec<i64>> {
        let collectors: Vec<_> = predicates.iter().map(|_| Collector::new()).collect();
        let children = collectors.iter().map(Collector::child).collect();
        let mut branch = Branch::new(predicates.into(), Downstream::new(children));
        for &value in values {
            collectors[0].process(&mut branch, "k", value).unwrap();
        }
        collectors.iter().map(|collector| collector.taken().into_iter().map(|(_, value)| value).collect()).collect()
    }

    #[test]
    fn the_first_predicate_that_holds_takes_the_record() {
        assert_eq!(route(vec![above(10), above(5), None], &[3, 12, 7]), [vec![12], vec![7], vec![3]]);
        assert_eq!(route(vec![above(10), above(5)], &[3, 12, 7]), [vec![12], vec![7]]);
        assert_eq!(route(vec![None, above(5)], &[3, 7]), [vec![3], vec![7]]);
    }
}
