use super::row_transformer::RowTransformer;
use crate::data::Data;
use std::marker::PhantomData;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, OperatorId, TaskContext};
use streams_core::record::Record;
use streams_core::store::{Change, TableStore};

/// Asks a transformer, which may keep something between its calls, for the row that takes each one's place. It is told of deletions, too.
pub(crate) struct TableTransformValues<K, V, V2, T> {
    transformer: T,
    table: Option<TableStore<K, V2>>,
    send_old: bool,
    downstream: Downstream<K, Change<V2>>,
    takes: PhantomData<fn(V)>,
}

impl<K, V, V2, T> TableTransformValues<K, V, V2, T> {
    pub(crate) fn new(
        transformer: T,
        table: Option<TableStore<K, V2>>,
        send_old: bool,
        downstream: Downstream<K, Change<V2>>,
    ) -> Self {
        Self { transformer, table, send_old, downstream, takes: PhantomData }
    }
}

impl<K, V, V2, T> Operator for TableTransformValues<K, V, V2, T>
where
    K: Data,
    V: Data,
    V2: Data,
    T: RowTransformer<K, V, V2>,
{
    fn init(&mut self, context: &mut TaskContext, _: OperatorId) -> Result<(), StreamsError> {
        self.transformer.init(context)
    }

    fn flush(&mut self, context: &mut TaskContext) -> Result<(), StreamsError> {
        self.transformer.flush()?;
        match &mut self.table {
            Some(table) => table.flush(context, &self.downstream),
            None => Ok(()),
        }
    }
}

impl<K, V, V2, T> Node<K, Change<V>> for TableTransformValues<K, V, V2, T>
where
    K: Data,
    V: Data,
    V2: Data,
    T: RowTransformer<K, V, V2>,
{
    fn process(&mut self, context: &mut TaskContext, record: Record<K, Change<V>>) -> Result<(), StreamsError> {
        let Record { key, value: Change { old, new }, timestamp, headers } = record;
        let new = self.transformer.transform(context, &key, new, timestamp, &headers)?;
        if let Some(table) = &mut self.table {
            return table.update(context, &self.downstream, key, headers, |_, _| Ok((timestamp, new)));
        }
        let old = match self.send_old {
            true => self.transformer.transform(context, &key, old, timestamp, &headers)?,
            false => None,
        };
        self.downstream.forward(context, Record { key, value: Change { old, new }, timestamp, headers })
    }
}
