use super::NodeId;
use crate::processor_api::{CustomFactory, TimestampedSerde, ValueAndTimestamp};
use crate::record::NO_TIMESTAMP;
use crate::serde::SerdeRef;
use state_stores::RowLayout;
use state_stores::formats::split_timestamped;
use std::any::{Any, type_name};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How much longer than its history the changelog of a versioned store keeps every version: Kafka Streams' own, fixed.
const DAY_MS: i64 = 86_400_000;

/// A state store of a topology; each task of its subtopology has one.
#[derive(Clone)]
pub struct StoreSpec {
    /// Its name, unique in the topology.
    pub name: String,
    /// Where it keeps its data.
    pub engine: StoreEngine,
    /// What its values look like.
    pub format: StoreFormat,
    /// How its rows are arranged: as a key-value, window or session store.
    pub layout: RowLayout,
    /// How long each window of a window store is, in milliseconds (`i64::MAX` for windows without end): its rows hold only where windows start.
    /// Queries need it; `None` in stores of other kinds.
    pub window_size_ms: Option<i64>,
    /// Whether updates are held back until the next commit, so that only the last of each key goes on.
    pub caching: bool,
    /// Whether the row at the last commit is kept for each changed row, because somebody downstream asks for old values.
    pub keep_prior: bool,
    /// Configuration of its changelog topic beyond the defaults; `None`: no changelog, the state is lost with the directory.
    pub logging: Option<BTreeMap<String, String>>,
    /// Its key and value types with their serdes.
    pub types: StoreTypes,
    /// The nodes that use it.
    pub users: Vec<NodeId>,
}

/// Where a store keeps its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreEngine {
    /// On disk: a column family of the task's RocksDB. The default.
    RocksDb,
    /// In memory: restored from the changelog at each start.
    InMemory,
}

/// What the values of a store look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFormat {
    /// As the serde writes them.
    Plain,
    /// Eight bytes of timestamp before each (what the DSL uses). The changelog has the plain value and the timestamp as its record's.
    Timestamped,
    /// Rows of a suppression buffer: the record held back and the time of its place in the buffer. The changelog has them as they are, with
    /// a header that says their version (Kafka Streams' version 3).
    SuppressionBuffer,
    /// Versions of a [versioned](RowLayout::Versioned) store. The changelog has what was put: the plain value, none for a deletion, and since
    /// when it holds as the record's timestamp.
    Versioned,
    /// Records that wait for a table, by their time. The changelog has them as they are.
    JoinBuffer,
}

/// The types of a store with their serdes, for queries.
#[derive(Clone)]
pub struct StoreTypes {
    key: Arc<dyn Any + Send + Sync>,
    value: Arc<dyn Any + Send + Sync>,
    /// The serde of values with timestamps.
    timestamped: Arc<dyn Any + Send + Sync>,
    names: (&'static str, &'static str),
    /// Makes the stores of tasks, for a store of the user's own over these rows.
    custom: Option<CustomFactory>,
}

impl StoreTypes {
    /// The types `K` and `V` with their serdes.
    pub fn new<K: 'static, V: 'static>(key: SerdeRef<K>, value: SerdeRef<V>) -> Self {
        let timestamped: SerdeRef<ValueAndTimestamp<V>> = Arc::new(TimestampedSerde(Arc::clone(&value)));
        Self {
            key: Arc::new(key),
            value: Arc::new(value),
            timestamped: Arc::new(timestamped),
            names: (type_name::<K>(), type_name::<V>()),
            custom: None,
        }
    }

    /// These types, for the rows of a store of the user's own.
    pub(crate) fn with_custom(mut self, custom: CustomFactory) -> Self {
        self.custom = Some(custom);
        self
    }

    pub(crate) fn custom(&self) -> Option<&CustomFactory> {
        self.custom.as_ref()
    }

    /// The serdes, where `K` and `V` are the store's types.
    pub fn serdes<K: 'static, V: 'static>(&self) -> Option<(SerdeRef<K>, SerdeRef<V>)> {
        let key = self.key.downcast_ref::<SerdeRef<K>>()?;
        let value = self.value.downcast_ref::<SerdeRef<V>>()?;
        Some((Arc::clone(key), Arc::clone(value)))
    }

    /// Names of the key's and the value's type.
    pub fn names(&self) -> (&'static str, &'static str) {
        self.names
    }
}

impl StoreFormat {
    /// The value in a stored row, and its timestamp: -1 where rows have none.
    pub(crate) fn split(self, row: &[u8]) -> (i64, &[u8]) {
        let parts = if matches!(self, Self::Timestamped | Self::Versioned) { split_timestamped(row) } else { None };
        parts.unwrap_or((NO_TIMESTAMP, row))
    }
}

impl StoreSpec {
    /// The serdes of its rows as processors see them: with timestamps where it has such.
    pub(crate) fn row_serdes<K: 'static, V: 'static>(&self) -> Option<(SerdeRef<K>, SerdeRef<V>)> {
        let value = match self.format {
            StoreFormat::Plain | StoreFormat::Versioned => &self.types.value,
            StoreFormat::Timestamped => &self.types.timestamped,
            StoreFormat::SuppressionBuffer | StoreFormat::JoinBuffer => return None,
        };
        let (key, value) = (self.types.key.downcast_ref::<SerdeRef<K>>()?, value.downcast_ref::<SerdeRef<V>>()?);
        Some((Arc::clone(key), Arc::clone(value)))
    }

    /// Names of the types that [`row_serdes`](Self::row_serdes) has.
    pub(crate) fn row_type_names(&self) -> (String, String) {
        let (key, value) = self.types.names();
        let value = match self.format {
            StoreFormat::Plain | StoreFormat::Versioned => value.to_owned(),
            StoreFormat::Timestamped => format!("ValueAndTimestamp<{value}>"),
            StoreFormat::SuppressionBuffer => "changes that are held back".to_owned(),
            StoreFormat::JoinBuffer => "records that wait for a join".to_owned(),
        };
        (key.to_owned(), value)
    }

    /// How long the records of its changelog are kept, in milliseconds, given how much longer than the rows themselves that is to be
    /// (`windowstore.changelog.additional.retention.ms`); `None` where the changelog is only compacted.
    pub fn changelog_retention(&self, additional: i64) -> Option<i64> {
        match self.layout {
            RowLayout::Plain | RowLayout::Versioned { .. } => None,
            RowLayout::Window { retention_ms, .. } | RowLayout::Session { retention_ms, .. } => {
                Some(retention_ms.saturating_add(additional))
            }
        }
    }

    /// For how long the changelog of a versioned store keeps every version, in milliseconds (`min.compaction.lag.ms`): a day longer than its
    /// history. `None` for stores of other kinds.
    pub fn changelog_compaction_lag(&self) -> Option<i64> {
        match self.layout {
            RowLayout::Versioned { history_retention_ms, .. } => Some(history_retention_ms.saturating_add(DAY_MS)),
            _ => None,
        }
    }

    /// The name of its changelog topic: `<application id>-<store>-changelog`.
    pub fn changelog_topic(&self, application_id: &str) -> String {
        format!("{application_id}-{}-changelog", self.name)
    }

    /// What the store is opened with. `cache` is whether the application has a cache at all (`statestore.cache.max.bytes` above 0).
    pub fn engine_spec(&self, cache: bool) -> state_stores::StoreSpec {
        state_stores::StoreSpec {
            name: self.name.clone(),
            engine: match self.engine {
                StoreEngine::RocksDb => state_stores::EngineKind::RocksDb,
                StoreEngine::InMemory => state_stores::EngineKind::InMemory,
            },
            buffer: state_stores::BufferOptions {
                keep_prior: self.keep_prior && !self.layout.is_versioned(),
                write_through: !(cache && self.caching) || self.layout.is_versioned(),
                ..Default::default()
            },
            layout: self.layout,
        }
    }
}
