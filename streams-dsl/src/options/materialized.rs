use super::{SerdeChoice, common_options};
use crate::windows::millis;
use std::collections::BTreeMap;
use std::time::Duration;
use streams_core::serde::SerdeRef;
use streams_core::topology::{RowLayout, StoreEngine, StoreFormat, StoreSpec, StoreTypes};

/// How the rows of a table are kept.
pub struct Materialized<K, V> {
    pub(crate) name: Option<String>,
    pub(crate) key: SerdeChoice<K>,
    pub(crate) value: SerdeChoice<V>,
    pub(crate) caching: bool,
    pub(crate) logging: Option<BTreeMap<String, String>>,
    pub(crate) engine: StoreEngine,
    /// In milliseconds.
    pub(crate) retention: Option<i64>,
    /// In milliseconds.
    pub(crate) time_to_live: Option<i64>,
}

common_options!(Materialized, "the store's, by which it can be queried", {
    caching: true,
    logging: Some(BTreeMap::new()),
    engine: StoreEngine::RocksDb,
    retention: None,
    time_to_live: None,
});

impl<K: 'static, V: 'static> Materialized<K, V> {
    /// Holds updates back until the next commit, so that only the last of each key goes on. The default.
    #[must_use]
    pub fn with_caching_enabled(mut self) -> Self {
        self.caching = true;
        self
    }

    /// Sends every update on at once.
    #[must_use]
    pub fn with_caching_disabled(mut self) -> Self {
        self.caching = false;
        self
    }

    /// Logs every update to a changelog topic with these settings beyond the default ones (`cleanup.policy=compact`). Logging is the default.
    #[must_use]
    pub fn with_logging_enabled<C, S>(mut self, config: C) -> Self
    where
        C: IntoIterator<Item = (S, S)>,
        S: Into<String>,
    {
        self.logging = Some(config.into_iter().map(|(name, value)| (name.into(), value.into())).collect());
        self
    }

    /// Keeps no changelog: the rows are lost with the machine, and with the task when it moves.
    #[must_use]
    pub fn with_logging_disabled(mut self) -> Self {
        self.logging = None;
        self
    }

    /// Sets where the rows are kept; on disk ([`StoreEngine::RocksDb`]) if not set.
    #[must_use]
    pub fn with_store_type(mut self, engine: StoreEngine) -> Self {
        self.engine = engine;
        self
    }

    /// Keeps the rows in memory; they are restored from the changelog at each start.
    #[must_use]
    pub fn in_memory(self) -> Self {
        self.with_store_type(StoreEngine::InMemory)
    }

    /// How long the windows of a windowed table can be queried, by stream time; beyond that they are dropped. At least the size (the gap, for
    /// sessions; twice the difference, for sliding windows) and the grace of the windows, which is also the default. Means nothing for other tables.
    #[must_use]
    pub fn with_retention(mut self, retention: Duration) -> Self {
        self.retention = Some(millis(retention));
        self
    }

    /// Lets a row die when it has not been updated for so long, by stream time; not in Kafka Streams. For tables made by `count`, `reduce` and `aggregate`
    /// without windows, and by `StreamsBuilder::table` and `to_table` where they are kept in a store; means nothing for others.
    ///
    /// A dead row counts as absent at once: an aggregate begins anew with the next record of its key. It is deleted from the store (and its
    /// changelog), and the deletion is told downstream, within about half the time to live more, while records come: only they move the
    /// stream time. Queries see it until then.
    #[must_use]
    pub fn with_time_to_live(mut self, time_to_live: Duration) -> Self {
        self.time_to_live = Some(millis(time_to_live));
        self
    }

    /// The store of a table by the name `name`.
    pub(crate) fn spec(&self, name: String, key: SerdeRef<K>, value: SerdeRef<V>) -> StoreSpec {
        StoreSpec {
            name,
            engine: self.engine,
            format: StoreFormat::Timestamped,
            layout: RowLayout::Plain,
            window_size_ms: None,
            caching: self.caching,
            keep_prior: false,
            logging: self.logging.clone(),
            types: StoreTypes::new(key, value),
            users: Vec::new(),
        }
    }
}
