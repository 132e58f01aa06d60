use super::kept_headers::{KeptHeaders, NONE as NO_HEADERS};
use super::{Change, TaskStore};
use crate::error::StreamsError;
use crate::processor::{Downstream, TaskContext};
use crate::record::{Headers, NO_TIMESTAMP, Record, Written};
use crate::serde::{Payload, SerdeError, SerdeRef};
use crate::topology::StoreFormat;
use state_stores::formats::split_timestamped;
use state_stores::{Slot, Update, WriteBuffer, WriteContext};
use std::rc::Rc;
use std::sync::Arc;

/// Length of the timestamp before a value.
const TIMESTAMP_LEN: usize = size_of::<i64>();

/// Rows by the bytes of their keys: what [tables](super::TableStore) of every kind of key have in common.
///
/// Where the store's format has no timestamps, rows are read with none ([`NO_TIMESTAMP`]), and their keys say what goes downstream.
pub(super) struct Rows<V> {
    store: Rc<TaskStore>,
    value_serde: SerdeRef<V>,
    topic: Arc<str>,
    slots: Vec<Slot>,
    headers: KeptHeaders,
    timestamped: bool,
    send_old: bool,
}

/// A change of a row, with its timestamp.
pub(super) type TimestampedChange<V> = (i64, Change<V>);

impl<V: Clone + 'static> Rows<V> {
    pub(super) fn new(store: Rc<TaskStore>, value_serde: SerdeRef<V>, send_old: bool) -> Self {
        let topic = store.serde_topic();
        let timestamped = store.format() == StoreFormat::Timestamped;
        Self { store, value_serde, topic, slots: Vec::new(), headers: KeptHeaders::default(), timestamped, send_old }
    }

    /// Whether changes that go downstream at once carry the row before.
    pub(super) fn wants_old(&self) -> bool {
        self.send_old && self.store.is_write_through()
    }

    pub(super) fn store(&self) -> &Rc<TaskStore> {
        &self.store
    }

    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    /// The row of `key` with its timestamp.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<(i64, V)>, StreamsError> {
        let mut buffer = self.store.handle().borrow_mut();
        let slot = buffer.lookup(key)?;
        buffer.value(slot).map(|bytes| self.decode(bytes)).transpose()
    }

    /// The row of `key` with its timestamp, as downstream knows it.
    pub(super) fn get_forwarded(&self, key: &[u8]) -> Result<Option<(i64, V)>, StreamsError> {
        let mut buffer = self.store.handle().borrow_mut();
        let slot = buffer.lookup(key)?;
        buffer.forwarded_value(slot).map(|bytes| self.decode(bytes)).transpose()
    }

    /// Replaces the row of `key` by what `update` makes of it. Answers the change where it is to go downstream at once; else it waits for
    /// the commit.
    pub(super) fn update(
        &mut self,
        context: &mut TaskContext,
        key: &[u8],
        headers: &Headers,
        update: impl FnOnce(Option<(i64, V)>) -> Result<(i64, Option<V>), StreamsError>,
    ) -> Result<Option<TimestampedChange<V>>, StreamsError> {
        let store = Rc::clone(&self.store);
        let mut buffer = store.handle().borrow_mut();
        let slot = buffer.lookup(key)?;
        let row = buffer.value(slot).map(|bytes| self.decode(bytes)).transpose()?;
        let old = if self.wants_old() { row.as_ref().map(|(_, value)| value.clone()) } else { None };
        let (timestamp, mut new) = update(row)?;
        self.write(context, &mut buffer, slot, headers, timestamp, &mut new)?;
        Ok(store.is_write_through().then_some((timestamp, Change { old, new })))
    }

    /// Sets the row of `key`; no row deletes it, and a row that is null for its serde becomes none. `timestamp` is the row's, or that of the changelog's record where rows have none. Answers
    /// whether the change is to go downstream at once; else it waits for the commit.
    pub(super) fn put(
        &mut self,
        context: &mut TaskContext,
        key: &[u8],
        headers: &Headers,
        timestamp: i64,
        new: &mut Option<V>,
    ) -> Result<bool, StreamsError> {
        let store = Rc::clone(&self.store);
        let mut buffer = store.handle().borrow_mut();
        let slot = buffer.lookup(key)?;
        self.write(context, &mut buffer, slot, headers, timestamp, new)?;
        Ok(store.is_write_through())
    }

    /// Writes a row, as [`put`](Self::put) does; what does not wait for the commit is logged.
    fn write(
        &mut self,
        context: &mut TaskContext,
        buffer: &mut WriteBuffer,
        slot: Slot,
        headers: &Headers,
        timestamp: i64,
        new: &mut Option<V>,
    ) -> Result<(), StreamsError> {
        let at_once = self.store.is_write_through();
        let source = match at_once || self.headers.is_idle(headers) {
            true => NO_HEADERS,
            false => self.headers.keep(buffer.context(slot).source, headers),
        };
        let written = WriteContext { timestamp, source, offset: context.record.offset };
        buffer.update(slot, written, |_, out| self.encode(timestamp, new.as_ref(), out))?;
        if buffer.value(slot).is_none() {
            *new = None;
        }
        if at_once {
            self.store.log_slot(context, buffer, slot);
        }
        Ok(())
    }

    /// Before a commit: appends the updates to the changelog and sends them downstream, in the order of the last write of each key.
    ///
    /// `decode_key` also answers the timestamp of what goes downstream, where the rows have none.
    pub(super) fn flush<K: Clone + 'static>(
        &mut self,
        context: &mut TaskContext,
        downstream: &Downstream<K, Change<V>>,
        decode_key: impl Fn(&[u8]) -> Result<(K, Option<i64>), StreamsError>,
    ) -> Result<(), StreamsError> {
        let mut slots = std::mem::take(&mut self.slots);
        while self.store.handle().borrow().has_unforwarded() {
            self.store.handle().borrow_mut().begin_flush(&mut slots)?;
            for &slot in &slots {
                let change = if downstream.is_empty() { None } else { self.change(slot, &decode_key)? };
                self.store.log(context, slot);
                if let Some(record) = change {
                    downstream.forward(context, record)?;
                }
            }
        }
        self.slots = slots;
        self.headers.clear();
        Ok(())
    }

    /// What downstream shall hear of a changed row; nothing where it came and went since the last flush.
    fn change<K>(
        &self,
        slot: Slot,
        decode_key: impl Fn(&[u8]) -> Result<(K, Option<i64>), StreamsError>,
    ) -> Result<Option<Record<K, Change<V>>>, StreamsError> {
        let buffer = self.store.handle().borrow();
        let new = buffer.value(slot).map(|bytes| self.decode(bytes)).transpose()?;
        if new.is_none() && buffer.existed(slot) == Some(false) {
            return Ok(None);
        }
        let old = match buffer.prior(slot) {
            Some(bytes) if self.send_old => Some(self.decode(bytes)?.1),
            _ => None,
        };
        let (key, timestamp) = decode_key(buffer.key(slot))?;
        let written = buffer.context(slot);
        let timestamp =
            timestamp.unwrap_or_else(|| new.as_ref().map_or(written.timestamp, |(timestamp, _)| *timestamp));
        let change = Change { old, new: new.map(|(_, value)| value) };
        Ok(Some(Record { key, value: change, timestamp, headers: self.headers.get(written.source) }))
    }

    /// The value of a version, with the time since when it holds.
    pub(super) fn decode_version(&self, since: i64, value: &[u8]) -> Result<(i64, V), StreamsError> {
        let value = self.value_serde.deserialize(&self.topic, Some(Payload::new(value)));
        Ok((since, value.map_err(|error| self.stored("value", error))?))
    }

    /// Appends the bytes of a value; false where it is null.
    pub(super) fn encode_value(&self, value: &V, out: &mut Vec<u8>) -> Result<bool, StreamsError> {
        let written = self.value_serde.serialize(&self.topic, value, out);
        Ok(written.map_err(|error| self.unencodable("value", error))? == Written::Bytes)
    }

    /// The timestamp of a stored row; none where it is too short to have one.
    pub(super) fn timestamp(&self, row: &[u8]) -> Option<i64> {
        split_timestamped(row).map(|(timestamp, _)| timestamp)
    }

    fn encode(&self, timestamp: i64, value: Option<&V>, out: &mut Vec<u8>) -> Result<Update, StreamsError> {
        let Some(value) = value else { return Ok(Update::Delete) };
        if self.timestamped {
            out.extend_from_slice(&timestamp.to_be_bytes());
        }
        match self.value_serde.serialize(&self.topic, value, out) {
            Ok(Written::Bytes) => Ok(Update::Put),
            Ok(Written::Null) => Ok(Update::Delete),
            Err(error) => Err(self.unencodable("value", error)),
        }
    }

    pub(super) fn decode(&self, bytes: &[u8]) -> Result<(i64, V), StreamsError> {
        let (timestamp, value) = if self.timestamped { self.split(bytes)? } else { (NO_TIMESTAMP, bytes) };
        let value = self
            .value_serde
            .deserialize(&self.topic, Some(Payload::new(value)))
            .map_err(|error| self.stored("value", error))?;
        Ok((timestamp.max(NO_TIMESTAMP), value))
    }

    fn split<'a>(&self, bytes: &'a [u8]) -> Result<(i64, &'a [u8]), StreamsError> {
        split_timestamped(bytes).ok_or_else(|| {
            let error = SerdeError::WrongLength { expected: "row", expected_len: TIMESTAMP_LEN, actual: bytes.len() };
            self.stored("value", error)
        })
    }

    #[cold]
    pub(super) fn unencodable(&self, part: &'static str, error: SerdeError) -> StreamsError {
        StreamsError::Serialization { topic: self.topic.to_string(), part, error }
    }

    #[cold]
    pub(super) fn stored(&self, part: &'static str, error: SerdeError) -> StreamsError {
        StreamsError::StoredBytes { store: self.store.name().to_string(), part, error }
    }
}
