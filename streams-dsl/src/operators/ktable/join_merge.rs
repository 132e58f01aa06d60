use crate::data::Data;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, TaskContext};
use streams_core::record::Record;
use streams_core::store::{Change, TableStore};

/// Brings the two sides of a join of tables together, and keeps the joined rows where they are to be kept.
pub(crate) struct TableJoinMerge<K, V> {
    table: Option<TableStore<K, V>>,
    send_old: bool,
    downstream: Downstream<K, Change<V>>,
}

impl<K, V> TableJoinMerge<K, V> {
    pub(crate) fn new(table: Option<TableStore<K, V>>, send_old: bool, downstream: Downstream<K, Change<V>>) -> Self {
        Self { table, send_old, downstream }
    }
}

impl<K: Data, V: Data> Operator for TableJoinMerge<K, V> {
    fn flush(&mut self, context: &mut TaskContext) -> Result<(), StreamsError> {
        match &mut self.table {
            Some(table) => table.flush(context, &self.downstream),
            None => Ok(()),
        }
    }
}

impl<K: Data, V: Data> Node<K, Change<V>> for TableJoinMerge<K, V> {
    fn process(&mut self, context: &mut TaskContext, mut record: Record<K, Change<V>>) -> Result<(), StreamsError> {
        if let Some(table) = &mut self.table {
            let Record { key, value, timestamp, headers } = record;
            return table.update(context, &self.downstream, key, headers, |_, _| Ok((timestamp, value.new)));
        }
        if !self.send_old {
            record.value.old = None;
        }
        self.downstream.forward(context, record)
    }
}
