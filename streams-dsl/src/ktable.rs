mod derived;
mod foreign_key;
mod join;
mod suppress;
mod transform_values;

pub(crate) use join::Joiner;

use crate::KStream;
use crate::data::Data;
use crate::graph::Handle;
use crate::operators::ktable::ToStream;
use crate::options::Materialized;
use crate::table_state::TableState;
use crate::table_view::{TableView, ViewRef};
use std::convert::Infallible;
use std::error::Error;
use std::rc::Rc;
use std::sync::Arc;
use streams_core::serde::{OptionSerde, SerdeRef};
use streams_core::store::Change;

/// A table: the present row of each key, and a stream of its changes.
///
/// A value of this type is a handle, as a [`KStream`] is.
pub struct KTable<K, V> {
    pub(crate) handle: Handle,
    pub(crate) key_serde: Option<SerdeRef<K>>,
    pub(crate) value_serde: Option<SerdeRef<V>>,
    queryable: Option<String>,
    pub(crate) state: Rc<TableState>,
    pub(crate) view: ViewRef<K, V>,
}

impl<K, V> Clone for KTable<K, V> {
    fn clone(&self) -> Self {
        Self {
            handle: self.handle.clone(),
            key_serde: self.key_serde.clone(),
            value_serde: self.value_serde.clone(),
            queryable: self.queryable.clone(),
            state: Rc::clone(&self.state),
            view: Rc::clone(&self.view),
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
        view: ViewRef<K, V>,
    ) -> Self {
        Self { handle, key_serde, value_serde, queryable, state, view }
    }

    /// A table that could not be declared; the graph knows why.
    pub(crate) fn broken(handle: Handle, queryable: Option<String>) -> Self {
        Self::new(handle, None, None, queryable, TableState::source(false), Rc::new(TableView::broken))
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
}
