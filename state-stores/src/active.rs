//! The stores of a task that is processing: engines with write buffers over them, and the commit of all of
//! them together.

use std::cell::Cell;
use std::rc::Rc;

use crate::buffer::{StoreHandle, WriteContext};
use crate::commit::CommitBatch;
use crate::error::{Result, StoreError};
use crate::task_stores::TaskStores;

/// All stores of an active task. Stays on its thread.
///
/// A commit goes: flush each buffer until nothing is unforwarded; [`seal`](Self::seal); have the changelog
/// acknowledged, while processing may go on; [`apply`](Self::apply). What was not applied is lost with this
/// value: the stores then are where the last commit left them, with the offset to prove it.
pub struct ActiveStores {
    // First, so that the buffers let go of the engines before those are closed.
    buffers: Buffers,
    stores: TaskStores,
    sealed: Option<CommitBatch>,
    /// A commit was lost between the buffers and the engines: a later one would hide the hole.
    broken: bool,
    context: Rc<Cell<WriteContext>>,
}

/// The handles of all stores. When they are dropped, all their clones are closed too.
struct Buffers(Vec<StoreHandle>);

impl Drop for Buffers {
    fn drop(&mut self) {
        for handle in &self.0 {
            // A buffer that is borrowed now (in a panic that unwinds) keeps the database open a little longer.
            if let Ok(mut buffer) = handle.try_borrow_mut() {
                buffer.detach();
            }
        }
    }
}

impl ActiveStores {
    pub(crate) fn new(stores: TaskStores) -> Self {
        let context = Rc::new(Cell::new(WriteContext::default()));
        let handles = (0..stores.specs().len()).map(|store| {
            let (name, buffer) = stores.buffer(store, context.clone());
            StoreHandle::new(name, buffer)
        });
        Self { buffers: Buffers(handles.collect()), stores, sealed: None, broken: false, context }
    }

    /// The handle of a store, by its index.
    ///
    /// # Errors
    /// [`StoreError::UnknownStore`] if there is no such store.
    pub fn handle(&self, store: usize) -> Result<StoreHandle> {
        let handle = self.buffers.0.get(store).cloned();
        handle.ok_or_else(|| self.stores.unknown(&format!("number {store}")))
    }

    /// All handles, in the order of the stores.
    pub fn handles(&self) -> &[StoreHandle] {
        &self.buffers.0
    }

    /// The stores below the buffers: for offsets and readers.
    pub fn stores(&self) -> &TaskStores {
        &self.stores
    }

    /// Sets the context of the record in process, for writes that bring none of their own
    /// ([`WriteBuffer::put`](crate::WriteBuffer::put) and the like).
    pub fn set_context(&self, context: WriteContext) {
        self.context.set(context);
    }

    /// The place of that context, for a caller that sets it once per record.
    pub fn context_cell(&self) -> Rc<Cell<WriteContext>> {
        self.context.clone()
    }

    /// Sets the time to be kept with the offsets of the following commits; see [`TaskStores::set_time`].
    pub fn set_time(&mut self, milliseconds: i64) {
        self.stores.set_time(milliseconds);
    }

    /// Whether the dirty entries of some store exceed its limit: time for an early commit.
    pub fn needs_commit(&self) -> bool {
        (self.buffers.0.iter()).filter_map(|handle| handle.try_borrow().ok()).any(|buffer| buffer.needs_commit())
    }

    /// Whether some store has writes that must be forwarded before a commit. A store in use may have.
    pub fn has_unforwarded(&self) -> bool {
        (self.buffers.0.iter()).any(|handle| (handle.try_borrow()).map_or(true, |buffer| buffer.has_unforwarded()))
    }

    /// Whether a sealed commit waits for [`apply`](Self::apply).
    pub fn has_sealed(&self) -> bool {
        self.sealed.is_some()
    }

    /// Copies everything forwarded into the next commit. Later writes belong to the one after it.
    ///
    /// # Errors
    /// [`StoreError::UnforwardedWrites`] if something was not forwarded, [`StoreError::CommitOrder`] if an
    /// earlier commit is still waiting or has failed; nothing is changed then.
    pub fn seal(&mut self) -> Result<()> {
        self.check_unbroken()?;
        if self.sealed.is_some() {
            return Err(StoreError::CommitOrder {
                problem: "a sealed commit was not applied yet; apply it before sealing the next",
            });
        }
        let mut buffers = Vec::with_capacity(self.buffers.0.len());
        for handle in &self.buffers.0 {
            let buffer = handle.try_borrow_mut()?;
            buffer.check_all_forwarded()?;
            buffers.push(buffer);
        }
        self.broken = true; // Until all are sealed.
        let mut batch = CommitBatch::default();
        for (store, (buffer, (_, engine))) in buffers.iter_mut().zip(self.stores.engines()).enumerate() {
            buffer.seal(&mut batch.writer(store, engine)?);
        }
        self.sealed = Some(batch);
        self.broken = false;
        Ok(())
    }

    /// Has some bytes of the caller's own written with the sealed rows, in the place of those before: for a store that is filled from elsewhere than
    /// one changelog partition, to say how far. [`TaskStores::committed_note`] reads them. A store in memory forgets them, as it forgets its rows.
    ///
    /// # Errors
    /// [`StoreError::CommitOrder`] if nothing is sealed, [`StoreError::UnknownStore`] if there is no such store.
    pub fn set_note(&mut self, store: usize, note: &[u8]) -> Result<()> {
        let sealed = self.sealed.as_mut();
        let batch =
            sealed.ok_or(StoreError::CommitOrder { problem: "there is no sealed commit to note something with" })?;
        self.stores.note(batch, store, note)
    }

    /// Writes the sealed rows of all stores, and the changelog offsets that they reach, at once. To be called
    /// when the changelog has acknowledged them. Each offset is that of the next record to restore.
    ///
    /// # Errors
    /// [`StoreError::CommitOrder`] if nothing is sealed. If the database cannot be written, the commit is
    /// lost here while it is in the changelog: close the task and restore it from the offsets it has. Further
    /// commits are refused.
    pub fn apply(&mut self, offsets: &[(usize, i64)]) -> Result<()> {
        let mut buffers = Vec::with_capacity(self.buffers.0.len());
        for handle in &self.buffers.0 {
            buffers.push(handle.try_borrow_mut()?);
        }
        self.check_unbroken()?;
        let batch = self
            .sealed
            .take()
            .ok_or(StoreError::CommitOrder { problem: "there is no sealed commit to apply; seal it first" })?;
        self.broken = true; // Until it is written.
        self.stores.write(batch, offsets)?;
        self.broken = false;
        for buffer in &mut buffers {
            buffer.applied();
        }
        Ok(())
    }

    fn check_unbroken(&self) -> Result<()> {
        if !self.broken {
            return Ok(());
        }
        Err(StoreError::CommitOrder {
            problem: "an earlier commit failed; close the task and restore it from the offsets it has",
        })
    }

    /// Takes the buffers away, with everything not applied: for a task that becomes a standby, moves to
    /// another thread or starts over. Handles that are still around are closed.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if a buffer is borrowed; everything is closed then.
    pub fn deactivate(self) -> Result<TaskStores> {
        for handle in &self.buffers.0 {
            handle.try_borrow_mut()?.detach();
        }
        Ok(self.stores)
    }
}

impl std::fmt::Debug for ActiveStores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ActiveStores")
            .field("stores", &self.stores)
            .field("sealed", &self.sealed.is_some())
            .finish_non_exhaustive()
    }
}
