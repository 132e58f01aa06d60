use crate::data::Data;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, TaskContext};
use streams_core::record::Record;
use streams_core::store::{Change, TableStore};

/// Asks a transformer, which may keep something between its calls, for the row that takes each one's place. It is told of deletions, too.
pub(crate) struct TableTransformValues<K, V2, T> {
    transformer: T,
    table: Option<TableStore<K, V2>>,
    send_old: bool,
    downstream: Downstream<K, Change<V2>>,
}

impl<K, V2, T> TableTransformValues<K, V2, T> {
    pub(crate) fn new(
        transformer: T,
        table: Option<TableStore<K, V2>>,
        send_old: bool,
        downstream: Downstream<K, Change<V2>>,
    ) -> Self {
        Self { transformer, table, send_old, downstream }
    }
}

impl<K: Data, V2: Data, T: 'static> Operator for TableTransformValues<K, V2, T> {
    fn flush(&mut self, context: &mut TaskContext) -> Result<(), StreamsError> {
        match &mut self.table {
            Some(table) => table.flush(context, &self.downstream),
            None => Ok(()),
        }
    }
}

impl<K, V, V2, T> Node<K, Change<V>> for TableTransformValues<K, V2, T>
where
    K: Data,
    V: Data,
    V2: Data,
    T: FnMut(&K, Option<V>) -> Result<Option<V2>, StreamsError> + 'static,
{
    fn process(&mut self, context: &mut TaskContext, record: Record<K, Change<V>>) -> Result<(), StreamsError> {
        let Record { key, value: Change { old, new }, timestamp, headers } = record;
        let new = (self.transformer)(&key, new)?;
        if let Some(table) = &mut self.table {
            return table.update(context, &self.downstream, key, headers, |_, _| Ok((timestamp, new)));
        }
        let old = if self.send_old { (self.transformer)(&key, old)? } else { None };
        self.downstream.forward(context, Record { key, value: Change { old, new }, timestamp, headers })
    }
}
