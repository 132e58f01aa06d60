use crate::data::Data;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, TaskContext};
use streams_core::record::Record;
use streams_core::store::{Change, TableStore};

/// Combines the rows of each group to one: takes the old row of each change out and puts the new one in. The first stands as it is.
pub(crate) struct TableReduce<K, V, F, G> {
    adder: Arc<F>,
    subtractor: Arc<G>,
    table: TableStore<K, V>,
    downstream: Downstream<K, Change<V>>,
}

impl<K, V, F, G> TableReduce<K, V, F, G> {
    pub(crate) fn new(
        adder: Arc<F>,
        subtractor: Arc<G>,
        table: TableStore<K, V>,
        downstream: Downstream<K, Change<V>>,
    ) -> Self {
        Self { adder, subtractor, table, downstream }
    }
}

impl<K: Data, V: Data, F: 'static, G: 'static> Operator for TableReduce<K, V, F, G> {
    fn flush(&mut self, context: &mut TaskContext) -> Result<(), StreamsError> {
        self.table.flush(context, &self.downstream)
    }
}

impl<K, V, F, G> Node<K, Change<V>> for TableReduce<K, V, F, G>
where
    K: Data,
    V: Data,
    F: Fn(V, V) -> Result<V, StreamsError> + 'static,
    G: Fn(V, V) -> Result<V, StreamsError> + 'static,
{
    fn process(&mut self, context: &mut TaskContext, record: Record<K, Change<V>>) -> Result<(), StreamsError> {
        let Record { key, value: Change { old, new }, timestamp, headers } = record;
        let (adder, subtractor) = (&self.adder, &self.subtractor);
        self.table.update(context, &self.downstream, key, headers, |_, row| {
            let (mut result_time, mut reduced) = (timestamp, None);
            if let Some((stored, row)) = row {
                reduced = Some(match old {
                    Some(old) => {
                        result_time = timestamp.max(stored);
                        subtractor(row, old)?
                    }
                    None => row,
                });
                if new.is_some() {
                    result_time = timestamp.max(stored);
                }
            }
            let reduced = match (reduced, new) {
                (Some(reduced), Some(new)) => Some(adder(reduced, new)?),
                (reduced, new) => new.or(reduced),
            };
            Ok((result_time, reduced))
        })
    }
}
