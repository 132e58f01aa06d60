mod suppress;

use crate::KStream;
use crate::data::Data;
use crate::graph::{Graph, Handle, Processor, Store};
use crate::operators::ktable::{TableFilter, TableMapValues, ToStream};
use crate::options::Materialized;
use crate::table_state::TableState;
use std::convert::Infallible;
use std::error::Error;
use std::rc::Rc;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node};
use streams_core::serde::{OptionSerde, SerdeRef};
use streams_core::store::{Change, TableStore};
use streams_core::topology::{BuiltNode, FlowType, NodeFactory};

/// A table: the present row of each key, and a stream of its changes.
///
/// A value of this type is a handle, as a [`KStream`] is.
pub struct KTable<K, V> {
    pub(crate) handle: Handle,
    pub(crate) key_serde: Option<SerdeRef<K>>,
    pub(crate) value_serde: Option<SerdeRef<V>>,
    queryable: Option<String>,
    state: Rc<TableState>,
}

impl<K, V> Clone for KTable<K, V> {
    fn clone(&self) -> Self {
        Self {
            handle: self.handle.clone(),
            key_serde: self.key_serde.clone(),
            value_serde: self.value_serde.clone(),
            queryable: self.queryable.clone(),
            state: Rc::clone(&self.state),
        }
    }
}

impl<K: Data, V: Data> KTable<K, V> {
    pub(crate) fn new(
        handle: Handle,
        key_serde: Option<SerdeRef<K>>,
        value_serde: Option<SerdeRef<V>>,
        queryable: Option<String>,
        state: Rc<TableState>,
    ) -> Self {
        Self { handle, key_serde, value_serde, queryable, state }
    }

    /// A table that could not be declared; the graph knows why.
    pub(crate) fn broken(handle: Handle, queryable: Option<String>) -> Self {
        Self::new(handle, None, None, queryable, TableState::source(false))
    }

    /// Names the step that made this table, as [`KStream::named`] does. The source of a table is then called `<name>-source`.
    #[must_use = "the table goes on from what this returns"]
    pub fn named(self, name: impl Into<String>) -> Self {
        self.handle.named(name);
        self
    }

    /// The name of the store to query, where the table has one.
    pub fn queryable_store_name(&self) -> Option<&str> {
        self.queryable.as_deref()
    }

    /// Keeps the rows for which the predicate holds; a row that no longer passes is deleted.
    pub fn filter(&self, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.filtered(move |key: &K, row: &V| Ok::<_, Infallible>(predicate(key, row)), None)
    }

    /// [`filter`](Self::filter), with the rows kept in a store where `materialized` names it.
    pub fn filter_with(
        &self,
        predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
        materialized: Materialized<K, V>,
    ) -> Self {
        self.filtered(move |key: &K, row: &V| Ok::<_, Infallible>(predicate(key, row)), Some(materialized))
    }

    /// Keeps the rows for which the predicate does not hold.
    pub fn filter_not(&self, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.filter(move |key: &K, row: &V| !predicate(key, row))
    }

    /// [`filter_not`](Self::filter_not), with the rows kept in a store where `materialized` names it.
    pub fn filter_not_with(
        &self,
        predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
        materialized: Materialized<K, V>,
    ) -> Self {
        self.filter_with(move |key: &K, row: &V| !predicate(key, row), materialized)
    }

    /// [`filter`](Self::filter) with a predicate that may fail.
    pub fn try_filter<E>(&self, predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static) -> Self
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        self.filtered(predicate, None)
    }

    /// Makes of each row another one. Deletions pass.
    pub fn map_values<V2: Data>(&self, mapper: impl Fn(V) -> V2 + Send + Sync + 'static) -> KTable<K, V2> {
        self.map_values_with_key(move |_: &K, row: V| mapper(row))
    }

    /// [`map_values`](Self::map_values) that sees the key.
    pub fn map_values_with_key<V2: Data>(&self, mapper: impl Fn(&K, V) -> V2 + Send + Sync + 'static) -> KTable<K, V2> {
        self.mapped(move |key: &K, row: V| Ok::<_, Infallible>(mapper(key, row)), None)
    }

    /// [`map_values`](Self::map_values), with the rows kept in a store where `materialized` names it.
    pub fn map_values_with<V2: Data>(
        &self,
        mapper: impl Fn(V) -> V2 + Send + Sync + 'static,
        materialized: Materialized<K, V2>,
    ) -> KTable<K, V2> {
        self.map_values_with_key_with(move |_: &K, row: V| mapper(row), materialized)
    }

    /// [`map_values_with_key`](Self::map_values_with_key), with the rows kept in a store where `materialized` names it.
    pub fn map_values_with_key_with<V2: Data>(
        &self,
        mapper: impl Fn(&K, V) -> V2 + Send + Sync + 'static,
        materialized: Materialized<K, V2>,
    ) -> KTable<K, V2> {
        self.mapped(move |key: &K, row: V| Ok::<_, Infallible>(mapper(key, row)), Some(materialized))
    }

    /// [`map_values`](Self::map_values) with a function that may fail.
    pub fn try_map_values<V2: Data, E>(
        &self,
        mapper: impl Fn(V) -> Result<V2, E> + Send + Sync + 'static,
    ) -> KTable<K, V2>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        self.mapped(move |_: &K, row: V| mapper(row), None)
    }

    /// The stream of the table's changes: the new row of each, `None` where it was deleted.
    pub fn to_stream(&self) -> KStream<K, Option<V>> {
        let handle = self.handle.add::<K, Change<V>, K, Option<V>, _>("KTABLE-TOSTREAM-", ToStream::new);
        let value = self.value_serde.as_ref();
        let value = value.map(|serde| Arc::new(OptionSerde::shared(Arc::clone(serde))) as SerdeRef<Option<V>>);
        KStream::new(handle, self.key_serde.clone(), value, false)
    }

    /// The stream of the table's changes, each with another key.
    pub fn to_stream_with_key<K2: Data>(
        &self,
        selector: impl Fn(&K, &Option<V>) -> K2 + Send + Sync + 'static,
    ) -> KStream<K2, Option<V>> {
        self.to_stream().select_key(selector)
    }

    fn filtered<E>(
        &self,
        predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static,
        materialized: Option<Materialized<K, V>>,
    ) -> Self
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let predicate = Arc::new(move |key: &K, row: &V| predicate(key, row).map_err(StreamsError::user));
        let make =
            move |table, send_old, downstream| TableFilter::new(Arc::clone(&predicate), table, send_old, downstream);
        self.derived("KTABLE-FILTER-", materialized, self.value_serde.as_ref(), make)
    }

    fn mapped<V2: Data, E>(
        &self,
        mapper: impl Fn(&K, V) -> Result<V2, E> + Send + Sync + 'static,
        materialized: Option<Materialized<K, V2>>,
    ) -> KTable<K, V2>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let mapper = Arc::new(move |key: &K, row: V| mapper(key, row).map_err(StreamsError::user));
        let make =
            move |table, send_old, downstream| TableMapValues::new(Arc::clone(&mapper), table, send_old, downstream);
        self.derived("KTABLE-MAPVALUES-", materialized, None, make)
    }

    /// Declares a table that is computed row by row from this one.
    fn derived<V2: Data, N: Node<K, Change<V>>>(
        &self,
        prefix: &str,
        materialized: Option<Materialized<K, V2>>,
        inherited: Option<&SerdeRef<V2>>,
        make: impl Fn(Option<TableStore<K, V2>>, bool, Downstream<K, Change<V2>>) -> N + Send + Sync + 'static,
    ) -> KTable<K, V2> {
        let queryable = materialized.as_ref().and_then(|materialized| materialized.name.clone());
        if materialized.is_some() && queryable.is_none() {
            // A number for a store that is not made, as Kafka Streams counts.
            self.handle.graph().new_store_name(prefix);
        }
        let generated = self.handle.graph().new_name(prefix);
        let materialized = materialized.unwrap_or_default();
        let mut key = materialized.key.resolve(self.key_serde.as_ref());
        let mut value = materialized.value.resolve(inherited);
        let state = TableState::derived(&self.state, queryable.is_some());
        let mut store = None;
        let mut open = None;
        if let Some(name) = &queryable {
            key = self.handle.require(&generated, "key", key);
            value = self.handle.require(&generated, "value", value);
            let (Some(key), Some(value)) = (&key, &value) else {
                return KTable::broken(self.handle.at(Graph::ROOT), queryable);
            };
            store = Some(Store {
                spec: materialized.spec(name.clone(), Arc::clone(key), Arc::clone(value)),
                materialized: state.materialized(),
                send_old: state.send_old(),
            });
            open = Some((name.clone(), Arc::clone(key), Arc::clone(value)));
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
        let processor = Processor {
            input: FlowType::of::<K, Change<V>>(),
            output: Some(FlowType::of::<K, Change<V2>>()),
            factory: Box::new(factory),
            stores: store.into_iter().collect(),
            uses: Vec::new(),
            grace: None,
        };
        KTable::new(self.handle.add_processor(generated, None, processor), key, value, queryable, state)
    }
}
