//! What a buffer does for a windowed store: it keeps the observed stream time and the time index, and lets
//! go of segments that have expired.

use super::entry::flag;
use super::{Slot, WriteBuffer, WriteContext};
use crate::commit::BatchWriter;
use crate::error::Result;
use crate::expiry::{Expiry, StreamTime, is_below, segment_start};
use crate::layout::{RowLayout, is_index_row};

/// The part of a [`WriteBuffer`] that a plain store does not use.
pub(super) struct Segments {
    layout: RowLayout,
    expiry: Expiry,
    /// Whether rows have a place in a time index.
    pub(super) indexed: bool,
    /// What the last sealed commit has, or is on disk.
    sealed_time: StreamTime,
    /// Segments below this one are dropped, in the engine or in the last sealed commit.
    dropped_below: i64,
    /// Whether entries of dropped segments may still be here.
    has_dropped_entries: bool,
    /// Key of a place in the index, or of a row with duplicates.
    scratch: Vec<u8>,
}

impl Segments {
    pub(super) fn new(layout: RowLayout, time: StreamTime, dropped_below: i64) -> Self {
        Self {
            layout,
            expiry: Expiry::new(&layout, time),
            indexed: layout.has_time_index(),
            sealed_time: time,
            dropped_below,
            has_dropped_entries: false,
            scratch: Vec::new(),
        }
    }

    /// Whether the engine cannot have this row: it is later than all that was ever sealed.
    pub(super) fn is_new(&self, row: &[u8]) -> bool {
        self.layout.time_of(row).is_some_and(|time| time > self.sealed_time.newest)
    }

    /// Takes notice of a row that is sealed: whoever wrote it may not have told its time.
    pub(super) fn observe_sealed(&mut self, row: &[u8]) {
        if let Some(time) = self.layout.time_of(row) {
            self.expiry.observe(time);
        }
    }

    /// The first bytes that are not expired, if some are.
    pub(super) fn expired_before(&self) -> Option<[u8; 8]> {
        let first = self.expiry.first_live();
        (self.layout.is_segmented() && first > 0).then(|| segment_start(first))
    }
}

impl WriteBuffer {
    /// How the store arranges its rows.
    pub fn layout(&self) -> &RowLayout {
        &self.segments.layout
    }

    /// The key that the changelog has for a slot's row; empty if the slot is no longer valid.
    pub fn changelog_key(&self, slot: Slot) -> &[u8] {
        self.segments.layout.changelog_key(self.key(slot))
    }

    /// The largest time put so far, in milliseconds; -1 if there was none.
    pub fn observed_time(&self) -> i64 {
        self.segments.expiry.time().observed
    }

    /// The largest time of all rows, in milliseconds; -1 if there was none.
    pub(crate) fn newest_time(&self) -> i64 {
        self.segments.expiry.time().newest
    }

    /// Takes notice of the time of a row that is put, for a caller that puts by slot. Committed with the row.
    #[inline]
    pub fn observe(&mut self, time: i64) {
        self.segments.expiry.observe(time);
    }

    /// Takes notice of the time of a restored row; beyond `limit` it lets nothing expire.
    pub(crate) fn observe_restored(&mut self, time: i64, limit: i64) {
        self.segments.expiry.observe_restored(time, limit);
    }

    /// Whether the segment of this time has expired, so that a row must not be put: it would be dropped. Rows
    /// have no negative times: those have expired too. Never in a plain store, otherwise.
    #[inline]
    pub fn is_expired(&self, time: i64) -> bool {
        self.segments.expiry.is_expired(time)
    }

    /// The smallest time that reads show. A row that is older is no longer seen, even where its segment is live.
    pub fn visible_from(&self) -> i64 {
        crate::expiry::visible_from(&self.segments.layout, self.observed_time())
    }

    pub(crate) fn next_sequence(&mut self) -> i32 {
        self.segments.expiry.next_sequence()
    }

    /// Puts a row of a window store with duplicates beside those of its key and start, of which none is read. Answers its slot; `None` if its
    /// segment has expired, or its time is negative: nothing was written.
    ///
    /// # Errors
    /// If the store is closed.
    pub fn put_duplicate(
        &mut self,
        key: &[u8],
        start: i64,
        value: &[u8],
        context: WriteContext,
    ) -> Result<Option<Slot>> {
        self.observe(start);
        if self.is_expired(start) {
            return Ok(None);
        }
        let sequence = self.next_sequence();
        let mut row = std::mem::take(&mut self.segments.scratch);
        self.segments.layout.encode_window(key, start, sequence, &mut row);
        let slot = self.put_unread(&row, value, context);
        self.segments.scratch = row;
        slot.map(Some)
    }

    /// Follows a write of a row in the time index. `was` are the flags before it.
    ///
    /// Such an entry is never unforwarded, as it is in no changelog: it goes into the commit with its row.
    pub(super) fn index_row(&mut self, data: u32, was: u16) {
        let entry = self.table.entry(data);
        let present = entry.has(flag::PRESENT);
        let was_known = was & (flag::UNAPPLIED | flag::ENGINE_KNOWN) != 0;
        if was_known && (was & flag::PRESENT != 0) == present {
            return;
        }
        let mut key = std::mem::take(&mut self.segments.scratch);
        if self.segments.layout.index_row(entry.key.as_slice(), &mut key) {
            self.write_index_row(&key, present, was);
        }
        self.segments.scratch = key;
    }

    fn write_index_row(&mut self, key: &[u8], present: bool, was: u16) {
        let hash = self.table.hash(key);
        let index = match self.table.find(hash, key) {
            Some(index) => index,
            None => {
                let Ok(index) = self.insert(hash, key) else {
                    return; // Closed, so that the row was not written either.
                };
                // The engine has both or neither.
                let known = was & (flag::ENGINE_KNOWN | flag::ENGINE_PRESENT);
                self.table.entry_mut(index).set(known, true);
                index
            }
        };
        let sequence = self.sequence;
        let entry = self.table.entry_mut(index);
        entry.set(flag::PRESENT, present);
        entry.sequence = sequence;
        if !entry.has(flag::UNAPPLIED) {
            entry.unapplied_since = sequence;
            self.index.note(index);
        }
        if !entry.has(flag::DIRTY) {
            self.dirty_bytes += entry.charge;
            if entry.has(flag::SEALED) {
                self.sealed_bytes -= entry.charge;
            }
        }
        if !entry.has(flag::FORWARDED) {
            entry.set(flag::FORWARDED, true);
            self.forwarded.push(index);
        }
        entry.set(flag::REFERENCED, true);
        self.recharge(index);
    }

    /// Ends the store's part of a commit: with its stream time, and without the segments that have expired.
    pub(super) fn seal_segments(&mut self, writer: &mut BatchWriter<'_>) {
        let segments = &mut self.segments;
        if !segments.layout.is_segmented() {
            return;
        }
        let first_live = segments.expiry.first_live();
        if first_live > segments.dropped_below {
            writer.drop_segments(first_live);
            segments.dropped_below = first_live;
            segments.has_dropped_entries = true;
        }
        if segments.expiry.time() != segments.sealed_time {
            segments.sealed_time = segments.expiry.time();
            writer.stream_time(segments.sealed_time);
        }
    }

    /// Drops the places in the index that were just applied: only scans look for them, in the engine.
    pub(super) fn forget_applied_index_rows(&mut self) {
        if !self.segments.indexed {
            return;
        }
        for position in 0..self.sealed.len() {
            let entry = self.table.entry(self.sealed[position]);
            if !entry.has(flag::PINNED) && is_index_row(entry.key.as_slice()) {
                self.forget(self.sealed[position]);
            }
        }
    }

    /// Drops the entries of segments that were dropped: the engine no longer has what they claim.
    pub(super) fn forget_dropped_segments(&mut self) {
        if !self.segments.has_dropped_entries {
            return;
        }
        self.segments.has_dropped_entries = false;
        let start = segment_start(self.segments.dropped_below);
        for index in 0..self.table.slots() as u32 {
            let entry = self.table.entry(index);
            if !entry.has(flag::LIVE) || !is_below(entry.key.as_slice(), &start) {
                continue;
            }
            if entry.has(flag::PINNED) {
                // Written again, against the rules: goes with the next commit.
                self.segments.has_dropped_entries = true;
            } else {
                self.forget(index);
            }
        }
    }
}
