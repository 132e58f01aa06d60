use super::store::TestRows;
use crate::error::StreamsError;
use crate::record::VersionedRecord;
use state_stores::{Version, VersionedKeyValueStore};

/// A versioned key-value store of a topology under test, to look into. Times are milliseconds since the epoch.
pub struct TestVersionedStore<K, V> {
    rows: TestRows<K, V>,
}

impl<K: 'static, V: 'static> TestVersionedStore<K, V> {
    pub(super) fn new(rows: TestRows<K, V>) -> Self {
        Self { rows }
    }

    /// The latest version of a key; `None` where it is a deletion.
    ///
    /// # Errors
    /// The store cannot be read, or key or value cannot be encoded or decoded.
    pub fn get(&self, key: &K) -> Result<Option<VersionedRecord<V>>, StreamsError> {
        let Some(key) = self.rows.encode(key)? else { return Ok(None) };
        let mut store = VersionedKeyValueStore::new(self.rows.store.handle().clone())?;
        store.get(&key)?.map(|version| self.decode(version)).transpose()
    }

    /// The version of a key that held at this time.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn get_as_of(&self, key: &K, as_of: i64) -> Result<Option<VersionedRecord<V>>, StreamsError> {
        let Some(key) = self.rows.encode(key)? else { return Ok(None) };
        let mut store = VersionedKeyValueStore::new(self.rows.store.handle().clone())?;
        store.get_as_of(&key, as_of)?.map(|version| self.decode(version)).transpose()
    }

    fn decode(&self, version: Version<'_>) -> Result<VersionedRecord<V>, StreamsError> {
        let value = self.rows.decode_plain(version.value)?;
        Ok(VersionedRecord { value, timestamp: version.since, valid_to: version.until })
    }
}
