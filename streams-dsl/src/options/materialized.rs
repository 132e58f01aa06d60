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
    /// Of a versioned store, in milliseconds.
    pub(crate) history_retention: Option<i64>,
}

common_options!(Materialized, "the store's, by which it can be queried", {
    caching: true,
    logging: Some(BTreeMap::new()),
    engine: StoreEngine::RocksDb,
    retention: None,
    time_to_live: None,
    history_retention: None,
});

impl<K: 'static, V: 'static> Materialized<K, V> {
    /// A versioned store of this name (KIP-889), with the serdes of the stream above, or else the types' default serdes: it knows what each row is, and
    /// what it was at any time of the history. See [`with_history_retention`](Self::with_history_retention).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use streams_dsl::{Consumed, Materialized, StreamsBuilder};
    /// # let builder = StreamsBuilder::new();
    /// let history = Duration::from_secs(3600);
    /// let prices = Materialized::persistent_versioned_key_value_store("prices", history);
    /// let prices = builder.table_with::<String, f64>("prices", Consumed::new(), prices);
    /// // Each order is joined with the price of its own time, also where it comes late.
    /// let orders = builder.stream::<String, i64>("orders");
    /// orders.join_table(&prices, |pieces, price| pieces as f64 * price).to("amounts");
    /// ```
    pub fn persistent_versioned_key_value_store(name: impl Into<String>, history_retention: Duration) -> Self
    where
        K: streams_core::serde::DefaultSerde,
        V: streams_core::serde::DefaultSerde,
    {
        Self::named(name).with_history_retention(history_retention)
    }

    /// Makes the store a versioned one, for tables without windows: rows are kept as they were for so long before the largest timestamp of the store,
    /// by stream time. Such a store sends every update on at once.
    ///
    /// A record of a versioned table's topic holds since its timestamp: one that comes out of order changes the past (KIP-914). Joins of tables and groupings
    /// pass such changes over, joins with streams see them. One older than the history is dropped and counted.
    #[must_use]
    pub fn with_history_retention(mut self, history_retention: Duration) -> Self {
        self.history_retention = Some(millis(history_retention));
        self
    }

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

    /// What the rows of a table without windows look like.
    pub(crate) fn format(&self) -> StoreFormat {
        if self.history_retention.is_some() { StoreFormat::Versioned } else { StoreFormat::Timestamped }
    }

    /// How the rows of a table without windows are arranged.
    pub(crate) fn layout(&self) -> RowLayout {
        self.history_retention.map_or(RowLayout::Plain, RowLayout::versioned)
    }

    /// The store of a table by the name `name`.
    pub(crate) fn spec(&self, name: String, key: SerdeRef<K>, value: SerdeRef<V>) -> StoreSpec {
        StoreSpec {
            name,
            engine: self.engine,
            format: self.format(),
            layout: self.layout(),
            window_size_ms: None,
            caching: self.caching,
            keep_prior: false,
            logging: self.logging.clone(),
            types: StoreTypes::new(key, value),
            users: Vec::new(),
        }
    }
}
