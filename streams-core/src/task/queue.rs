use super::TaskInput;
use crate::error::StreamsError;
use crate::processor::{Head, RecordContext, SourceReader, TaskContext};
use crate::record::{RecordBatch, TopicPartition};
use std::collections::VecDeque;
use std::sync::Arc;

/// The records of one input partition that wait to be processed, in the batches they came in. Only the first is decoded.
pub(super) struct PartitionQueue {
    partition: TopicPartition,
    reader: Box<dyn SourceReader>,
    batches: VecDeque<RecordBatch>,
    /// Place of the next record in the first batch.
    cursor: usize,
    records: usize,
    bytes: usize,
    /// Event time of the decoded head; the head is the record before `cursor`.
    head: Option<i64>,
    /// Origin of the head.
    origin: RecordContext,
    /// Largest timestamp taken from the queue.
    partition_time: i64,
    /// Offset to commit: of the first record that is not processed yet.
    next_offset: i64,
    /// Offset from which the partition is fetched: what lies before was handed out before a seek took effect.
    floor: i64,
    /// The end of the partition as last heard from the broker.
    pub(super) end_offset: Option<i64>,
    /// Since when (wall time) the task waits for a record of this queue.
    pub(super) idle_since: Option<i64>,
}

impl PartitionQueue {
    pub(super) fn new(input: TaskInput, reader: Box<dyn SourceReader>) -> Self {
        let partition = input.input.partition;
        let origin = RecordContext {
            topic: Arc::clone(&partition.topic),
            partition: partition.partition,
            offset: input.position,
        };
        Self {
            partition,
            reader,
            batches: VecDeque::new(),
            cursor: 0,
            records: 0,
            bytes: 0,
            head: None,
            origin,
            partition_time: input.metadata.partition_time,
            next_offset: input.position,
            floor: input.position,
            end_offset: None,
            idle_since: None,
        }
    }

    pub(super) fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    pub(super) fn origin(&self) -> &RecordContext {
        &self.origin
    }

    pub(super) fn records(&self) -> usize {
        self.records
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn next_offset(&self) -> i64 {
        self.next_offset
    }

    pub(super) fn partition_time(&self) -> i64 {
        self.partition_time
    }

    /// Offset after what is queued.
    pub(super) fn fetch_position(&self) -> i64 {
        self.batches.back().map_or(self.next_offset, RecordBatch::next_offset)
    }

    /// What comes next is fetched from `offset` on, which may lie before the present one (a topic made anew) or after it (records deleted).
    pub(super) fn seek(&mut self, offset: i64) {
        self.floor = offset;
        if self.records == 0 {
            self.next_offset = offset;
        }
    }

    /// Appends a batch. One that lies before the position (handed out before a seek took effect) is dropped.
    pub(super) fn push(&mut self, batch: RecordBatch) {
        if batch.next_offset() <= self.floor {
            return;
        }
        self.idle_since = None;
        self.records += batch.len();
        self.bytes += batch.size_bytes();
        if batch.is_empty() && self.batches.is_empty() && self.head.is_none() {
            self.next_offset = batch.next_offset();
        } else {
            self.batches.push_back(batch);
        }
    }

    /// The event time of the first record, which is decoded if it is not yet. `None` where nothing waits.
    #[inline]
    pub(super) fn head(&mut self, context: &mut TaskContext) -> Result<Option<i64>, StreamsError> {
        match self.head {
            Some(timestamp) => Ok(Some(timestamp)),
            None => self.load(context),
        }
    }

    fn load(&mut self, context: &mut TaskContext) -> Result<Option<i64>, StreamsError> {
        while let Some(batch) = self.batches.front() {
            if self.cursor == batch.len() {
                self.next_offset = batch.next_offset();
                self.bytes -= batch.size_bytes();
                self.cursor = 0;
                self.batches.pop_front();
                continue;
            }
            let record = batch.get(self.cursor);
            self.cursor += 1;
            self.origin.offset = record.offset;
            if record.offset < self.floor {
                self.records -= 1;
                continue;
            }
            match self.reader.load(context, &self.origin, record, batch.data(), self.partition_time)? {
                Head::Record(timestamp) => {
                    self.head = Some(timestamp);
                    return Ok(self.head);
                }
                Head::Dropped => {
                    self.records -= 1;
                    self.next_offset = self.origin.offset + 1;
                }
            }
        }
        Ok(None)
    }

    /// Processes the head, which must have been loaded.
    #[inline]
    pub(super) fn process_head(&mut self, context: &mut TaskContext) -> Result<(), StreamsError> {
        if let Some(timestamp) = self.head.take() {
            self.partition_time = self.partition_time.max(timestamp);
            self.records -= 1;
            self.reader.process(context)?;
            self.next_offset = self.origin.offset + 1;
            // The end of a batch may lie past its last record (markers, gaps): the next load moves on.
            if self.batches.front().is_some_and(|batch| self.cursor == batch.len()) {
                self.load(context)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::LogAndFail;
    use crate::processor::TopicPartitions;
    use crate::record::{RecordBatchBuilder, RecordRef};
    use crate::task::{InputPartition, OffsetMetadata, TaskId};
    use bytes::Bytes;
    use std::cell::RefCell;
    use std::rc::Rc;

    /// Notes the offsets that were processed; drops records whose timestamp is negative.
    #[derive(Clone, Default)]
    struct Offsets(Rc<RefCell<Vec<i64>>>, Option<i64>);

    impl SourceReader for Offsets {
        fn load(
            &mut self,
            _: &mut TaskContext,
            _: &RecordContext,
            record: RecordRef<'_>,
            _: &Bytes,
            _: i64,
        ) -> Result<Head, StreamsError> {
            self.1 = Some(record.offset);
            Ok(if record.timestamp < 0 { Head::Dropped } else { Head::Record(record.timestamp) })
        }

        fn process(&mut self, _: &mut TaskContext) -> Result<(), StreamsError> {
            self.0.borrow_mut().extend(self.1.take());
            Ok(())
        }
    }

    struct Fixture {
        queue: PartitionQueue,
        context: TaskContext,
        processed: Offsets,
    }

    /// A queue that starts at this offset.
    fn queue_at(position: i64) -> Fixture {
        let input = InputPartition { source: 0, partition: TopicPartition::new("in", 0) };
        let processed = Offsets::default();
        let input = TaskInput { input, position, metadata: OffsetMetadata::default() };
        let queue = PartitionQueue::new(input, Box::new(processed.clone()));
        let context = TaskContext::new(TaskId::new(0, 0), TopicPartitions::default(), Arc::new(LogAndFail));
        Fixture { queue, context, processed }
    }

    impl Fixture {
        /// Brings records of these offsets and timestamps.
        fn push(&mut self, records: &[(i64, i64)], next_offset: Option<i64>) {
            let mut batch = RecordBatchBuilder::new(TopicPartition::new("in", 0));
            for (offset, timestamp) in records {
                batch.push(*offset, *timestamp, None, Some(b"x"), []);
            }
            self.queue.push(batch.finish(next_offset));
        }

        /// Processes all; answers the offsets since the last call.
        fn run(&mut self) -> Vec<i64> {
            while self.queue.head(&mut self.context).unwrap().is_some() {
                self.queue.process_head(&mut self.context).unwrap();
            }
            self.processed.0.take()
        }
    }

    #[test]
    fn what_was_fetched_before_a_seek_took_effect_is_not_processed() {
        let mut fixture = queue_at(5);
        fixture.push(&[(0, 1), (1, 1), (2, 1)], None);
        assert_eq!((fixture.queue.records(), fixture.queue.next_offset()), (0, 5));
        // A batch that reaches over the position counts from there.
        fixture.push(&[(3, 1), (4, 1), (5, 1), (6, 1)], None);
        assert_eq!(fixture.run(), [5, 6]);
        assert_eq!((fixture.queue.records(), fixture.queue.bytes(), fixture.queue.next_offset()), (0, 0, 7));
    }

    #[test]
    fn a_seek_forward_drops_late_batches_and_a_seek_back_takes_the_earlier_ones() {
        let mut fixture = queue_at(0);
        fixture.push(&[(0, 1)], None);
        assert_eq!(fixture.run(), [0]);
        fixture.queue.seek(10);
        fixture.push(&[(1, 1), (2, 1)], None);
        fixture.push(&[(10, 1)], None);
        assert_eq!(fixture.run(), [10]);
        fixture.queue.seek(3);
        assert_eq!((fixture.queue.next_offset(), fixture.queue.fetch_position()), (3, 3));
        fixture.push(&[(3, 1), (4, 1)], None);
        assert_eq!(fixture.run(), [3, 4]);
    }

    #[test]
    fn gaps_markers_and_dropped_records_are_passed_by_the_offset_to_commit() {
        let mut fixture = queue_at(0);
        // The last record of the batch is followed by a marker.
        fixture.push(&[(0, 1), (7, 1)], Some(9));
        assert_eq!(fixture.run(), [0, 7]);
        assert_eq!(fixture.queue.next_offset(), 9);
        fixture.push(&[], Some(12));
        assert_eq!(fixture.queue.next_offset(), 12);
        fixture.push(&[(12, -1), (13, -1)], None);
        assert_eq!(fixture.run(), [0; 0]);
        assert_eq!((fixture.queue.records(), fixture.queue.next_offset()), (0, 14));
        // Also while the rest of their batch waits: a commit now must not bring them back after a restart.
        fixture.push(&[(14, -1), (15, -1), (16, 1)], None);
        fixture.queue.head(&mut fixture.context).unwrap();
        assert_eq!((fixture.queue.records(), fixture.queue.next_offset()), (1, 16));
    }

    #[test]
    fn the_offset_to_commit_never_passes_a_record_that_waits() {
        let mut fixture = queue_at(0);
        fixture.push(&[(0, 1), (1, 1)], None);
        fixture.push(&[], Some(5));
        assert_eq!(fixture.queue.next_offset(), 0);
        fixture.queue.head(&mut fixture.context).unwrap();
        assert_eq!(fixture.queue.next_offset(), 0);
        fixture.queue.process_head(&mut fixture.context).unwrap();
        assert_eq!(fixture.queue.next_offset(), 1);
        assert_eq!(fixture.run(), [0, 1]);
        assert_eq!(fixture.queue.next_offset(), 5);
    }
}
