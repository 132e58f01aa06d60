use super::millis;
use std::time::Duration;

/// Sessions: the records of a key with no more than a gap of inactivity between one and the next. The times of its first and last record are
/// part of a session. A record between two sessions, within the gap of both, makes them one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionWindows {
    /// In milliseconds.
    pub(crate) gap: i64,
    /// In milliseconds.
    pub(crate) grace: i64,
}

impl SessionWindows {
    /// A session ends after so much time without a record.
    pub fn of_inactivity_gap_with_no_grace(inactivity_gap: Duration) -> Self {
        Self::of_inactivity_gap_and_grace(inactivity_gap, Duration::ZERO)
    }

    /// A session ends after so much time without a record, and then waits for late ones.
    pub fn of_inactivity_gap_and_grace(inactivity_gap: Duration, after_window_end: Duration) -> Self {
        Self { gap: millis(inactivity_gap), grace: millis(after_window_end) }
    }
}
