use super::KStream;
use crate::KTable;
use crate::data::Data;
use crate::graph::{Graph, Prefix, Processor, RepartitionSpec, Store};
use crate::nulls::NullCheck;
use crate::operators::ktable::{TableRecord, TableSourceNode, Upsert, UpsertOrDelete};
use crate::options::Materialized;
use crate::table_state::TableState;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use streams_core::serde::{DefaultSerde, OptionSerde, SerdeRef};
use streams_core::store::{Change, TableStore};
use streams_core::topology::{BuiltNode, FlowType, NodeFactory};

/// Streams as tables.
impl<K: Data, V: Data> KStream<K, V> {
    /// The table of the last value of each key: every record is the new row of its key. Serdes are those known from above or else
    /// the default ones of the types. The rows are kept in a store only where a later step needs them.
    ///
    /// Where values may be null, [`to_table_deleting_none`](KStream::to_table_deleting_none) makes a table whose rows can be deleted.
    pub fn to_table(&self) -> KTable<K, V>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.to_table_with(Materialized::defaults())
    }

    /// The table of the last value of each key, kept in a store where `materialized` names it, or a later step needs it.
    pub fn to_table_with(&self, materialized: Materialized<K, V>) -> KTable<K, V> {
        let value = materialized.value.resolve(self.value_serde.as_ref());
        self.table::<V, Upsert>(materialized, value.clone(), value)
    }

    /// Declares the table; `V2` are its rows, which the stream's values stand for in the way that `R` says.
    fn table<V2: Data, R: TableRecord<K, V2, Key = K, Value = V>>(
        &self,
        materialized: Materialized<K, V2>,
        row_serde: Option<SerdeRef<V2>>,
        value_serde: Option<SerdeRef<V>>,
    ) -> KTable<K, V2> {
        let handle = &self.handle;
        let generated = handle.graph().new_name("KSTREAM-TOTABLE-");
        let queryable = materialized.name.clone();
        let store = queryable.clone().unwrap_or_else(|| handle.graph().new_store_name("KSTREAM-TOTABLE-"));
        let key = handle.require(&generated, "key", materialized.key.resolve(self.key_serde.as_ref()));
        let row = handle.require(&generated, "value", row_serde);
        let (Some(key), Some(row), Some(value)) = (key, row, value_serde) else {
            return KTable::broken(handle.at(Graph::ROOT), queryable);
        };
        let mut parent = handle.clone();
        if self.repartition_required {
            let names = handle.new_repartition_names();
            let prefix = Prefix::NameOf(handle.graph().next_id() + 1);
            let spec = RepartitionSpec {
                key_serde: super::share(&key),
                value_serde: value,
                partitioner: None,
                partitions: None,
                drop_null_keys: Rc::new(Cell::new(true)),
            };
            parent = handle.add_repartition(format!("{generated}-repartition"), None, prefix, names, spec);
        }
        let time_to_live = materialized.time_to_live;
        let kept = store.clone();
        let history = materialized.history_retention;
        handle.check_history(&generated, history, time_to_live);
        let kept_anyway = queryable.is_some() || time_to_live.is_some() || history.is_some();
        let state = TableState::source(kept_anyway).with_history(history);
        let processor = Processor {
            input: FlowType::of::<K, V>(),
            output: Some(FlowType::of::<K, Change<V2>>()),
            factory: {
                let (state, store) = (Rc::clone(&state), store.clone());
                let (key, row) = (super::share(&key), super::share(&row));
                Box::new(move || {
                    let store = state.is_materialized().then(|| store.clone());
                    node_factory::<K, V, V2, R>(store, &key, &row, state.sends_old(), time_to_live)
                })
            },
            stores: vec![Store {
                spec: materialized.spec(store, super::share(&key), super::share(&row)),
                materialized: state.materialized(),
                keep_prior: state.keep_prior(),
            }],
            uses: Vec::new(),
            grace: None,
        };
        let handle = parent.add_processor(generated, None, processor);
        let view = KTable::kept_view(&state, &kept, &key, &row);
        KTable::new(handle, Some(key), Some(row), queryable, state, view)
    }
}

impl<K: Data, V: Data> KStream<K, Option<V>> {
    /// The table of the last value of each key, where `None` deletes the row. Otherwise as [`to_table`](KStream::to_table).
    pub fn to_table_deleting_none(&self) -> KTable<K, V>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.to_table_deleting_none_with(Materialized::defaults())
    }

    /// The table of the last value of each key, where `None` deletes the row, kept in a store where `materialized` names it, or a
    /// later step needs it. The serde of the rows is not inherited from the stream, whose serde is that of `Option<V>`.
    pub fn to_table_deleting_none_with(&self, materialized: Materialized<K, V>) -> KTable<K, V> {
        let row = materialized.value.resolve(None);
        let value = row.as_ref().map(|row| Arc::new(OptionSerde::shared(Arc::clone(row))) as SerdeRef<Option<V>>);
        self.table::<V, UpsertOrDelete>(materialized, row, value)
    }
}

fn node_factory<K: Data, V: Data, V2: Data, R: TableRecord<K, V2, Key = K, Value = V>>(
    store: Option<String>,
    key: &SerdeRef<K>,
    row: &SerdeRef<V2>,
    send_old: bool,
    time_to_live: Option<i64>,
) -> NodeFactory {
    let (key, row) = (Arc::clone(key), Arc::clone(row));
    Arc::new(move |build, children| {
        let table = match &store {
            Some(store) => Some(TableStore::new(build.store(store)?, Arc::clone(&key), Arc::clone(&row), send_old)),
            None => None,
        };
        let table = table.map(|table| table.with_time_to_live(time_to_live));
        let nulls = NullCheck::new(Some(&key), "");
        Ok(BuiltNode::node::<K, V>(TableSourceNode::<K, V2, R>::new(table, nulls, children.downstream()?)))
    })
}
