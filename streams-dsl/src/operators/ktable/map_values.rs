use crate::data::Data;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, TaskContext};
use streams_core::record::Record;
use streams_core::store::{Change, TableStore};

/// Makes of each row another one. Deletions pass; the mapper does not see them.
pub(crate) struct TableMapValues<K, V2, F> {
    mapper: Arc<F>,
    table: Option<TableStore<K, V2>>,
    send_old: bool,
    downstream: Downstream<K, Change<V2>>,
}

impl<K, V2, F> TableMapValues<K, V2, F> {
    pub(crate) fn new(
        mapper: Arc<F>,
        table: Option<TableStore<K, V2>>,
        send_old: bool,
        downstream: Downstream<K, Change<V2>>,
    ) -> Self {
        Self { mapper, table, send_old, downstream }
    }
}

impl<K: Data, V2: Data, F: 'static> Operator for TableMapValues<K, V2, F> {
    fn flush(&mut self, context: &mut TaskContext) -> Result<(), StreamsError> {
        match &mut self.table {
            Some(table) => table.flush(context, &self.downstream),
            None => Ok(()),
        }
    }
}

impl<K, V, V2, F> Node<K, Change<V>> for TableMapValues<K, V2, F>
where
    K: Data,
    V: Data,
    V2: Data,
    F: Fn(&K, V) -> Result<V2, StreamsError> + 'static,
{
    fn process(&mut self, context: &mut TaskContext, record: Record<K, Change<V>>) -> Result<(), StreamsError> {
        let Record { key, value: Change { old, new }, timestamp, headers } = record;
        let new = new.map(|row| (self.mapper)(&key, row)).transpose()?;
        if let Some(table) = &mut self.table {
            return table.update(context, &self.downstream, key, headers, |_, _| Ok((timestamp, new)));
        }
        let old = match old {
            Some(row) if self.send_old => Some((self.mapper)(&key, row)?),
            _ => None,
        };
        self.downstream.forward(context, Record { key, value: Change { old, new }, timestamp, headers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::testing::Collector;

    fn map(send_old: bool, old: Option<i64>, new: Option<i64>) -> Change<String> {
        let collector = Collector::new();
        let mapper = |key: &String, value: i64| Ok(format!("{key}{value}"));
        let mut node = TableMapValues::new(Arc::new(mapper), None, send_old, collector.downstream());
        collector.process(&mut node, "k", Change { old, new }).unwrap();
        collector.taken().remove(0).1
    }

    #[test]
    fn rows_are_mapped_and_deletions_pass() {
        let k = |value: &str| Some(value.to_owned());
        assert_eq!(map(false, Some(1), Some(2)), Change { old: None, new: k("k2") });
        assert_eq!(map(true, Some(1), Some(2)), Change { old: k("k1"), new: k("k2") });
        assert_eq!(map(true, Some(1), None), Change { old: k("k1"), new: None });
    }
}
