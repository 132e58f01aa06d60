use super::TaskStore;
use super::rows::Rows;
use crate::error::StreamsError;
use crate::processor::TaskContext;
use state_stores::{VersionPut, VersionedKeyValueStore};

/// The rows of a [table](super::TableStore) in a versioned store: logged as they are put, and never held back.
pub(super) struct VersionedRows {
    store: VersionedKeyValueStore,
    value: Vec<u8>,
}

impl VersionedRows {
    /// Those of a store; none where it is not versioned.
    pub(super) fn of(store: &TaskStore) -> Option<Self> {
        let store = VersionedKeyValueStore::new(store.handle().clone()).ok()?;
        Some(Self { store, value: Vec::new() })
    }

    /// The latest row of `key`, with the time since when it holds.
    pub(super) fn get<V: Clone + 'static>(
        &mut self,
        rows: &Rows<V>,
        key: &[u8],
    ) -> Result<Option<(i64, V)>, StreamsError> {
        self.store.get(key)?.map(|version| rows.decode_version(version.since, version.value)).transpose()
    }

    /// The row that `key` had at this time, with the time since when it held.
    pub(super) fn get_as_of<V: Clone + 'static>(
        &mut self,
        rows: &Rows<V>,
        key: &[u8],
        time: i64,
    ) -> Result<Option<(i64, V)>, StreamsError> {
        self.store.get_as_of(key, time)?.map(|version| rows.decode_version(version.since, version.value)).transpose()
    }

    /// Puts a row that holds since this time, and logs it; no row is a deletion, and a row that is null for its serde becomes none. What comes
    /// too late is logged as well, as Kafka Streams does.
    pub(super) fn put<V: Clone + 'static>(
        &mut self,
        context: &mut TaskContext,
        rows: &Rows<V>,
        key: &[u8],
        new: &mut Option<V>,
        time: i64,
    ) -> Result<VersionPut, StreamsError> {
        self.value.clear();
        if let Some(row) = new
            && !rows.encode_value(row, &mut self.value)?
        {
            *new = None;
        }
        let value = new.is_some().then_some(self.value.as_slice());
        let put = self.store.put(key, value, time)?;
        rows.store().log_version(context, key, value, time);
        Ok(put)
    }
}
