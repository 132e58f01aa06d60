//! The two homes of committed rows. Both have the same three methods, and one suite of tests
//! (`tests/conformance.rs`) holds for both.

pub(crate) mod memory;
pub(crate) mod rocksdb;

use std::ops::ControlFlow;

use self::memory::MemoryStore;
use self::rocksdb::RocksDbStore;
use crate::error::Result;
use crate::range::{Direction, KeyRange};

/// One store's committed rows. A clone is the same store.
#[derive(Clone)]
pub(crate) enum Engine {
    RocksDb(RocksDbStore),
    Memory(MemoryStore),
}

impl Engine {
    /// Replaces `value` with the value of `key`. Answers whether there is one; `value` is empty if not.
    pub(crate) fn get_into(&self, key: &[u8], value: &mut Vec<u8>) -> Result<bool> {
        match self {
            Self::RocksDb(store) => store.get_into(key, value),
            Self::Memory(store) => Ok(store.get_into(key, value)),
        }
    }

    /// Shows each row of `range` to `visit`, in order, until it breaks off. What it shows is one moment's
    /// state: writes that come meanwhile are not seen.
    pub(crate) fn scan(
        &self,
        range: KeyRange<'_>,
        direction: Direction,
        visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        match self {
            Self::RocksDb(store) => store.scan(range, direction, visit),
            Self::Memory(store) => {
                store.scan(range, direction, visit);
                Ok(())
            }
        }
    }

    /// How many rows there are: an estimate on RocksDB, exact in memory.
    pub(crate) fn approximate_num_entries(&self) -> Result<u64> {
        match self {
            Self::RocksDb(store) => store.approximate_num_entries(),
            Self::Memory(store) => Ok(store.num_entries()),
        }
    }
}
