//! Batches that are being filled: they belong to the user's thread, but for the moment in which the reactor seals what has lingered.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::partition::Batch;
use super::{Shared, TopicId};
use crate::ClientError;
use crate::records::{BatchWriter, Compressor, EncodedHeaders, WriteError};

/// A record's bytes beside its key, value and headers, at most: its own length, attributes, timestamp, offset, three lengths.
const RECORD_OVERHEAD: usize = 5 + 1 + 10 + 5 + 5 + 5 + 5;
/// Bytes of a batch's header.
const BATCH_OVERHEAD: usize = 61;
const WRITER_SLACK: usize = 256;
/// More than a topic can have; a number above is not believed.
const MOST_PARTITIONS: usize = 1 << 20;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const MESSAGE_TOO_LARGE: i16 = 10;

/// There is no room for the record now: [wait](super::Producer::wait_for_room) and append it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the producer's buffer is full (buffer.memory)")]
pub struct Full;

pub(super) struct Open {
    topics: Vec<Topic>,
    topic_ids: HashMap<Arc<str>, TopicId>,
    /// By slot.
    batches: Vec<OpenBatch>,
    /// Slots of batches with records, and maybe a few without.
    filling: Vec<usize>,
    /// Bytes of all batches here.
    bytes: usize,
    pub(super) records: usize,
    compressor: Compressor,
    batch_size: usize,
    buffer_memory: usize,
    /// The largest record, with its batch's header.
    largest: usize,
    /// Bytes that the last record had no room for.
    pub(super) needed: usize,
}

struct Topic {
    /// By partition; none before its first record.
    slots: Vec<Option<usize>>,
}

struct OpenBatch {
    writer: BatchWriter,
    opened: Instant,
    /// Whether it is among those that are filling.
    is_listed: bool,
}

impl Open {
    pub(super) fn new(config: &super::ProducerConfig) -> Result<Self, WriteError> {
        Ok(Self {
            topics: Vec::new(),
            topic_ids: HashMap::new(),
            batches: Vec::new(),
            filling: Vec::new(),
            bytes: 0,
            records: 0,
            compressor: Compressor::new(config.compression, config.compression_level)?,
            batch_size: config.batch_size,
            buffer_memory: config.buffer_memory,
            largest: config.max_request_size.min(config.buffer_memory),
            needed: 0,
        })
    }

    pub(super) fn topic(&mut self, name: &str, shared: &Shared) -> TopicId {
        if let Some(&id) = self.topic_ids.get(name) {
            return id;
        }
        let (name, id): (Arc<str>, _) = (name.into(), TopicId(self.topics.len()));
        self.topics.push(Topic { slots: Vec::new() });
        self.topic_ids.insert(Arc::clone(&name), id);
        shared.queue().topics.push(name);
        id
    }

    #[inline]
    pub(super) fn append(
        &mut self,
        shared: &Shared,
        (topic, partition): (TopicId, i32),
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: EncodedHeaders<'_>,
    ) -> Result<(), Full> {
        let contents = key.map_or(0, <[u8]>::len).saturating_add(value.map_or(0, <[u8]>::len));
        let most = contents.saturating_add(headers.bytes().len()).saturating_add(RECORD_OVERHEAD);
        if most > self.largest - BATCH_OVERHEAD {
            self.refuse(shared, topic, partition, MESSAGE_TOO_LARGE);
            return Ok(());
        }
        let known = usize::try_from(partition).ok().and_then(|index| *self.topics[topic.0].slots.get(index)?);
        let Some(slot) = known.or_else(|| self.add_partition(shared, topic, partition)) else {
            self.refuse(shared, topic, partition, UNKNOWN_TOPIC_OR_PARTITION);
            return Ok(());
        };
        // The batch may be one more, which costs its header.
        if self.bytes + most + BATCH_OVERHEAD > self.buffer_memory.saturating_sub(shared.used.load(Ordering::Relaxed)) {
            self.needed = most + BATCH_OVERHEAD;
            return Err(Full);
        }
        let mut batch = &mut self.batches[slot];
        if !batch.writer.is_empty() && batch.writer.size() + most > self.batch_size {
            self.seal(shared, slot);
            shared.wake.notify_one();
            batch = &mut self.batches[slot];
        }
        if batch.writer.is_empty() {
            batch.opened = Instant::now();
            self.bytes += BATCH_OVERHEAD;
            if self.filling.is_empty() {
                shared.opened(batch.opened);
            }
            if !std::mem::replace(&mut batch.is_listed, true) {
                self.filling.push(slot);
            }
        }
        let before = batch.writer.size();
        match batch.writer.append(timestamp, key, value, headers) {
            Ok(()) => {
                self.bytes += batch.writer.size() - before.max(BATCH_OVERHEAD);
                self.records += 1;
            }
            // Only a batch of 2 GiB has no room, and batches are smaller.
            Err(_too_large) => self.refuse(shared, topic, partition, MESSAGE_TOO_LARGE),
        }
        Ok(())
    }

    #[cold]
    fn refuse(&mut self, shared: &Shared, topic: TopicId, partition: i32, code: i16) {
        let context = match code {
            MESSAGE_TOO_LARGE => {
                format!("a record is larger than max.request.size or buffer.memory allow ({} bytes)", self.largest)
            }
            _ => "there is no such partition".to_owned(),
        };
        shared.queue().failed(topic, partition, ClientError::Refused { code, context }, 1);
    }

    #[cold]
    fn add_partition(&mut self, shared: &Shared, topic: TopicId, partition: i32) -> Option<usize> {
        let index = usize::try_from(partition).ok().filter(|index| *index < MOST_PARTITIONS)?;
        let slots = &mut self.topics[topic.0].slots;
        if slots.len() <= index {
            slots.resize(index + 1, None);
        }
        let slot = shared.queue().add_partition(topic, partition);
        slots[index] = Some(slot);
        // A little more than a batch may have: a writer reserves ahead, and would double a buffer that is exactly full.
        let writer = BatchWriter::new(self.batch_size + WRITER_SLACK);
        self.batches.push(OpenBatch { writer, opened: Instant::now(), is_listed: false });
        Some(slot)
    }

    /// Hands a slot's batch over to the queue.
    fn seal(&mut self, shared: &Shared, slot: usize) {
        let batch = &mut self.batches[slot];
        let (size, records) = (batch.writer.size(), batch.writer.count());
        if records == 0 {
            return;
        }
        self.bytes -= size;
        self.records -= records as usize;
        match batch.writer.seal(&mut self.compressor) {
            Ok(data) => shared.queue().push(slot, Batch::new(data, records, batch.opened)),
            Err(error) => {
                batch.writer.clear();
                let mut queue = shared.queue();
                let (topic, partition) = queue.name(slot);
                queue.failed(topic, partition, ClientError::InvalidRequest(error.to_string()), records);
            }
        }
    }

    /// Hands over all batches.
    pub(super) fn seal_all(&mut self, shared: &Shared) {
        for slot in std::mem::take(&mut self.filling) {
            self.batches[slot].is_listed = false;
            self.seal(shared, slot);
        }
    }

    /// Hands over the batches that `is_due` says of their slot, and when they were opened; answers when the oldest of the others was.
    pub(super) fn seal_due(
        &mut self,
        shared: &Shared,
        mut is_due: impl FnMut(usize, Instant) -> bool,
    ) -> Option<Instant> {
        let mut oldest: Option<Instant> = None;
        let mut filling = std::mem::take(&mut self.filling);
        filling.retain(|&slot| {
            let opened = self.batches[slot].opened;
            if self.batches[slot].writer.is_empty() || is_due(slot, opened) {
                self.batches[slot].is_listed = false;
                self.seal(shared, slot);
                return false;
            }
            oldest = Some(oldest.map_or(opened, |oldest| oldest.min(opened)));
            true
        });
        self.filling = filling;
        oldest
    }

    /// Drops all records; answers how many.
    pub(super) fn clear(&mut self) -> usize {
        for slot in std::mem::take(&mut self.filling) {
            self.batches[slot].is_listed = false;
            self.batches[slot].writer.clear();
        }
        self.bytes = 0;
        std::mem::take(&mut self.records)
    }
}
