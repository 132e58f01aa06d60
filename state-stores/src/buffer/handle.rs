//! A shared handle to a store's buffer, for the operators and the runtime of one thread.

use std::cell::{Ref, RefCell, RefMut};
use std::rc::Rc;
use std::sync::Arc;

use super::WriteBuffer;
use crate::error::{Result, StoreError};
use crate::kv::{KeyValueStore, ReadOnlyKeyValueStore};
use crate::range::{Direction, KeyRange};
use crate::scan::{Page, ScanSource};

/// A store of an active task, as its operators see it: buffer over engine. A clone is the same store.
///
/// It stays on the thread of its task. When the task is closed or moved, every access through it is refused
/// with [`StoreError::Closed`].
#[derive(Clone, Debug)]
pub struct StoreHandle {
    name: Arc<str>,
    buffer: Rc<RefCell<WriteBuffer>>,
}

impl StoreHandle {
    pub(crate) fn new(name: Arc<str>, buffer: WriteBuffer) -> Self {
        let buffer = Rc::new(RefCell::new(buffer));
        Self { name, buffer }
    }

    /// Name of the store.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The buffer, to look at.
    ///
    /// # Panics
    /// If it is borrowed to be changed. Release each borrow before anything else may use the store: before
    /// a record is forwarded, above all.
    pub fn borrow(&self) -> Ref<'_, WriteBuffer> {
        self.buffer.borrow()
    }

    /// The buffer, to use.
    ///
    /// # Panics
    /// If it is borrowed. See [`borrow`](Self::borrow).
    pub fn borrow_mut(&self) -> RefMut<'_, WriteBuffer> {
        self.buffer.borrow_mut()
    }

    pub(crate) fn try_borrow(&self) -> Result<Ref<'_, WriteBuffer>> {
        self.buffer.try_borrow().map_err(|_| self.in_use())
    }

    pub(crate) fn try_borrow_mut(&self) -> Result<RefMut<'_, WriteBuffer>> {
        self.buffer.try_borrow_mut().map_err(|_| self.in_use())
    }

    fn in_use(&self) -> StoreError {
        StoreError::InUse { store: self.name.to_string() }
    }
}

impl ScanSource for StoreHandle {
    fn scan_mark(&self) -> u64 {
        // Borrowed elsewhere: reading the first page will say so.
        self.try_borrow().map_or(0, |buffer| buffer.mark())
    }

    fn read_page(&self, range: KeyRange<'_>, direction: Direction, mark: u64, page: &mut Page) -> Result<()> {
        self.try_borrow_mut()?.scan_at(range, direction, mark, |key, value| page.push(key, value))
    }
}

impl ReadOnlyKeyValueStore for StoreHandle {
    fn get_into(&self, key: &[u8], value: &mut Vec<u8>) -> Result<bool> {
        value.clear();
        let mut buffer = self.try_borrow_mut()?;
        let Some(found) = buffer.get(key)? else {
            return Ok(false);
        };
        value.extend_from_slice(found);
        Ok(true)
    }

    fn approximate_num_entries(&self) -> Result<u64> {
        self.try_borrow()?.approximate_num_entries()
    }
}

impl KeyValueStore for StoreHandle {
    fn put(&self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        self.try_borrow_mut()?.put(key, value)
    }

    fn put_if_absent(&self, key: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>> {
        self.try_borrow_mut()?.put_if_absent(key, value)
    }

    fn delete(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.try_borrow_mut()?.delete(key)
    }
}
