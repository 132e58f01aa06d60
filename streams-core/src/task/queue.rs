use super::{OffsetMetadata, TaskInput};
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

    pub(super) fn metadata(&self) -> OffsetMetadata {
        OffsetMetadata { partition_time: self.partition_time }
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
