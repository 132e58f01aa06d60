use crate::data::Data;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, TaskContext};
use streams_core::record::Record;

/// Makes of each value another one; the key stays.
pub(crate) struct MapValues<K, V2, F> {
    mapper: Arc<F>,
    downstream: Downstream<K, V2>,
}

impl<K, V2, F> MapValues<K, V2, F> {
    pub(crate) fn new(mapper: Arc<F>, downstream: Downstream<K, V2>) -> Self {
        Self { mapper, downstream }
    }
}

impl<K: Data, V2: Data, F: 'static> Operator for MapValues<K, V2, F> {}

impl<K, V, V2, F> Node<K, V> for MapValues<K, V2, F>
where
    K: Data,
    V2: Data,
    F: Fn(&K, V) -> Result<V2, StreamsError> + 'static,
{
    #[inline]
    fn process(&mut self, context: &mut TaskContext, record: Record<K, V>) -> Result<(), StreamsError> {
        let Record { key, value, timestamp, headers } = record;
        let value = (self.mapper)(&key, value)?;
        self.downstream.forward(context, Record { key, value, timestamp, headers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::testing::Collector;

    #[test]
    fn the_value_is_replaced() {
        let collector = Collector::new();
        let mapper = |key: &String, value: i64| Ok(format!("{key}{value}"));
        let mut map = MapValues::new(Arc::new(mapper), collector.downstream());
        collector.process(&mut map, "a", 1).unwrap();
        assert_eq!(collector.taken(), [("a".to_owned(), "a1".to_owned())]);
    }
}
