//! What has expired in a windowed store: decided by the largest time that was ever put, so that it is the same
//! after a restart, a restore and on every machine.

use crate::layout::{RowLayout, SEGMENT_LEN};

/// Observed stream time before anything was put, as in Kafka Streams.
pub(crate) const NOTHING_OBSERVED: i64 = -1;

/// What a windowed store remembers besides rows and offset: written with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamTime {
    /// The largest time that was ever put; of restored rows, as far as they may let others expire.
    pub(crate) observed: i64,
    /// The largest time of all rows.
    pub(crate) newest: i64,
    /// Sequence number of the last row, in a store that retains duplicates.
    pub(crate) sequence: i32,
}

impl StreamTime {
    pub(crate) const NOTHING: Self = Self { observed: NOTHING_OBSERVED, newest: NOTHING_OBSERVED, sequence: 0 };
    const LEN: usize = 20;

    pub(crate) fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..8].copy_from_slice(&self.observed.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.newest.to_be_bytes());
        bytes[16..].copy_from_slice(&self.sequence.to_be_bytes());
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (observed, rest) = bytes.split_first_chunk()?;
        let (newest, sequence) = rest.split_first_chunk()?;
        let sequence = i32::from_be_bytes(sequence.try_into().ok()?);
        Some(Self { observed: i64::from_be_bytes(*observed), newest: i64::from_be_bytes(*newest), sequence })
    }
}

/// The smallest time that reads show. As in Kafka Streams it is one earlier for windows with a time index: those
/// are for final results, and where retention and grace are equal there would be none.
pub(crate) fn visible_from(layout: &RowLayout, observed: i64) -> i64 {
    let is_final = matches!(layout, RowLayout::Window { time_index: true, .. });
    let oldest = observed.saturating_sub(layout.periods().0);
    oldest.saturating_add(i64::from(!is_final)).max(0)
}

/// The smallest time of the segments that are not dropped.
pub(crate) fn live_from(layout: &RowLayout, observed: i64) -> i64 {
    Expiry::new(layout, StreamTime { observed, ..StreamTime::NOTHING }).live_from
}

/// Observed stream time and what follows from it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expiry {
    time: StreamTime,
    retention: i64,
    interval: i64,
    /// The first segment that is not wholly expired.
    first_live: i64,
    /// The first time in it.
    live_from: i64,
    /// The observed time that lets it expire.
    advance_at: i64,
}

impl Expiry {
    pub(crate) fn new(layout: &RowLayout, time: StreamTime) -> Self {
        let (retention, interval) = layout.periods();
        let mut expiry = Self { time, retention, interval, first_live: 0, live_from: 0, advance_at: 0 };
        expiry.advance();
        expiry
    }

    pub(crate) fn time(&self) -> StreamTime {
        self.time
    }

    /// Takes notice of a time that is put.
    #[inline]
    pub(crate) fn observe(&mut self, time: i64) {
        if time > self.time.observed {
            self.time.observed = time;
            self.time.newest = self.time.newest.max(time);
            if time >= self.advance_at {
                self.advance();
            }
        }
    }

    /// Takes notice of the time of a row that is restored. Beyond `limit` it lets nothing expire.
    pub(crate) fn observe_restored(&mut self, time: i64, limit: i64) {
        self.observe(time.min(limit));
        self.time.newest = self.time.newest.max(time);
    }

    #[cold]
    fn advance(&mut self) {
        let oldest = self.time.observed.saturating_sub(self.retention).max(0);
        self.first_live = oldest / self.interval;
        self.live_from = self.first_live * self.interval;
        self.advance_at = self.live_from.saturating_add(self.interval).saturating_add(self.retention);
    }

    /// Whether a row of this time is in a segment that was dropped. No row has a negative time.
    #[inline]
    pub(crate) fn is_expired(&self, time: i64) -> bool {
        time < self.live_from
    }

    /// The first segment that is not dropped.
    pub(crate) fn first_live(&self) -> i64 {
        self.first_live
    }

    pub(crate) fn set_sequence(&mut self, sequence: i32) {
        self.time.sequence = sequence;
    }

    /// The sequence number of the next row: positive, and starts over when numbers run out.
    pub(crate) fn next_sequence(&mut self) -> i32 {
        self.time.sequence = self.time.sequence.wrapping_add(1) & i32::MAX;
        self.time.sequence
    }
}

/// The first key that is not below a segment.
pub(crate) fn segment_start(segment: i64) -> [u8; SEGMENT_LEN] {
    segment.to_be_bytes()
}

/// Whether a row belongs to a segment before the one that starts here.
pub(crate) fn is_below(row: &[u8], start: &[u8; SEGMENT_LEN]) -> bool {
    row < start.as_slice()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live_from(retention: i64, interval: i64, observed: i64) -> i64 {
        let layout = RowLayout::window(retention).with_segment_interval(interval);
        let mut stepwise = Expiry::new(&layout, StreamTime::NOTHING);
        for time in 0..=observed {
            stepwise.observe(time);
        }
        let at_once = Expiry::new(&layout, StreamTime { observed, ..StreamTime::NOTHING });
        assert_eq!(stepwise.live_from, at_once.live_from);
        at_once.live_from
    }

    #[test]
    fn a_segment_expires_when_all_of_it_is_older_than_the_retention() {
        assert_eq!(live_from(100, 60, 159), 0);
        assert_eq!(live_from(100, 60, 160), 60);
        assert_eq!(live_from(100, 60, 219), 60);
        assert_eq!(live_from(100, 60, 220), 120);
        assert_eq!(live_from(0, 60, 60), 60);
        assert_eq!(live_from(i64::MAX, i64::MAX, 1_000), 0);
    }

    #[test]
    fn nothing_overflows_at_the_ends_of_time() {
        let layout = RowLayout::window(i64::MAX);
        let mut expiry = Expiry::new(&layout, StreamTime::NOTHING);
        expiry.observe(i64::MAX);
        assert!(!expiry.is_expired(0));
        assert_eq!(visible_from(&layout, i64::MAX), 1);
        assert_eq!(visible_from(&layout, NOTHING_OBSERVED), 0);
        let mut expiry = Expiry::new(&RowLayout::window(0).with_segment_interval(1), StreamTime::NOTHING);
        expiry.observe(i64::MAX);
        assert!(expiry.is_expired(i64::MAX - 1) && !expiry.is_expired(i64::MAX) && expiry.is_expired(-1));
    }

    #[test]
    fn sequence_numbers_start_over() {
        let time = StreamTime { observed: 5, newest: 7, sequence: i32::MAX };
        assert_eq!(StreamTime::from_bytes(&time.to_bytes()), Some(time));
        assert_eq!(StreamTime::from_bytes(b"short"), None);
        assert_eq!(Expiry::new(&RowLayout::window(1), time).next_sequence(), 0);
    }
}
