use super::Task;
use crate::error::StreamsError;
use crate::processor::PunctuationType;
use std::rc::Rc;

/// Time that passes.
impl Task {
    /// Initializes the nodes, where that has not been done yet. [`process`](Self::process) and [`punctuate`](Self::punctuate) do it too.
    ///
    /// # Errors
    /// The first of a node. The task must then be closed.
    pub fn init(&mut self, wall_time: i64) -> Result<(), StreamsError> {
        self.context.wall_time = wall_time;
        if self.operators.is_initialized() {
            return Ok(());
        }
        self.operators.init(&mut self.context)
    }

    /// Calls what nodes have scheduled by wall clock and is due at `wall_time`, and by stream time what is due without a further record
    /// (after a restart). Says whether there was anything. The caller comes round at
    /// [`next_wall_clock_punctuation`](Self::next_wall_clock_punctuation), or as soon after that as it can.
    ///
    /// # Errors
    /// As [`process`](Self::process).
    pub fn punctuate(&mut self, wall_time: i64) -> Result<bool, StreamsError> {
        self.init(wall_time)?;
        let by_stream_time = self.punctuate_stream_time()?;
        let next = self.next_wall_clock_punctuation();
        let by_wall_clock =
            next.is_some_and(|next| next <= wall_time) && self.call_due(PunctuationType::WallClockTime, wall_time)?;
        Ok(by_stream_time || by_wall_clock)
    }

    /// When [`punctuate`](Self::punctuate) has something to do by wall clock, in milliseconds since the epoch; `None` for never, unless a
    /// record is processed.
    pub fn next_wall_clock_punctuation(&self) -> Option<i64> {
        self.context.punctuations.next(PunctuationType::WallClockTime)
    }

    #[inline]
    pub(super) fn punctuate_stream_time(&mut self) -> Result<bool, StreamsError> {
        let now = self.context.stream_time;
        if !self.context.punctuations.is_stream_time_due(now) {
            return Ok(false);
        }
        self.call_due(PunctuationType::StreamTime, now)
    }

    #[cold]
    fn call_due(&mut self, punctuation_type: PunctuationType, now: i64) -> Result<bool, StreamsError> {
        let punctuations = Rc::clone(&self.context.punctuations);
        self.current = usize::MAX;
        let called = self.operators.punctuate(&mut self.context, &punctuations, punctuation_type, now)?;
        self.commit_needed |= called;
        Ok(called)
    }
}
