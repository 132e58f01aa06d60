use super::counter::{Counter, Gauge};
use super::snapshot::Metrics;
use super::store::StoreMetrics;
use crate::record::TopicPartition;
use crate::task::Task;
use std::sync::Arc;

/// What a task has done and holds. Its thread takes over the task's own numbers once per round; others read.
#[derive(Debug)]
pub(crate) struct TaskMetrics {
    id: Arc<str>,
    processed: Counter,
    pub(super) dropped: Counter,
    buffered_records: Gauge,
    buffered_bytes: Gauge,
    stores: Vec<StoreMetrics>,
    inputs: Vec<InputMetrics>,
}

/// How far an input is behind.
#[derive(Debug)]
struct InputMetrics {
    topic: Arc<str>,
    partition: Arc<str>,
    /// -1 while the end is not known.
    lag: Gauge,
}

impl TaskMetrics {
    pub(crate) fn new(task: &Task) -> Self {
        let stores = task.stores().iter().zip(task.active_stores().stores().specs());
        let input = |id: &TopicPartition| {
            let lag = Gauge::default();
            lag.set(-1);
            InputMetrics { topic: Arc::clone(&id.topic), partition: id.partition.to_string().into(), lag }
        };
        let metrics = Self {
            id: task.id().to_string().into(),
            processed: Counter::default(),
            dropped: Counter::default(),
            buffered_records: Gauge::default(),
            buffered_bytes: Gauge::default(),
            stores: stores.map(|(store, spec)| StoreMetrics::new(Arc::clone(store.name()), spec)).collect(),
            inputs: task.partitions().map(input).collect(),
        };
        metrics.publish(task);
        metrics
    }

    /// Takes over what waits in the task's queues: after a fetch, since processing may take its time.
    pub(crate) fn publish_queues(&self, task: &Task) {
        self.buffered_records.set_size(task.buffered_records());
        self.buffered_bytes.set_size(task.buffered_bytes());
    }

    /// Takes over all that the task has counted.
    pub(crate) fn publish(&self, task: &Task) {
        self.publish_queues(task);
        self.processed.set(task.processed_records());
        self.dropped.set(task.dropped_records());
        for (metrics, store) in self.stores.iter().zip(task.stores()) {
            metrics.publish(store);
        }
    }

    /// Notes how many offsets input number `index` is behind the end of its partition, where that is known.
    pub(crate) fn set_lag(&self, index: usize, lag: Option<i64>) {
        if let Some(input) = self.inputs.get(index) {
            input.lag.set(lag.map_or(-1, |lag| lag.max(0)));
        }
    }

    pub(super) fn collect(&self, thread: &Arc<str>, metrics: &mut Metrics) {
        let sum = |gauge: fn(&StoreMetrics) -> i64| self.stores.iter().map(gauge).sum::<i64>();
        let mut scope = metrics.scope("stream-task-metrics", &[("thread-id", thread), ("task-id", &self.id)]);
        scope.add("process-total", "Input records that the task has processed", self.processed.get());
        scope.add(
            "dropped-records-total",
            "Records that the task has dropped: late, without key, undecodable, or failed where the handler said to continue",
            self.dropped.get(),
        );
        scope.add("active-buffer-count", "Records that wait in the task's input queues", self.buffered_records.get());
        scope.add("input-buffer-bytes-total", "Bytes that the task's input queues hold", self.buffered_bytes.get());
        scope.add(
            "cache-size-bytes-total",
            "Bytes in the write buffers of the task's stores, which are their caches too",
            sum(|store| store.bytes.get()),
        );
        scope.add(
            "uncommitted-bytes",
            "Bytes in the write buffers of the task's stores that wait for the next commit",
            sum(|store| store.uncommitted_bytes.get()),
        );
        self.stores.iter().for_each(|store| store.collect(thread, &self.id, metrics));
    }

    pub(super) fn collect_lags(&self, consumer: &Arc<str>, metrics: &mut Metrics) -> Option<i64> {
        let known = self.inputs.iter().map(|input| (input, input.lag.get())).filter(|(_, lag)| *lag >= 0);
        for (input, lag) in known.clone() {
            let tags = [("client-id", consumer), ("topic", &input.topic), ("partition", &input.partition)];
            metrics.scope(super::CONSUMER_GROUP, &tags).add(
                "records-lag",
                "Offsets between what was fetched last of the partition and its end; looked at once per second",
                lag,
            );
        }
        known.map(|(_, lag)| lag).max()
    }
}
