use super::driver::Shared;
use crate::error::StreamsError;
use crate::record::{Headers, Record, RecordRef, Written};
use crate::serde::{SerdeError, SerdeRef};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// A topic to pipe records into. Each is processed to the end before the call returns.
pub struct TestInputTopic<K, V> {
    shared: Rc<RefCell<Shared>>,
    topic: Arc<str>,
    key_serde: SerdeRef<K>,
    value_serde: SerdeRef<V>,
    time: Cell<i64>,
    auto_advance: i64,
}

impl<K: 'static, V: 'static> TestInputTopic<K, V> {
    pub(super) fn new(
        shared: Rc<RefCell<Shared>>,
        topic: &str,
        key_serde: SerdeRef<K>,
        value_serde: SerdeRef<V>,
    ) -> Self {
        let time = Cell::new(shared.borrow().wall_time);
        Self { shared, topic: topic.into(), key_serde, value_serde, time, auto_advance: 0 }
    }

    /// Sets the timestamp of the next record that is piped without one (milliseconds since the epoch).
    #[must_use]
    pub fn with_start_timestamp(self, timestamp: i64) -> Self {
        self.time.set(timestamp);
        self
    }

    /// Moves the time of the topic on after each record that is piped without a timestamp. By default it stands still.
    #[must_use]
    pub fn with_auto_advance(mut self, by: Duration) -> Self {
        self.auto_advance = by.as_millis() as i64;
        self
    }

    /// Moves the time of the topic on.
    pub fn advance_time(&self, by: Duration) {
        self.time.set(self.time.get().saturating_add(by.as_millis() as i64));
    }

    /// Pipes a record with the topic's time.
    ///
    /// # Errors
    /// What the topology fails with; it cannot be used any more then.
    pub fn pipe_input(&self, key: K, value: V) -> Result<(), StreamsError> {
        let timestamp = self.time.get();
        self.time.set(timestamp.saturating_add(self.auto_advance));
        self.pipe_input_at(key, value, timestamp)
    }

    /// Pipes a record with a timestamp.
    ///
    /// # Errors
    /// As [`pipe_input`](Self::pipe_input).
    pub fn pipe_input_at(&self, key: K, value: V, timestamp: i64) -> Result<(), StreamsError> {
        self.pipe_record(Record { key, value, timestamp, headers: Headers::default() })
    }

    /// Pipes a record with timestamp and headers.
    ///
    /// # Errors
    /// As [`pipe_input`](Self::pipe_input).
    pub fn pipe_record(&self, record: Record<K, V>) -> Result<(), StreamsError> {
        let key = self.encode("key", |out| self.key_serde.serialize(&self.topic, &record.key, out))?;
        let value = self.encode("value", |out| self.value_serde.serialize(&self.topic, &record.value, out))?;
        self.pipe_bytes(key.as_deref(), value.as_deref(), record.timestamp, &record.headers)
    }

    /// Pipes several records, one after the other, as [`pipe_input`](Self::pipe_input).
    ///
    /// # Errors
    /// As [`pipe_input`](Self::pipe_input), at the first that fails.
    pub fn pipe_key_values(&self, records: impl IntoIterator<Item = (K, V)>) -> Result<(), StreamsError> {
        records.into_iter().try_for_each(|(key, value)| self.pipe_input(key, value))
    }

    /// Pipes a record of any bytes, also such as the serdes would not write.
    ///
    /// # Errors
    /// As [`pipe_input`](Self::pipe_input).
    pub fn pipe_bytes(
        &self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: i64,
        headers: &Headers,
    ) -> Result<(), StreamsError> {
        let record = RecordRef { offset: 0, timestamp, key, value, headers: headers.as_encoded() };
        self.shared.borrow_mut().machine()?.pipe(&self.topic, record)
    }

    fn encode(
        &self,
        part: &'static str,
        serialize: impl FnOnce(&mut Vec<u8>) -> Result<Written, SerdeError>,
    ) -> Result<Option<Vec<u8>>, StreamsError> {
        let mut bytes = Vec::new();
        match serialize(&mut bytes) {
            Ok(Written::Bytes) => Ok(Some(bytes)),
            Ok(Written::Null) => Ok(None),
            Err(error) => Err(StreamsError::Serialization { topic: self.topic.to_string(), part, error }),
        }
    }
}

impl<K: 'static, V: 'static> TestInputTopic<Option<K>, V> {
    /// Pipes a record without key.
    ///
    /// # Errors
    /// As [`pipe_input`](Self::pipe_input).
    pub fn pipe_value(&self, value: V) -> Result<(), StreamsError> {
        self.pipe_input(None, value)
    }

    /// Pipes several records without key.
    ///
    /// # Errors
    /// As [`pipe_input`](Self::pipe_input), at the first that fails.
    pub fn pipe_values(&self, values: impl IntoIterator<Item = V>) -> Result<(), StreamsError> {
        values.into_iter().try_for_each(|value| self.pipe_value(value))
    }
}
