//! Writing into a buffer.

use super::entry::flag;
use super::{Slot, Update, WriteBuffer, WriteContext};
use crate::error::{Result, StoreError};

/// A value's buffer is cut down when it holds this many bytes and more than four times what is needed.
const SHRINK_ABOVE: usize = 4 << 10;

impl WriteBuffer {
    /// Sets the value of a slot; `None` deletes it.
    ///
    /// # Errors
    /// [`StoreError::StaleSlot`] if the slot is no longer valid.
    pub fn set(&mut self, slot: Slot, value: Option<&[u8]>, context: WriteContext) -> Result<()> {
        let index = self.resolve(slot)?;
        self.write(index, value, context);
        Ok(())
    }

    /// Lets `change` see the present value and encode the new one into an empty buffer, so that a step of an
    /// aggregation allocates nothing. Nothing is written if it fails.
    ///
    /// # Errors
    /// Those of `change`, and [`StoreError::StaleSlot`] if the slot is no longer valid.
    pub fn update<E: From<StoreError>>(
        &mut self,
        slot: Slot,
        context: WriteContext,
        change: impl FnOnce(Option<&[u8]>, &mut Vec<u8>) -> Result<Update, E>,
    ) -> Result<Update, E> {
        let index = self.resolve(slot)?;
        let mut output = std::mem::take(&mut self.scratch);
        output.clear();
        let update = change(self.table.entry(index).value(), &mut output);
        match update {
            Ok(Update::Put) => self.write(index, Some(&output), context),
            Ok(Update::Delete) => self.write(index, None, context),
            Ok(Update::Keep) | Err(_) => {}
        }
        output.shrink_to(SHRINK_ABOVE);
        self.scratch = output;
        update
    }

    /// Sets the value of `key` without reading it first; `None` deletes it. Its context is that of the record
    /// in process. So for the methods below.
    ///
    /// # Errors
    /// If the store is closed.
    pub fn put(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        self.put_slot(key, value).map(drop)
    }

    /// [`put`](Self::put) that answers where the row is.
    pub(crate) fn put_slot(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<Slot> {
        let index = self.find_or_insert(key)?;
        self.write(index, value, self.record_context());
        Ok(self.table.slot(index))
    }

    /// [`put`](Self::put) of a value with its own context; answers the slot.
    pub(super) fn put_unread(&mut self, key: &[u8], value: &[u8], context: WriteContext) -> Result<Slot> {
        let index = self.find_or_insert(key)?;
        self.write(index, Some(value), context);
        Ok(self.table.slot(index))
    }

    /// The context of the record in process.
    pub(crate) fn record_context(&self) -> WriteContext {
        self.context.get()
    }

    fn find_or_insert(&mut self, key: &[u8]) -> Result<u32> {
        let hash = self.table.hash(key);
        match self.table.find(hash, key) {
            Some(index) => Ok(index),
            None => self.insert(hash, key),
        }
    }

    /// Sets the value of `key` if it has none; answers the value that it has already.
    ///
    /// # Errors
    /// If the store is closed, or its engine cannot be read.
    pub fn put_if_absent(&mut self, key: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>> {
        let index = self.find_or_load(key)?;
        if let Some(existing) = self.table.entry(index).value() {
            return Ok(Some(existing.to_vec()));
        }
        self.write(index, Some(value), self.context.get());
        Ok(None)
    }

    /// Deletes `key`; answers the value that it had. Nothing is written if it had none.
    ///
    /// # Errors
    /// If the store is closed, or its engine cannot be read.
    pub fn delete(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let index = self.find_or_load(key)?;
        let Some(old) = self.table.entry(index).value().map(<[u8]>::to_vec) else {
            return Ok(None);
        };
        self.write(index, None, self.context.get());
        Ok(Some(old))
    }

    /// Writes several rows, in order.
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    pub fn put_all<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        rows: impl IntoIterator<Item = (K, Option<V>)>,
    ) -> Result<()> {
        for (key, value) in rows {
            self.put(key.as_ref(), value.as_ref().map(AsRef::as_ref))?;
        }
        Ok(())
    }

    fn write(&mut self, index: u32, value: Option<&[u8]>, context: WriteContext) {
        if self.segments.indexed {
            self.write_indexed(index, value, context);
        } else {
            self.write_row(index, value, context);
        }
    }

    /// Apart, so that it costs other stores one comparison.
    #[inline(never)]
    fn write_indexed(&mut self, index: u32, value: Option<&[u8]>, context: WriteContext) {
        let was = self.table.entry(index).flags;
        self.write_row(index, value, context);
        self.index_row(index, was);
    }

    #[inline]
    fn write_row(&mut self, index: u32, value: Option<&[u8]>, context: WriteContext) {
        let entry = self.table.entry_mut(index);
        let (charge, capacity) = (entry.charge, entry.value.capacity());
        let flushed = !entry.has(flag::UNFORWARDED) && entry.has(flag::PRIOR_KNOWN);
        if flushed && self.options.keep_prior {
            // The present value becomes the prior one; the new value takes the other buffer.
            std::mem::swap(&mut entry.value, &mut self.priors[index as usize]);
        }
        entry.value.clear();
        entry.set(flag::PRESENT, value.is_some());
        if let Some(value) = value {
            entry.value.extend_from_slice(value);
        }
        if entry.value.capacity() > SHRINK_ABOVE && entry.value.capacity() / 4 > entry.value.len() {
            entry.value.shrink_to_fit();
        }
        let same_size = charge != 0 && capacity == entry.value.capacity() && !self.options.keep_prior;
        self.mark_written(index, context);
        if !same_size {
            self.recharge(index);
        }
    }

    fn mark_written(&mut self, index: u32, context: WriteContext) {
        self.sequence += 1;
        let entry = self.table.entry_mut(index);
        entry.sequence = self.sequence;
        entry.context = context;
        if !entry.has(flag::UNAPPLIED) {
            entry.unapplied_since = self.sequence;
            self.index.note(index);
        }
        if !entry.has(flag::DIRTY) {
            self.dirty_bytes += entry.charge;
            if entry.has(flag::SEALED) {
                self.sealed_bytes -= entry.charge;
            }
        }
        if !entry.has(flag::UNFORWARDED) {
            self.unforwarded += 1;
        }
        if !entry.has(flag::QUEUED) {
            self.dirty.push(index);
        }
        entry.set(flag::UNFORWARDED | flag::QUEUED | flag::REFERENCED, true);
    }
}
