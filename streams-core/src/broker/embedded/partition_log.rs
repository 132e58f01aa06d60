use super::Isolation;
use super::capacity::Capacity;
use super::compaction::Compaction;
use super::segment::{NO_TRANSACTION, Segment, record_size};
use super::watcher::Watcher;
use crate::record::{RecordBatch, RecordBatchBuilder, RecordRef, TopicPartition};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The records of one partition and what transactions say about them. Lives behind its partition's lock.
///
/// A transaction's marker takes an offset but is not stored: like everything that was compacted away it is a gap that readers pass.
#[derive(Debug)]
pub(super) struct PartitionLog {
    /// Never holds an empty segment.
    pub(super) segments: VecDeque<Segment>,
    start: i64,
    end: i64,
    /// Open transactions with the offset of their first record here.
    open: BTreeMap<u64, i64>,
    /// Aborted transactions whose records may still be here, with the offset of their marker.
    aborted: BTreeMap<u64, i64>,
    /// What compaction remembers between its passes.
    pub(super) compaction: Compaction,
    watchers: Vec<Arc<Watcher>>,
    capacity: Arc<Capacity>,
    deleted: bool,
}

/// How much a read may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadLimit {
    /// Records, at least 1.
    pub(super) records: usize,
    /// Bytes of keys, values and headers; the first record is taken however large it is.
    pub(super) bytes: usize,
}

impl PartitionLog {
    pub(super) fn new(capacity: Arc<Capacity>) -> Self {
        Self {
            segments: VecDeque::new(),
            start: 0,
            end: 0,
            open: BTreeMap::new(),
            aborted: BTreeMap::new(),
            compaction: Compaction::default(),
            watchers: Vec::new(),
            capacity,
            deleted: false,
        }
    }

    /// The first offset that can be read.
    pub(super) fn start(&self) -> i64 {
        self.start
    }

    /// The end for readers of this isolation: the high watermark, or the last stable offset.
    pub(super) fn end(&self, isolation: Isolation) -> i64 {
        match isolation {
            Isolation::ReadUncommitted => self.end,
            Isolation::ReadCommitted => self.open.values().min().copied().unwrap_or(self.end),
        }
    }

    pub(super) fn is_aborted(&self, transaction: u64) -> bool {
        transaction != NO_TRANSACTION && self.aborted.contains_key(&transaction)
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.deleted
    }

    /// Appends records in order, as part of `transaction` if that is not [`NO_TRANSACTION`]; `append_time` replaces their timestamps.
    /// Returns the offset of the last one.
    pub(super) fn append<'a>(
        &mut self,
        records: impl Iterator<Item = RecordRef<'a>>,
        append_time: Option<i64>,
        transaction: u64,
    ) -> Option<i64> {
        let (first, mut bytes) = (self.end, 0);
        let stable = self.end(Isolation::ReadCommitted);
        for mut record in records {
            record.offset = self.end;
            record.timestamp = append_time.unwrap_or(record.timestamp);
            bytes += record_size(&record);
            self.tail().push(record, transaction);
            self.end += 1;
        }
        if self.end == first {
            return None;
        }
        if transaction != NO_TRANSACTION {
            self.open.entry(transaction).or_insert(first);
        }
        self.capacity.add(bytes);
        self.compaction.appended((self.end - first) as usize);
        self.notify(stable);
        Some(self.end - 1)
    }

    /// The segment to append to.
    fn tail(&mut self) -> &mut Segment {
        if self.segments.back().is_none_or(Segment::is_full) {
            if let Some(full) = self.segments.back_mut() {
                full.close();
            }
            self.segments.push_back(Segment::new());
        }
        self.segments.back_mut().expect("a segment was just appended where there was none")
    }

    /// Ends a transaction with a marker. Does nothing where it has no record here.
    pub(super) fn end_transaction(&mut self, transaction: u64, commit: bool) {
        let stable = self.end(Isolation::ReadCommitted);
        if self.open.remove(&transaction).is_none() || self.deleted {
            return;
        }
        if !commit {
            self.aborted.insert(transaction, self.end);
        }
        self.end += 1;
        self.notify(stable);
    }

    /// Records from `position` on that a reader of this isolation may see; `None` where nothing lies there. The position has
    /// to be within the log. Markers, aborted records and gaps are passed: the batch's next offset lies behind them.
    pub(super) fn read(
        &self,
        partition: &TopicPartition,
        position: i64,
        isolation: Isolation,
        limit: ReadLimit,
    ) -> Option<RecordBatch> {
        let end = self.end(isolation);
        if position >= end {
            return None;
        }
        let filter = isolation == Isolation::ReadCommitted && !self.aborted.is_empty();
        let mut builder = RecordBatchBuilder::new(partition.clone());
        let first = self.segments.partition_point(|segment| segment.last_offset() < position);
        for segment in self.segments.range(first..) {
            for (record, transaction) in segment.iter_from(segment.index_of(position)) {
                if record.offset >= end {
                    return Some(builder.finish(Some(end)));
                }
                if filter && self.is_aborted(transaction) {
                    continue;
                }
                if is_full(&builder, &record, limit) {
                    return Some(builder.finish(Some(record.offset)));
                }
                builder.push_encoded(record);
            }
        }
        Some(builder.finish(Some(end)))
    }

    /// The offset of the first record with this timestamp or a later one; the end where there is none.
    pub(super) fn offset_of_timestamp(&self, timestamp: i64) -> i64 {
        self.segments
            .iter()
            .filter(|segment| segment.max_timestamp() >= timestamp)
            .flat_map(|segment| segment.iter_from(segment.index_of(self.start)))
            .find(|(record, _)| record.timestamp >= timestamp)
            .map_or(self.end, |(record, _)| record.offset)
    }

    /// Deletes what lies below `before`, but nothing above the high watermark.
    pub(super) fn delete_before(&mut self, before: i64) {
        self.start = before.clamp(self.start, self.end);
        let mut freed = 0;
        while let Some(segment) = self.segments.front().filter(|segment| segment.last_offset() < self.start) {
            freed += segment.size_bytes();
            self.segments.pop_front();
        }
        let first = self.segments.front().map_or(self.end, |segment| segment.get(0).0.offset).min(self.start);
        self.aborted.retain(|_, marker| *marker >= first);
        self.capacity.remove(freed);
    }

    /// Replaces all segments, after compaction.
    pub(super) fn replace_segments(&mut self, segments: VecDeque<Segment>) {
        let before: usize = self.segments.iter().map(Segment::size_bytes).sum();
        let after: usize = segments.iter().map(Segment::size_bytes).sum();
        self.segments = segments;
        self.capacity.remove(before - after);
    }

    /// Drops all records for good; who reads is told at the next poll.
    pub(super) fn delete(&mut self) {
        self.deleted = true;
        self.open.clear();
        self.replace_segments(VecDeque::new());
        for watcher in self.watchers.drain(..) {
            watcher.notify();
        }
    }

    pub(super) fn watch(&mut self, watcher: &Arc<Watcher>) {
        if !self.watchers.iter().any(|other| Arc::ptr_eq(other, watcher)) {
            self.watchers.push(Arc::clone(watcher));
        }
    }

    pub(super) fn unwatch(&mut self, watcher: &Arc<Watcher>) {
        self.watchers.retain(|other| !Arc::ptr_eq(other, watcher));
    }

    /// Wakes readers that have more to see than at `stable`, the last stable offset before the change.
    fn notify(&self, stable: i64) {
        if self.watchers.is_empty() {
            return;
        }
        let stable_moved = self.end(Isolation::ReadCommitted) > stable;
        for watcher in &self.watchers {
            if stable_moved || watcher.isolation == Isolation::ReadUncommitted {
                watcher.notify();
            }
        }
    }
}

impl Drop for PartitionLog {
    fn drop(&mut self) {
        self.replace_segments(VecDeque::new());
    }
}

fn is_full(builder: &RecordBatchBuilder, record: &RecordRef<'_>, limit: ReadLimit) -> bool {
    let length = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len) + record.headers.len();
    builder.len() >= limit.records || (!builder.is_empty() && builder.data_len() + length > limit.bytes)
}
