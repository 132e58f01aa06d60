use crate::data::Data;
use crate::options::{Place, Suppressed, WhenFull};
use std::time::Duration;
use streams_core::record::Record;

/// When changes go on, and how many may wait, once all of it is known.
pub(crate) struct Rule<K> {
    /// The time of a windowed key; none where a change's timestamp counts.
    window_end: Option<fn(&K) -> i64>,
    /// In milliseconds.
    pub wait: i64,
    pub max_records: u64,
    pub max_bytes: u64,
    pub when_full: WhenFull,
    /// In milliseconds.
    pub idle_timeout: Option<i64>,
}

impl<K: Data> Rule<K> {
    /// `grace` is that of the windows, where their closing is waited for.
    pub(crate) fn new(suppressed: &Suppressed<K>, grace: i64) -> Self {
        let (window_end, wait) = match suppressed.place {
            Place::Timestamp { wait } => (None, millis(wait)),
            Place::WindowEnd(end) => (Some(end), grace),
        };
        Self {
            window_end,
            wait,
            max_records: suppressed.limits.max_records,
            max_bytes: suppressed.limits.max_bytes,
            when_full: suppressed.when_full,
            idle_timeout: suppressed.idle_timeout.map(millis),
        }
    }

    /// Whether what goes on is the final result of a window.
    pub(crate) fn is_final(&self) -> bool {
        self.window_end.is_some()
    }

    /// The time of a change's place in the buffer.
    pub(crate) fn place_of<V>(&self, record: &Record<K, V>) -> i64 {
        self.window_end.map_or(record.timestamp, |end| end(&record.key))
    }

    pub(crate) fn exceeded_by(&self, records: u64, bytes: u64) -> bool {
        records > self.max_records || bytes > self.max_bytes
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
