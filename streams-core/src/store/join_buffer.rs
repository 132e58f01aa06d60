use super::TaskStore;
use super::suppression::{Row, write_null, write_origin, write_with};
use crate::error::StreamsError;
use crate::processor::{RecordContext, TaskContext};
use crate::record::{Record, Written};
use crate::serde::{Payload, SerdeError, SerdeRef};
use state_stores::{Direction, KeyRange, Update, WriteContext};
use std::ops::{Bound, ControlFlow};
use std::rc::Rc;
use std::sync::Arc;

/// First byte of the key of a row: they are in the order of time.
const BY_TIME: u8 = 0;
const TIME_LEN: usize = size_of::<i64>();
const SEQUENCE_LEN: usize = size_of::<i32>();
/// What Kafka Streams writes as the time of a place, which here is in the key.
const NO_TIME: [u8; TIME_LEN] = [0; TIME_LEN];

/// A record of the buffer with its origin.
pub type WaitingRecord<K, V> = (RecordContext, Record<K, V>);

/// Records of a stream that wait until the table they are joined with has had time to become what it was at their times, in a store in the order of
/// time: Kafka Streams' `RocksDBTimeOrderedKeyValueBuffer`, with its bytes.
///
/// ```text
/// key: 0 | timestamp (8) | key | sequence number (4)
/// value: as in a suppression buffer, without prior and old value, its time 0
/// ```
///
/// Memory does not grow with the records that wait, beyond those of the write buffer.
pub struct JoinBuffer<K, V> {
    store: Rc<TaskStore>,
    key_serde: SerdeRef<K>,
    value_serde: SerdeRef<V>,
    topic: Arc<str>,
    grace: i64,
    /// The largest timestamp of the records that were held.
    observed: i64,
    /// No record is older than this.
    first: i64,
    sequence: i32,
    row: Vec<u8>,
    last_topic: Arc<str>,
}

impl<K: 'static, V: 'static> JoinBuffer<K, V> {
    /// The buffer in `store`, which holds records for `grace` milliseconds.
    pub fn new(store: Rc<TaskStore>, key_serde: SerdeRef<K>, value_serde: SerdeRef<V>, grace: i64) -> Self {
        let topic = store.serde_topic();
        let (observed, first, sequence) = (-1, i64::MAX, 0);
        let (row, last_topic) = (Vec::new(), "".into());
        Self { store, key_serde, value_serde, topic, grace, observed, first, sequence, row, last_topic }
    }

    /// Takes note of the records that the store has after a restart. The one with the largest timestamp is among them, unless it has gone on.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn load(&mut self) -> Result<(), StreamsError> {
        let ends = [Direction::Forward, Direction::Reverse].map(|direction| self.end(direction));
        let [first, last] = ends;
        (self.first, self.observed) = (first?.unwrap_or(i64::MAX), last?.unwrap_or(-1));
        Ok(())
    }

    /// The time of the first or the last row.
    fn end(&self, direction: Direction) -> Result<Option<i64>, StreamsError> {
        let mut found = None;
        self.store.handle().borrow_mut().scan(KeyRange::all(), direction, |row, _| {
            found = time_of(row);
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    /// Holds a record; gives it back where it is too late for that, and where its key or value is null.
    ///
    /// # Errors
    /// The record cannot be encoded, or the store not be read.
    pub fn put(&mut self, context: &TaskContext, record: Record<K, V>) -> Result<Option<Record<K, V>>, StreamsError> {
        let timestamp = record.timestamp;
        if timestamp < self.observed.saturating_sub(self.grace) || timestamp < 0 {
            return Ok(Some(record));
        }
        self.row.clear();
        self.row.push(BY_TIME);
        self.row.extend_from_slice(&timestamp.to_be_bytes());
        let written = self.key_serde.serialize(&self.topic, &record.key, &mut self.row);
        if written.map_err(|error| self.unencodable("key", error))? == Written::Null {
            return Ok(Some(record));
        }
        let key_end = self.row.len();
        let store = Rc::clone(&self.store);
        let mut buffer = store.handle().borrow_mut();
        let slot = loop {
            // Numbers start over with the task: some may be in use.
            self.sequence = self.sequence.wrapping_add(1) & i32::MAX;
            self.row.truncate(key_end);
            self.row.extend_from_slice(&self.sequence.to_be_bytes());
            let slot = buffer.lookup(&self.row)?;
            if buffer.value(slot).is_none() {
                break slot;
            }
        };
        let written = WriteContext { timestamp, source: 0, offset: context.record.offset };
        let update = buffer.update(slot, written, |_, out| self.encode(&context.record, &record, out))?;
        if update == Update::Keep {
            return Ok(Some(record));
        }
        self.observed = self.observed.max(timestamp);
        self.first = self.first.min(timestamp);
        Ok(None)
    }

    /// Gives back the first record whose time has come, and forgets it.
    ///
    /// # Errors
    /// The store cannot be read, or the record not be decoded.
    pub fn take_due(&mut self) -> Result<Option<WaitingRecord<K, V>>, StreamsError> {
        let due = self.observed.saturating_sub(self.grace);
        if self.first > due {
            return Ok(None);
        }
        let store = Rc::clone(&self.store);
        let mut buffer = store.handle().borrow_mut();
        let mut lower = [BY_TIME; 1 + TIME_LEN];
        lower[1..].copy_from_slice(&self.first.to_be_bytes());
        let range = KeyRange { lower: Bound::Included(&lower), upper: Bound::Unbounded };
        let mut value = Vec::new();
        self.first = i64::MAX;
        buffer.scan(range, Direction::Forward, |row, bytes| {
            self.first = time_of(row).unwrap_or(i64::MAX);
            self.row.clear();
            self.row.extend_from_slice(row);
            value.extend_from_slice(bytes);
            ControlFlow::Break(())
        })?;
        if self.first > due {
            return Ok(None);
        }
        let slot = buffer.lookup(&self.row)?;
        buffer.set(slot, None, WriteContext { timestamp: self.first, ..WriteContext::default() })?;
        drop(buffer);
        self.decode(&value).map(Some)
    }

    fn encode(&self, origin: &RecordContext, record: &Record<K, V>, out: &mut Vec<u8>) -> Result<Update, StreamsError> {
        write_origin(origin, record.timestamp, &record.headers, out);
        write_null(out);
        write_null(out);
        let written = write_with(out, |out| {
            let written = self.value_serde.serialize(&self.topic, &record.value, out);
            Ok::<_, StreamsError>(written.map_err(|error| self.unencodable("value", error))? == Written::Bytes)
        })?;
        out.extend_from_slice(&NO_TIME);
        Ok(if written.is_some() { Update::Put } else { Update::Keep })
    }

    fn decode(&mut self, value: &[u8]) -> Result<WaitingRecord<K, V>, StreamsError> {
        let invalid = || SerdeError::Invalid("not a record that waits for a join".to_owned());
        let row = Row::parse(value).ok_or_else(|| self.undecodable("value", invalid()))?;
        let key = self.row.len().checked_sub(SEQUENCE_LEN).and_then(|end| self.row.get(1 + TIME_LEN..end));
        let key = key.ok_or_else(|| self.undecodable("key", invalid()))?;
        if *self.last_topic != *row.topic {
            self.last_topic = row.topic.into();
        }
        let origin =
            RecordContext { topic: Arc::clone(&self.last_topic), partition: row.partition, offset: row.offset };
        let key = self.key_serde.deserialize(&self.topic, Some(Payload::new(key)));
        let value = self.value_serde.deserialize(&self.topic, row.new.map(Payload::new));
        let key = key.map_err(|error| self.undecodable("key", error))?;
        let value = value.map_err(|error| self.undecodable("value", error))?;
        Ok((origin, Record { key, value, timestamp: row.timestamp, headers: row.headers() }))
    }

    #[cold]
    fn unencodable(&self, part: &'static str, error: SerdeError) -> StreamsError {
        StreamsError::Serialization { topic: self.topic.to_string(), part, error }
    }

    #[cold]
    fn undecodable(&self, part: &'static str, error: SerdeError) -> StreamsError {
        StreamsError::StoredBytes { store: self.store.name().to_string(), part, error }
    }
}

fn time_of(row: &[u8]) -> Option<i64> {
    row.get(1..)?.first_chunk().copied().map(i64::from_be_bytes)
}
