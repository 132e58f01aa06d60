use crate::data::Data;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, TaskContext};
use streams_core::record::Record;

/// Makes of each record another one.
pub(crate) struct Map<K2, V2, F> {
    mapper: Arc<F>,
    downstream: Downstream<K2, V2>,
}

impl<K2, V2, F> Map<K2, V2, F> {
    pub(crate) fn new(mapper: Arc<F>, downstream: Downstream<K2, V2>) -> Self {
        Self { mapper, downstream }
    }
}

impl<K2: Data, V2: Data, F: 'static> Operator for Map<K2, V2, F> {}

impl<K, V, K2, V2, F> Node<K, V> for Map<K2, V2, F>
where
    K2: Data,
    V2: Data,
    F: Fn(K, V) -> Result<(K2, V2), StreamsError> + 'static,
{
    #[inline]
    fn process(&mut self, context: &mut TaskContext, record: Record<K, V>) -> Result<(), StreamsError> {
        let Record { key, value, timestamp, headers } = record;
        let (key, value) = (self.mapper)(key, value)?;
        self.downstream.forward(context, Record { key, value, timestamp, headers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::testing::Collector;

    #[test]
    fn key_and_value_are_replaced() {
        let collector = Collector::new();
        let mut map = Map::new(Arc::new(|key: String, value: i64| Ok((value, key))), collector.downstream());
        collector.process(&mut map, "a", 1).unwrap();
        assert_eq!(collector.taken(), [(1, "a".to_owned())]);
    }
}
