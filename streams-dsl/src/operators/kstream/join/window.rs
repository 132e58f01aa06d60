use crate::data::Data;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, TaskContext};
use streams_core::record::Record;
use streams_core::store::JoinWindowStore;

/// Remembers the records of one side of a join for those of the other. A record goes on first and is remembered then, so that it never
/// meets itself.
///
/// Null keys and null values go on, and are not remembered.
pub(crate) struct JoinWindow<K, V> {
    records: JoinWindowStore<K, V>,
    downstream: Downstream<K, V>,
}

impl<K, V> JoinWindow<K, V> {
    pub(crate) fn new(records: JoinWindowStore<K, V>, downstream: Downstream<K, V>) -> Self {
        Self { records, downstream }
    }
}

impl<K: Data, V: Data> Operator for JoinWindow<K, V> {}

impl<K: Data, V: Data> Node<K, V> for JoinWindow<K, V> {
    fn process(&mut self, context: &mut TaskContext, record: Record<K, V>) -> Result<(), StreamsError> {
        let timestamp = record.timestamp;
        // Encoded before, so that the record can go on without a copy.
        let remembers = self.records.encode(&record.key, &record.value)?;
        self.downstream.forward(context, record)?;
        if remembers && !self.records.put(context, timestamp)? {
            context.drop_record("it is late: the join no longer remembers records of its time");
        }
        Ok(())
    }
}
