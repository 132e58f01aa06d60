use std::time::Duration;
use streams_core::error::StreamsError;
use streams_core::processor::{Cancellable, OperatorId, PunctuationType, TaskContext};
use streams_core::record::NO_TIMESTAMP;

/// Lets the time of a suppression go on with the wall clock while nothing comes.
///
/// There is one punctuation at a time, and it is never later than what would be due next. While changes come it is moved once per timeout; in
/// a pause it is at the moment when something is due. So an idle task is not called, nor has it anything to commit.
pub(crate) struct Idle {
    /// In milliseconds.
    timeout: i64,
    operator: Option<OperatorId>,
    /// Stream time at the last change, and the wall-clock time when it came.
    time: i64,
    since: i64,
    /// The largest time that the clock has made of it.
    advanced: i64,
    /// By which name that is committed.
    key: String,
    scheduled: Option<(i64, Cancellable)>,
}

impl Idle {
    pub(crate) fn new(timeout: i64, store: &str) -> Self {
        let key = format!("{store}-idle-time");
        Self { timeout, operator: None, time: NO_TIMESTAMP, since: 0, advanced: NO_TIMESTAMP, key, scheduled: None }
    }

    /// Answers the time that the clock had made before a restart; -1 where it had not.
    pub(crate) fn init(&mut self, context: &TaskContext, operator: OperatorId) -> i64 {
        self.operator = Some(operator);
        self.advanced = context.processor_metadata(&self.key).unwrap_or(NO_TIMESTAMP);
        self.advanced
    }

    /// A change has come, after which stream time is `time`.
    pub(crate) fn record_seen(&mut self, time: i64, wall_time: i64) {
        (self.time, self.since) = (time, wall_time);
    }

    /// Whether the clock has closed windows that end at `end`, given their grace.
    pub(crate) fn has_closed(&self, end: i64, grace: i64) -> bool {
        self.advanced >= 0 && end <= self.advanced.saturating_sub(grace)
    }

    /// The punctuation is called. Where the pause makes something due, answers the time that it is.
    pub(crate) fn called(&mut self, context: &mut TaskContext, now: i64, first: Option<i64>, wait: i64) -> Option<i64> {
        if let Some((_, scheduled)) = self.scheduled.take() {
            scheduled.cancel();
        }
        if now < self.due(first?, wait) {
            return None;
        }
        let time = self.time.saturating_add(now - self.since);
        self.advanced = self.advanced.max(time);
        context.set_processor_metadata(&self.key, self.advanced);
        Some(time)
    }

    /// After a change: sees to it that there is a punctuation in time, where something is held (in the place `first`).
    pub(crate) fn watch(&mut self, context: &TaskContext, first: Option<i64>, wait: i64) -> Result<(), StreamsError> {
        let Some(first) = first else { return Ok(()) };
        let due = self.due(first, wait);
        if self.scheduled.as_ref().is_some_and(|(at, _)| *at <= due) {
            return Ok(());
        }
        // The earliest that it can be: so the changes that follow need not move it.
        self.schedule(context, self.since.saturating_add(self.timeout))
    }

    /// In a pause: has the punctuation when something is due.
    pub(crate) fn watch_exactly(
        &mut self,
        context: &TaskContext,
        first: Option<i64>,
        wait: i64,
    ) -> Result<(), StreamsError> {
        match first {
            Some(first) => self.schedule(context, self.due(first, wait)),
            None => Ok(()),
        }
    }

    /// The wall-clock time at which the record in this place is due, if nothing comes until then.
    fn due(&self, first: i64, wait: i64) -> i64 {
        let missing = first.saturating_add(wait).saturating_sub(self.time);
        self.since.saturating_add(missing.max(self.timeout))
    }

    fn schedule(&mut self, context: &TaskContext, at: i64) -> Result<(), StreamsError> {
        if let Some((_, scheduled)) = self.scheduled.take() {
            scheduled.cancel();
        }
        let Some(operator) = self.operator else { return Ok(()) };
        let interval = Duration::from_millis(self.timeout.unsigned_abs());
        let scheduled = context.schedule_at(operator, at.max(0), interval, PunctuationType::WallClockTime)?;
        self.scheduled = Some((at, scheduled));
        Ok(())
    }
}
