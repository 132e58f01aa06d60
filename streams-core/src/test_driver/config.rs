use crate::task::TaskSettings;
use std::time::Duration;

/// What a [`TopologyTestDriver`](super::TopologyTestDriver) runs with.
#[derive(Clone)]
pub struct TestDriverConfig {
    /// Application id, handlers and limits. As in Kafka Streams' driver `emit_interval` is zero, so that final results come with the record that
    /// completes them. `max_task_idle` is honoured: a task of several inputs then waits for the time to be moved.
    pub settings: TaskSettings,
    /// Wall-clock time at the start, in milliseconds since the epoch; also the timestamp of records piped without one. 0 by default.
    pub initial_wall_clock_time: i64,
    /// Whether stores hold updates back until the commit. As a commit follows every record, this hardly shows. On by default.
    pub caching: bool,
}

impl TestDriverConfig {
    /// Kafka Streams' defaults, with this application id.
    pub fn new(application_id: impl Into<String>) -> Self {
        let settings = TaskSettings { emit_interval: Duration::ZERO, ..TaskSettings::new(application_id) };
        Self { settings, initial_wall_clock_time: 0, caching: true }
    }
}

impl Default for TestDriverConfig {
    fn default() -> Self {
        Self::new("test-application")
    }
}
