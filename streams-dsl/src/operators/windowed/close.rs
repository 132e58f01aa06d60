use std::time::Duration;
use streams_core::processor::TaskContext;

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
}

impl CloseEmitter {
    pub(crate) fn new(store: &str, interval: Duration) -> Self {
        let interval = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX);
        Self { name: store.to_owned(), interval, next: i64::MIN, emitted: None }
    }

    /// Goes on from where the last commit ended.
    pub(crate) fn init(&mut self, context: &TaskContext) {
        self.emitted = context.processor_metadata(&self.name);
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
