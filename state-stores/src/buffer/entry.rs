//! One key's entry in a write buffer, and what is known about it.

use super::key::Key;

/// Where an update came from: kept with each entry for the moment when it is forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteContext {
    /// Timestamp of the record that caused the write, in milliseconds.
    pub timestamp: i64,
    /// Topic and partition of that record, in an encoding of the caller's choice.
    pub source: u64,
    /// Offset of that record.
    pub offset: i64,
}

/// The place of a key in its buffer: what [`WriteBuffer::lookup`](super::WriteBuffer::lookup) found.
///
/// Valid as long as the entry has writes that are not yet applied, and otherwise for at least the next
/// [`SLOT_LIFETIME`](super::SLOT_LIFETIME) lookups of other keys. Using an older one is an error, never a
/// wrong answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    pub(super) index: u32,
    pub(super) generation: u32,
}

/// What the closure given to [`WriteBuffer::update`](super::WriteBuffer::update) decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// The bytes in the output are the new value.
    Put,
    /// The key is deleted.
    Delete,
    /// Nothing changes, and nothing is forwarded.
    Keep,
}

/// Facts about an entry, one bit each.
pub(super) mod flag {
    /// It has a value now.
    pub const PRESENT: u16 = 1;
    /// Written since it was last forwarded.
    pub const UNFORWARDED: u16 = 1 << 1;
    /// Forwarded, not yet sealed: in `WriteBuffer::forwarded`.
    pub const FORWARDED: u16 = 1 << 2;
    /// In the sealed batch: in `WriteBuffer::sealed`.
    pub const SEALED: u16 = 1 << 3;
    /// In `WriteBuffer::dirty`, perhaps no longer rightly so.
    pub const QUEUED: u16 = 1 << 4;
    /// Whether it had a value when last flushed is known.
    pub const PRIOR_KNOWN: u16 = 1 << 5;
    /// It had a value when last flushed.
    pub const PRIOR_PRESENT: u16 = 1 << 6;
    /// Whether the engine has a row (counting what is sealed) is known.
    pub const ENGINE_KNOWN: u16 = 1 << 7;
    /// The engine has a row.
    pub const ENGINE_PRESENT: u16 = 1 << 8;
    /// Used since the eviction hand last passed.
    pub const REFERENCED: u16 = 1 << 9;
    /// The slot is in use.
    pub const LIVE: u16 = 1 << 10;

    /// Not forwarded or not sealed: counts as dirty.
    pub const DIRTY: u16 = UNFORWARDED | FORWARDED;
    /// Differs from the engine, or may: must stay.
    pub const UNAPPLIED: u16 = DIRTY | SEALED;
    /// In a list by its index: must stay.
    pub const PINNED: u16 = UNAPPLIED | QUEUED;
}

/// An entry: a key with its present value, or with the knowledge that there is none.
#[derive(Default)]
pub(super) struct Entry {
    pub(super) key: Key,
    /// Rewritten in place. Empty if absent.
    pub(super) value: Vec<u8>,
    /// Of the last write.
    pub(super) context: WriteContext,
    /// Of the last write: the order of forwarding.
    pub(super) sequence: u64,
    /// Of the first write that is not yet applied.
    pub(super) unapplied_since: u64,
    /// Bytes that it counts for.
    pub(super) charge: usize,
    /// How often the slot was reused.
    pub(super) generation: u32,
    pub(super) flags: u16,
}

/// What an entry costs besides the bytes of its key and value: itself, its hash bucket, allocator slack.
pub(super) const ENTRY_OVERHEAD: usize = size_of::<Entry>() + 24;

impl Entry {
    pub(super) fn has(&self, flags: u16) -> bool {
        self.flags & flags != 0
    }

    pub(super) fn set(&mut self, flags: u16, on: bool) {
        if on {
            self.flags |= flags;
        } else {
            self.flags &= !flags;
        }
    }

    pub(super) fn value(&self) -> Option<&[u8]> {
        self.has(flag::PRESENT).then_some(&self.value)
    }
}
