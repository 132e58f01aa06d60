use crate::options::{Mapper, Target};
use std::sync::{Arc, PoisonError};
use streams_core::error::StreamsError;
use streams_core::processor::{Node, Operator, TaskContext};
use streams_core::record::Record;

/// The end of a stream: prints each record.
pub(crate) struct Print<K, V> {
    target: Target,
    label: Arc<str>,
    mapper: Arc<Mapper<K, V>>,
}

impl<K, V> Print<K, V> {
    pub(crate) fn new(target: Target, label: Arc<str>, mapper: Arc<Mapper<K, V>>) -> Self {
        Self { target, label, mapper }
    }
}

impl<K: 'static, V: 'static> Operator for Print<K, V> {}

impl<K: 'static, V: 'static> Node<K, V> for Print<K, V> {
    fn process(&mut self, _context: &mut TaskContext, record: Record<K, V>) -> Result<(), StreamsError> {
        let text = (self.mapper)(&record.key, &record.value);
        let mut target = self.target.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(target, "[{}]: {text}", self.label).map_err(StreamsError::user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::testing::Collector;
    use crate::options::Printed;

    #[test]
    fn a_line_has_label_key_and_value() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let printed = Printed::<String, i64>::to_file(file.path());
        let mut print = Print::new(printed.target.unwrap(), "counts".into(), printed.mapper);
        Collector::<String, i64>::new().process(&mut print, "k", 7).unwrap();
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "[counts]: \"k\", 7\n");
    }
}
