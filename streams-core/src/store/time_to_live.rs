use super::rows::Rows;
use crate::error::StreamsError;
use state_stores::{Direction, KeyRange};
use std::ops::{Bound, ControlFlow};
use std::time::Duration;

/// Parts of the time to live that pass between two steps of the sweep.
const STEPS: i64 = 64;
/// Rows of one step at least.
const LEAST_ROWS: u64 = 1000;

/// Lets rows of a table die when they have not been updated for a time. Not in Kafka Streams.
///
/// A row is dead when the stream time reaches its timestamp and the time to live: from then on the table does not see it. What has died is
/// deleted by a sweep that goes over the store again and again, one part at a time, and once around in half the time to live. So it needs
/// neither memory nor an index, and no step of it takes long.
pub(super) struct TimeToLive {
    millis: i64,
    /// The last key that the sweep has seen; empty at the beginning.
    cursor: Vec<u8>,
}

impl TimeToLive {
    pub(super) fn new(millis: i64) -> Self {
        Self { millis: millis.max(1), cursor: Vec::new() }
    }

    /// How much stream time passes between two steps.
    pub(super) fn interval(&self) -> Duration {
        Duration::from_millis((self.millis / STEPS).max(1) as u64)
    }

    pub(super) fn is_dead(&self, timestamp: i64, stream_time: i64) -> bool {
        timestamp.saturating_add(self.millis) <= stream_time
    }

    /// The keys of the rows that have died, in the next part of the store.
    pub(super) fn step<V: Clone + 'static>(
        &mut self,
        rows: &Rows<V>,
        stream_time: i64,
    ) -> Result<Vec<Vec<u8>>, StreamsError> {
        let mut buffer = rows.store().handle().borrow_mut();
        let limit = (buffer.approximate_num_entries()? * 2 / STEPS as u64).max(LEAST_ROWS);
        let (mut seen, mut dead) = (0, Vec::new());
        let mut last = std::mem::take(&mut self.cursor);
        let from = last.clone();
        let lower = if from.is_empty() { Bound::Unbounded } else { Bound::Excluded(from.as_slice()) };
        let range = KeyRange { lower, upper: Bound::Unbounded };
        buffer.scan(range, Direction::Forward, |key, row| {
            seen += 1;
            if rows.timestamp(row).is_some_and(|timestamp| self.is_dead(timestamp, stream_time)) {
                dead.push(key.to_vec());
            }
            if seen < limit {
                return ControlFlow::Continue(());
            }
            last.clear();
            last.extend_from_slice(key);
            ControlFlow::Break(())
        })?;
        if seen >= limit {
            self.cursor = last;
        }
        Ok(dead)
    }
}
