//! Reading a task's committed rows from other threads.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::engine::Engine;
use crate::error::{Result, StoreError};
use crate::expiry::StreamTime;
use crate::kv::ReadOnlyKeyValueStore;
use crate::layout::RowLayout;
use crate::range::{Direction, KeyRange};
use crate::scan::{Page, ScanSource};

/// Lets readers in until the owner closes the store. A read holds the lock for one key or one page; closing
/// waits for those, so that afterwards nothing keeps the database open.
#[derive(Clone)]
pub(crate) struct Gate {
    engine: Arc<RwLock<Option<Engine>>>,
    layout: RowLayout,
    times: Arc<Times>,
}

/// Of a windowed store, as committed.
struct Times {
    observed: AtomicI64,
    newest: AtomicI64,
}

impl Gate {
    pub(crate) fn open(engine: Engine, layout: RowLayout, time: StreamTime) -> Self {
        let engine = Arc::new(RwLock::new(Some(engine)));
        let times = Times { observed: AtomicI64::new(time.observed), newest: AtomicI64::new(time.newest) };
        Self { engine, layout, times: Arc::new(times) }
    }

    /// Shows readers the stream time of a commit that was written.
    pub(crate) fn set_time(&self, time: StreamTime) {
        self.times.newest.store(time.newest, Ordering::Release);
        self.times.observed.store(time.observed, Ordering::Release);
    }

    pub(crate) fn close(&self) {
        self.exclusive(|engine| *engine = None);
    }

    /// Does something that no reader may see half done.
    pub(crate) fn exclusive<R>(&self, f: impl FnOnce(&mut Option<Engine>) -> R) -> R {
        // Readers change nothing, so a panic of one cannot leave anything behind.
        f(&mut self.engine.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Committed rows of one store, for any thread: what the owner has applied, never what it still buffers.
///
/// Takes no lock that the owner's writes wait for, except in the moment of a commit to a store in memory and
/// when the store is closed; both wait for one key or one page at most. After the owner has closed the store
/// or moved it elsewhere every read is refused with [`StoreError::Closed`].
#[derive(Clone)]
pub struct CommittedReader {
    store: Arc<str>,
    gate: Gate,
}

impl CommittedReader {
    pub(crate) fn new(store: Arc<str>, gate: Gate) -> Self {
        Self { store, gate }
    }

    /// Name of the store.
    pub fn name(&self) -> &str {
        &self.store
    }

    /// Shows the rows of `range` to `visit` one by one until it breaks. The store cannot be closed meanwhile: keep it short.
    ///
    /// # Errors
    /// [`StoreError::Closed`] after the owner has closed the store, or where it cannot be read.
    pub fn scan(
        &self,
        range: KeyRange<'_>,
        direction: Direction,
        visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<()> {
        self.read(|engine| engine.scan(range, direction, visit))
    }

    /// How the store arranges its rows.
    pub fn layout(&self) -> &RowLayout {
        &self.gate.layout
    }

    /// The largest time that a windowed store has committed, in milliseconds; -1 if there was none.
    pub fn observed_time(&self) -> i64 {
        self.gate.times.observed.load(Ordering::Acquire)
    }

    pub(crate) fn newest_time(&self) -> i64 {
        self.gate.times.newest.load(Ordering::Acquire)
    }

    fn read<R>(&self, f: impl FnOnce(&Engine) -> Result<R>) -> Result<R> {
        let engine = (self.gate.engine.read()).unwrap_or_else(PoisonError::into_inner);
        match &*engine {
            Some(engine) => f(engine),
            None => Err(StoreError::Closed { store: self.store.to_string() }),
        }
    }
}

impl ScanSource for CommittedReader {
    fn read_page(&self, range: KeyRange<'_>, direction: Direction, _mark: u64, page: &mut Page) -> Result<()> {
        self.read(|engine| engine.scan(range, direction, |key, value| page.push(key, value)))
    }
}

impl ReadOnlyKeyValueStore for CommittedReader {
    fn get_into(&self, key: &[u8], value: &mut Vec<u8>) -> Result<bool> {
        self.read(|engine| engine.get_into(key, value))
    }

    fn approximate_num_entries(&self) -> Result<u64> {
        self.read(Engine::approximate_num_entries)
    }
}

impl std::fmt::Debug for CommittedReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommittedReader").field("store", &self.store).finish_non_exhaustive()
    }
}
