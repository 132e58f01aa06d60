use super::millis;
use std::time::Duration;

/// Windows of all records that are no further apart than a difference: for each record the one that ends with it, and the one that begins
/// just after it. Both ends belong to the window. There are windows only where there are records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlidingWindows {
    /// In milliseconds.
    pub(crate) difference: i64,
    /// In milliseconds.
    pub(crate) grace: i64,
}

impl SlidingWindows {
    /// Records no further apart than this (a millisecond at least); windows close when they end.
    pub fn of_time_difference_with_no_grace(time_difference: Duration) -> Self {
        Self::of_time_difference_and_grace(time_difference, Duration::ZERO)
    }

    /// Records no further apart than this (a millisecond at least); windows wait for late records.
    pub fn of_time_difference_and_grace(time_difference: Duration, after_window_end: Duration) -> Self {
        Self { difference: millis(time_difference), grace: millis(after_window_end) }
    }

    /// What cannot be, if anything.
    pub(crate) fn mistake(&self) -> Option<String> {
        (self.difference < 1).then(|| {
            "the records of a sliding window may differ by a millisecond at least; set a longer time difference"
                .to_owned()
        })
    }
}
