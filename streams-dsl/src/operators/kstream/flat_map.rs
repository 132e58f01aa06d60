use crate::data::Data;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, TaskContext};
use streams_core::record::Record;

/// Makes of each record any number of others. They have its timestamp and headers.
pub(crate) struct FlatMap<K2, V2, F> {
    mapper: Arc<F>,
    downstream: Downstream<K2, V2>,
}

impl<K2, V2, F> FlatMap<K2, V2, F> {
    pub(crate) fn new(mapper: Arc<F>, downstream: Downstream<K2, V2>) -> Self {
        Self { mapper, downstream }
    }
}

impl<K2: Data, V2: Data, F: 'static> Operator for FlatMap<K2, V2, F> {}

impl<K, V, K2, V2, I, F> Node<K, V> for FlatMap<K2, V2, F>
where
    K2: Data,
    V2: Data,
    I: IntoIterator<Item = (K2, V2)>,
    F: Fn(K, V) -> Result<I, StreamsError> + 'static,
{
    #[inline]
    fn process(&mut self, context: &mut TaskContext, record: Record<K, V>) -> Result<(), StreamsError> {
        let Record { key, value, timestamp, headers } = record;
        for (key, value) in (self.mapper)(key, value)? {
            self.downstream.forward(context, Record { key, value, timestamp, headers: headers.clone() })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::testing::Collector;

    #[test]
    fn each_record_becomes_any_number_of_others() {
        let collector = Collector::new();
        let mapper = |key: String, value: i64| Ok((0..value).map(move |number| (number, key.clone())));
        let mut map = FlatMap::new(Arc::new(mapper), collector.downstream());
        collector.process(&mut map, "none", 0).unwrap();
        collector.process(&mut map, "two", 2).unwrap();
        assert_eq!(collector.taken(), [(0, "two".to_owned()), (1, "two".to_owned())]);
    }
}
