use crate::error::StreamsError;
use crate::serde::{Payload, SerdeRef, Written};
use crate::store::TaskStore;
use crate::topology::StoreFormat;
use state_stores::ReadOnlyKeyValueStore;
use state_stores::formats::split_timestamped;
use std::rc::Rc;
use std::sync::Arc;

/// A key-value store of a topology under test, to look into.
pub struct TestKeyValueStore<K, V> {
    store: Rc<TaskStore>,
    format: StoreFormat,
    topic: Arc<str>,
    key_serde: SerdeRef<K>,
    value_serde: SerdeRef<V>,
}

impl<K: 'static, V: 'static> TestKeyValueStore<K, V> {
    pub(super) fn new(store: Rc<TaskStore>, format: StoreFormat, serdes: (SerdeRef<K>, SerdeRef<V>)) -> Self {
        let topic = store.serde_topic();
        let (key_serde, value_serde) = serdes;
        Self { store, format, topic, key_serde, value_serde }
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
        let mut bytes = Vec::new();
        let written = self
            .key_serde
            .serialize(&self.topic, key, &mut bytes)
            .map_err(|error| StreamsError::Serialization { topic: self.topic.to_string(), part: "key", error })?;
        if written == Written::Null {
            return Ok(None);
        }
        let row = self.store.handle().get(&bytes)?;
        row.map(|row| self.decode(&row)).transpose()
    }

    /// All keys and values, in the order of the keys' bytes.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn all(&self) -> Result<Vec<(K, V)>, StreamsError> {
        let mut rows = Vec::new();
        for row in self.store.handle().all() {
            let (key, value) = row?;
            let key = self
                .key_serde
                .deserialize(&self.topic, Some(Payload::new(&key)))
                .map_err(|error| self.stored("key", error))?;
            rows.push((key, self.decode(&value)?.0));
        }
        Ok(rows)
    }

    fn decode(&self, row: &[u8]) -> Result<(V, i64), StreamsError> {
        let (timestamp, value) = match self.format {
            StoreFormat::Timestamped => split_timestamped(row).unwrap_or((-1, row)),
            StoreFormat::Plain | StoreFormat::SuppressionBuffer => (-1, row),
        };
        let value = self.value_serde.deserialize(&self.topic, Some(Payload::new(value)));
        Ok((value.map_err(|error| self.stored("value", error))?, timestamp))
    }

    fn stored(&self, part: &'static str, error: crate::serde::SerdeError) -> StreamsError {
        StreamsError::StoredBytes { store: self.store.name().to_string(), part, error }
    }
}
