use super::TaskStore;
use crate::error::StreamsError;
use crate::processor::{Downstream, TaskContext};
use crate::record::{Headers, NO_TIMESTAMP, Record, Written};
use crate::serde::{Payload, SerdeError, SerdeRef};
use state_stores::formats::split_timestamped;
use state_stores::{Slot, Update, WriteContext};
use std::rc::Rc;
use std::sync::Arc;

/// An update of a table's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<V> {
    /// The row before; `None` where there was none, or where nobody downstream asked for it.
    pub old: Option<V>,
    /// The row now; `None` where it was deleted.
    pub new: Option<V>,
}

/// The rows of a table in a timestamped store, with the rule by which updates go downstream: at once for a store without
/// cache, else at the commit, when only the last update of each key goes on (KIP-63).
pub struct TableStore<K, V> {
    store: Rc<TaskStore>,
    key_serde: SerdeRef<K>,
    value_serde: SerdeRef<V>,
    topic: Arc<str>,
    key: Vec<u8>,
    slots: Vec<Slot>,
    send_old: bool,
}

/// Length of the timestamp before a value.
const TIMESTAMP_LEN: usize = size_of::<i64>();

impl<K: Clone + 'static, V: Clone + 'static> TableStore<K, V> {
    /// The table in `store`. With `send_old`, changes carry the row before; the store must then keep it (`keep_prior`).
    pub fn new(store: Rc<TaskStore>, key_serde: SerdeRef<K>, value_serde: SerdeRef<V>, send_old: bool) -> Self {
        let topic = store.serde_topic();
        Self { store, key_serde, value_serde, topic, key: Vec::new(), slots: Vec::new(), send_old }
    }

    /// The row of `key` with its timestamp.
    ///
    /// # Errors
    /// Where the store cannot be read or the key not encoded.
    pub fn get(&mut self, key: &K) -> Result<Option<(i64, V)>, StreamsError> {
        if self.encode_key(key)? == Written::Null {
            return Ok(None);
        }
        let mut buffer = self.store.handle().borrow_mut();
        let slot = buffer.lookup(&self.key)?;
        buffer.value(slot).map(|bytes| self.decode_row(bytes)).transpose()
    }

    /// Replaces the row of `record.key` by what `update` makes of it, and sends the change on by the store's rule.
    ///
    /// `update` gets the key and the present row with its timestamp, and answers the new row (`None` deletes) with its
    /// timestamp. A key that is null is dropped and counted.
    ///
    /// # Errors
    /// Where the store cannot be read, something cannot be encoded, or `update` fails.
    pub fn update(
        &mut self,
        context: &mut TaskContext,
        downstream: &Downstream<K, Change<V>>,
        key: K,
        headers: Headers,
        update: impl FnOnce(&K, Option<(i64, V)>) -> Result<(i64, Option<V>), StreamsError>,
    ) -> Result<(), StreamsError> {
        if self.encode_key(&key)? == Written::Null {
            context.drop_record("its key is null");
            return Ok(());
        }
        let keep = self.store.is_write_through();
        let mut change = None;
        let slot = {
            let mut buffer = self.store.handle().borrow_mut();
            let slot = buffer.lookup(&self.key)?;
            let old = buffer.value(slot).map(|bytes| self.decode_row(bytes)).transpose()?;
            let prior = (keep && self.send_old).then(|| old.as_ref().map(|(_, value)| value.clone())).flatten();
            let existed = old.is_some();
            let (timestamp, new) = update(&key, old)?;
            let written = WriteContext { timestamp, source: 0, offset: context.record.offset };
            buffer.update(slot, written, |_, out| self.encode_row(timestamp, new.as_ref(), out))?;
            if keep {
                change = Some((timestamp, existed, Change { old: prior, new }));
            }
            slot
        };
        if let Some((timestamp, existed, change)) = change {
            self.store.log(context, slot);
            if change.new.is_some() || existed {
                downstream.forward(context, Record { key, value: change, timestamp, headers })?;
            }
        }
        Ok(())
    }

    /// Before a commit: appends the updates to the changelog and sends them downstream, in the order of the last write of each key.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub fn flush(
        &mut self,
        context: &mut TaskContext,
        downstream: &Downstream<K, Change<V>>,
    ) -> Result<(), StreamsError> {
        let mut slots = std::mem::take(&mut self.slots);
        while self.store.handle().borrow().has_unforwarded() {
            self.store.handle().borrow_mut().begin_flush(&mut slots)?;
            for &slot in &slots {
                let change = if downstream.is_empty() { None } else { self.change(slot)? };
                self.store.log(context, slot);
                if let Some(record) = change {
                    downstream.forward(context, record)?;
                }
            }
        }
        self.slots = slots;
        Ok(())
    }

    /// What downstream shall hear of a changed row; nothing where it came and went since the last flush.
    fn change(&self, slot: Slot) -> Result<Option<Record<K, Change<V>>>, StreamsError> {
        let buffer = self.store.handle().borrow();
        let new = buffer.value(slot).map(|bytes| self.decode_row(bytes)).transpose()?;
        if new.is_none() && buffer.existed(slot) == Some(false) {
            return Ok(None);
        }
        let old = match buffer.prior(slot) {
            Some(bytes) if self.send_old => Some(self.decode_row(bytes)?.1),
            _ => None,
        };
        let key = self
            .key_serde
            .deserialize(&self.topic, Some(Payload::new(buffer.key(slot))))
            .map_err(|error| self.stored("key", error))?;
        let timestamp = new.as_ref().map_or(buffer.context(slot).timestamp, |(timestamp, _)| *timestamp);
        let change = Change { old, new: new.map(|(_, value)| value) };
        Ok(Some(Record::new(key, change, timestamp)))
    }

    fn encode_key(&mut self, key: &K) -> Result<Written, StreamsError> {
        self.key.clear();
        self.key_serde.serialize(&self.topic, key, &mut self.key).map_err(|error| self.unencodable("key", error))
    }

    fn encode_row(&self, timestamp: i64, value: Option<&V>, out: &mut Vec<u8>) -> Result<Update, StreamsError> {
        let Some(value) = value else { return Ok(Update::Delete) };
        out.extend_from_slice(&timestamp.to_be_bytes());
        match self.value_serde.serialize(&self.topic, value, out) {
            Ok(Written::Bytes) => Ok(Update::Put),
            Ok(Written::Null) => Ok(Update::Delete),
            Err(error) => Err(self.unencodable("value", error)),
        }
    }

    fn decode_row(&self, bytes: &[u8]) -> Result<(i64, V), StreamsError> {
        let (timestamp, value) = split_timestamped(bytes).ok_or_else(|| {
            let error = SerdeError::WrongLength { expected: "row", expected_len: TIMESTAMP_LEN, actual: bytes.len() };
            self.stored("value", error)
        })?;
        let value = self
            .value_serde
            .deserialize(&self.topic, Some(Payload::new(value)))
            .map_err(|error| self.stored("value", error))?;
        Ok((timestamp.max(NO_TIMESTAMP), value))
    }

    #[cold]
    fn unencodable(&self, part: &'static str, error: SerdeError) -> StreamsError {
        StreamsError::Serialization { topic: self.topic.to_string(), part, error }
    }

    #[cold]
    fn stored(&self, part: &'static str, error: SerdeError) -> StreamsError {
        StreamsError::StoredBytes { store: self.store.name().to_string(), part, error }
    }
}
