//! The unapplied rows of a window store by their keys, for reads of one key's windows: these look at no other key's rows, however many
//! there are, and a row costs a hash instead of its place in an order. A buffer that is never read so never pays for it.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::entry::flag;
use super::table::Table;
use crate::layout::RowLayout;
use crate::range::KeyRange;

/// A key with more rows than this is read in order instead: looking through all of them would cost more.
const MAX_ROWS: u32 = 64;

/// The rows of a key in a segment: `len` of them, the one that came last at `newest` in `rows`. Keys with the same hash share one.
struct Group {
    hash: u64,
    newest: u32,
    len: u32,
}

struct Row {
    /// Of its entry.
    index: u32,
    /// The row of the same group that came before; of the first one, anything.
    before: u32,
    time: i64,
}

/// Every entry that differs from the engine, as in [`OrderedIndex`](super::ordered::OrderedIndex).
#[derive(Default)]
pub(super) struct RowsByKey {
    hasher: DefaultHashBuilder,
    groups: HashTable<Group>,
    rows: Vec<Row>,
    /// Entries that the last search has found.
    found: Vec<u32>,
    /// Whether it is kept up to date: from a search until a commit with no search before it.
    active: bool,
    /// Whether there was a search since the last commit.
    used: bool,
}

impl RowsByKey {
    /// An entry has become different from the engine.
    #[inline]
    pub(super) fn note(&mut self, layout: &RowLayout, key: &[u8], index: u32) {
        if self.active {
            self.add(layout, key, index);
        }
    }

    /// After a commit: `unapplied` are the entries that still differ from the engine.
    pub(super) fn restart(&mut self, table: &Table, layout: &RowLayout, unapplied: impl Iterator<Item = u32>) {
        self.groups.clear();
        self.rows.clear();
        self.active = self.used;
        self.used = false;
        if self.active {
            unapplied.for_each(|index| self.add(layout, table.entry(index).key.as_slice(), index));
        }
    }

    /// Looks for the entries within `range`, which lies in one segment and within times from `from` to `to` of one key; `prefix` is all
    /// of their rows before the time. Answers them in order; `None` if the key has too many rows.
    pub(super) fn search(
        &mut self,
        table: &Table,
        layout: &RowLayout,
        prefix: &[u8],
        (from, to): (i64, i64),
        range: KeyRange<'_>,
    ) -> Option<&[u32]> {
        self.used = true;
        if !self.active {
            self.active = true;
            for (entry, index) in table.entries().iter().zip(0..) {
                if entry.has(flag::UNAPPLIED) {
                    self.add(layout, entry.key.as_slice(), index);
                }
            }
        }
        self.found.clear();
        let hash = self.hasher.hash_one(prefix);
        let Some(group) = self.groups.find(hash, |group| group.hash == hash) else { return Some(&self.found) };
        if group.len > MAX_ROWS {
            return None;
        }
        let mut next = group.newest;
        for _ in 0..group.len {
            let row = &self.rows[next as usize];
            if (from..=to).contains(&row.time) {
                let key = table.entry(row.index).key.as_slice();
                // Another key may have the same hash.
                if !range.is_below(key) && !range.is_above(key) {
                    self.found.push(row.index);
                }
            }
            next = row.before;
        }
        let key = |index: &u32| table.entry(*index).key.as_slice();
        self.found.sort_unstable_by(|a, b| key(a).cmp(key(b)));
        self.found.dedup();
        Some(&self.found)
    }

    fn add(&mut self, layout: &RowLayout, key: &[u8], index: u32) {
        let Some((prefix, time)) = layout.split_window(key) else { return };
        let (hash, at) = (self.hasher.hash_one(prefix), self.rows.len() as u32);
        let mut before = at;
        match self.groups.find_mut(hash, |group| group.hash == hash) {
            Some(group) => {
                before = std::mem::replace(&mut group.newest, at);
                group.len += 1;
            }
            None => {
                let group = Group { hash, newest: at, len: 1 };
                self.groups.insert_unique(hash, group, |group| group.hash);
            }
        }
        self.rows.push(Row { index, before, time });
    }
}
