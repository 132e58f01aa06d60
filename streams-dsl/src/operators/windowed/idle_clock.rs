use crate::windows::millis;
use std::time::Duration;
use streams_core::error::StreamsError;
use streams_core::processor::{OperatorId, PunctuationType, TaskContext};

/// How often within the timeout it is looked whether it has passed.
const LOOKS: u32 = 4;

/// Lets the stream time of a node go on with the wall clock while no record comes. Not in Kafka Streams.
pub(crate) struct IdleClock {
    timeout: Duration,
    /// Wall-clock time of the last record, or of the last time told since.
    since: i64,
    is_idle: bool,
}

impl IdleClock {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { timeout, since: 0, is_idle: false }
    }

    /// Has the node `operator` called from time to time.
    pub(crate) fn start(&mut self, context: &mut TaskContext, operator: OperatorId) -> Result<(), StreamsError> {
        let interval = (self.timeout / LOOKS).max(Duration::from_millis(1));
        context.schedule(operator, interval, PunctuationType::WallClockTime)?;
        self.restart(context.wall_time);
        Ok(())
    }

    /// A record has come.
    pub(crate) fn restart(&mut self, wall_time: i64) {
        self.since = wall_time;
        self.is_idle = false;
    }

    /// The stream time by the clock, where no record has come for the timeout and there was one before.
    pub(crate) fn time(&mut self, wall_time: i64, observed: i64) -> Option<i64> {
        let passed = wall_time.saturating_sub(self.since);
        if observed < 0 || passed < 1 || !self.is_idle && passed < millis(self.timeout) {
            return None;
        }
        self.since = wall_time;
        self.is_idle = true;
        Some(observed.saturating_add(passed))
    }
}
