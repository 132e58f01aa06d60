//! The write buffer: an overlay over one store that is its record cache and its transaction buffer in one.
//!
//! Reads look here first, then in the engine, and remember what they found, also that there was nothing.
//! Writes stay here until the commit they belong to is acknowledged. An entry goes through these states:
//!
//! ```text
//! clean ── write ──> unforwarded ── forwarded() ──> forwarded ── seal ──> sealed ── apply ──> clean
//! ```
//!
//! A later write makes an entry unforwarded again while its earlier value is still sealed, so that a task
//! goes on while its commit is under way. Only clean entries are evicted.

mod entry;
mod flush;
mod handle;
mod key;
mod ordered;
mod scan;
mod segments;
mod table;
mod write;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

pub use self::entry::{Slot, Update, WriteContext};
pub use self::handle::StoreHandle;

use self::entry::flag;
use self::ordered::OrderedIndex;
use self::segments::Segments;
use self::table::Table;
use crate::engine::Engine;
use crate::error::{Result, StoreError};
use crate::expiry::StreamTime;
use crate::layout::RowLayout;

/// For how many lookups of other keys, at least, the slot of a clean entry stays valid. A commit ends it. In a
/// store with a time index a write that creates a row counts as a lookup.
pub const SLOT_LIFETIME: usize = 8;
/// Slots that the eviction hand passes for one new key, at most.
const MAX_EVICTION_STEPS: usize = 16;

/// How a store's write buffer behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BufferOptions {
    /// Bytes of keys, values and bookkeeping that it should stay within. Clean entries are dropped beyond
    /// it; when the dirty ones alone exceed it, [`WriteBuffer::needs_commit`] says so. What a commit that is
    /// under way has sealed comes on top, in the buffer and once more as the batch to be written: as much again,
    /// where the owner waits for that commit before dirty entries exceed the limit once more.
    /// Default: 1 MiB.
    pub limit_bytes: usize,
    /// Whether the value at the last flush is kept beside a new one, for a consumer that needs the old value
    /// of a change. Default: no.
    pub keep_prior: bool,
    /// Whether the owner forwards each write at once, as for a store without caching, and then calls
    /// [`WriteBuffer::forwarded`]. Only remembered here. Default: no.
    pub write_through: bool,
}

impl Default for BufferOptions {
    fn default() -> Self {
        Self { limit_bytes: 1 << 20, keep_prior: false, write_through: false }
    }
}

/// What a write buffer holds and did, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BufferStats {
    /// Bytes of all entries, bookkeeping included.
    pub bytes: usize,
    /// Bytes of entries that are not yet sealed.
    pub dirty_bytes: usize,
    /// Bytes of entries that are sealed, and not written since: they wait for the commit under way.
    pub sealed_bytes: usize,
    /// Number of entries.
    pub entries: usize,
    /// Lookups answered here.
    pub hits: u64,
    /// Lookups that went to the engine.
    pub misses: u64,
    /// The present limit.
    pub limit_bytes: usize,
}

/// The overlay over one store. Owned by one thread.
///
/// An entry is *clean* (what the engine has), *unforwarded* (written since it was last forwarded), *forwarded*
/// (not yet part of a commit) or *sealed* (part of a commit that waits for its acknowledgement). Only clean
/// entries are dropped when memory runs short.
pub struct WriteBuffer {
    name: Arc<str>,
    /// `None` once the task was closed or moved to another thread.
    engine: Option<Engine>,
    options: BufferOptions,
    table: Table,
    /// Values at the last flush, by entry. Only if `keep_prior`; only valid while an entry is unforwarded.
    priors: Vec<Vec<u8>>,
    bytes: usize,
    dirty_bytes: usize,
    sealed_bytes: usize,
    /// Number of unforwarded entries.
    unforwarded: usize,
    /// Of the last write.
    sequence: u64,
    /// Every unforwarded entry, and some that were forwarded since.
    dirty: Vec<u32>,
    forwarded: Vec<u32>,
    sealed: Vec<u32>,
    /// For sorting `dirty`.
    flush_order: Vec<(u64, u32)>,
    /// Output of `update` closures.
    scratch: Vec<u8>,
    /// Of the record in process: for writes that bring none of their own. Shared by all stores of a task.
    context: Rc<Cell<WriteContext>>,
    index: OrderedIndex,
    segments: Segments,
    hits: u64,
    misses: u64,
}

impl WriteBuffer {
    pub(crate) fn new(name: Arc<str>, engine: Engine, options: BufferOptions, context: Rc<Cell<WriteContext>>) -> Self {
        Self {
            name,
            engine: Some(engine),
            options,
            table: Table::default(),
            priors: Vec::new(),
            bytes: 0,
            dirty_bytes: 0,
            sealed_bytes: 0,
            unforwarded: 0,
            sequence: 0,
            dirty: Vec::new(),
            forwarded: Vec::new(),
            sealed: Vec::new(),
            flush_order: Vec::new(),
            scratch: Vec::new(),
            context,
            index: OrderedIndex::default(),
            segments: Segments::new(RowLayout::Plain, StreamTime::NOTHING, 0),
            hits: 0,
            misses: 0,
        }
    }

    /// The same buffer for a store of this layout that observed this time and has dropped segments.
    pub(crate) fn with_segments(mut self, layout: RowLayout, time: StreamTime, dropped_below: i64) -> Self {
        self.segments = Segments::new(layout, time, dropped_below);
        self
    }

    /// Lets go of the engine and of everything not applied: every later access is refused as closed.
    pub(crate) fn detach(&mut self) {
        let options = self.options.clone();
        let (name, context) = (self.name.clone(), self.context.clone());
        let layout = *self.layout();
        if let Some(engine) = self.engine.take() {
            *self = Self::new(name, engine, options, context).with_segments(layout, StreamTime::NOTHING, 0);
            self.engine = None;
        }
    }

    /// Name of the store.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Finds `key`, here or in the engine: one hash and one probe if it is here.
    ///
    /// # Errors
    /// If the store is closed, or its engine cannot be read.
    pub fn lookup(&mut self, key: &[u8]) -> Result<Slot> {
        let index = self.find_or_load(key)?;
        Ok(self.table.slot(index))
    }

    /// The key of a slot; empty if the slot is no longer valid.
    pub fn key(&self, slot: Slot) -> &[u8] {
        match self.table.resolve(slot) {
            Some(index) => self.table.entry(index).key.as_slice(),
            None => &[],
        }
    }

    /// The present value of a slot; `None` also if the slot is no longer valid.
    pub fn value(&self, slot: Slot) -> Option<&[u8]> {
        self.table.entry(self.table.resolve(slot)?).value()
    }

    /// The present value of `key`.
    ///
    /// # Errors
    /// As for [`lookup`](Self::lookup).
    pub fn get(&mut self, key: &[u8]) -> Result<Option<&[u8]>> {
        let index = self.find_or_load(key)?;
        Ok(self.table.entry(index).value())
    }

    /// Whether the owner forwards each write at once ([`BufferOptions::write_through`]).
    pub fn is_write_through(&self) -> bool {
        self.options.write_through
    }

    /// The limit in bytes.
    pub fn limit(&self) -> usize {
        self.options.limit_bytes
    }

    /// Changes the limit. Clean entries beyond it are dropped, which ends the validity of their slots.
    pub fn set_limit(&mut self, bytes: usize) {
        self.options.limit_bytes = bytes;
        self.trim();
    }

    /// Whether the dirty entries alone exceed the limit: time for an early commit.
    pub fn needs_commit(&self) -> bool {
        self.dirty_bytes > self.options.limit_bytes
    }

    /// What it holds and did.
    pub fn stats(&self) -> BufferStats {
        BufferStats {
            bytes: self.bytes,
            dirty_bytes: self.dirty_bytes,
            sealed_bytes: self.sealed_bytes,
            entries: self.table.len(),
            hits: self.hits,
            misses: self.misses,
            limit_bytes: self.options.limit_bytes,
        }
    }

    /// How many rows the store holds, roughly: the engine's estimate, and what is not yet applied. Places in a
    /// time index are rows too.
    ///
    /// # Errors
    /// If the store is closed, or its engine cannot be read.
    pub fn approximate_num_entries(&self) -> Result<u64> {
        let mut count = self.engine()?.approximate_num_entries()?;
        let unapplied = (self.table.entries().iter()).filter(|entry| entry.has(flag::DIRTY));
        for entry in unapplied {
            match (entry.has(flag::PRESENT), entry.has(flag::ENGINE_PRESENT)) {
                (true, false) => count += 1,
                (false, true) => count = count.saturating_sub(1),
                _ => {}
            }
        }
        Ok(count)
    }

    fn engine(&self) -> Result<&Engine> {
        self.engine.as_ref().ok_or_else(|| self.closed())
    }

    fn closed(&self) -> StoreError {
        StoreError::Closed { store: self.name.to_string() }
    }

    fn resolve(&self, slot: Slot) -> Result<u32> {
        self.table.resolve(slot).ok_or_else(|| StoreError::StaleSlot { store: self.name.to_string() })
    }

    fn find_or_load(&mut self, key: &[u8]) -> Result<u32> {
        let hash = self.table.hash(key);
        if let Some(index) = self.table.find(hash, key) {
            self.hits += 1;
            self.table.entry_mut(index).set(flag::REFERENCED, true);
            return Ok(index);
        }
        self.load(hash, key)
    }

    /// Takes a key over from the engine, or the fact that it is not there.
    #[cold]
    fn load(&mut self, hash: u32, key: &[u8]) -> Result<u32> {
        self.misses += 1;
        let index = self.insert(hash, key)?;
        let loaded = match &self.engine {
            _ if self.table.entry(index).has(flag::ENGINE_KNOWN) => Ok(false),
            Some(engine) => engine.get_into(key, &mut self.table.entry_mut(index).value),
            None => Err(self.closed()),
        };
        let present = match loaded {
            Ok(present) => present,
            Err(error) => {
                self.forget(index);
                return Err(error);
            }
        };
        let entry = self.table.entry_mut(index);
        entry.set(flag::PRIOR_KNOWN | flag::ENGINE_KNOWN, true);
        entry.set(flag::PRESENT | flag::PRIOR_PRESENT | flag::ENGINE_PRESENT, present);
        self.recharge(index);
        Ok(index)
    }

    /// Adds an entry for a key that is not here, after making room for it.
    fn insert(&mut self, hash: u32, key: &[u8]) -> Result<u32> {
        if self.engine.is_none() {
            return Err(self.closed());
        }
        if self.bytes > self.options.limit_bytes {
            let steps = (self.table.slots() / SLOT_LIFETIME).min(MAX_EVICTION_STEPS);
            self.evict(steps);
        }
        let index = self.table.insert(hash, key);
        if self.segments.is_new(key) {
            self.table.entry_mut(index).set(flag::PRIOR_KNOWN | flag::ENGINE_KNOWN, true);
        }
        if self.options.keep_prior && self.priors.len() < self.table.slots() {
            self.priors.push(Vec::new());
        }
        Ok(index)
    }

    /// Drops a clean entry.
    fn forget(&mut self, index: u32) {
        self.bytes -= self.table.entry(index).charge;
        self.table.remove(index);
        if let Some(prior) = self.priors.get_mut(index as usize) {
            *prior = Vec::new();
        }
    }

    /// Drops clean entries within so many steps, or until the limit is kept. Answers whether one was dropped.
    fn evict(&mut self, steps: usize) -> bool {
        let mut evicted = false;
        for _ in 0..steps {
            if self.bytes <= self.options.limit_bytes {
                break;
            }
            if let Some((index, charge)) = self.table.evict_one(1) {
                self.bytes -= charge;
                evicted = true;
                if let Some(prior) = self.priors.get_mut(index as usize) {
                    *prior = Vec::new();
                }
            }
        }
        evicted
    }

    /// Drops clean entries until the limit is kept or none is left.
    fn trim(&mut self) {
        // Once around to take the marks of use away, once to drop: after that nothing clean is left.
        self.evict(2 * self.table.slots());
        if self.table.len() == 0 {
            self.table.shrink_if_empty();
            self.priors = Vec::new();
        }
    }

    /// Accounts for a change of an entry's size.
    fn recharge(&mut self, index: u32) {
        let prior = self.priors.get(index as usize).map_or(0, Vec::capacity);
        let charge = self.table.charge(index) + prior;
        let entry = self.table.entry_mut(index);
        let before = std::mem::replace(&mut entry.charge, charge);
        self.bytes = self.bytes - before + charge;
        if entry.has(flag::DIRTY) {
            self.dirty_bytes = self.dirty_bytes - before + charge;
        } else if entry.has(flag::SEALED) {
            self.sealed_bytes = self.sealed_bytes - before + charge;
        }
    }
}

impl std::fmt::Debug for WriteBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WriteBuffer").field("name", &self.name).field("stats", &self.stats()).finish_non_exhaustive()
    }
}
