//! From dirty to applied: the steps of a commit.

use super::entry::flag;
use super::{Slot, WriteBuffer, WriteContext};
use crate::commit::BatchWriter;
use crate::error::{Result, StoreError};
use crate::expiry::is_below;
use crate::key_order::sort_by_key;

impl WriteBuffer {
    /// Whether there are writes that must be forwarded before a commit.
    pub fn has_unforwarded(&self) -> bool {
        self.unforwarded > 0
    }

    /// Starts a round of a flush: fills `slots` with every entry written since it was last forwarded, in the
    /// order of their last writes. Places in a time index are not among them: they are in no changelog, and go into
    /// the commit with their rows.
    ///
    /// For each, read what is needed, call [`forwarded`](Self::forwarded), release the buffer, and only then
    /// forward: what is written meanwhile belongs to the next round. Repeat until
    /// [`has_unforwarded`](Self::has_unforwarded) says no. A round may be broken off: what was not forwarded
    /// comes again.
    ///
    /// # Errors
    /// If a prior value is needed and the engine cannot be read.
    pub fn begin_flush(&mut self, slots: &mut Vec<Slot>) -> Result<()> {
        slots.clear();
        self.flush_order.clear();
        let table = &mut self.table;
        self.dirty.retain(|&index| {
            let entry = table.entry_mut(index);
            let unforwarded = entry.has(flag::UNFORWARDED);
            if unforwarded {
                self.flush_order.push((entry.sequence, index));
            }
            entry.set(flag::QUEUED, unforwarded);
            unforwarded
        });
        // Keys written once are in order already, which makes this linear.
        self.flush_order.sort_unstable();
        for position in 0..self.flush_order.len() {
            let (_, index) = self.flush_order[position];
            self.learn_prior(index)?;
            slots.push(self.table.slot(index));
        }
        Ok(())
    }

    /// Reads what a blind `put` left out, where it matters.
    fn learn_prior(&mut self, index: u32) -> Result<()> {
        let entry = self.table.entry(index);
        if entry.has(flag::PRIOR_KNOWN) || (entry.has(flag::PRESENT) && !self.options.keep_prior) {
            return Ok(());
        }
        let engine = self.engine()?;
        // An entry without known prior was never flushed, so the engine has its last committed value.
        let present = if self.options.keep_prior {
            let mut prior = std::mem::take(&mut self.priors[index as usize]);
            let found = self.engine()?.get_into(entry.key.as_slice(), &mut prior);
            self.priors[index as usize] = prior;
            found?
        } else {
            let mut ignored = Vec::new();
            engine.get_into(entry.key.as_slice(), &mut ignored)?
        };
        let entry = self.table.entry_mut(index);
        entry.set(flag::PRIOR_KNOWN | flag::ENGINE_KNOWN, true);
        entry.set(flag::PRIOR_PRESENT | flag::ENGINE_PRESENT, present);
        self.recharge(index);
        Ok(())
    }

    /// The value at the last flush, if the buffer keeps prior values
    /// ([`BufferOptions::keep_prior`](super::BufferOptions::keep_prior)) and there was one.
    pub fn prior(&self, slot: Slot) -> Option<&[u8]> {
        let index = self.table.resolve(slot)?;
        let entry = self.table.entry(index);
        if !self.options.keep_prior || !entry.has(flag::PRIOR_PRESENT) {
            return None;
        }
        if entry.has(flag::UNFORWARDED) {
            return Some(&self.priors[index as usize]);
        }
        entry.value()
    }

    /// The value as it was last forwarded: the present one, or that before the writes since. The present one also where the buffer keeps no
    /// prior values.
    pub fn forwarded_value(&self, slot: Slot) -> Option<&[u8]> {
        let entry = self.table.entry(self.table.resolve(slot)?);
        match entry.has(flag::UNFORWARDED) && self.options.keep_prior {
            true => self.prior(slot),
            false => entry.value(),
        }
    }

    /// Whether there was a value at the last flush. Always known, within a flush, if there is none now or if
    /// prior values are kept; otherwise `None` for a key that was put without being read.
    pub fn existed(&self, slot: Slot) -> Option<bool> {
        let entry = self.table.entry(self.table.resolve(slot)?);
        (entry.has(flag::PRIOR_KNOWN)).then(|| entry.has(flag::PRIOR_PRESENT))
    }

    /// The context of the last write. The default one for an entry that was never written.
    pub fn context(&self, slot: Slot) -> WriteContext {
        let index = self.table.resolve(slot);
        index.map_or_else(WriteContext::default, |index| self.table.entry(index).context)
    }

    /// Marks an entry's present value as forwarded: it is what the next commit applies, and the prior value of
    /// later writes. Has no effect on an entry that was forwarded already.
    pub fn forwarded(&mut self, slot: Slot) {
        let Some(index) = self.table.resolve(slot) else {
            return; // Unforwarded entries are never dropped, so there is nothing to mark.
        };
        let entry = self.table.entry_mut(index);
        if !entry.has(flag::UNFORWARDED) {
            return;
        }
        self.unforwarded -= 1;
        entry.set(flag::UNFORWARDED, false);
        entry.set(flag::PRIOR_KNOWN, true);
        entry.set(flag::PRIOR_PRESENT, entry.has(flag::PRESENT));
        if !entry.has(flag::FORWARDED) {
            entry.set(flag::FORWARDED, true);
            self.forwarded.push(index);
        }
    }

    /// Refuses a commit that would apply what the changelog does not have.
    pub(crate) fn check_all_forwarded(&self) -> Result<()> {
        if self.unforwarded == 0 {
            return Ok(());
        }
        Err(StoreError::UnforwardedWrites { store: self.name.to_string(), entries: self.unforwarded })
    }

    /// Copies everything forwarded into the task's next commit. Nothing may be unforwarded.
    pub(crate) fn seal(&mut self, writer: &mut BatchWriter<'_>) {
        for &index in &self.dirty {
            self.table.entry_mut(index).set(flag::QUEUED, false);
        }
        self.dirty.clear();
        let live_from = self.segments.expired_before();
        let is_segmented = self.layout().is_segmented();
        let table = &self.table;
        sort_by_key(&mut self.forwarded, &mut self.flush_order, |index| table.entry(index).key.as_slice());
        for index in self.forwarded.drain(..) {
            let entry = self.table.entry_mut(index);
            if is_segmented {
                self.segments.observe_sealed(entry.key.as_slice());
            }
            let expired = live_from.is_some_and(|start| is_below(entry.key.as_slice(), &start));
            let present = entry.has(flag::PRESENT) && !expired;
            // What came and went between two commits leaves no tombstone.
            let known_absent = entry.has(flag::ENGINE_KNOWN) && !entry.has(flag::ENGINE_PRESENT);
            if present || !(known_absent || expired) {
                writer.write(entry.key.as_slice(), entry.value());
            }
            entry.set(flag::ENGINE_KNOWN | flag::SEALED, true);
            entry.set(flag::ENGINE_PRESENT, present);
            entry.set(flag::FORWARDED, false);
            self.dirty_bytes -= entry.charge;
            self.sealed_bytes += entry.charge;
            self.sealed.push(index);
        }
        self.seal_segments(writer);
    }

    /// The sealed rows are in the engine: their entries are clean, unless they were written again.
    pub(crate) fn applied(&mut self) {
        for &index in &self.sealed {
            self.table.entry_mut(index).set(flag::SEALED, false);
        }
        self.sealed_bytes = 0;
        self.forget_applied_index_rows();
        self.sealed.clear();
        self.forget_dropped_segments();
        let unapplied = (self.dirty.iter().chain(&self.forwarded).copied())
            .filter(|&index| self.table.entry(index).has(flag::UNAPPLIED));
        self.index.restart(unapplied);
        self.trim();
    }
}
