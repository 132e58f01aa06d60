use crate::error::StreamsError;
use crate::serde::{Payload, SerdeError, SerdeRef, Written};
use crate::store::TaskStore;
use crate::topology::StoreFormat;
use state_stores::ReadOnlyKeyValueStore;
use std::rc::Rc;
use std::sync::Arc;

/// A store of a topology under test with the types of its rows.
pub(super) struct TestRows<K, V> {
    pub(super) store: Rc<TaskStore>,
    format: StoreFormat,
    topic: Arc<str>,
    key_serde: SerdeRef<K>,
    value_serde: SerdeRef<V>,
}

impl<K: 'static, V: 'static> TestRows<K, V> {
    pub(super) fn new(
        store: Rc<TaskStore>,
        format: StoreFormat,
        key_serde: SerdeRef<K>,
        value_serde: SerdeRef<V>,
    ) -> Self {
        let topic = store.serde_topic();
        Self { store, format, topic, key_serde, value_serde }
    }

    /// The bytes of a key; none where it is null.
    pub(super) fn encode(&self, key: &K) -> Result<Option<Vec<u8>>, StreamsError> {
        let mut bytes = Vec::new();
        let written = self
            .key_serde
            .serialize(&self.topic, key, &mut bytes)
            .map_err(|error| StreamsError::Serialization { topic: self.topic.to_string(), part: "key", error })?;
        Ok((written == Written::Bytes).then_some(bytes))
    }

    pub(super) fn decode_key(&self, key: &[u8]) -> Result<K, StreamsError> {
        self.key_serde.deserialize(&self.topic, Some(Payload::new(key))).map_err(|error| self.stored("key", error))
    }

    /// The value of a row with its timestamp.
    pub(super) fn decode_value(&self, row: &[u8]) -> Result<(V, i64), StreamsError> {
        let (timestamp, value) = self.format.split(row);
        Ok((self.decode_plain(value)?, timestamp))
    }

    /// A value without its timestamp.
    pub(super) fn decode_plain(&self, value: &[u8]) -> Result<V, StreamsError> {
        let value = self.value_serde.deserialize(&self.topic, Some(Payload::new(value)));
        value.map_err(|error| self.stored("value", error))
    }

    fn stored(&self, part: &'static str, error: SerdeError) -> StreamsError {
        StreamsError::StoredBytes { store: self.store.name().to_string(), part, error }
    }
}

/// A key-value store of a topology under test, to look into.
pub struct TestKeyValueStore<K, V> {
    rows: TestRows<K, V>,
}

impl<K: 'static, V: 'static> TestKeyValueStore<K, V> {
    pub(super) fn new(rows: TestRows<K, V>) -> Self {
        Self { rows }
    }

    /// The value of a key.
    ///
    /// # Errors
    /// The store cannot be read, or key or value cannot be encoded or decoded.
    pub fn get(&self, key: &K) -> Result<Option<V>, StreamsError> {
        Ok(self.get_with_timestamp(key)?.map(|(value, _)| value))
    }

    /// The value of a key with its timestamp (-1 in a store without timestamps).
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn get_with_timestamp(&self, key: &K) -> Result<Option<(V, i64)>, StreamsError> {
        let Some(key) = self.rows.encode(key)? else { return Ok(None) };
        let row = self.rows.store.handle().get(&key)?;
        row.map(|row| self.rows.decode_value(&row)).transpose()
    }

    /// All keys and values, in the order of the keys' bytes.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn all(&self) -> Result<Vec<(K, V)>, StreamsError> {
        let mut rows = Vec::new();
        for row in self.rows.store.handle().all() {
            let (key, value) = row?;
            rows.push((self.rows.decode_key(&key)?, self.rows.decode_value(&value)?.0));
        }
        Ok(rows)
    }
}
