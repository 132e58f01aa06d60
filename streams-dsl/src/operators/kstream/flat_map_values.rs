use crate::data::Data;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, TaskContext};
use streams_core::record::Record;

/// Makes of each value any number of others; they have the record's key, timestamp and headers.
pub(crate) struct FlatMapValues<K, V2, F> {
    mapper: Arc<F>,
    downstream: Downstream<K, V2>,
}

impl<K, V2, F> FlatMapValues<K, V2, F> {
    pub(crate) fn new(mapper: Arc<F>, downstream: Downstream<K, V2>) -> Self {
        Self { mapper, downstream }
    }
}

impl<K: Data, V2: Data, F: 'static> Operator for FlatMapValues<K, V2, F> {}

impl<K, V, V2, I, F> Node<K, V> for FlatMapValues<K, V2, F>
where
    K: Data,
    V2: Data,
    I: IntoIterator<Item = V2>,
    F: Fn(&K, V) -> Result<I, StreamsError> + 'static,
{
    #[inline]
    fn process(&mut self, context: &mut TaskContext, record: Record<K, V>) -> Result<(), StreamsError> {
        let Record { key, value, timestamp, headers } = record;
        let mut values = (self.mapper)(&key, value)?.into_iter();
        let Some(mut value) = values.next() else { return Ok(()) };
        for next in values {
            let value = std::mem::replace(&mut value, next);
            let record = Record { key: key.clone(), value, timestamp, headers: headers.clone() };
            self.downstream.forward(context, record)?;
        }
        self.downstream.forward(context, Record { key, value, timestamp, headers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::testing::Collector;

    #[test]
    fn each_value_becomes_any_number_of_others_in_their_order() {
        let collector = Collector::new();
        let mut map = FlatMapValues::new(Arc::new(|_: &String, value: i64| Ok(0..value)), collector.downstream());
        collector.process(&mut map, "none", 0).unwrap();
        collector.process(&mut map, "k", 3).unwrap();
        assert_eq!(collector.taken(), [("k".to_owned(), 0), ("k".to_owned(), 1), ("k".to_owned(), 2)]);
    }
}
