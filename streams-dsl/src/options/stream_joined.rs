use super::SerdeChoice;
use std::collections::BTreeMap;
use streams_core::serde::{DefaultSerde, Serde, SerdeRef};
use streams_core::topology::{RowLayout, StoreEngine, StoreFormat, StoreSpec, StoreTypes};

/// How two streams are joined: names, serdes, and how the records of each are remembered. `V` are the values of the left stream, the one that
/// the join is a method of, and `V2` those of the other.
pub struct StreamJoined<K, V, V2> {
    pub(crate) name: Option<String>,
    pub(crate) store_name: Option<String>,
    pub(crate) key: SerdeChoice<K>,
    pub(crate) value: SerdeChoice<V>,
    pub(crate) other_value: SerdeChoice<V2>,
    pub(crate) engine: StoreEngine,
    pub(crate) this_store: Option<OwnStore>,
    pub(crate) other_store: Option<OwnStore>,
    logging: Option<BTreeMap<String, String>>,
}

/// What a user says of the store of one side.
#[derive(Clone)]
pub(crate) struct OwnStore {
    pub name: String,
    pub engine: StoreEngine,
}

impl<K: 'static, V: 'static, V2: 'static> StreamJoined<K, V, V2> {
    /// Nothing is said: generated names, and the serdes of the streams above.
    pub fn new() -> Self {
        Self {
            name: None,
            store_name: None,
            key: SerdeChoice::unknown(),
            value: SerdeChoice::unknown(),
            other_value: SerdeChoice::unknown(),
            engine: StoreEngine::RocksDb,
            this_store: None,
            other_store: None,
            logging: Some(BTreeMap::new()),
        }
    }

    /// A name (see [`with_name`](Self::with_name)), with the serdes of the streams above, or else the types' default serdes.
    pub fn named(name: impl Into<String>) -> Self
    where
        K: DefaultSerde,
        V: DefaultSerde,
        V2: DefaultSerde,
    {
        Self::defaults().with_name(name)
    }

    /// The serdes of the streams above, or else the types' default serdes.
    pub(crate) fn defaults() -> Self
    where
        K: DefaultSerde,
        V: DefaultSerde,
        V2: DefaultSerde,
    {
        Self {
            key: SerdeChoice::default_of(),
            value: SerdeChoice::default_of(),
            other_value: SerdeChoice::default_of(),
            ..Self::new()
        }
    }

    /// These serdes.
    pub fn with(key: impl Serde<K>, value: impl Serde<V>, other_value: impl Serde<V2>) -> Self {
        Self::new().with_key_serde(key).with_value_serde(value).with_other_value_serde(other_value)
    }

    /// Sets the name that the steps of the join begin with, and the repartition topics that it needs (`<name>-left-repartition` and
    /// `<name>-right-repartition`). Stores have names of their own: see [`with_store_name`](Self::with_store_name).
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets what the names of the stores begin with, and so those of their changelogs.
    #[must_use]
    pub fn with_store_name(mut self, name: impl Into<String>) -> Self {
        self.store_name = Some(name.into());
        self
    }

    /// Sets the serde of the keys.
    #[must_use]
    pub fn with_key_serde(mut self, serde: impl Serde<K>) -> Self {
        self.key = SerdeChoice::explicit(std::sync::Arc::new(serde));
        self
    }

    /// Sets the serde of the left stream's values.
    #[must_use]
    pub fn with_value_serde(mut self, serde: impl Serde<V>) -> Self {
        self.value = SerdeChoice::explicit(std::sync::Arc::new(serde));
        self
    }

    /// Sets the serde of the other stream's values.
    #[must_use]
    pub fn with_other_value_serde(mut self, serde: impl Serde<V2>) -> Self {
        self.other_value = SerdeChoice::explicit(std::sync::Arc::new(serde));
        self
    }

    /// Sets where records are remembered; on disk ([`StoreEngine::RocksDb`]) if not set.
    #[must_use]
    pub fn with_store_type(mut self, engine: StoreEngine) -> Self {
        self.engine = engine;
        self
    }

    /// Remembers records in memory; they are restored from the changelogs at each start.
    #[must_use]
    pub fn in_memory(self) -> Self {
        self.with_store_type(StoreEngine::InMemory)
    }

    /// Names the store of the left stream, and says where it keeps its records. In a left or outer join, the store of records without partner is
    /// named after it (`<name>-left-shared-join-store`, `<name>-outer-shared-join-store`), and kept in the same place.
    #[must_use]
    pub fn with_this_store(mut self, name: impl Into<String>, engine: StoreEngine) -> Self {
        self.this_store = Some(OwnStore { name: name.into(), engine });
        self
    }

    /// Names the store of the other stream, and says where it keeps its records.
    #[must_use]
    pub fn with_other_store(mut self, name: impl Into<String>, engine: StoreEngine) -> Self {
        self.other_store = Some(OwnStore { name: name.into(), engine });
        self
    }

    /// Logs what is remembered to changelog topics with these settings beyond the default ones. Logging is the default.
    #[must_use]
    pub fn with_logging_enabled<C, S>(mut self, config: C) -> Self
    where
        C: IntoIterator<Item = (S, S)>,
        S: Into<String>,
    {
        self.logging = Some(config.into_iter().map(|(name, value)| (name.into(), value.into())).collect());
        self
    }

    /// Keeps no changelogs: what is remembered is lost with the machine, and with the task when it moves.
    #[must_use]
    pub fn with_logging_disabled(mut self) -> Self {
        self.logging = None;
        self
    }

    /// What the rows of a store are.
    pub(crate) fn types<T: 'static>(&self, key: &SerdeRef<K>, value: &SerdeRef<T>) -> StoreTypes {
        StoreTypes::new(std::sync::Arc::clone(key), std::sync::Arc::clone(value))
    }

    /// The store of a side: `layout` is that of a window store with duplicates.
    pub(crate) fn window_spec(
        &self,
        name: (String, StoreEngine),
        types: StoreTypes,
        layout: RowLayout,
        window_size_ms: i64,
    ) -> StoreSpec {
        // Its rows are never replaced, so that there is nothing to compact.
        let delete = || ("cleanup.policy".to_owned(), "delete".to_owned());
        let logging = self.logging.clone().map(|config| config.into_iter().chain([delete()]).collect());
        StoreSpec { layout, window_size_ms: Some(window_size_ms), logging, ..self.spec(name, types) }
    }

    /// The store of records without partner: its rows are no values of a stream.
    pub(crate) fn unmatched_spec(&self, name: (String, StoreEngine)) -> StoreSpec {
        let bytes = <Vec<u8> as DefaultSerde>::default_serde;
        self.spec(name, StoreTypes::new(bytes(), bytes()))
    }

    fn spec(&self, (name, engine): (String, StoreEngine), types: StoreTypes) -> StoreSpec {
        StoreSpec {
            name,
            engine,
            format: StoreFormat::Plain,
            layout: RowLayout::Plain,
            window_size_ms: None,
            caching: false,
            keep_prior: false,
            logging: self.logging.clone(),
            types,
            users: Vec::new(),
        }
    }
}

impl<K: 'static, V: 'static, V2: 'static> Default for StreamJoined<K, V, V2> {
    fn default() -> Self {
        Self::new()
    }
}
