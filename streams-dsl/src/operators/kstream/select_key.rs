use crate::data::Data;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, TaskContext};
use streams_core::record::Record;

/// Gives each record another key.
pub(crate) struct SelectKey<K2, V, F> {
    selector: Arc<F>,
    downstream: Downstream<K2, V>,
}

impl<K2, V, F> SelectKey<K2, V, F> {
    pub(crate) fn new(selector: Arc<F>, downstream: Downstream<K2, V>) -> Self {
        Self { selector, downstream }
    }
}

impl<K2: Data, V: Data, F: 'static> Operator for SelectKey<K2, V, F> {}

impl<K, V, K2, F> Node<K, V> for SelectKey<K2, V, F>
where
    V: Data,
    K2: Data,
    F: Fn(&K, &V) -> Result<K2, StreamsError> + 'static,
{
    #[inline]
    fn process(&mut self, context: &mut TaskContext, record: Record<K, V>) -> Result<(), StreamsError> {
        let key = (self.selector)(&record.key, &record.value)?;
        self.downstream.forward(context, record.with_key(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::testing::Collector;

    #[test]
    fn the_key_is_replaced() {
        let collector = Collector::new();
        let selector = |key: &String, value: &i64| Ok(key.len() as i64 + value);
        let mut select = SelectKey::new(Arc::new(selector), collector.downstream());
        collector.process(&mut select, "abc", 1).unwrap();
        assert_eq!(collector.taken(), [(4, 1)]);
    }
}
