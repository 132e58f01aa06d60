use super::custom::{CustomFactory, CustomStore, StateStore, factory};
use super::{
    KeyValueStore, SessionStore, StoreRef, TimestampedKeyValueStore, TimestampedWindowStore, VersionedKeyValueStore,
    WindowStore,
};
use crate::serde::{ByteVecSerde, DefaultSerde, Serde, SerdeRef};
use crate::topology::{RowLayout, StoreEngine, StoreFormat, StoreSpec, StoreTypes};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// Declares the stores of processors.
///
/// The short forms use the default serdes of the types, those ending in `_with` take serdes. Stores are on disk unless said otherwise
/// ([`in_memory`](StoreBuilder::in_memory)), without cache, and logged to a changelog topic.
pub struct Stores;

/// A store that is declared: name, types, and how it is kept.
///
/// `S` is what a processor gets of it.
pub struct StoreBuilder<S> {
    spec: StoreSpec,
    store: PhantomData<fn() -> S>,
}

impl Stores {
    /// A key-value store.
    pub fn key_value_store<K: DefaultSerde, V: DefaultSerde>(
        name: impl Into<String>,
    ) -> StoreBuilder<KeyValueStore<K, V>> {
        Self::key_value_store_with(name, K::Serde::default(), V::Serde::default())
    }

    /// A key-value store with these serdes.
    pub fn key_value_store_with<K: 'static, V: 'static>(
        name: impl Into<String>,
        key_serde: impl Serde<K>,
        value_serde: impl Serde<V>,
    ) -> StoreBuilder<KeyValueStore<K, V>> {
        StoreBuilder::new(name, types(key_serde, value_serde), StoreFormat::Plain, RowLayout::Plain)
    }

    /// A key-value store whose values carry a time.
    pub fn timestamped_key_value_store<K: DefaultSerde, V: DefaultSerde>(
        name: impl Into<String>,
    ) -> StoreBuilder<TimestampedKeyValueStore<K, V>> {
        Self::timestamped_key_value_store_with(name, K::Serde::default(), V::Serde::default())
    }

    /// A key-value store whose values carry a time, with these serdes.
    pub fn timestamped_key_value_store_with<K: 'static, V: 'static>(
        name: impl Into<String>,
        key_serde: impl Serde<K>,
        value_serde: impl Serde<V>,
    ) -> StoreBuilder<TimestampedKeyValueStore<K, V>> {
        StoreBuilder::new(name, types(key_serde, value_serde), StoreFormat::Timestamped, RowLayout::Plain)
    }

    /// A versioned key-value store, which knows the past of each key for `history_retention` of stream time. It has no cache.
    pub fn versioned_key_value_store<K: DefaultSerde, V: DefaultSerde>(
        name: impl Into<String>,
        history_retention: Duration,
    ) -> StoreBuilder<VersionedKeyValueStore<K, V>> {
        Self::versioned_key_value_store_with(name, history_retention, K::Serde::default(), V::Serde::default())
    }

    /// A versioned key-value store with these serdes.
    pub fn versioned_key_value_store_with<K: 'static, V: 'static>(
        name: impl Into<String>,
        history_retention: Duration,
        key_serde: impl Serde<K>,
        value_serde: impl Serde<V>,
    ) -> StoreBuilder<VersionedKeyValueStore<K, V>> {
        let layout = RowLayout::versioned(millis(history_retention));
        StoreBuilder::new(name, types(key_serde, value_serde), StoreFormat::Versioned, layout)
    }

    /// A window store. Windows are `window_size` long, and kept for `retention` of stream time, which is not less.
    pub fn window_store<K: DefaultSerde, V: DefaultSerde>(
        name: impl Into<String>,
        retention: Duration,
        window_size: Duration,
    ) -> StoreBuilder<WindowStore<K, V>> {
        Self::window_store_with(name, retention, window_size, K::Serde::default(), V::Serde::default())
    }

    /// A window store with these serdes.
    pub fn window_store_with<K: 'static, V: 'static>(
        name: impl Into<String>,
        retention: Duration,
        window_size: Duration,
        key_serde: impl Serde<K>,
        value_serde: impl Serde<V>,
    ) -> StoreBuilder<WindowStore<K, V>> {
        let layout = RowLayout::window(millis(retention));
        StoreBuilder::new(name, types(key_serde, value_serde), StoreFormat::Plain, layout).windows_of(window_size)
    }

    /// A window store whose values carry a time.
    pub fn timestamped_window_store<K: DefaultSerde, V: DefaultSerde>(
        name: impl Into<String>,
        retention: Duration,
        window_size: Duration,
    ) -> StoreBuilder<TimestampedWindowStore<K, V>> {
        Self::timestamped_window_store_with(name, retention, window_size, K::Serde::default(), V::Serde::default())
    }

    /// A window store whose values carry a time, with these serdes.
    pub fn timestamped_window_store_with<K: 'static, V: 'static>(
        name: impl Into<String>,
        retention: Duration,
        window_size: Duration,
        key_serde: impl Serde<K>,
        value_serde: impl Serde<V>,
    ) -> StoreBuilder<TimestampedWindowStore<K, V>> {
        let layout = RowLayout::window(millis(retention));
        StoreBuilder::new(name, types(key_serde, value_serde), StoreFormat::Timestamped, layout).windows_of(window_size)
    }

    /// A session store. Sessions are kept for `retention` of stream time.
    pub fn session_store<K: DefaultSerde, V: DefaultSerde>(
        name: impl Into<String>,
        retention: Duration,
    ) -> StoreBuilder<SessionStore<K, V>> {
        Self::session_store_with(name, retention, K::Serde::default(), V::Serde::default())
    }

    /// A session store with these serdes.
    pub fn session_store_with<K: 'static, V: 'static>(
        name: impl Into<String>,
        retention: Duration,
        key_serde: impl Serde<K>,
        value_serde: impl Serde<V>,
    ) -> StoreBuilder<SessionStore<K, V>> {
        let layout = RowLayout::session(millis(retention));
        StoreBuilder::new(name, types(key_serde, value_serde), StoreFormat::Plain, layout)
    }

    /// A store of the user's own; `supplier` makes one per task. See [`StateStore`].
    pub fn custom_store<S: StateStore>(
        name: impl Into<String>,
        supplier: impl Fn() -> S + Send + Sync + 'static,
    ) -> StoreBuilder<CustomStore<S>> {
        let custom: CustomFactory = factory(supplier);
        let types = types::<Vec<u8>, Vec<u8>>(ByteVecSerde, ByteVecSerde).with_custom(custom);
        StoreBuilder::new(name, types, StoreFormat::Plain, RowLayout::Plain)
    }
}

impl<S> StoreBuilder<S> {
    fn new(name: impl Into<String>, types: StoreTypes, format: StoreFormat, layout: RowLayout) -> Self {
        let spec = StoreSpec {
            name: name.into(),
            engine: StoreEngine::RocksDb,
            format,
            layout,
            window_size_ms: None,
            caching: false,
            keep_prior: false,
            logging: Some(BTreeMap::new()),
            types,
            users: Vec::new(),
        };
        Self { spec, store: PhantomData }
    }

    fn windows_of(mut self, size: Duration) -> Self {
        self.spec.window_size_ms = Some(millis(size));
        self
    }

    /// Keeps the rows in memory; they are restored from the changelog at each start.
    #[must_use]
    pub fn in_memory(self) -> Self {
        self.with_store_type(StoreEngine::InMemory)
    }

    /// Sets where the rows are kept; on disk ([`StoreEngine::RocksDb`]) if not set.
    #[must_use]
    pub fn with_store_type(mut self, engine: StoreEngine) -> Self {
        self.spec.engine = engine;
        self
    }

    /// Logs only the last update of each key before a commit, and counts what waits for it towards `statestore.cache.max.bytes`.
    #[must_use]
    pub fn with_caching_enabled(mut self) -> Self {
        self.spec.caching = true;
        self
    }

    /// Logs the updates of each call of a processor when it ends. The default.
    #[must_use]
    pub fn with_caching_disabled(mut self) -> Self {
        self.spec.caching = false;
        self
    }

    /// Logs to a changelog topic with these settings beyond the default ones. Logging is the default.
    #[must_use]
    pub fn with_logging_enabled<C, N>(mut self, config: C) -> Self
    where
        C: IntoIterator<Item = (N, N)>,
        N: Into<String>,
    {
        self.spec.logging = Some(config.into_iter().map(|(name, value)| (name.into(), value.into())).collect());
        self
    }

    /// Keeps no changelog: the rows are lost with the machine, and with the task when it moves.
    #[must_use]
    pub fn with_logging_disabled(mut self) -> Self {
        self.spec.logging = None;
        self
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// What processors may ask for the store by.
    pub fn reference(&self) -> StoreRef<S> {
        StoreRef::new(&self.spec.name)
    }

    /// What a topology takes.
    ///
    /// # Errors
    /// Windows that are empty, or longer than the retention; a versioned store with a cache.
    pub fn build(self) -> Result<StoreSpec, String> {
        let spec = self.spec;
        if spec.layout.is_versioned() && spec.caching {
            return Err(format!(
                "store {} is versioned, and such stores have no cache: leave with_caching_enabled out",
                spec.name
            ));
        }
        if let (RowLayout::Window { retention_ms, .. }, Some(size)) = (spec.layout, spec.window_size_ms) {
            let name = &spec.name;
            if size <= 0 {
                return Err(format!("store {name} has windows of less than a millisecond; make them longer"));
            }
            if retention_ms < size {
                return Err(format!(
                    "store {name} keeps windows for {retention_ms} ms, which is less than they are long ({size} ms); keep them longer"
                ));
            }
        }
        Ok(spec)
    }
}

impl<K: 'static, V: 'static> StoreBuilder<WindowStore<K, V>> {
    /// Keeps each value that is put into a window beside the others, in their order, instead of replacing it.
    #[must_use]
    pub fn with_duplicates(mut self) -> Self {
        self.spec.layout = self.spec.layout.with_duplicates();
        self
    }
}

fn types<K: 'static, V: 'static>(key: impl Serde<K>, value: impl Serde<V>) -> StoreTypes {
    let (key, value): (SerdeRef<K>, SerdeRef<V>) = (Arc::new(key), Arc::new(value));
    StoreTypes::new(key, value)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
