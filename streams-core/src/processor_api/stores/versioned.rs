use super::bytes::{TypedRows, store_handle};
use super::{Opening, ProcessorStore};
use crate::error::StreamsError;
use crate::record::VersionedRecord;
use crate::topology::StoreKind;
use state_stores::{Version, VersionPut};
use std::cell::RefCell;
use std::rc::Rc;

/// A versioned key-value store of a processor: the value of each key, and what it was at any time of the store's history. A clone is the same store.
///
/// Times are milliseconds since the epoch. The history reaches back from the largest time that was ever put; versions may come out of order within
/// it, and what comes later is not stored. Before the history only a value that still holds is known ([KIP-889]).
///
/// [KIP-889]: https://cwiki.apache.org/confluence/display/KAFKA/KIP-889%3A+Versioned+State+Stores
pub struct VersionedKeyValueStore<K, V> {
    inner: Option<Rc<Versions<K, V>>>,
}

struct Versions<K, V> {
    rows: Rc<TypedRows<K, V>>,
    versions: RefCell<state_stores::VersionedKeyValueStore>,
}

store_handle!(VersionedKeyValueStore, Versions);

impl<K: 'static, V: 'static> ProcessorStore for VersionedKeyValueStore<K, V> {
    fn open(opening: &Opening<'_>) -> Result<Self, String> {
        let rows = TypedRows::open(opening, StoreKind::Versioned)?;
        let versions = state_stores::VersionedKeyValueStore::new(rows.store.handle().clone());
        let versions = RefCell::new(versions.map_err(|error| error.to_string())?);
        Ok(Self { inner: Some(Rc::new(Versions { rows, versions })) })
    }
}

impl<K: 'static, V: 'static> VersionedKeyValueStore<K, V> {
    /// Sets the value that `key` has since this time, until that of the next version; a value that is null deletes it as of then. One of the same
    /// time is replaced. Answers what became of it.
    ///
    /// # Errors
    /// The store cannot be read or written, key or value cannot be encoded or decoded, or the key is null. So for all methods here.
    pub fn put(&self, key: &K, value: &V, timestamp: i64) -> Result<VersionPut, StreamsError> {
        let Versions { rows, versions } = &**self.inner()?;
        rows.with_key(key, |key| {
            rows.with_value(value, |value| {
                let put = versions.borrow_mut().put(key, value, timestamp)?;
                // Too late or not: all who read the changelog decide alike.
                rows.store.log_version_later(key, value, timestamp);
                Ok(put)
            })
        })
    }

    /// Deletes `key` as of this time; answers the version that held then. Also `None` where the deletion came too late.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn delete(&self, key: &K, timestamp: i64) -> Result<Option<VersionedRecord<V>>, StreamsError> {
        let Versions { rows, versions } = &**self.inner()?;
        rows.with_key(key, |key| {
            let held = versions.borrow_mut().delete(key, timestamp)?;
            rows.store.log_version_later(key, None, timestamp);
            let held = held.as_ref().map(|(value, since, until)| Version { value, since: *since, until: *until });
            held.map(|version| rows.decode_version(version)).transpose()
        })
    }

    /// The latest version of `key`; `None` where that is a deletion.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn get(&self, key: &K) -> Result<Option<VersionedRecord<V>>, StreamsError> {
        let rows = &self.inner()?.rows;
        rows.with_key(key, |key| self.find(key, None))
    }

    /// The version of `key` that held at this time. A time before the history finds only what still holds.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn get_as_of(&self, key: &K, timestamp: i64) -> Result<Option<VersionedRecord<V>>, StreamsError> {
        let rows = &self.inner()?.rows;
        rows.with_key(key, |key| self.find(key, Some(timestamp)))
    }

    fn find(&self, key: &[u8], as_of: Option<i64>) -> Result<Option<VersionedRecord<V>>, StreamsError> {
        let Versions { rows, versions } = &**self.inner()?;
        let mut versions = versions.borrow_mut();
        let found = match as_of {
            Some(time) => versions.get_as_of(key, time)?,
            None => versions.get(key)?,
        };
        found.map(|version| rows.decode_version(version)).transpose()
    }
}

impl<K: 'static, V: 'static> TypedRows<K, V> {
    fn decode_version(&self, version: Version<'_>) -> Result<VersionedRecord<V>, StreamsError> {
        let Version { value, since, until } = version;
        Ok(VersionedRecord { value: self.decode_value(value)?, timestamp: since, valid_to: until })
    }
}
