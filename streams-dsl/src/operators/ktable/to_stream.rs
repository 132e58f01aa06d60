use crate::data::Data;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, TaskContext};
use streams_core::record::Record;
use streams_core::store::Change;

/// Forwards the new row of each change; a deleted one as `None`.
pub(crate) struct ToStream<K, V> {
    downstream: Downstream<K, Option<V>>,
}

impl<K, V> ToStream<K, V> {
    pub(crate) fn new(downstream: Downstream<K, Option<V>>) -> Self {
        Self { downstream }
    }
}

impl<K: Data, V: Data> Operator for ToStream<K, V> {}

impl<K: Data, V: Data> Node<K, Change<V>> for ToStream<K, V> {
    #[inline]
    fn process(&mut self, context: &mut TaskContext, record: Record<K, Change<V>>) -> Result<(), StreamsError> {
        let Record { key, value, timestamp, headers } = record;
        let record = Record { key, value: value.new, timestamp, headers };
        if context.is_latest {
            return self.downstream.forward(context, record);
        }
        // A record of a stream is no change of the past.
        context.forward_as(true, &self.downstream, record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::testing::Collector;

    #[test]
    fn a_change_becomes_its_new_row() {
        let collector = Collector::new();
        let mut node = ToStream::new(collector.downstream());
        collector.process(&mut node, "k", Change { old: Some(1), new: Some(2) }).unwrap();
        collector.process(&mut node, "k", Change { old: Some(2), new: None }).unwrap();
        assert_eq!(collector.taken(), [("k".to_owned(), Some(2)), ("k".to_owned(), None)]);
    }
}
