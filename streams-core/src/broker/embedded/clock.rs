use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where the broker's time comes from, in milliseconds since the epoch. Never goes back.
#[derive(Debug)]
pub(super) enum Clock {
    /// The machine's: wall time at the start, moved on by the monotonic clock, so that setting the machine's clock expires nothing.
    System {
        /// Wall time when the broker was made.
        start_ms: i64,
        /// The monotonic clock at the same moment.
        started: Instant,
    },
    /// Stands still until it is moved.
    Manual(AtomicI64),
}

impl Clock {
    /// The machine's clock.
    pub(super) fn system() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::System { start_ms: millis(since_epoch), started: Instant::now() }
    }

    /// A clock that only [`move_to`](Self::move_to) moves.
    pub(super) fn manual(start_ms: i64) -> Self {
        Self::Manual(AtomicI64::new(start_ms))
    }

    pub(super) fn now_ms(&self) -> i64 {
        match self {
            Self::System { start_ms, started } => start_ms + millis(started.elapsed()),
            Self::Manual(now) => now.load(Ordering::SeqCst),
        }
    }

    pub(super) fn is_manual(&self) -> bool {
        matches!(self, Self::Manual(_))
    }

    /// Moves a manual clock forward; does nothing to the machine's.
    pub(super) fn move_to(&self, at_ms: i64) {
        if let Self::Manual(now) = self {
            now.fetch_max(at_ms, Ordering::SeqCst);
        }
    }
}

/// A duration in whole milliseconds.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}
