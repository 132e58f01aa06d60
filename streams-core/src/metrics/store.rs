use super::counter::{Counter, Gauge};
use super::snapshot::Metrics;
use crate::store::TaskStore;
use state_stores::{EngineKind, RowLayout, StoreSpec};
use std::sync::Arc;

/// What the write buffer of a store holds and does.
#[derive(Debug)]
pub(crate) struct StoreMetrics {
    name: Arc<str>,
    /// Java's tag for the store's kind.
    tag: &'static str,
    pub(super) bytes: Gauge,
    pub(super) uncommitted_bytes: Gauge,
    entries: Gauge,
    limit: Gauge,
    hits: Counter,
    misses: Counter,
}

impl StoreMetrics {
    pub(crate) fn new(name: Arc<str>, spec: &StoreSpec) -> Self {
        let tag = match (spec.engine, &spec.layout) {
            (EngineKind::RocksDb, RowLayout::Plain) => "rocksdb-state-id",
            (EngineKind::RocksDb, RowLayout::Window { .. }) => "rocksdb-window-state-id",
            (EngineKind::RocksDb, RowLayout::Session { .. }) => "rocksdb-session-state-id",
            // Kafka Streams calls its versioned stores so.
            (EngineKind::RocksDb, RowLayout::Versioned { .. }) => "rocksdb-state-id",
            (EngineKind::InMemory, RowLayout::Plain | RowLayout::Versioned { .. }) => "in-memory-state-id",
            (EngineKind::InMemory, RowLayout::Window { .. }) => "in-memory-window-state-id",
            (EngineKind::InMemory, RowLayout::Session { .. }) => "in-memory-session-state-id",
        };
        Self {
            name,
            tag,
            bytes: Gauge::default(),
            uncommitted_bytes: Gauge::default(),
            entries: Gauge::default(),
            limit: Gauge::default(),
            hits: Counter::default(),
            misses: Counter::default(),
        }
    }

    /// Takes over what the store's buffer has counted.
    pub(super) fn publish(&self, store: &TaskStore) {
        let stats = store.handle().borrow().stats();
        self.bytes.set_size(stats.bytes);
        self.uncommitted_bytes.set_size(stats.dirty_bytes + stats.sealed_bytes);
        self.entries.set_size(stats.entries);
        self.limit.set_size(stats.limit_bytes);
        self.hits.set(stats.hits);
        self.misses.set(stats.misses);
    }

    pub(super) fn collect(&self, thread: &Arc<str>, task: &Arc<str>, metrics: &mut Metrics) {
        let tags = [("thread-id", thread), ("task-id", task), (self.tag, &self.name)];
        let mut scope = metrics.scope("stream-state-metrics", &tags);
        scope.add("buffer-size-bytes", "Bytes in the write buffer, bookkeeping included", self.bytes.get());
        scope.add(
            "buffer-limit-bytes",
            "Bytes that the write buffer stays within: the store's part of statestore.cache.max.bytes, or of \
             statestore.uncommitted.max.bytes for a store without cache. A commit comes early where uncommitted-bytes exceed it",
            self.limit.get(),
        );
        scope.add(
            "uncommitted-bytes",
            "Bytes in the write buffer that wait for the next commit",
            self.uncommitted_bytes.get(),
        );
        scope.add("buffer-entries", "Keys in the write buffer", self.entries.get());
        let tags = [("thread-id", thread), ("task-id", task), ("record-cache-id", &self.name)];
        let (hits, misses) = (self.hits.get(), self.misses.get());
        metrics.scope("stream-record-cache-metrics", &tags).add(
            "hit-ratio-avg",
            "Part of the lookups since the task began that the write buffer answered, 0 to 1; NaN before the first",
            hits as f64 / (hits + misses) as f64,
        );
    }
}
