use super::{Opening, ProcessorStore};
use crate::error::StreamsError;
use crate::processor_api::ProcessorResult;
use crate::store::TaskStore;
use state_stores::{KeyValueStore, ReadOnlyKeyValueStore, StoreHandle};
use std::any::{Any, type_name};
use std::cell::{Cell, Ref, RefCell, RefMut};
use std::rc::Rc;
use std::sync::Arc;

/// Rows that are given to [`StateStore::restore`] at once, at most.
const BATCH_ROWS: usize = 512;
/// Bytes of such a batch, beyond which no row is added.
const BATCH_BYTES: usize = 256 << 10;

/// A store of the user's own: any structure in memory whose state can be written as rows of bytes.
///
/// Before each commit [`flush`](Self::flush) writes the rows that have changed. They are kept in RocksDB (or in memory, as declared) and logged
/// to the store's changelog, with the guarantees of every store; when the task starts, here or elsewhere, [`restore`](Self::restore) gets
/// them back. So the store never stands anywhere but at a commit.
///
/// ```
/// # use std::collections::{BTreeMap, BTreeSet};
/// # use streams_core::processor_api::{ChangelogWriter, ProcessorResult, StateStore};
/// /// Numbers in order, of which the smallest can be taken.
/// #[derive(Default)]
/// struct Numbers {
///     numbers: BTreeSet<u64>,
///     /// Those that came (true) and went since the last commit.
///     changed: BTreeMap<u64, bool>,
/// }
///
/// impl Numbers {
///     fn add(&mut self, number: u64) {
///         self.numbers.insert(number);
///         self.changed.insert(number, true);
///     }
///
///     fn take_first(&mut self) -> Option<u64> {
///         let number = self.numbers.pop_first()?;
///         self.changed.insert(number, false);
///         Some(number)
///     }
/// }
///
/// impl StateStore for Numbers {
///     fn restore(&mut self, batch: &[(&[u8], &[u8])]) -> ProcessorResult {
///         for (key, _) in batch {
///             self.numbers.insert(u64::from_be_bytes((*key).try_into()?));
///         }
///         Ok(())
///     }
///
///     fn flush(&mut self, changelog: &mut ChangelogWriter<'_>) -> ProcessorResult {
///         for (number, present) in std::mem::take(&mut self.changed) {
///             match present {
///                 true => changelog.put(&number.to_be_bytes(), b"")?,
///                 false => changelog.delete(&number.to_be_bytes())?,
///             }
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait StateStore: 'static {
    /// Takes rows as they were flushed before, in the order of their keys; called with all of them, batch by batch, before the first processor that uses
    /// the store is initialized. Not called where there are none.
    ///
    /// # Errors
    /// Stop the task.
    fn restore(&mut self, batch: &[(&[u8], &[u8])]) -> ProcessorResult;

    /// Writes the rows that have changed since the last call. Called before each commit, perhaps several times.
    ///
    /// # Errors
    /// Stop the task without commit; no handler is asked, as state would be lost.
    fn flush(&mut self, changelog: &mut ChangelogWriter<'_>) -> ProcessorResult;

    /// The task is closed. What was not flushed and committed is not to be kept.
    fn close(&mut self) {}
}

/// Where a [`StateStore`] writes its rows.
pub struct ChangelogWriter<'a> {
    rows: &'a StoreHandle,
}

impl ChangelogWriter<'_> {
    /// Sets the row of a key.
    ///
    /// # Errors
    /// The store is closed.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StreamsError> {
        Ok(self.rows.put(key, Some(value))?)
    }

    /// Deletes the row of a key.
    ///
    /// # Errors
    /// The store is closed.
    pub fn delete(&mut self, key: &[u8]) -> Result<(), StreamsError> {
        Ok(self.rows.put(key, None)?)
    }
}

/// A [`StateStore`] as processors have it: one per task, shared by those that it is connected to.
pub struct CustomStore<S: StateStore> {
    instance: Option<Rc<Instance<S>>>,
}

impl<S: StateStore> Clone for CustomStore<S> {
    fn clone(&self) -> Self {
        Self { instance: self.instance.clone() }
    }
}

/// A handle that is not yet a store: to be replaced in `init`. Every use until then is an error.
impl<S: StateStore> Default for CustomStore<S> {
    fn default() -> Self {
        Self { instance: None }
    }
}

impl<S: StateStore> CustomStore<S> {
    /// The store, to look at.
    ///
    /// # Errors
    /// It is borrowed to be changed: by a processor above that forwards while it holds [`borrow_mut`](Self::borrow_mut).
    pub fn borrow(&self) -> Result<Ref<'_, S>, StreamsError> {
        let instance = self.instance()?;
        instance.store.try_borrow().map_err(|_| instance.in_use())
    }

    /// The store, to change. To be let go of before a record is forwarded.
    ///
    /// # Errors
    /// It is borrowed, by a processor above.
    pub fn borrow_mut(&self) -> Result<RefMut<'_, S>, StreamsError> {
        let instance = self.instance()?;
        instance.store.try_borrow_mut().map_err(|_| instance.in_use())
    }

    fn instance(&self) -> Result<&Instance<S>, StreamsError> {
        self.instance.as_deref().ok_or_else(super::bytes::not_opened)
    }
}

impl<S: StateStore> ProcessorStore for CustomStore<S> {
    fn open(opening: &Opening<'_>) -> Result<Self, String> {
        let name = &opening.spec.name;
        let Some(custom) = opening.custom else {
            return Err(format!("store {name} is not a custom store"));
        };
        match Rc::clone(custom).as_any().downcast::<Instance<S>>() {
            Ok(instance) => Ok(Self { instance: Some(instance) }),
            Err(_) => Err(format!("store {name} is a {}, not a {}", custom.type_name(), type_name::<S>())),
        }
    }
}

/// Makes the stores of tasks.
pub(crate) type CustomFactory = Arc<dyn Fn(Rc<TaskStore>) -> Rc<dyn CustomInstance> + Send + Sync>;

pub(super) fn factory<S: StateStore>(supplier: impl Fn() -> S + Send + Sync + 'static) -> CustomFactory {
    Arc::new(move |rows| Rc::new(Instance { rows, store: RefCell::new(supplier()), restored: Cell::new(false) }))
}

/// A store of the user's own in a task, its type aside.
pub(crate) trait CustomInstance {
    /// Gives the store its rows, the first time that this is called.
    fn restore(&self) -> Result<(), StreamsError>;
    /// Has the store write what has changed.
    fn flush(&self) -> Result<(), StreamsError>;
    fn as_any(self: Rc<Self>) -> Rc<dyn Any>;
    fn type_name(&self) -> &'static str;
}

struct Instance<S: StateStore> {
    rows: Rc<TaskStore>,
    store: RefCell<S>,
    restored: Cell<bool>,
}

impl<S: StateStore> Instance<S> {
    #[cold]
    fn in_use(&self) -> StreamsError {
        StreamsError::InvalidState(format!(
            "store {} is borrowed by a processor above; let go of it before forwarding",
            self.rows.name()
        ))
    }

    fn failed(&self, doing: &str, error: impl std::fmt::Display) -> StreamsError {
        StreamsError::InvalidState(format!("store {} cannot be {doing}: {error}", self.rows.name()))
    }

    /// Gives the store a batch whose rows end at these places of `bytes`.
    fn restore_batch(&self, bytes: &[u8], ends: &[(usize, usize)]) -> Result<(), StreamsError> {
        let mut start = 0;
        let mut batch = Vec::with_capacity(ends.len());
        for &(key_end, end) in ends {
            batch.push((&bytes[start..key_end], &bytes[key_end..end]));
            start = end;
        }
        self.store.borrow_mut().restore(&batch).map_err(|error| self.failed("restored", error))
    }
}

impl<S: StateStore> CustomInstance for Instance<S> {
    fn restore(&self) -> Result<(), StreamsError> {
        if self.restored.replace(true) {
            return Ok(());
        }
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        let mut rows = self.rows.handle().all();
        while let Some((key, value)) = rows.next_row()? {
            bytes.extend_from_slice(key);
            let key_end = bytes.len();
            bytes.extend_from_slice(value);
            ends.push((key_end, bytes.len()));
            if ends.len() == BATCH_ROWS || bytes.len() >= BATCH_BYTES {
                self.restore_batch(&bytes, &ends)?;
                bytes.clear();
                ends.clear();
            }
        }
        if ends.is_empty() { Ok(()) } else { self.restore_batch(&bytes, &ends) }
    }

    fn flush(&self) -> Result<(), StreamsError> {
        let mut store = self.store.try_borrow_mut().map_err(|_| self.in_use())?;
        let mut changelog = ChangelogWriter { rows: self.rows.handle() };
        store.flush(&mut changelog).map_err(|error| self.failed("flushed", error))
    }

    fn as_any(self: Rc<Self>) -> Rc<dyn Any> {
        self
    }

    fn type_name(&self) -> &'static str {
        type_name::<S>()
    }
}

impl<S: StateStore> Drop for Instance<S> {
    fn drop(&mut self) {
        let store = self.store.get_mut();
        crate::processor_api::processor::close(self.rows.name(), || store.close());
    }
}
