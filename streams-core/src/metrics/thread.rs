use super::counter::{Counter, Gauge};
use super::samples::Samples;
use super::snapshot::{Metrics, Scope};
use super::task::TaskMetrics;
use crate::runtime::lock;
use crate::task::{Task, TaskId};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What a stream thread has done, and its tasks. A thread that takes another's place goes on with its totals.
#[derive(Debug)]
pub(crate) struct ThreadMetrics {
    /// `<client.id>-StreamThread-<number>`.
    id: Arc<str>,
    consumer_id: Arc<str>,
    producer_id: Arc<str>,
    /// The thread's part of `input.buffer.max.bytes`.
    input_limit: usize,
    state: Gauge,
    pub(crate) processed: Counter,
    polls: Counter,
    polled_records: Samples,
    processed_records: Samples,
    commits: Counter,
    commit_latency: Samples,
    tasks_created: Counter,
    tasks_closed: Counter,
    /// Dropped by tasks that are closed, and by the production handler. Changes under the lock of `tasks` where a task is closed.
    dropped: Counter,
    tasks: Mutex<BTreeMap<TaskId, Arc<TaskMetrics>>>,
    pub(crate) consumer_held_bytes: Gauge,
    pub(crate) producer_outstanding: Gauge,
}

/// The state of a stream thread, by the numbers of Kafka Streams; those that it has besides (while partitions are assigned) do not exist here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ThreadState {
    Created = 0,
    Running = 4,
    PendingShutdown = 5,
    Dead = 6,
}

impl fmt::Display for ThreadState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "CREATED",
            Self::Running => "RUNNING",
            Self::PendingShutdown => "PENDING_SHUTDOWN",
            Self::Dead => "DEAD",
        })
    }
}

impl ThreadMetrics {
    pub(super) fn new(client_id: &str, index: usize, input_limit: usize) -> Self {
        let id = format!("{client_id}-StreamThread-{}", index + 1);
        Self {
            consumer_id: format!("{id}-consumer").into(),
            producer_id: format!("{id}-producer").into(),
            id: id.into(),
            input_limit,
            state: Gauge::default(),
            processed: Counter::default(),
            polls: Counter::default(),
            polled_records: Samples::default(),
            processed_records: Samples::default(),
            commits: Counter::default(),
            commit_latency: Samples::default(),
            tasks_created: Counter::default(),
            tasks_closed: Counter::default(),
            dropped: Counter::default(),
            tasks: Mutex::default(),
            consumer_held_bytes: Gauge::default(),
            producer_outstanding: Gauge::default(),
        }
    }

    pub(crate) fn set_state(&self, state: ThreadState) {
        self.state.set(state as i64);
        if state == ThreadState::Dead {
            // Its clients are gone.
            self.consumer_held_bytes.set(0);
            self.producer_outstanding.set(0);
        }
    }

    fn state(&self) -> ThreadState {
        use ThreadState::*;
        let number = self.state.get();
        [Created, Running, PendingShutdown].into_iter().find(|state| *state as i64 == number).unwrap_or(Dead)
    }

    pub(super) fn is_alive(&self) -> bool {
        self.state() == ThreadState::Running
    }

    /// Notes a poll that brought so many records.
    pub(crate) fn polled(&self, records: usize) {
        self.polls.add(1);
        self.polled_records.record(Instant::now(), records as f64);
    }

    /// Notes a round of processing.
    pub(crate) fn round(&self, records: u64) {
        self.processed_records.record(Instant::now(), records as f64);
    }

    /// Notes a commit that took so long.
    pub(crate) fn committed(&self, took: Duration) {
        self.commits.add(1);
        self.commit_latency.record(Instant::now(), took.as_secs_f64() * 1000.0);
    }

    /// Notes a record that the cluster did not take, where the handler said to continue.
    pub(crate) fn dropped_one(&self) {
        self.dropped.add(1);
    }

    pub(crate) fn open_task(&self, task: &Task) -> Arc<TaskMetrics> {
        let metrics = Arc::new(TaskMetrics::new(task));
        lock(&self.tasks).insert(task.id(), Arc::clone(&metrics));
        self.tasks_created.add(1);
        metrics
    }

    /// The task's own metrics disappear; what it has dropped stays in the thread's total.
    pub(crate) fn close_task(&self, task: &Task) {
        let mut tasks = lock(&self.tasks);
        if tasks.remove(&task.id()).is_some() {
            self.dropped.add(task.dropped_records());
            self.tasks_closed.add(1);
        }
    }

    fn snapshot(&self) -> (Vec<Arc<TaskMetrics>>, u64) {
        let tasks = lock(&self.tasks);
        let dropped = self.dropped.get() + tasks.values().map(|task| task.dropped.get()).sum::<u64>();
        (tasks.values().cloned().collect(), dropped)
    }

    pub(super) fn collect(&self, metrics: &mut Metrics) {
        let (tasks, dropped) = self.snapshot();
        let now = Instant::now();
        let state = self.state();
        let mut scope = metrics.scope("stream-thread-metrics", &[("thread-id", &self.id)]);
        scope.add("state", "State of the thread", state.to_string());
        scope.add("thread-state", "State of the thread, by its number in Kafka Streams", state as i64);
        scope.add("process-total", "Input records processed", self.processed.get());
        add_average_and_max(
            &mut scope,
            ["process-records-avg", "process-records-max"],
            ["Records processed per round, on average of late", "Records processed in a round, the most of late"],
            self.processed_records.average_and_max(now),
        );
        scope.add("poll-total", "Polls of the consumer", self.polls.get());
        add_average_and_max(
            &mut scope,
            ["poll-records-avg", "poll-records-max"],
            ["Records that a poll brought, on average of late", "Records that a poll brought, the most of late"],
            self.polled_records.average_and_max(now),
        );
        scope.add("commit-total", "Commits, each of all tasks that had something to commit", self.commits.get());
        add_average_and_max(
            &mut scope,
            ["commit-latency-avg", "commit-latency-max"],
            ["Milliseconds per commit, on average of late", "Milliseconds of the longest commit of late"],
            self.commit_latency.average_and_max(now),
        );
        scope.add("task-created-total", "Tasks that began on the thread", self.tasks_created.get());
        scope.add("task-closed-total", "Tasks that ended on the thread", self.tasks_closed.get());
        scope.add("active-tasks", "Tasks that the thread has now", tasks.len());
        scope.add(
            "dropped-records-total",
            "Records dropped by the thread's tasks, those that are closed included, and by the production exception handler",
            dropped,
        );
        scope.add(
            "input-buffer-limit-bytes",
            "Bytes that the input queues of the thread's tasks stay within, up to one poll: the thread's part of input.buffer.max.bytes",
            self.input_limit,
        );
        tasks.iter().for_each(|task| task.collect(&self.id, metrics));
        self.collect_clients(&tasks, metrics);
    }

    fn collect_clients(&self, tasks: &[Arc<TaskMetrics>], metrics: &mut Metrics) {
        let longest = tasks.iter().filter_map(|task| task.collect_lags(&self.consumer_id, metrics)).max();
        let mut scope = metrics.scope(super::CONSUMER_GROUP, &[("client-id", &self.consumer_id)]);
        if let Some(longest) = longest {
            scope.add("records-lag-max", "The largest records-lag of the consumer's partitions", longest);
        }
        scope.add(
            "held-bytes",
            "Bytes that the consumer holds back of paused partitions: up to 2 MiB each through librdkafka",
            self.consumer_held_bytes.get(),
        );
        metrics.scope("producer-metrics", &[("client-id", &self.producer_id)]).add(
            "records-outstanding",
            "Records taken over that are not acknowledged yet; their bytes stay within buffer.memory",
            self.producer_outstanding.get(),
        );
    }
}

pub(super) fn add_average_and_max(
    scope: &mut Scope<'_>,
    names: [&'static str; 2],
    descriptions: [&'static str; 2],
    (average, max): (f64, f64),
) {
    scope.add(names[0], descriptions[0], average);
    scope.add(names[1], descriptions[1], max);
}
