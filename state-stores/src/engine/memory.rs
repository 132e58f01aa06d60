//! Rows in memory, sorted. Gone when the task closes, then rebuilt from the changelog.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use crate::range::{Direction, KeyRange};

type Rows = BTreeMap<Box<[u8]>, Box<[u8]>>;

/// A row to write: `None` deletes.
pub(crate) type RowWrite = (Box<[u8]>, Option<Box<[u8]>>);

/// A store in memory. The lock is taken once per commit, and once per read from another thread; the
/// owner's hot reads end in the write buffer before they come here.
#[derive(Clone, Default)]
pub(crate) struct MemoryStore {
    rows: Arc<RwLock<Rows>>,
}

impl MemoryStore {
    fn read(&self) -> RwLockReadGuard<'_, Rows> {
        // A panic elsewhere cannot leave the map half changed in a way that matters: see `write`.
        self.rows.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get_into(&self, key: &[u8], value: &mut Vec<u8>) -> bool {
        value.clear();
        let rows = self.read();
        let Some(found) = rows.get(key) else {
            return false;
        };
        value.extend_from_slice(found);
        true
    }

    pub(crate) fn scan(
        &self,
        range: KeyRange<'_>,
        direction: Direction,
        mut visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) {
        let rows = self.read();
        let mut rows = rows.range::<[u8], _>((range.lower, range.upper));
        while let Some((key, value)) = match direction {
            Direction::Forward => rows.next(),
            Direction::Reverse => rows.next_back(),
        } {
            if visit(key, value).is_break() {
                return;
            }
        }
    }

    pub(crate) fn num_entries(&self) -> u64 {
        self.read().len() as u64
    }

    /// Applies `writes` in order; other threads see all of them or none.
    pub(crate) fn write(&self, writes: impl IntoIterator<Item = RowWrite>) {
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in writes {
            match value {
                Some(value) => drop(rows.insert(key, value)),
                None => drop(rows.remove(&key)),
            }
        }
    }

    /// Deletes all rows below `key`, without looking at each.
    pub(crate) fn delete_below(&self, key: &[u8]) {
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        let below = {
            let live = rows.split_off(key);
            std::mem::replace(&mut *rows, live)
        };
        // Readers need not wait while the memory is given back.
        drop(rows);
        drop(below);
    }

    pub(crate) fn clear(&self) {
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        rows.clear();
    }
}
