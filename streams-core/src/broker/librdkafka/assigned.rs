use crate::broker::Fetched;
use crate::record::{RecordBatch, RecordBatchBuilder, TopicPartition};
use std::ffi::CString;
use std::mem;

/// A batch is closed when its data reach this size.
pub(super) const BATCH_BYTES: usize = 1 << 20;

/// What the consumer knows of one assigned partition.
pub(super) struct Assigned {
    pub(super) id: TopicPartition,
    /// The topic's name for librdkafka.
    pub(super) topic: CString,
    /// The offset of the next record to be handed out.
    pub(super) position: i64,
    /// The offset of the next record to come from librdkafka: ahead of `position` by what is held back.
    pub(super) next: i64,
    /// Something of this assignment has come, so that librdkafka's own position is no longer that of an earlier one.
    pub(super) seen: bool,
    /// Where the end of the partition was met last.
    pub(super) end_met: Option<i64>,
    /// Records are held back.
    pub(super) paused: bool,
    /// librdkafka is told to pause, too, because enough is held back.
    pub(super) fetch_paused: bool,
    /// It has failed, and is no longer assigned in librdkafka.
    pub(super) failed: bool,
    /// What came while paused, in order.
    held: Vec<Fetched>,
    held_bytes: usize,
    open: Option<RecordBatchBuilder>,
}

impl Assigned {
    pub(super) fn new(id: TopicPartition, topic: CString, position: i64) -> Self {
        Self {
            id,
            topic,
            position,
            next: position,
            seen: false,
            end_met: None,
            paused: false,
            fetch_paused: false,
            failed: false,
            held: Vec::new(),
            held_bytes: 0,
            open: None,
        }
    }

    /// Starts again at `position`; a pause stays.
    pub(super) fn restart(&mut self, position: i64) {
        let (id, topic) = (self.id.clone(), mem::take(&mut self.topic));
        *self = Self { paused: self.paused, ..Self::new(id, topic, position) };
    }

    /// The batch that records are appended to.
    pub(super) fn open_batch(&mut self) -> &mut RecordBatchBuilder {
        self.open.get_or_insert_with(|| RecordBatchBuilder::new(self.id.clone()))
    }

    /// Bytes waiting in the open batch and held back.
    pub(super) fn pending_bytes(&self) -> usize {
        self.held_bytes + self.open.as_ref().map_or(0, RecordBatchBuilder::data_len)
    }

    /// Whether the open batch is large enough to be closed.
    pub(super) fn is_batch_full(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.data_len() >= BATCH_BYTES)
    }

    /// Closes the open batch, which reaches up to `next`; without one, an empty batch tells of a position that has moved.
    pub(super) fn close_batch(&mut self, fetched: &mut Vec<Fetched>) {
        if self.open.is_none() && self.next == self.told() {
            return;
        }
        let open = self.open.take().unwrap_or_else(|| RecordBatchBuilder::new(self.id.clone()));
        let batch = open.finish(Some(self.next));
        self.emit(Fetched::Batch(batch), fetched);
    }

    /// The position after everything handed out or held back.
    fn told(&self) -> i64 {
        let next_offset = |fetched: &Fetched| match fetched {
            Fetched::Batch(batch) => Some(batch.next_offset()),
            _ => None,
        };
        self.held.iter().rev().find_map(next_offset).unwrap_or(self.position)
    }

    /// Hands out, or holds back while paused.
    pub(super) fn emit(&mut self, what: Fetched, fetched: &mut Vec<Fetched>) {
        if self.paused || !self.held.is_empty() {
            self.held_bytes += size_of_batch(&what).0;
            self.held.push(what);
        } else {
            self.hand_out(what, fetched);
        }
    }

    /// Hands out what was held back until `records` have been; says how many were.
    pub(super) fn release(&mut self, records: usize, fetched: &mut Vec<Fetched>) -> usize {
        let mut released = 0;
        let mut taken = 0;
        while taken < self.held.len() && released < records {
            released += size_of_batch(&self.held[taken]).1;
            taken += 1;
        }
        let rest = self.held.split_off(taken);
        for what in mem::replace(&mut self.held, rest) {
            self.held_bytes -= size_of_batch(&what).0;
            self.hand_out(what, fetched);
        }
        released
    }

    /// Whether something is held back.
    pub(super) fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    fn hand_out(&mut self, what: Fetched, fetched: &mut Vec<Fetched>) {
        if let Fetched::Batch(batch) = &what {
            self.position = batch.next_offset();
        }
        fetched.push(what);
    }
}

/// Bytes and records.
fn size_of_batch(fetched: &Fetched) -> (usize, usize) {
    match fetched {
        Fetched::Batch(batch) => (RecordBatch::size_bytes(batch), batch.len()),
        _ => (0, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition() -> Assigned {
        Assigned::new(TopicPartition::new("t", 0), CString::default(), 5)
    }

    fn push(assigned: &mut Assigned, offset: i64) {
        assigned.open_batch().push(offset, 0, None, Some(b"v"), []);
        assigned.next = offset + 1;
    }

    #[test]
    fn a_pause_holds_records_back_in_order_and_the_position_with_them() {
        let (mut assigned, mut fetched) = (partition(), Vec::new());
        push(&mut assigned, 5);
        assigned.close_batch(&mut fetched);
        assert_eq!((fetched.len(), assigned.position), (1, 6));
        assigned.paused = true;
        push(&mut assigned, 6);
        assigned.close_batch(&mut fetched);
        push(&mut assigned, 9);
        assigned.close_batch(&mut fetched);
        assert_eq!((fetched.len(), assigned.position, assigned.next), (1, 6, 10));
        assigned.paused = false;
        assert_eq!((assigned.release(1, &mut fetched), assigned.position), (1, 7));
        push(&mut assigned, 10);
        assigned.close_batch(&mut fetched);
        assert_eq!((assigned.position, assigned.is_holding()), (7, true), "what comes later waits its turn");
        assert_eq!((assigned.release(10, &mut fetched), assigned.position), (2, 11));
        assert_eq!(assigned.pending_bytes(), 0);
    }

    #[test]
    fn a_position_that_moves_without_records_is_told_once() {
        let (mut assigned, mut fetched) = (partition(), Vec::new());
        assigned.close_batch(&mut fetched);
        assert!(fetched.is_empty());
        assigned.next = 8;
        assigned.close_batch(&mut fetched);
        assigned.close_batch(&mut fetched);
        let [Fetched::Batch(batch)] = &fetched[..] else { panic!("{fetched:?}") };
        assert_eq!((batch.len(), batch.next_offset(), assigned.position), (0, 8, 8));
    }
}
