use super::driver::Shared;
use super::error::misuse;
use crate::error::StreamsError;
use crate::record::{Headers, Record, RecordRef};
use crate::serde::{Payload, SerdeRef};
use bytes::Bytes;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

/// A record that the topology wrote.
pub(super) struct Captured {
    pub(super) key: Option<Bytes>,
    pub(super) value: Option<Bytes>,
    pub(super) timestamp: i64,
    pub(super) headers: Headers,
}

impl Captured {
    pub(super) fn as_ref(&self) -> RecordRef<'_> {
        RecordRef {
            offset: 0,
            timestamp: self.timestamp,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: self.headers.as_encoded(),
        }
    }
}

/// A topic that the topology writes to, read record by record in the order of writing. What is read is gone.
pub struct TestOutputTopic<K, V> {
    shared: Rc<RefCell<Shared>>,
    topic: Arc<str>,
    key_serde: SerdeRef<K>,
    value_serde: SerdeRef<V>,
}

impl<K: 'static, V: 'static> TestOutputTopic<K, V> {
    pub(super) fn new(
        shared: Rc<RefCell<Shared>>,
        topic: &str,
        key_serde: SerdeRef<K>,
        value_serde: SerdeRef<V>,
    ) -> Self {
        Self { shared, topic: topic.into(), key_serde, value_serde }
    }

    /// The next record.
    ///
    /// # Errors
    /// There is none, or it cannot be decoded (null where the type has no null, say).
    pub fn read_record(&self) -> Result<Record<K, V>, StreamsError> {
        let captured = self.shared.borrow_mut().machine()?.take(&self.topic);
        let captured = captured.ok_or_else(|| misuse(format!("topic {} has no more records", self.topic)))?;
        let Captured { key, value, timestamp, headers } = captured;
        let key = decode(&self.key_serde, &self.topic, "key", key.as_ref())?;
        let value = decode(&self.value_serde, &self.topic, "value", value.as_ref())?;
        Ok(Record { key, value, timestamp, headers })
    }

    /// Key and value of the next record.
    ///
    /// # Errors
    /// As [`read_record`](Self::read_record).
    pub fn read_key_value(&self) -> Result<(K, V), StreamsError> {
        self.read_record().map(|record| (record.key, record.value))
    }

    /// The value of the next record.
    ///
    /// # Errors
    /// As [`read_record`](Self::read_record).
    pub fn read_value(&self) -> Result<V, StreamsError> {
        self.read_record().map(|record| record.value)
    }

    /// All records that are left.
    ///
    /// # Errors
    /// One of them cannot be decoded.
    pub fn read_records_to_list(&self) -> Result<Vec<Record<K, V>>, StreamsError> {
        (0..self.queue_size()).map(|_| self.read_record()).collect()
    }

    /// Keys and values of all records that are left.
    ///
    /// # Errors
    /// One of them cannot be decoded.
    pub fn read_key_values_to_list(&self) -> Result<Vec<(K, V)>, StreamsError> {
        (0..self.queue_size()).map(|_| self.read_key_value()).collect()
    }

    /// The last value of each key of all records that are left.
    ///
    /// # Errors
    /// One of them cannot be decoded.
    pub fn read_key_values_to_map(&self) -> Result<BTreeMap<K, V>, StreamsError>
    where
        K: Ord,
    {
        (0..self.queue_size()).map(|_| self.read_key_value()).collect()
    }

    /// Values of all records that are left.
    ///
    /// # Errors
    /// One of them cannot be decoded.
    pub fn read_values_to_list(&self) -> Result<Vec<V>, StreamsError> {
        (0..self.queue_size()).map(|_| self.read_value()).collect()
    }

    /// Number of records that are left.
    pub fn queue_size(&self) -> usize {
        match self.shared.borrow_mut().machine() {
            Ok(machine) => machine.outputs().get(&*self.topic).map_or(0, |queue| queue.len()),
            Err(_) => 0,
        }
    }

    /// Whether no record is left.
    pub fn is_empty(&self) -> bool {
        self.queue_size() == 0
    }
}

fn decode<T: 'static>(
    serde: &SerdeRef<T>,
    topic: &str,
    part: &'static str,
    bytes: Option<&Bytes>,
) -> Result<T, StreamsError> {
    serde
        .deserialize(topic, bytes.map(|bytes| Payload::in_buffer(bytes, bytes)))
        .map_err(|error| misuse(format!("cannot decode the {part} of a record of topic {topic}: {error}")))
}
