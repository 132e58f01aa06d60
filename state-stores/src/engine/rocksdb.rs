//! One store as a column family of its task's RocksDB database.

use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use rocksdb::{BoundColumnFamily, ReadOptions, WriteBatch};

use crate::database::{Database, META_KEY_COUNT, STORE_STREAM_TIME_KEY};
use crate::error::{Result, StoreError};
use crate::expiry::StreamTime;
use crate::range::{Direction, KeyRange};

/// First byte of the keys of rows. What the store knows about itself has a smaller one, so that rows and
/// offset share a column family: RocksDB then loses both or neither in a crash.
const ROW: u8 = 0x01;
/// The first key after all rows.
const AFTER_ROWS: [u8; 1] = [ROW + 1];

/// Longest key that is prefixed on the stack.
const STACK_KEY: usize = 127;

/// A store in RocksDB.
#[derive(Clone)]
pub(crate) struct RocksDbStore {
    database: Arc<Database>,
    column_family: Arc<str>,
}

impl RocksDbStore {
    pub(crate) fn new(database: Arc<Database>, column_family: Arc<str>) -> Self {
        Self { database, column_family }
    }

    pub(crate) fn column_family_name(&self) -> &str {
        &self.column_family
    }

    pub(crate) fn column_family(&self) -> Result<Arc<BoundColumnFamily<'_>>> {
        self.database.column_family(&self.column_family)
    }

    pub(crate) fn get_into(&self, key: &[u8], value: &mut Vec<u8>) -> Result<bool> {
        value.clear();
        let column_family = self.column_family()?;
        let found = with_row_key(key, |key| {
            let options = self.database.read_options();
            (self.database.rocksdb()).get_pinned_cf_opt(&column_family, key, options)
        });
        match found.map_err(|error| self.error(error))? {
            None => Ok(false),
            Some(found) => {
                value.extend_from_slice(&found);
                Ok(true)
            }
        }
    }

    pub(crate) fn scan(
        &self,
        range: KeyRange<'_>,
        direction: Direction,
        mut visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<()> {
        let column_family = self.column_family()?;
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(lower_bound(range.lower));
        options.set_iterate_upper_bound(upper_bound(range.upper));
        let mut rows = (self.database.rocksdb()).raw_iterator_cf_opt(&column_family, options);
        match direction {
            Direction::Forward => rows.seek_to_first(),
            Direction::Reverse => rows.seek_to_last(),
        }
        while let Some((key, value)) = rows.item() {
            if visit(&key[1..], value).is_break() {
                return Ok(());
            }
            match direction {
                Direction::Forward => rows.next(),
                Direction::Reverse => rows.prev(),
            }
        }
        rows.status().map_err(|error| self.error(error))
    }

    pub(crate) fn approximate_num_entries(&self) -> Result<u64> {
        let column_family = self.column_family()?;
        let keys = (self.database.rocksdb())
            .property_int_value_cf(&column_family, rocksdb::properties::ESTIMATE_NUM_KEYS)
            .map_err(|error| self.error(error))?;
        Ok(keys.unwrap_or(0).saturating_sub(META_KEY_COUNT))
    }

    /// Deletes the files that hold nothing but rows below `key`, after those rows were deleted: their space is
    /// free at once, without compaction.
    pub(crate) fn delete_files_below(&self, key: &[u8]) -> Result<()> {
        let column_family = self.column_family()?;
        (self.database.rocksdb())
            .delete_file_in_range_cf(&column_family, vec![ROW], row_key(key, 0))
            .map_err(|error| self.error(error))
    }

    /// Whether there is any row.
    pub(crate) fn has_rows(&self) -> Result<bool> {
        let mut found = false;
        self.scan(KeyRange::all(), Direction::Forward, |_, _| {
            found = true;
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    fn error(&self, error: rocksdb::Error) -> StoreError {
        StoreError::from_rocksdb(self.database.directory(), error)
    }
}

/// Adds writes of one store's rows to a batch.
pub(crate) struct RowWriter<'a> {
    pub(crate) column_family: Arc<BoundColumnFamily<'a>>,
    pub(crate) batch: &'a mut WriteBatch,
}

impl RowWriter<'_> {
    /// Writes a row; `None` deletes it.
    pub(crate) fn write(&mut self, key: &[u8], value: Option<&[u8]>) {
        with_row_key(key, |key| match value {
            Some(value) => self.batch.put_cf(&self.column_family, key, value),
            None => self.batch.delete_cf(&self.column_family, key),
        });
    }

    /// Deletes all rows below `key`: one entry in the log, whatever their number.
    pub(crate) fn delete_below(&mut self, key: &[u8]) {
        // From the very first: so each deletion covers those before it, and what they deleted stays deleted
        // when the files that held them are gone.
        self.batch.delete_range_cf(&self.column_family, vec![ROW], row_key(key, 0));
    }

    /// Writes the store's stream time beside its rows.
    pub(crate) fn write_stream_time(&mut self, time: StreamTime) {
        self.batch.put_cf(&self.column_family, STORE_STREAM_TIME_KEY, time.to_bytes());
    }
}

/// Calls `f` with the key as it is in the column family, without allocating for keys of usual length.
fn with_row_key<R>(key: &[u8], f: impl FnOnce(&[u8]) -> R) -> R {
    if key.len() <= STACK_KEY {
        let mut bytes = [ROW; STACK_KEY + 1];
        bytes[1..=key.len()].copy_from_slice(key);
        return f(&bytes[..=key.len()]);
    }
    f(&row_key(key, 0))
}

fn row_key(key: &[u8], room: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + key.len() + room);
    bytes.push(ROW);
    bytes.extend_from_slice(key);
    bytes
}

/// The first key after `key`.
fn after(key: &[u8]) -> Vec<u8> {
    let mut bytes = row_key(key, 1);
    bytes.push(0);
    bytes
}

fn lower_bound(bound: Bound<&[u8]>) -> Vec<u8> {
    match bound {
        Bound::Unbounded => vec![ROW],
        Bound::Included(key) => row_key(key, 0),
        Bound::Excluded(key) => after(key),
    }
}

fn upper_bound(bound: Bound<&[u8]>) -> Vec<u8> {
    match bound {
        Bound::Unbounded => AFTER_ROWS.to_vec(),
        Bound::Included(key) => after(key),
        Bound::Excluded(key) => row_key(key, 0),
    }
}
