//! The unapplied keys of a buffer in order, for scans. A buffer that is never scanned never pays for it.

use super::entry::flag;
use super::table::Table;
use crate::range::KeyRange;

/// A chunk that grows beyond this is split: inserting moves at most 2 KiB.
const MAX_CHUNK: usize = 512;

/// Indices of entries, sorted by key, in chunks. Holds every entry that differs from the engine; the others
/// are shown by the engine itself.
#[derive(Default)]
pub(super) struct OrderedIndex {
    /// None of them is empty.
    chunks: Vec<Vec<u32>>,
    /// Entries that are not in `chunks` yet: sorted in by the next scan.
    pending: Vec<u32>,
    /// Whether it is kept up to date: from a scan until a commit with no scan before it.
    active: bool,
    /// Whether there was a scan since the last commit.
    used: bool,
}

/// A place between two indices.
type Position = (usize, usize);

impl OrderedIndex {
    /// An entry has become different from the engine.
    #[inline]
    pub(super) fn note(&mut self, index: u32) {
        if self.active {
            self.pending.push(index);
        }
    }

    /// After a commit: `unapplied` are the entries that still differ from the engine.
    pub(super) fn restart(&mut self, unapplied: impl Iterator<Item = u32>) {
        self.chunks.clear();
        self.pending.clear();
        self.active = self.used;
        self.used = false;
        if self.active {
            self.pending.extend(unapplied);
        }
    }

    /// Makes the index complete.
    pub(super) fn refresh(&mut self, table: &Table) {
        self.used = true;
        if !self.active {
            self.active = true;
            let entries = table.entries().iter().zip(0..);
            self.pending.extend(entries.filter(|(entry, _)| entry.has(flag::UNAPPLIED)).map(|(_, index)| index));
        }
        if self.pending.is_empty() {
            return;
        }
        let mut pending = std::mem::take(&mut self.pending);
        if self.chunks.is_empty() {
            pending.sort_unstable_by(|&a, &b| key(table, a).cmp(key(table, b)));
            pending.dedup();
            self.chunks.extend(pending.chunks(MAX_CHUNK / 2).map(<[u32]>::to_vec));
        } else {
            for &index in &pending {
                self.insert(table, index);
            }
        }
        pending.clear();
        self.pending = pending;
    }

    fn insert(&mut self, table: &Table, index: u32) {
        let key_of_new = key(table, index);
        let (chunk, offset) = self.position(table, |key| key < key_of_new);
        let chunk = chunk.min(self.chunks.len() - 1);
        let offset = offset.min(self.chunks[chunk].len());
        let indices = &mut self.chunks[chunk];
        if indices.get(offset) == Some(&index) {
            return;
        }
        indices.insert(offset, index);
        if indices.len() > MAX_CHUNK {
            let upper = indices.split_off(MAX_CHUNK / 2);
            self.chunks.insert(chunk + 1, upper);
        }
    }

    /// The place after all keys that are `before`. If that is behind the last key, the chunk is one too many.
    fn position(&self, table: &Table, before: impl Fn(&[u8]) -> bool) -> Position {
        let chunk = (self.chunks).partition_point(|chunk| chunk.last().is_some_and(|&last| before(key(table, last))));
        match self.chunks.get(chunk) {
            Some(indices) => (chunk, indices.partition_point(|&index| before(key(table, index)))),
            // Behind the end: as an offset in the last chunk it is clamped by the caller.
            None => (chunk, usize::MAX),
        }
    }

    /// The entries whose keys are in `range`, in order.
    pub(super) fn range<'a>(
        &'a self,
        table: &'a Table,
        range: KeyRange<'_>,
    ) -> impl DoubleEndedIterator<Item = u32> + 'a {
        let start = self.position(table, |key| range.is_below(key));
        let end = self.position(table, |key| !range.is_above(key));
        let last = (end.0 + 1).min(self.chunks.len());
        let first = start.0.min(last);
        self.chunks[first..last].iter().zip(first..last).flat_map(move |(indices, chunk)| {
            let from = if chunk == start.0 { start.1 } else { 0 };
            let to = if chunk == end.0 { end.1 } else { indices.len() };
            indices[from.min(to)..to].iter().copied()
        })
    }
}

fn key(table: &Table, index: u32) -> &[u8] {
    table.entry(index).key.as_slice()
}
