use super::IdleClock;
use crate::windows::millis;
use std::time::Duration;
use streams_core::error::StreamsError;
use streams_core::processor::{OperatorId, TaskContext};
use streams_core::record::NO_TIMESTAMP;

/// When an aggregation that emits on close looks for windows that have closed, and how far it has come.
///
/// How far is part of the commit's metadata, as Kafka Streams keeps it, so that a restart repeats no final result.
pub(crate) struct CloseEmitter {
    /// Name in the commit's metadata: the store's.
    name: String,
    interval: i64,
    /// By the wall clock.
    next: i64,
    /// The stream time, less the grace, up to which all has been emitted.
    emitted: Option<i64>,
    /// Present where windows close by the wall clock, too.
    idle: Option<IdleClock>,
}

impl CloseEmitter {
    pub(crate) fn new(store: &str, interval: Duration, idle_timeout: Option<Duration>) -> Self {
        let idle = idle_timeout.map(IdleClock::new);
        Self { name: store.to_owned(), interval: millis(interval), next: i64::MIN, emitted: None, idle }
    }

    /// Goes on from where the last commit ended. `open` is how long after its end a window is open. Answers the stream time to begin with.
    pub(crate) fn init(
        &mut self,
        context: &mut TaskContext,
        operator: OperatorId,
        open: i64,
    ) -> Result<i64, StreamsError> {
        self.emitted = context.processor_metadata(&self.name);
        let Some(idle) = &mut self.idle else { return Ok(NO_TIMESTAMP) };
        idle.start(context, operator)?;
        // What the clock has closed stays closed.
        let closed = self.emitted.map_or(NO_TIMESTAMP, |emitted| emitted.saturating_add(open));
        Ok(context.stream_time.max(closed))
    }

    /// A record has come.
    pub(crate) fn seen(&mut self, context: &TaskContext) {
        if let Some(idle) = &mut self.idle {
            idle.restart(context.wall_time);
        }
    }

    /// The stream time by the wall clock, where no record has come for the idle timeout. `observed` is the stream time so far.
    pub(crate) fn idle_time(&mut self, context: &TaskContext, observed: i64) -> Option<i64> {
        self.idle.as_mut()?.time(context.wall_time, observed)
    }

    /// Up to where all has been emitted.
    pub(crate) fn emitted(&self) -> Option<i64> {
        self.emitted
    }

    /// Whether it is time to emit what has closed up to `close`. With `urgent` it does not matter when it was looked last.
    pub(crate) fn is_due(&mut self, context: &TaskContext, close: i64, urgent: bool) -> bool {
        if !urgent && context.wall_time < self.next {
            return false;
        }
        self.next = context.wall_time.saturating_add(self.interval);
        self.emitted.is_none_or(|emitted| emitted < close)
    }

    /// All up to `close` has been emitted.
    pub(crate) fn reached(&mut self, context: &mut TaskContext, close: i64) {
        self.emitted = Some(close);
        context.set_processor_metadata(&self.name, close);
    }
}
