//! A windowed store as it is opened and restored: in the layout that it is used with, from the records of its
//! changelog.

use std::rc::Rc;

use crate::buffer::{BufferOptions, WriteBuffer};
use crate::commit::CommitBatch;
use crate::database::Database;
use crate::engine::rocksdb::RocksDbStore;
use crate::error::{Result, StoreError};
use crate::expiry::Expiry;
use crate::formats::split_version;
use crate::layout::RowLayout;
use crate::restored_rows::RestoredRows;
use crate::spec::StoreSpec;
use crate::task_stores::Store;
use crate::versioned::{Versions, is_too_late};

/// Sees to it that a store has its rows in the layout that is wanted: one that has them in another is emptied.
pub(crate) fn prepare_layout(spec: &StoreSpec, database: &Database, engine: &RocksDbStore) -> Result<()> {
    let column_family = engine.column_family_name();
    let (wanted, found) = (spec.layout.fingerprint(), database.layout(column_family)?);
    if wanted == found {
        return Ok(());
    }
    if engine.has_rows()? || database.committed(column_family)?.is_some() {
        tracing::warn!(
            store = spec.name,
            layout = ?spec.layout,
            "the store's rows are on disk in another layout (kind, segment interval or time index were \
             changed): it is emptied, to be restored from its changelog"
        );
        return database.recreate(column_family, &wanted);
    }
    database.set_layout(column_family, &wanted)
}

impl Store {
    /// Adds records of the changelog of a windowed store to `batch`.
    pub(crate) fn restore_segments<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        store: usize,
        rows: impl IntoIterator<Item = (K, Option<V>)>,
        batch: &mut CommitBatch,
    ) -> Result<()> {
        let mut restored = RestoredRows::default();
        let mut expiry = Expiry::new(&self.layout, self.stream_time);
        let indexed = self.layout.has_time_index();
        let (mut row, mut index) = (Vec::new(), Vec::new());
        for (key, value) in rows {
            let key = key.as_ref();
            let (time, sequence) = self.layout.row_of(key, &mut row).ok_or_else(|| self.invalid_key(key.len()))?;
            expiry.observe_restored(time, self.stream_time_limit);
            if expiry.is_expired(time) {
                continue;
            }
            expiry.set_sequence(sequence);
            restored.push(&row, value.as_ref().map(AsRef::as_ref));
            if indexed && self.layout.index_row(&row, &mut index) {
                restored.push(&index, value.is_some().then_some(&[]));
            }
        }
        let mut writer = batch.writer(store, &self.engine)?;
        restored.write(&mut writer);
        if expiry.first_live() > self.dropped_below {
            writer.drop_segments(expiry.first_live());
        }
        if expiry.time() != self.stream_time {
            writer.stream_time(expiry.time());
        }
        Ok(())
    }

    /// Adds records of the changelog of a versioned store to `batch`: each is put as it was then, in the same order.
    pub(crate) fn restore_versions<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        store: usize,
        rows: impl IntoIterator<Item = (K, Option<V>)>,
        batch: &mut CommitBatch,
    ) -> Result<()> {
        let options = BufferOptions { limit_bytes: usize::MAX, ..BufferOptions::default() };
        let mut buffer = WriteBuffer::new(self.name.clone(), self.engine.clone(), options, Rc::default())
            .with_segments(self.layout, self.stream_time, self.dropped_below);
        let mut versions = Versions::default();
        for (key, version) in rows {
            let version = version.as_ref().map(AsRef::as_ref).unwrap_or_default();
            let Some((since, value)) = split_version(version) else {
                return Err(StoreError::InvalidVersion { store: self.name.to_string(), length: version.len() });
            };
            if is_too_late(&buffer, since) {
                continue;
            }
            buffer.observe_restored(since, self.stream_time_limit);
            let _put = versions.put(&mut buffer, key.as_ref(), value, since)?;
        }
        buffer.seal(&mut batch.writer(store, &self.engine)?);
        Ok(())
    }

    fn invalid_key(&self, length: usize) -> StoreError {
        let needed = match self.layout {
            RowLayout::Session { .. } => "a session (its end and start take 16)",
            _ => "a window (its start and sequence number take 12)",
        };
        StoreError::InvalidChangelogKey { store: self.name.to_string(), length, needed }
    }
}
