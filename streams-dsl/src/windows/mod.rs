//! Windows: how the records of a key are divided by time before they are aggregated.
//!
//! | windows | are | a record belongs to |
//! |---|---|---|
//! | [`TimeWindows`], tumbling | of one size, one after the other | one |
//! | [`TimeWindows`], hopping | of one size, beginning more often than they end | size / advance of them |
//! | [`SlidingWindows`] | every span of time in which two records are no further apart than the difference | as many as records make different spans |
//! | [`SessionWindows`] | spans of activity with gaps between them | one, which may grow together with others |
//! | [`UnlimitedWindows`] | without end | one |
//! | [`CountWindows`] | the last few records of a key, by their number | the next few, too |
//! | any type that is [`Windows`] | as it says | as many as it says |
//!
//! [`JoinWindows`] divide nothing: they say which records of two streams belong together.
//!
//! *Grace* is how long a window waits for records that come late: it closes when the stream time, which is the largest timestamp seen, reaches
//! its end plus the grace. Later records are dropped and counted.

mod count;
mod join;
mod session;
mod sliding;
mod time;
mod unlimited;

pub use count::CountWindows;
pub use join::JoinWindows;
pub use session::SessionWindows;
pub use sliding::SlidingWindows;
pub use time::TimeWindows;
pub use unlimited::UnlimitedWindows;

use std::time::Duration;
use streams_core::windowed::TimeWindow;

/// Divides time into windows whose places do not depend on the records.
pub trait Windows: Send + Sync + 'static {
    /// Appends the windows that `timestamp` (milliseconds since the epoch, not negative) belongs to, in the order of their starts.
    fn windows_for(&self, timestamp: i64, windows: &mut Vec<TimeWindow>);

    /// The size of each window in milliseconds, by which a window's end is found from its start; `i64::MAX` for windows without end.
    fn size(&self) -> i64;

    /// How long a window waits for late records after its end, in milliseconds.
    fn grace(&self) -> i64;

    /// What cannot be about these windows, if anything; told at `build()`.
    fn mistake(&self) -> Option<String> {
        None
    }
}

/// Milliseconds, as far as they can be counted.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
