//! Windowed keys: a key and the window of time that its value belongs to, as windowed aggregations make them.
//!
//! Two kinds of window differ in whether their end is part of them, and in their bytes, so they are two types:
//!
//! | type | made by | times | key bytes |
//! |---|---|---|---|
//! | [`TimeWindow`] | tumbling, hopping, sliding and unlimited windows | `start <= t < end` | key, start |
//! | [`SessionWindow`] | session windows | `start <= t <= end` | key, end, start |
//!
//! `Windowed<K>` is a key of a time window, `Windowed<K, SessionWindow>` that of a session.

mod serde;
mod window;

pub use serde::{SessionWindowedSerde, TimeWindowedSerde};
pub use window::{SessionWindow, TimeWindow, Window};

use std::fmt;

/// A key and a window. Ordered by key, then by window.
///
/// ```
/// use streams_core::windowed::{TimeWindow, Windowed};
///
/// let windowed = Windowed::new("page", TimeWindow::new(0, 60_000));
/// assert_eq!((windowed.start(), windowed.end()), (0, 60_000));
/// assert_eq!(windowed.to_string(), "[page@0/60000]");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Windowed<K, W = TimeWindow> {
    /// The key.
    pub key: K,
    /// The window.
    pub window: W,
}

impl<K, W: Window> Windowed<K, W> {
    /// `key` in `window`.
    pub const fn new(key: K, window: W) -> Self {
        Self { key, window }
    }

    /// Start of the window, in milliseconds since the epoch.
    pub fn start(&self) -> i64 {
        self.window.start()
    }

    /// End of the window, in milliseconds since the epoch: the first time after a [`TimeWindow`], the last time of a [`SessionWindow`].
    pub fn end(&self) -> i64 {
        self.window.end()
    }

    /// Another key in the same window.
    pub fn map_key<K2>(self, map: impl FnOnce(K) -> K2) -> Windowed<K2, W> {
        Windowed { key: map(self.key), window: self.window }
    }
}

/// As Kafka Streams prints it: `[key@start/end]`.
impl<K: fmt::Display, W: Window> fmt::Display for Windowed<K, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}@{}/{}]", self.key, self.start(), self.end())
    }
}

#[cfg(test)]
mod tests;
