use super::{KStream, user};
use crate::EndOfStream;
use crate::data::Data;
use crate::operators::kstream::{Filter, FlatMap, FlatMapValues, ForEach, Map, MapValues, Peek, SelectKey};
use std::error::Error;
use std::sync::Arc;
use streams_core::error::StreamsError;

/// Steps whose functions may fail. An error goes to the processing exception handler: the record is dropped and counted, or the task stops.
impl<K: Data, V: Data> KStream<K, V> {
    /// [`filter`](Self::filter) with a predicate that may fail.
    pub fn try_filter<E>(&self, predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static) -> Self
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let predicate = Arc::new(move |key: &K, value: &V| user(predicate(key, value)));
        let make = move |downstream| Filter::new(Arc::clone(&predicate), downstream);
        self.same(self.handle.add::<K, V, K, V, _>("KSTREAM-FILTER-", make))
    }

    /// [`filter_not`](Self::filter_not) with a predicate that may fail.
    pub fn try_filter_not<E>(&self, predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static) -> Self
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        self.try_filter(move |key: &K, value: &V| predicate(key, value).map(|holds| !holds))
    }

    /// [`map`](Self::map) with a function that may fail.
    pub fn try_map<K2: Data, V2: Data, E>(
        &self,
        mapper: impl Fn(K, V) -> Result<(K2, V2), E> + Send + Sync + 'static,
    ) -> KStream<K2, V2>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let mapper = Arc::new(move |key: K, value: V| user(mapper(key, value)));
        let make = move |downstream| Map::new(Arc::clone(&mapper), downstream);
        KStream::new(self.handle.add::<K, V, K2, V2, _>("KSTREAM-MAP-", make), None, None, true)
    }

    /// [`map_values`](Self::map_values) with a function that may fail.
    pub fn try_map_values<V2: Data, E>(
        &self,
        mapper: impl Fn(V) -> Result<V2, E> + Send + Sync + 'static,
    ) -> KStream<K, V2>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        self.try_map_values_with_key(move |_: &K, value: V| mapper(value))
    }

    /// [`map_values_with_key`](Self::map_values_with_key) with a function that may fail.
    pub fn try_map_values_with_key<V2: Data, E>(
        &self,
        mapper: impl Fn(&K, V) -> Result<V2, E> + Send + Sync + 'static,
    ) -> KStream<K, V2>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let mapper = Arc::new(move |key: &K, value: V| user(mapper(key, value)));
        let make = move |downstream| MapValues::new(Arc::clone(&mapper), downstream);
        self.values(self.handle.add::<K, V, K, V2, _>("KSTREAM-MAPVALUES-", make))
    }

    /// [`flat_map`](Self::flat_map) with a function that may fail.
    pub fn try_flat_map<K2: Data, V2: Data, I, E>(
        &self,
        mapper: impl Fn(K, V) -> Result<I, E> + Send + Sync + 'static,
    ) -> KStream<K2, V2>
    where
        I: IntoIterator<Item = (K2, V2)> + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let mapper = Arc::new(move |key: K, value: V| user(mapper(key, value)));
        let make = move |downstream| FlatMap::new(Arc::clone(&mapper), downstream);
        KStream::new(self.handle.add::<K, V, K2, V2, _>("KSTREAM-FLATMAP-", make), None, None, true)
    }

    /// [`flat_map_values`](Self::flat_map_values) with a function that may fail.
    pub fn try_flat_map_values<V2: Data, I, E>(
        &self,
        mapper: impl Fn(V) -> Result<I, E> + Send + Sync + 'static,
    ) -> KStream<K, V2>
    where
        I: IntoIterator<Item = V2> + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        self.try_flat_map_values_with_key(move |_: &K, value: V| mapper(value))
    }

    /// [`flat_map_values_with_key`](Self::flat_map_values_with_key) with a function that may fail.
    pub fn try_flat_map_values_with_key<V2: Data, I, E>(
        &self,
        mapper: impl Fn(&K, V) -> Result<I, E> + Send + Sync + 'static,
    ) -> KStream<K, V2>
    where
        I: IntoIterator<Item = V2> + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let mapper = Arc::new(move |key: &K, value: V| user(mapper(key, value)));
        let make = move |downstream| FlatMapValues::new(Arc::clone(&mapper), downstream);
        self.values(self.handle.add::<K, V, K, V2, _>("KSTREAM-FLATMAPVALUES-", make))
    }

    /// [`select_key`](Self::select_key) with a function that may fail.
    pub fn try_select_key<K2: Data, E>(
        &self,
        selector: impl Fn(&K, &V) -> Result<K2, E> + Send + Sync + 'static,
    ) -> KStream<K2, V>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let selector = Arc::new(move |key: &K, value: &V| user(selector(key, value)));
        let make = move |downstream| SelectKey::new(Arc::clone(&selector), downstream);
        self.rekeyed(self.handle.add::<K, V, K2, V, _>("KSTREAM-KEY-SELECT-", make))
    }

    /// [`peek`](Self::peek) with a function that may fail.
    pub fn try_peek<E>(&self, action: impl Fn(&K, &V) -> Result<(), E> + Send + Sync + 'static) -> Self
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let action = Arc::new(move |key: &K, value: &V| user(action(key, value)));
        let make = move |downstream| Peek::new(Arc::clone(&action), downstream);
        self.same(self.handle.add::<K, V, K, V, _>("KSTREAM-PEEK-", make))
    }

    /// [`for_each`](Self::for_each) with a function that may fail.
    pub fn try_for_each<E>(&self, action: impl Fn(K, V) -> Result<(), E> + Send + Sync + 'static) -> EndOfStream
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let action = Arc::new(move |key: K, value: V| -> Result<(), StreamsError> { user(action(key, value)) });
        self.end("KSTREAM-FOREACH-", move || ForEach::new(Arc::clone(&action)))
    }
}
