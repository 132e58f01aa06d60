use super::JoinSide;
use std::cell::Cell;

/// What the two sides of a join know together of its records without partner, beside the rows of their store.
pub(in crate::store) struct JoinProgress {
    /// Whether the rows that the store had at the start are counted.
    pub(super) loaded: Cell<bool>,
    /// The largest timestamp of the records of both sides.
    pub(super) stream_time: Cell<i64>,
    /// The time that decides whether it is worth to look for rows that have closed. As in Kafka Streams that is not always the time of
    /// the first row: after a look it is that of the last row looked at.
    pub(super) min_time: Cell<i64>,
    /// No row has an earlier time than this.
    pub(super) oldest: Cell<i64>,
    /// When to look next, by the wall clock.
    pub(super) next_look: Cell<i64>,
    left: Cell<u64>,
    right: Cell<u64>,
}

impl Default for JoinProgress {
    fn default() -> Self {
        Self {
            loaded: Cell::new(false),
            stream_time: Cell::new(-1),
            min_time: Cell::new(i64::MAX),
            oldest: Cell::new(i64::MAX),
            next_look: Cell::new(0),
            left: Cell::new(0),
            right: Cell::new(0),
        }
    }
}

impl JoinProgress {
    /// How many rows of a side there are.
    pub(super) fn rows(&self, side: JoinSide) -> u64 {
        self.counter(side).get()
    }

    /// A row of this time has come.
    pub(super) fn added(&self, side: JoinSide, timestamp: i64) {
        self.counter(side).set(self.rows(side) + 1);
        self.oldest.set(self.oldest.get().min(timestamp));
    }

    /// A row has gone.
    pub(super) fn removed(&self, side: JoinSide) {
        self.counter(side).set(self.rows(side).saturating_sub(1));
    }

    fn counter(&self, side: JoinSide) -> &Cell<u64> {
        match side {
            JoinSide::Left => &self.left,
            JoinSide::Right => &self.right,
        }
    }
}
