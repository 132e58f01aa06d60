use crate::data::Data;
use crate::nulls::NullCheck;
use std::marker::PhantomData;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, OperatorId, Punctuation, TaskContext};
use streams_core::record::{Headers, Record};
use streams_core::store::{Change, TableStore};

/// Turns records into changes of a table: each is the new row of its key, none deletes it.
///
/// `R` says how a record is a row. The last record wins, even where its timestamp is older. Records with null key are dropped and counted.
pub(crate) struct TableSourceNode<K, V, R> {
    table: Option<TableStore<K, V>>,
    /// For rows that are not kept; a store finds null keys itself.
    nulls: Option<NullCheck<K>>,
    downstream: Downstream<K, Change<V>>,
    form: PhantomData<R>,
}

/// How the records of a stream stand for rows of a table.
pub(crate) trait TableRecord<K, V>: 'static {
    /// The record's key and value.
    type Key: Data;
    /// The record's value.
    type Value: Data;
    /// Key and row, with `None` for null.
    fn into_row(key: Self::Key, value: Self::Value) -> (Option<K>, Option<V>);
}

impl<K, V, R> TableSourceNode<K, V, R> {
    pub(crate) fn new(
        table: Option<TableStore<K, V>>,
        nulls: Option<NullCheck<K>>,
        downstream: Downstream<K, Change<V>>,
    ) -> Self {
        Self { table, nulls, downstream, form: PhantomData }
    }
}

impl<K: Data, V: Data, R: 'static> TableSourceNode<K, V, R> {
    fn row(
        &mut self,
        context: &mut TaskContext,
        key: K,
        row: Option<V>,
        timestamp: i64,
        headers: Headers,
    ) -> Result<(), StreamsError> {
        match &mut self.table {
            Some(table) => table.update(context, &self.downstream, key, headers, |_, _| Ok((timestamp, row))),
            None => {
                if let Some(nulls) = &mut self.nulls
                    && nulls.is_null(&key)?
                {
                    context.drop_record("its key is null");
                    return Ok(());
                }
                let value = Change { old: None, new: row };
                self.downstream.forward(context, Record { key, value, timestamp, headers })
            }
        }
    }
}

impl<K: Data, V: Data, R: 'static> Operator for TableSourceNode<K, V, R> {
    fn init(&mut self, context: &mut TaskContext, operator: OperatorId) -> Result<(), StreamsError> {
        self.table.as_ref().map_or(Ok(()), |table| table.init(context, operator))
    }

    fn punctuate(&mut self, context: &mut TaskContext, punctuation: Punctuation) -> Result<(), StreamsError> {
        match &mut self.table {
            Some(table) => table.punctuate(context, &self.downstream, punctuation.timestamp),
            None => Ok(()),
        }
    }

    fn flush(&mut self, context: &mut TaskContext) -> Result<(), StreamsError> {
        match &mut self.table {
            Some(table) => table.flush(context, &self.downstream),
            None => Ok(()),
        }
    }
}

impl<K: Data, V: Data, R: TableRecord<K, V>> Node<R::Key, R::Value> for TableSourceNode<K, V, R> {
    fn process(&mut self, context: &mut TaskContext, record: Record<R::Key, R::Value>) -> Result<(), StreamsError> {
        let Record { key, value, timestamp, headers } = record;
        match R::into_row(key, value) {
            (Some(key), row) => self.row(context, key, row, timestamp, headers),
            (None, _) => {
                context.drop_record("its key is null");
                Ok(())
            }
        }
    }
}
