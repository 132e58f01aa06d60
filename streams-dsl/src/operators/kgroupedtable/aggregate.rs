use crate::data::Data;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, TaskContext};
use streams_core::record::Record;
use streams_core::store::{Change, TableStore};

/// Takes the old row of each change out of the aggregate of its group, and puts the new one in. The aggregate's timestamp is the largest of its
/// changes'.
pub(crate) struct TableAggregate<K, A, F> {
    functions: Arc<F>,
    table: TableStore<K, A>,
    downstream: Downstream<K, Change<A>>,
}

/// What a user says of an aggregate.
pub(crate) struct Functions<I, F, G> {
    pub initializer: I,
    pub adder: F,
    pub subtractor: G,
}

impl<K, A, F> TableAggregate<K, A, F> {
    pub(crate) fn new(functions: Arc<F>, table: TableStore<K, A>, downstream: Downstream<K, Change<A>>) -> Self {
        Self { functions, table, downstream }
    }
}

impl<K: Data, A: Data, F: 'static> Operator for TableAggregate<K, A, F> {
    fn flush(&mut self, context: &mut TaskContext) -> Result<(), StreamsError> {
        self.table.flush(context, &self.downstream)
    }
}

impl<K, V, A, I, F, G> Node<K, Change<V>> for TableAggregate<K, A, Functions<I, F, G>>
where
    K: Data,
    V: Data,
    A: Data,
    I: Fn() -> Result<A, StreamsError> + 'static,
    F: Fn(&K, V, A) -> Result<A, StreamsError> + 'static,
    G: Fn(&K, V, A) -> Result<A, StreamsError> + 'static,
{
    fn process(&mut self, context: &mut TaskContext, record: Record<K, Change<V>>) -> Result<(), StreamsError> {
        let Record { key, value: Change { old, new }, timestamp, headers } = record;
        let Functions { initializer, adder, subtractor } = &*self.functions;
        self.table.update(context, &self.downstream, key, headers, |key, row| {
            let changes = new.is_some() || (old.is_some() && row.is_some());
            let (stored, aggregate) = row.map_or((timestamp, None), |(stored, aggregate)| (stored, Some(aggregate)));
            let aggregate = match (old, aggregate) {
                (Some(old), Some(aggregate)) => Some(subtractor(key, old, aggregate)?),
                (_, aggregate) => aggregate,
            };
            let aggregate = match new {
                Some(new) => Some(adder(key, new, aggregate.map_or_else(initializer, Ok)?)?),
                None => aggregate,
            };
            Ok((if changes { timestamp.max(stored) } else { timestamp }, aggregate))
        })
    }
}
