//! Tables computed row by row from another one.

use super::KTable;
use crate::data::Data;
use crate::graph::{Graph, Processor, Store};
use crate::operators::ktable::{TableFilter, TableMapValues};
use crate::options::Materialized;
use crate::table_state::TableState;
use crate::table_view::{TableView, ViewRef};
use std::error::Error;
use std::rc::Rc;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node};
use streams_core::serde::SerdeRef;
use streams_core::store::{Change, TableStore};
use streams_core::topology::{BuiltNode, NodeFactory};

const FILTER: &str = "KTABLE-FILTER-";
const MAP_VALUES: &str = "KTABLE-MAPVALUES-";

/// What a table is derived by: of a key and a row, the row that takes its place.
type Compute<K, V, V2> = Arc<dyn Fn(&K, V) -> Result<Option<V2>, StreamsError> + Send + Sync>;

impl<K: Data, V: Data> KTable<K, V> {
    pub(super) fn filtered<E>(
        &self,
        predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static,
        materialized: Option<Materialized<K, V>>,
    ) -> Self
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let predicate = Arc::new(move |key: &K, row: &V| predicate(key, row).map_err(StreamsError::user));
        let keep = Arc::clone(&predicate);
        let compute: Compute<K, V, V> = Arc::new(move |key, row| Ok(if keep(key, &row)? { Some(row) } else { None }));
        let versioned = self.state.history().is_some();
        let make = move |table, send_old, downstream| {
            TableFilter::new(Arc::clone(&predicate), table, send_old, downstream).of_versions(versioned)
        };
        self.count_unnamed_store(FILTER, materialized.as_ref());
        let view = self.computed_view(compute);
        let filtered = self.derived(FILTER, materialized, self.value_serde.as_ref(), view, make);
        if self.state.send_old_values_if_kept() {
            filtered.state.set_send_old(true);
        }
        filtered
    }

    pub(super) fn mapped<V2: Data, E>(
        &self,
        mapper: impl Fn(&K, V) -> Result<V2, E> + Send + Sync + 'static,
        materialized: Option<Materialized<K, V2>>,
    ) -> KTable<K, V2>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let mapper = Arc::new(move |key: &K, row: V| mapper(key, row).map_err(StreamsError::user));
        let map = Arc::clone(&mapper);
        let compute: Compute<K, V, V2> = Arc::new(move |key, row| map(key, row).map(Some));
        let make =
            move |table, send_old, downstream| TableMapValues::new(Arc::clone(&mapper), table, send_old, downstream);
        self.count_unnamed_store(MAP_VALUES, materialized.as_ref());
        self.derived(MAP_VALUES, materialized, None, self.computed_view(compute), make)
    }

    /// Takes a number for a store that is not made, as Kafka Streams counts.
    fn count_unnamed_store<V2>(&self, prefix: &str, materialized: Option<&Materialized<K, V2>>) {
        if materialized.is_some_and(|materialized| materialized.name.is_none()) {
            self.handle.graph().new_store_name(prefix);
        }
    }

    /// Declares a table that is computed row by row from this one. `view` reads it where it has no store.
    pub(super) fn derived<V2: Data, N: Node<K, Change<V>>>(
        &self,
        prefix: &str,
        materialized: Option<Materialized<K, V2>>,
        inherited: Option<&SerdeRef<V2>>,
        mut view: ViewRef<K, V2>,
        make: impl Fn(Option<TableStore<K, V2>>, bool, Downstream<K, Change<V2>>) -> N + Send + Sync + 'static,
    ) -> KTable<K, V2> {
        let queryable = materialized.as_ref().and_then(|materialized| materialized.name.clone());
        let generated = self.handle.graph().new_name(prefix);
        let materialized = materialized.unwrap_or_default();
        let mut key = materialized.key.resolve(self.key_serde.as_ref());
        let mut value = materialized.value.resolve(inherited);
        let state = TableState::derived(&self.state, queryable.is_some()).with_history(materialized.history_retention);
        let mut stores = Vec::new();
        let mut open = None;
        if let Some(name) = &queryable {
            key = self.handle.require(&generated, "key", key);
            value = self.handle.require(&generated, "value", value);
            let (Some(key), Some(value)) = (&key, &value) else {
                return KTable::broken(self.handle.at(Graph::ROOT), queryable);
            };
            stores.push(Store {
                spec: materialized.spec(name.clone(), Arc::clone(key), Arc::clone(value)),
                materialized: state.materialized(),
                keep_prior: state.keep_prior(),
            });
            open = Some((name.clone(), Arc::clone(key), Arc::clone(value)));
            view = KTable::kept_view(&state, name, key, value);
        }
        let make = Arc::new(make);
        let late = Rc::clone(&state);
        let factory = move || -> NodeFactory {
            let (make, open, send_old) = (Arc::clone(&make), open.clone(), late.sends_old());
            Arc::new(move |build, children| {
                let table = match &open {
                    Some((name, key, value)) => {
                        Some(TableStore::new(build.store(name)?, Arc::clone(key), Arc::clone(value), send_old))
                    }
                    None => None,
                };
                Ok(BuiltNode::node::<K, Change<V>>(make(table, send_old, children.downstream()?)))
            })
        };
        let processor = Processor { stores, ..Processor::new::<K, Change<V>, K, Change<V2>>(factory) };
        KTable::new(self.handle.add_processor(generated, None, processor), key, value, queryable, state, view)
    }

    /// The view of a table without a store, whose rows are made from those of this one.
    fn computed_view<V2: Data>(&self, compute: Compute<K, V, V2>) -> ViewRef<K, V2> {
        let parent = Rc::clone(&self.view);
        Rc::new(move || {
            let compute = Arc::clone(&compute);
            parent().computed(move |key, row| compute(key, row))
        })
    }

    /// The view of a table that keeps its rows in a key-value store, at the latest when somebody wants to read them.
    pub(crate) fn kept_view(
        state: &Rc<TableState>,
        store: &str,
        key: &SerdeRef<K>,
        value: &SerdeRef<V>,
    ) -> ViewRef<K, V> {
        let (state, store, key, value) = (Rc::clone(state), store.to_owned(), Arc::clone(key), Arc::clone(value));
        Rc::new(move || {
            state.materialize();
            TableView::stored(&store, &key, &value)
        })
    }
}
