use crate::data::Data;
use crate::nulls::NullCheck;
use crate::operators::cogroup::Observes;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, OperatorId, Punctuation, TaskContext};
use streams_core::record::Record;
use streams_core::store::{Change, TableStore};

/// Adds each record to the aggregate of its key. The row's timestamp is the largest of its records.
///
/// Records with null key or null value are dropped and counted.
pub(crate) struct Aggregate<K, V, A, I, F> {
    initializer: Arc<I>,
    aggregator: Arc<F>,
    table: TableStore<K, A>,
    nulls: Option<NullCheck<V>>,
    downstream: Downstream<K, Change<A>>,
}

impl<K, V, A, I, F> Aggregate<K, V, A, I, F> {
    pub(crate) fn new(
        initializer: Arc<I>,
        aggregator: Arc<F>,
        table: TableStore<K, A>,
        nulls: Option<NullCheck<V>>,
        downstream: Downstream<K, Change<A>>,
    ) -> Self {
        Self { initializer, aggregator, table, nulls, downstream }
    }
}

impl<K: Data, V: Data, A: Data, I: 'static, F: 'static> Operator for Aggregate<K, V, A, I, F> {
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

impl<K, V, A, I, F> Observes for Aggregate<K, V, A, I, F> {}

impl<K, V, A, I, F> Node<K, V> for Aggregate<K, V, A, I, F>
where
    K: Data,
    V: Data,
    A: Data,
    I: Fn() -> Result<A, StreamsError> + 'static,
    F: Fn(&K, V, A) -> Result<A, StreamsError> + 'static,
{
    fn process(&mut self, context: &mut TaskContext, record: Record<K, V>) -> Result<(), StreamsError> {
        let Record { key, value, timestamp, headers } = record;
        if let Some(nulls) = &mut self.nulls
            && nulls.is_null(&value)?
        {
            context.drop_record("its value is null");
            return Ok(());
        }
        let (initializer, aggregator) = (&self.initializer, &self.aggregator);
        self.table.update(context, &self.downstream, key, headers, |key, row| {
            let (stored, aggregate) = match row {
                Some(row) => row,
                None => (timestamp, initializer()?),
            };
            Ok((timestamp.max(stored), Some(aggregator(key, value, aggregate)?)))
        })
    }
}
