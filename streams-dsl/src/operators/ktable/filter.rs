use crate::data::Data;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, TaskContext};
use streams_core::record::Record;
use streams_core::store::{Change, TableStore};

/// Keeps the rows for which the predicate holds; a row that no longer passes is deleted.
///
/// Without a store and without old rows it cannot know whether a row was there before, so every row that does not
/// pass is forwarded as a deletion, as in Kafka Streams.
pub(crate) struct TableFilter<K, V, F> {
    predicate: Arc<F>,
    table: Option<TableStore<K, V>>,
    send_old: bool,
    /// Whether the table above is versioned: then every change is told, also where it deletes what was not there.
    versioned: bool,
    downstream: Downstream<K, Change<V>>,
}

impl<K, V, F> TableFilter<K, V, F> {
    pub(crate) fn new(
        predicate: Arc<F>,
        table: Option<TableStore<K, V>>,
        send_old: bool,
        downstream: Downstream<K, Change<V>>,
    ) -> Self {
        Self { predicate, table, send_old, versioned: false, downstream }
    }

    /// The same filter, of a table that is versioned or not.
    pub(crate) fn of_versions(mut self, versioned: bool) -> Self {
        self.versioned = versioned;
        self
    }
}

impl<K: Data, V: Data, F: 'static> Operator for TableFilter<K, V, F> {
    fn flush(&mut self, context: &mut TaskContext) -> Result<(), StreamsError> {
        match &mut self.table {
            Some(table) => table.flush(context, &self.downstream),
            None => Ok(()),
        }
    }
}

impl<K, V, F> Node<K, Change<V>> for TableFilter<K, V, F>
where
    K: Data,
    V: Data,
    F: Fn(&K, &V) -> Result<bool, StreamsError> + 'static,
{
    fn process(&mut self, context: &mut TaskContext, record: Record<K, Change<V>>) -> Result<(), StreamsError> {
        let Record { key, value: Change { old, new }, timestamp, headers } = record;
        let keep = |row: Option<V>| match row {
            Some(row) if (self.predicate)(&key, &row)? => Ok(Some(row)),
            _ => Ok::<_, StreamsError>(None),
        };
        let new = keep(new)?;
        if let Some(table) = &mut self.table {
            if self.send_old && !self.versioned && new.is_none() && table.get(&key)?.is_none() {
                return Ok(());
            }
            return table.update(context, &self.downstream, key, headers, |_, _| Ok((timestamp, new)));
        }
        let old = if self.send_old { keep(old)? } else { None };
        if self.send_old && !self.versioned && old.is_none() && new.is_none() {
            return Ok(());
        }
        self.downstream.forward(context, Record { key, value: Change { old, new }, timestamp, headers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::testing::Collector;

    fn filter(send_old: bool, changes: &[(Option<i64>, Option<i64>)]) -> Vec<(Option<i64>, Option<i64>)> {
        let collector = Collector::new();
        let even = |_: &String, value: &i64| Ok(value % 2 == 0);
        let mut node = TableFilter::new(Arc::new(even), None, send_old, collector.downstream());
        for &(old, new) in changes {
            collector.process(&mut node, "k", Change { old, new }).unwrap();
        }
        collector.taken().into_iter().map(|(_, change)| (change.old, change.new)).collect()
    }

    #[test]
    fn without_old_rows_every_rejected_row_is_a_deletion() {
        let changes = [(None, Some(1)), (None, Some(2)), (None, Some(3)), (None, None)];
        assert_eq!(filter(false, &changes), [(None, None), (None, Some(2)), (None, None), (None, None)]);
    }

    #[test]
    fn with_old_rows_only_rows_that_were_there_are_deleted() {
        let changes = [(None, Some(1)), (Some(1), Some(2)), (Some(2), Some(3)), (Some(3), None), (None, Some(4))];
        assert_eq!(filter(true, &changes), [(None, Some(2)), (Some(2), None), (None, Some(4))]);
    }
}
