use super::counter::{Counter, Gauge};
use super::snapshot::Metrics;
use crate::runtime::lock;
use crate::task::TaskId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What the restore thread does.
#[derive(Debug)]
pub(crate) struct RestoreMetrics {
    /// `<client.id>-StateUpdater-1`.
    id: Arc<str>,
    consumer_id: Arc<str>,
    restored: Counter,
    tasks: Mutex<BTreeMap<TaskId, Arc<TaskRestore>>>,
    pub(crate) consumer_held_bytes: Gauge,
}

/// How far the stores of a task are.
#[derive(Debug, Default)]
pub(crate) struct TaskRestore {
    restored: Counter,
    remaining: Gauge,
}

impl TaskRestore {
    pub(crate) fn publish(&self, restored: u64, remaining: i64) {
        self.restored.set(restored);
        self.remaining.set(remaining);
    }
}

impl RestoreMetrics {
    pub(super) fn new(client_id: &str) -> Self {
        let id = format!("{client_id}-StateUpdater-1");
        Self {
            consumer_id: format!("{id}-restore-consumer").into(),
            id: id.into(),
            restored: Counter::default(),
            tasks: Mutex::default(),
            consumer_held_bytes: Gauge::default(),
        }
    }

    /// Notes so many more records restored.
    pub(crate) fn add_restored(&self, count: u64) {
        self.restored.add(count);
    }

    pub(crate) fn restored(&self) -> u64 {
        self.restored.get()
    }

    /// A task whose restoring begins, perhaps again.
    pub(crate) fn begin(&self, task: TaskId) -> Arc<TaskRestore> {
        let metrics = Arc::new(TaskRestore::default());
        lock(&self.tasks).insert(task, Arc::clone(&metrics));
        metrics
    }

    /// The instance no longer has the task.
    pub(crate) fn forget(&self, task: TaskId) {
        lock(&self.tasks).remove(&task);
    }

    pub(crate) fn forget_all(&self) {
        lock(&self.tasks).clear();
    }

    pub(super) fn collect(&self, active_restoring: usize, metrics: &mut Metrics) {
        let tasks = lock(&self.tasks).clone();
        let mut scope = metrics.scope("stream-state-updater-metrics", &[("thread-id", &self.id)]);
        scope.add("active-restoring-tasks", "Tasks of this instance that are being made ready", active_restoring);
        scope.add("restore-total", "Changelog records restored", self.restored());
        for (id, task) in &tasks {
            let tags = [("thread-id", &self.id), ("task-id", &id.to_string().into())];
            let mut scope = metrics.scope("stream-task-metrics", &tags);
            scope.add("restore-total", "Changelog records restored when the task was made ready", task.restored.get());
            scope.add(
                "restore-remaining-records-total",
                "Offsets of its changelogs that the task has still to pass before it can process; 0 once it does",
                task.remaining.get(),
            );
        }
        metrics.scope(super::CONSUMER_GROUP, &[("client-id", &self.consumer_id)]).add(
            "held-bytes",
            "Bytes that the consumer holds back of paused partitions: up to 2 MiB each through librdkafka",
            self.consumer_held_bytes.get(),
        );
    }
}
