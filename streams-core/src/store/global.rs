use crate::error::StreamsError;
use crate::record::Written;
use crate::serde::{Payload, SerdeError, SerdeRef};
use crate::topology::StoreFormat;
use state_stores::{CommittedReader, ReadOnlyKeyValueStore, TaskStores};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The global stores of an instance, for tasks to read: rows as far as they have been applied.
#[derive(Clone, Default)]
pub struct GlobalStores {
    readers: Arc<BTreeMap<String, CommittedReader>>,
}

impl GlobalStores {
    /// The stores by name.
    pub fn new(readers: impl IntoIterator<Item = (String, CommittedReader)>) -> Self {
        Self { readers: Arc::new(readers.into_iter().collect()) }
    }

    /// These and the stores of a global subtopology.
    ///
    /// # Errors
    /// Where one of them cannot be read.
    pub(crate) fn and(&self, stores: &TaskStores) -> Result<Self, StreamsError> {
        let mut readers = BTreeMap::clone(&self.readers);
        for (index, spec) in stores.specs().iter().enumerate() {
            readers.insert(spec.name.clone(), stores.reader(index)?);
        }
        Ok(Self::new(readers))
    }

    /// The store of this name.
    pub fn get(&self, name: &str) -> Option<CommittedReader> {
        self.readers.get(name).cloned()
    }
}

/// The rows of a global table, as nodes of tasks read them.
pub struct GlobalTable<K, V> {
    reader: CommittedReader,
    format: StoreFormat,
    key_serde: SerdeRef<K>,
    value_serde: SerdeRef<V>,
    key: Vec<u8>,
    row: Vec<u8>,
}

impl<K: 'static, V: 'static> GlobalTable<K, V> {
    /// The table in a global key-value store of this format.
    pub fn new(reader: CommittedReader, format: StoreFormat, key_serde: SerdeRef<K>, value_serde: SerdeRef<V>) -> Self {
        Self { reader, format, key_serde, value_serde, key: Vec::new(), row: Vec::new() }
    }

    /// The row of `key` with its timestamp; none for a null key.
    ///
    /// # Errors
    /// Where the store cannot be read, the key not be encoded, or the row not be decoded.
    pub fn get(&mut self, key: &K) -> Result<Option<(i64, V)>, StreamsError> {
        let store = self.reader.name();
        self.key.clear();
        let written = self.key_serde.serialize(store, key, &mut self.key);
        let unencodable = |error| StreamsError::Serialization { topic: store.to_owned(), part: "key", error };
        if written.map_err(unencodable)? == Written::Null {
            return Ok(None);
        }
        self.row.clear();
        if !self.reader.get_into(&self.key, &mut self.row)? {
            return Ok(None);
        }
        let (timestamp, value) = self.format.split(&self.row);
        let undecodable =
            |error: SerdeError| StreamsError::StoredBytes { store: store.to_owned(), part: "value", error };
        let value = self.value_serde.deserialize(store, Some(Payload::new(value))).map_err(undecodable)?;
        Ok(Some((timestamp, value)))
    }
}
