use super::counter::Counter;
use super::rebalance::RebalanceMetrics;
use super::restore::RestoreMetrics;
use super::snapshot::Metrics;
use super::thread::ThreadMetrics;
use crate::runtime::State;
use state_stores::StorageEnvironment;
use std::sync::Arc;

/// What the threads of an instance have counted. Each writes its own; any thread may read.
#[derive(Debug)]
pub(crate) struct InstanceMetrics {
    client_id: Arc<str>,
    threads: Vec<Arc<ThreadMetrics>>,
    pub(crate) failed_threads: Counter,
    pub(crate) restore: RestoreMetrics,
    pub(crate) rebalance: RebalanceMetrics,
}

/// What is looked up elsewhere when metrics are read.
pub(crate) struct InstanceFacts<'a> {
    pub(crate) application_id: &'a str,
    pub(crate) topology_description: String,
    pub(crate) state: State,
    pub(crate) restoring_tasks: usize,
    pub(crate) storage: &'a StorageEnvironment,
}

impl InstanceMetrics {
    pub(crate) fn new(client_id: &str, threads: usize, input_buffer_max_bytes: usize) -> Self {
        let limit = input_buffer_max_bytes / threads.max(1);
        Self {
            client_id: client_id.into(),
            threads: (0..threads).map(|index| Arc::new(ThreadMetrics::new(client_id, index, limit))).collect(),
            failed_threads: Counter::default(),
            restore: RestoreMetrics::new(client_id),
            rebalance: RebalanceMetrics::default(),
        }
    }

    /// The metrics of the stream thread with this number.
    ///
    /// # Panics
    /// Where the instance does not have so many.
    pub(crate) fn thread(&self, index: usize) -> Arc<ThreadMetrics> {
        Arc::clone(&self.threads[index])
    }

    /// Input records processed since the start.
    pub(crate) fn processed_records(&self) -> u64 {
        self.threads.iter().map(|thread| thread.processed.get()).sum()
    }

    pub(crate) fn collect(&self, facts: InstanceFacts<'_>) -> Metrics {
        let mut metrics = Metrics::default();
        self.collect_instance(&facts, &mut metrics);
        self.rebalance.collect(&self.client_id, &mut metrics);
        self.collect_storage(facts.storage, &mut metrics);
        self.restore.collect(facts.restoring_tasks, &mut metrics);
        self.threads.iter().for_each(|thread| thread.collect(&mut metrics));
        metrics
    }

    fn collect_instance(&self, facts: &InstanceFacts<'_>, metrics: &mut Metrics) {
        let mut scope = metrics.scope("stream-metrics", &[("client-id", &self.client_id)]);
        scope.add("version", "Version of this library", env!("CARGO_PKG_VERSION").to_owned());
        scope.add("application-id", "The application.id", facts.application_id.to_owned());
        scope.add(
            "topology-description",
            "Nodes, stores and topics of the topology, as Topology::describe writes them",
            facts.topology_description.clone(),
        );
        scope.add("state", "State of the instance", facts.state.to_string());
        scope.add("client-state", "State of the instance, by its number in Kafka Streams", facts.state as i64);
        let alive = self.threads.iter().filter(|thread| thread.is_alive()).count();
        scope.add("alive-stream-threads", "Stream threads that run", alive);
        scope.add("failed-stream-threads", "Stream threads that an error has ended", self.failed_threads.get());
    }

    fn collect_storage(&self, storage: &StorageEnvironment, metrics: &mut Metrics) {
        let mut scope = metrics.scope("stream-state-metrics", &[("client-id", &self.client_id)]);
        let limits = storage.limits();
        scope.add(
            "block-cache-capacity",
            "Bytes that the block cache of all stores stays within: rocksdb.block.cache.bytes",
            limits.block_cache_bytes,
        );
        scope.add(
            "block-cache-usage",
            "Bytes in the block cache of all stores, their memtables included",
            storage.block_cache_usage(),
        );
        scope.add(
            "size-all-mem-tables",
            "Bytes in the memtables of all stores, those included that are being written to files",
            storage.write_buffer_usage(),
        );
        scope.add(
            "mem-tables-limit-bytes",
            "Bytes of memtables above which the next writer flushes its own: rocksdb.write.buffer.bytes",
            limits.write_buffer_bytes,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_kafka_streams_numbers() {
        use State::*;
        let states = [Created, Rebalancing, Running, PendingShutdown, NotRunning, PendingError, Error];
        assert_eq!(states.map(|state| state as i64), [0, 1, 2, 3, 4, 5, 6]);
    }
}
