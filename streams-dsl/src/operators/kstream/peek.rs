use crate::data::Data;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, TaskContext};
use streams_core::record::Record;

/// Shows each record to a function and forwards it unchanged.
pub(crate) struct Peek<K, V, F> {
    action: Arc<F>,
    downstream: Downstream<K, V>,
}

impl<K, V, F> Peek<K, V, F> {
    pub(crate) fn new(action: Arc<F>, downstream: Downstream<K, V>) -> Self {
        Self { action, downstream }
    }
}

impl<K: Data, V: Data, F: 'static> Operator for Peek<K, V, F> {}

impl<K, V, F> Node<K, V> for Peek<K, V, F>
where
    K: Data,
    V: Data,
    F: Fn(&K, &V) -> Result<(), StreamsError> + 'static,
{
    #[inline]
    fn process(&mut self, context: &mut TaskContext, record: Record<K, V>) -> Result<(), StreamsError> {
        (self.action)(&record.key, &record.value)?;
        self.downstream.forward(context, record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::testing::Collector;
    use std::sync::Mutex;

    #[test]
    fn each_record_is_seen_and_passes() {
        let collector = Collector::new();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let action = move |_: &String, value: &i64| {
            log.lock().unwrap().push(*value);
            Ok(())
        };
        let mut peek = Peek::new(Arc::new(action), collector.downstream());
        collector.process(&mut peek, "k", 7).unwrap();
        assert_eq!(*seen.lock().unwrap(), [7]);
        assert_eq!(collector.taken(), [("k".to_owned(), 7)]);
    }
}
