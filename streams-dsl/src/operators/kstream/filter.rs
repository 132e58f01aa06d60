use crate::data::Data;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, TaskContext};
use streams_core::record::Record;

/// Forwards the records for which the predicate holds.
pub(crate) struct Filter<K, V, F> {
    predicate: Arc<F>,
    downstream: Downstream<K, V>,
}

impl<K, V, F> Filter<K, V, F> {
    pub(crate) fn new(predicate: Arc<F>, downstream: Downstream<K, V>) -> Self {
        Self { predicate, downstream }
    }
}

impl<K: Data, V: Data, F: 'static> Operator for Filter<K, V, F> {}

impl<K, V, F> Node<K, V> for Filter<K, V, F>
where
    K: Data,
    V: Data,
    F: Fn(&K, &V) -> Result<bool, StreamsError> + 'static,
{
    #[inline]
    fn process(&mut self, context: &mut TaskContext, record: Record<K, V>) -> Result<(), StreamsError> {
        if (self.predicate)(&record.key, &record.value)? {
            return self.downstream.forward(context, record);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::testing::Collector;

    #[test]
    fn only_records_for_which_the_predicate_holds_pass() {
        let collector = Collector::new();
        let predicate = |_: &String, value: &i64| match value {
            ..0 => Err(StreamsError::user("negative")),
            value => Ok(value % 2 == 0),
        };
        let mut filter = Filter::new(Arc::new(predicate), collector.downstream());
        for value in 1..5 {
            collector.process(&mut filter, "k", value).unwrap();
        }
        assert_eq!(collector.taken(), [("k".to_owned(), 2), ("k".to_owned(), 4)]);
        assert!(collector.process(&mut filter, "k", -1).is_err());
    }
}
