use super::pages::ask;
use super::view::View;
use crate::broker::Broker;
use crate::error::StreamsError;
use crate::record::VersionedRecord;
use crate::runtime::Instance;
use crate::topology::StoreKind;
use state_stores::{SegmentSource, StoreError, VersionedKeyValueStore};
use std::sync::Arc;

/// A version as it was read: value, since when it holds, and until when.
type Found = Option<(Vec<u8>, i64, Option<i64>)>;

/// A typed, read-only view of a versioned key-value store over all tasks of this instance. Cheap to clone; usable from any thread.
///
/// Keys that other instances own are not found here. While a task of the store is being restored, or moves away, queries say so instead
/// of answering from the rest.
pub struct ReadOnlyVersionedView<B: Broker, K, V> {
    view: View<B, K, V>,
}

impl<B: Broker, K, V> Clone for ReadOnlyVersionedView<B, K, V> {
    fn clone(&self) -> Self {
        Self { view: self.view.clone() }
    }
}

impl<B: Broker, K: 'static, V: 'static> ReadOnlyVersionedView<B, K, V> {
    pub(crate) fn new(instance: Arc<Instance<B>>, store: &str) -> Result<Self, StreamsError> {
        let (view, _) = View::new(instance, store, StoreKind::Versioned)?;
        Ok(Self { view })
    }

    /// The same view, restricted to what has been committed. It does not disturb the processing threads at all.
    #[must_use]
    pub fn committed(mut self) -> Self {
        self.view.committed = true;
        self
    }

    /// The latest version of `key`; `None` where no task of this instance has it, or it is a deletion.
    ///
    /// # Errors
    /// [`StreamsError::InvalidState`] while a task is restored or moves, or when the instance does not run.
    pub fn get(&self, key: &K) -> Result<Option<VersionedRecord<V>>, StreamsError> {
        self.find(key, None)
    }

    /// The version of `key` that held at this time, in milliseconds since the epoch. A time before the history of the store finds only what still
    /// holds.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn get_as_of(&self, key: &K, as_of: i64) -> Result<Option<VersionedRecord<V>>, StreamsError> {
        self.find(key, Some(as_of))
    }

    fn find(&self, key: &K, as_of: Option<i64>) -> Result<Option<VersionedRecord<V>>, StreamsError> {
        let key = self.view.encode(key)?;
        for location in self.view.locations()? {
            let found = if self.view.committed {
                read(location.reader, &key, as_of)?
            } else {
                let key = key.clone();
                ask(&location, move |store| read(store.clone(), &key, as_of))?
            };
            if let Some((value, timestamp, valid_to)) = found {
                return Ok(Some(VersionedRecord { value: self.view.decode_plain(&value)?, timestamp, valid_to }));
            }
        }
        Ok(None)
    }
}

fn read<S: SegmentSource>(rows: S, key: &[u8], as_of: Option<i64>) -> Result<Found, StoreError> {
    let mut store = VersionedKeyValueStore::new(rows)?;
    let version = match as_of {
        Some(time) => store.get_as_of(key, time)?,
        None => store.get(key)?,
    };
    Ok(version.map(|version| (version.value.to_vec(), version.since, version.until)))
}
