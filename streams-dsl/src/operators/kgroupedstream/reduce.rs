use crate::data::Data;
use crate::nulls::NullCheck;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, OperatorId, Punctuation, TaskContext};
use streams_core::record::Record;
use streams_core::store::{Change, TableStore};

/// Combines the values of each key to one; the first stands as it is. The row's timestamp is the largest of its records.
///
/// Records with null key or null value are dropped and counted.
pub(crate) struct Reduce<K, V, F> {
    reducer: Arc<F>,
    table: TableStore<K, V>,
    nulls: Option<NullCheck<V>>,
    downstream: Downstream<K, Change<V>>,
}

impl<K, V, F> Reduce<K, V, F> {
    pub(crate) fn new(
        reducer: Arc<F>,
        table: TableStore<K, V>,
        nulls: Option<NullCheck<V>>,
        downstream: Downstream<K, Change<V>>,
    ) -> Self {
        Self { reducer, table, nulls, downstream }
    }
}

impl<K: Data, V: Data, F: 'static> Operator for Reduce<K, V, F> {
    fn init(&mut self, context: &mut TaskContext, operator: OperatorId) -> Result<(), StreamsError> {
        self.table.init(context, operator)
    }

    fn punctuate(&mut self, context: &mut TaskContext, punctuation: Punctuation) -> Result<(), StreamsError> {
        self.table.punctuate(context, &self.downstream, punctuation.timestamp)
    }

    fn flush(&mut self, context: &mut TaskContext) -> Result<(), StreamsError> {
        self.table.flush(context, &self.downstream)
    }
}

impl<K, V, F> Node<K, V> for Reduce<K, V, F>
where
    K: Data,
    V: Data,
    F: Fn(V, V) -> Result<V, StreamsError> + 'static,
{
    fn process(&mut self, context: &mut TaskContext, record: Record<K, V>) -> Result<(), StreamsError> {
        let Record { key, value, timestamp, headers } = record;
        if let Some(nulls) = &mut self.nulls
            && nulls.is_null(&value)?
        {
            context.drop_record("its value is null");
            return Ok(());
        }
        let reducer = &self.reducer;
        self.table.update(context, &self.downstream, key, headers, |_, row| match row {
            Some((stored, aggregate)) => Ok((timestamp.max(stored), Some(reducer(aggregate, value)?))),
            None => Ok((timestamp, Some(value))),
        })
    }
}
