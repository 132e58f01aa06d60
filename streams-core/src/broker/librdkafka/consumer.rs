use super::assigned::{Assigned, BATCH_BYTES};
use super::config::{Role, client_config, own};
use super::errors::{from_code, from_kafka, from_transaction, kind};
use super::ffi::{NativeConsumer, NativeMessage};
use super::lookup::Lookup;
use crate::broker::{BrokerError, BrokerErrorKind, Consumer, Fetched, Properties, Waker};
use crate::record::TopicPartition;
use hashbrown::HashMap;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode as Code;
use std::ffi::CString;
use std::time::Duration;

/// A poll ends when it has gathered so much data.
const POLL_BYTES: usize = 4 << 20;
/// A partition that holds back more than this while paused is paused in librdkafka, too.
const HELD_BYTES: usize = BATCH_BYTES;
/// Longest single wait; `Duration::MAX` would overflow the clock.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Reads partitions through librdkafka.
///
/// Messages of all partitions come through one queue, so that librdkafka's limits hold for the consumer as a whole, whatever
/// the number of partitions: 16 MiB or 20,000 messages (`queued.max.messages.kbytes`, `queued.min.messages`), exceeded at
/// most by the fetch responses under way (`fetch.max.bytes`, 4 MiB, one per broker).
///
/// A pause is cheap: records of a paused partition that are here already, and up to 1 MiB more, are held back, and only a
/// partition that stays paused longer than that is paused in librdkafka, which then throws away what it has fetched ahead
/// and fetches it again. So held-back records take at most 2 MiB per paused partition.
///
/// Reading committed records, [`end_offset`](Consumer::end_offset) is the last stable offset while the consumer stands at
/// it, and the high watermark otherwise: librdkafka does not tell more.
pub struct LibrdkafkaConsumer {
    native: NativeConsumer,
    waker: Waker,
    max_poll_records: usize,
    read_committed: bool,
    partitions: Vec<Assigned>,
    /// Finds indexes into `partitions`.
    lookup: Lookup,
    /// All partitions, in order, to ask librdkafka about.
    list: TopicPartitionList,
    positions: Vec<i64>,
    /// Some partition that is not paused holds records back.
    releasing: bool,
}

impl LibrdkafkaConsumer {
    pub(super) fn new(bootstrap_servers: &str, properties: &Properties) -> Result<Self, BrokerError> {
        let config = client_config(Role::Consumer, bootstrap_servers, properties)?;
        let max_poll_records = own(Role::Consumer, properties, "max.poll.records", 500usize)?;
        if max_poll_records == 0 {
            let message = "max.poll.records=0: must be at least 1";
            return Err(BrokerError::new(BrokerErrorKind::InvalidConfig, Role::Consumer, message));
        }
        let waker = Waker::default();
        let native = NativeConsumer::new(&config, waker.clone()).map_err(|error| from_kafka(&error, Role::Consumer))?;
        Ok(Self {
            native,
            waker,
            max_poll_records,
            read_committed: config.get("isolation.level") == Some("read_committed"),
            partitions: Vec::new(),
            lookup: Lookup::default(),
            list: TopicPartitionList::new(),
            positions: Vec::new(),
            releasing: false,
        })
    }

    /// Takes what has arrived, up to the limits; says whether it stopped at them.
    fn drain(&mut self, mut records: usize, fetched: &mut Vec<Fetched>) -> Result<bool, BrokerError> {
        let Self { native, partitions, lookup, .. } = self;
        let mut touched: Vec<usize> = Vec::new();
        let mut failures = Vec::new();
        let mut bytes = 0;
        while records > 0 && bytes < POLL_BYTES {
            let Some(message) = native.next_message() else { break };
            let Some(index) = lookup.of_message(&message) else {
                if let Some(code) = message.error() {
                    tracing::warn!(topic = message.topic(), ?code, "{}", message.error_text());
                }
                continue;
            };
            let partition = &mut partitions[index];
            if partition.failed {
                continue;
            }
            match message.error() {
                None => {
                    let Some(size) = append(partition, &message) else { continue };
                    bytes += size;
                    records -= 1;
                    if touched.last() != Some(&index) {
                        touched.push(index);
                    }
                    if partition.is_batch_full() {
                        partition.close_batch(fetched);
                    }
                }
                Some(Code::PartitionEOF) => meet_end(partition, message.offset(), fetched),
                Some(code) => failures.push((index, code, message.offset(), message.error_text().to_owned())),
            }
        }
        for index in touched {
            self.partitions[index].close_batch(fetched);
            self.hold_back(index)?;
        }
        for (index, code, offset, text) in failures {
            self.fail(index, code, offset, &text, fetched)?;
        }
        Ok(records == 0 || bytes >= POLL_BYTES)
    }

    /// Pauses a partition in librdkafka once enough of it is held back.
    fn hold_back(&mut self, index: usize) -> Result<(), BrokerError> {
        let partition = &mut self.partitions[index];
        if partition.paused && !partition.fetch_paused && partition.pending_bytes() > HELD_BYTES {
            let list = list_of([(&partition.id, None)]);
            self.native.pause(&list).map_err(|code| from_code(code, format_args!("pausing {}", partition.id)))?;
            partition.fetch_paused = true;
        }
        Ok(())
    }

    /// Acts on an error of one partition.
    fn fail(
        &mut self,
        index: usize,
        code: Code,
        offset: i64,
        text: &str,
        fetched: &mut Vec<Fetched>,
    ) -> Result<(), BrokerError> {
        let partition = &self.partitions[index];
        let id = partition.id.clone();
        let failed = if code == Code::AutoOffsetReset {
            if offset >= 0 && offset < partition.next {
                tracing::debug!(%id, offset, "passing over an error of an earlier assignment");
                return Ok(());
            }
            if offset > partition.next {
                // Of an earlier assignment, or behind a gap whose other side is gone. Asking again tells.
                let position = partition.next;
                self.native.unassign(&list_of([(&id, None)])).map_err(|error| from_transaction(&error, &id))?;
                self.native.assign(&list_of([(&id, Some(position))])).map_err(|error| from_transaction(&error, &id))?;
                self.lookup.forget_native();
                return Ok(());
            }
            Fetched::OutOfRange { partition: id.clone(), position: partition.next }
        } else if kind(code) == BrokerErrorKind::Retriable {
            tracing::debug!(%id, ?code, text, "librdkafka tries again");
            return Ok(());
        } else {
            let context = format_args!("reading {id} from offset {}", partition.next);
            let error = BrokerError::new(kind(code), context, format_args!("{code:?}: {text}"));
            Fetched::Failed { partition: id.clone(), error }
        };
        self.detach(index)?;
        let partition = &mut self.partitions[index];
        partition.failed = true;
        partition.emit(failed, fetched);
        Ok(())
    }

    /// Takes a partition away from librdkafka.
    fn detach(&mut self, index: usize) -> Result<(), BrokerError> {
        let partition = &mut self.partitions[index];
        if partition.failed {
            return Ok(());
        }
        let list = list_of([(&partition.id, None)]);
        let context = format_args!("taking {} away", partition.id);
        if partition.fetch_paused {
            // librdkafka keeps a pause beyond the assignment.
            self.native.resume(&list).map_err(|code| from_code(code, context))?;
            partition.fetch_paused = false;
        }
        self.native.unassign(&list).map_err(|error| from_transaction(&error, context))?;
        self.lookup.forget_native();
        Ok(())
    }

    /// Tells of positions that have passed transaction markers.
    fn pass_markers(&mut self, fetched: &mut Vec<Fetched>) {
        if self.partitions.is_empty() {
            return;
        }
        self.native.positions(&self.list, &mut self.positions);
        for (partition, &position) in self.partitions.iter_mut().zip(&self.positions) {
            if partition.seen && !partition.failed && !partition.fetch_paused && position > partition.next {
                partition.next = position;
                partition.close_batch(fetched);
            }
        }
    }

    /// Hands out what was held back of partitions that are resumed; says how many more records are wanted.
    fn release(&mut self, fetched: &mut Vec<Fetched>) -> Result<usize, BrokerError> {
        let mut wanted = self.max_poll_records;
        if !self.releasing {
            return Ok(wanted);
        }
        self.releasing = false;
        for partition in self.partitions.iter_mut().filter(|partition| !partition.paused) {
            wanted -= partition.release(wanted, fetched).min(wanted);
            self.releasing |= partition.is_holding();
            if partition.fetch_paused && !partition.is_holding() {
                let list = list_of([(&partition.id, None)]);
                self.native.resume(&list).map_err(|code| from_code(code, format_args!("resuming {}", partition.id)))?;
                partition.fetch_paused = false;
            }
        }
        Ok(wanted)
    }

    /// Takes what is there without waiting; says whether that was anything.
    fn take(&mut self, fetched: &mut Vec<Fetched>) -> Result<bool, BrokerError> {
        let before = fetched.len();
        let wanted = self.release(fetched)?;
        // What is held back does not count: there may be more behind it, of which no arrival would tell. This ends, since
        // a partition that holds back enough is no longer fetched.
        while self.drain(wanted, fetched)? && fetched.len() == before && wanted > 0 {}
        for failure in self.native.take_failures() {
            let id = TopicPartition::new(failure.topic, failure.partition);
            match self.lookup.get(&id) {
                Some(index) if !self.partitions[index].failed => {
                    self.fail(index, failure.code, -1, &failure.text, fetched)?;
                }
                _ => {}
            }
        }
        if fetched.len() == before {
            self.pass_markers(fetched);
        }
        Ok(fetched.len() > before)
    }

    fn assignment_changed(&mut self) {
        self.lookup.rebuild(&self.partitions);
        self.list = list_of(self.partitions.iter().map(|partition| (&partition.id, None)));
    }
}

/// Appends a record to the open batch of its partition; answers with its size, or with `None` below the position.
fn append(partition: &mut Assigned, message: &NativeMessage<'_>) -> Option<usize> {
    let offset = message.offset();
    if offset < partition.next {
        return None;
    }
    let (key, value) = (message.key(), message.value());
    partition.open_batch().push(offset, message.timestamp(), key, value, message.headers());
    partition.next = offset + 1;
    partition.seen = true;
    Some(key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len))
}

/// Notes the end of a partition, which may lie behind what no record shows.
fn meet_end(partition: &mut Assigned, end: i64, fetched: &mut Vec<Fetched>) {
    partition.seen = true;
    partition.end_met = Some(end);
    if end > partition.next {
        partition.next = end;
        partition.close_batch(fetched);
    }
}

fn list_of<'a>(partitions: impl IntoIterator<Item = (&'a TopicPartition, Option<i64>)>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (id, offset) in partitions {
        let mut element = list.add_partition(&id.topic, id.partition);
        if let Some(offset) = offset {
            // Fails for offsets that mean something else, which `assign` refuses.
            let _ = element.set_offset(Offset::Offset(offset));
        }
    }
    list
}

fn topic_name(id: &TopicPartition, position: i64) -> Result<CString, BrokerError> {
    let context = format_args!("assigning {id} at offset {position}");
    if position < 0 || id.partition < 0 {
        return Err(BrokerError::new(BrokerErrorKind::Fatal, context, "neither may be negative"));
    }
    let invalid = |_| BrokerError::new(BrokerErrorKind::Fatal, context, "a null byte in the name");
    CString::new(id.topic.as_bytes()).map_err(invalid)
}

impl Consumer for LibrdkafkaConsumer {
    fn assign(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        for (id, position) in partitions {
            topic_name(id, *position)?;
        }
        for (position_in_call, (id, position)) in partitions.iter().enumerate() {
            if partitions[position_in_call + 1..].iter().any(|(later, _)| later == id) {
                continue;
            }
            match self.lookup.get(id) {
                Some(index) => {
                    self.detach(index)?;
                    self.partitions[index].restart(*position);
                }
                None => self.partitions.push(Assigned::new(id.clone(), topic_name(id, *position)?, *position)),
            }
        }
        self.assignment_changed();
        let started: HashMap<_, _> = partitions.iter().map(|(id, position)| (id, Some(*position))).collect();
        let list = list_of(started);
        self.native.assign(&list).map_err(|error| from_transaction(&error, "assigning partitions"))
    }

    fn unassign(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        for id in partitions {
            if let Some(index) = self.lookup.get(id) {
                self.detach(index)?;
                self.partitions[index].failed = true;
            }
        }
        self.partitions.retain(|partition| !partitions.contains(&partition.id));
        self.assignment_changed();
        Ok(())
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        for id in partitions {
            if let Some(index) = self.lookup.get(id) {
                self.partitions[index].paused = true;
            }
        }
        Ok(())
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        for id in partitions {
            if let Some(index) = self.lookup.get(id) {
                self.partitions[index].paused = false;
                self.releasing = true;
            }
        }
        Ok(())
    }

    fn poll(&mut self, timeout: Duration, fetched: &mut Vec<Fetched>) -> Result<(), BrokerError> {
        // An arrival that is taken now must not end the next wait; a request to wake up that came with it is
        // satisfied as well, since this poll then ends without waiting.
        let arrived = self.native.take_arrived() && self.waker.wait(Duration::ZERO);
        if self.take(fetched)? || arrived || timeout.is_zero() {
            return Ok(());
        }
        if self.waker.wait(timeout.min(LONGEST_WAIT)) {
            self.native.take_arrived();
            self.take(fetched)?;
        }
        Ok(())
    }

    fn position(&self, partition: &TopicPartition) -> Option<i64> {
        self.lookup.get(partition).map(|index| self.partitions[index].position)
    }

    fn end_offset(&self, partition: &TopicPartition) -> Option<i64> {
        let partition = &self.partitions[self.lookup.get(partition)?];
        if self.read_committed && partition.end_met == Some(partition.next) {
            return partition.end_met;
        }
        if !partition.seen {
            return None;
        }
        self.native.high_watermark(&partition.topic, partition.id.partition)
    }

    fn held_bytes(&self) -> usize {
        self.partitions.iter().map(Assigned::pending_bytes).sum()
    }

    fn waker(&self) -> Waker {
        self.waker.clone()
    }
}
