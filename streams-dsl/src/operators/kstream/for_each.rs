use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Node, Operator, TaskContext};
use streams_core::record::Record;

/// The end of a stream: hands each record to a function.
pub(crate) struct ForEach<F> {
    action: Arc<F>,
}

impl<F> ForEach<F> {
    pub(crate) fn new(action: Arc<F>) -> Self {
        Self { action }
    }
}

impl<F: 'static> Operator for ForEach<F> {}

impl<K, V, F> Node<K, V> for ForEach<F>
where
    F: Fn(K, V) -> Result<(), StreamsError> + 'static,
{
    #[inline]
    fn process(&mut self, _context: &mut TaskContext, record: Record<K, V>) -> Result<(), StreamsError> {
        (self.action)(record.key, record.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::testing::Collector;
    use std::sync::Mutex;

    #[test]
    fn each_record_is_handed_over() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let action = move |key: String, value: i64| {
            log.lock().unwrap().push((key, value));
            Ok(())
        };
        let mut node = ForEach::new(Arc::new(action));
        Collector::<String, i64>::new().process(&mut node, "k", 7).unwrap();
        assert_eq!(*seen.lock().unwrap(), [("k".to_owned(), 7)]);
    }
}
