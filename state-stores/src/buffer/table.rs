//! The entries of a write buffer and the way from a key to its entry: one hash, one probe.

use std::hash::{BuildHasher, Hasher};

use hashbrown::{DefaultHashBuilder, HashTable};

use super::entry::{ENTRY_OVERHEAD, Entry, Slot, flag};
use super::key::Key;

/// Values with more room than this give it back when their entry is dropped; others keep it for the next.
const KEPT_CAPACITY: usize = 256;

/// A bucket keeps part of the hash: growing then needs no look at the entries, and a probe rarely one in vain.
struct Bucket {
    hash: u32,
    index: u32,
}

#[derive(Default)]
pub(super) struct Table {
    hasher: DefaultHashBuilder,
    buckets: HashTable<Bucket>,
    entries: Vec<Entry>,
    free: Vec<u32>,
    /// Where eviction goes on.
    hand: usize,
    /// Generation of new slots: above those of slots that were given back.
    first_generation: u32,
}

/// Spreads the stored half of a hash over the bits that the table looks at.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Table {
    pub(super) fn hash(&self, key: &[u8]) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key);
        let hash = hasher.finish();
        (hash ^ (hash >> 32)) as u32
    }

    #[inline(always)] // One probe per record: measured, the compiler does not always see it.
    pub(super) fn find(&self, hash: u32, key: &[u8]) -> Option<u32> {
        let found = self.buckets.find(spread(hash), |bucket| {
            bucket.hash == hash && self.entries[bucket.index as usize].key.as_slice() == key
        })?;
        Some(found.index)
    }

    /// Adds an entry without value. `key` must not be there yet.
    pub(super) fn insert(&mut self, hash: u32, key: &[u8]) -> u32 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.entries.push(Entry { generation: self.first_generation, ..Entry::default() });
            (self.entries.len() - 1) as u32
        });
        let entry = &mut self.entries[index as usize];
        entry.key = Key::new(key);
        entry.flags = flag::LIVE | flag::REFERENCED;
        let bucket = Bucket { hash, index };
        self.buckets.insert_unique(spread(hash), bucket, |bucket| spread(bucket.hash));
        index
    }

    /// Drops an entry. Slots of it are no longer valid.
    pub(super) fn remove(&mut self, index: u32) {
        let entry = &mut self.entries[index as usize];
        let key = std::mem::take(&mut entry.key);
        entry.flags = 0;
        entry.charge = 0;
        entry.generation = entry.generation.wrapping_add(1);
        entry.value.clear();
        if entry.value.capacity() > KEPT_CAPACITY {
            entry.value = Vec::new();
        }
        let hash = self.hash(key.as_slice());
        if let Ok(bucket) = (self.buckets).find_entry(spread(hash), |bucket| bucket.index == index) {
            bucket.remove();
        }
        self.free.push(index);
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    pub(super) fn entry(&self, index: u32) -> &Entry {
        &self.entries[index as usize]
    }

    pub(super) fn entry_mut(&mut self, index: u32) -> &mut Entry {
        &mut self.entries[index as usize]
    }

    /// Slots, in use or not.
    pub(super) fn slots(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn slot(&self, index: u32) -> Slot {
        let generation = self.entries[index as usize].generation;
        Slot { index, generation }
    }

    /// The entry's index, if the slot is still valid.
    pub(super) fn resolve(&self, slot: Slot) -> Option<u32> {
        let entry = self.entries.get(slot.index as usize)?;
        (entry.generation == slot.generation && entry.has(flag::LIVE)).then_some(slot.index)
    }

    /// Moves the eviction hand over up to `steps` slots until it finds an entry that may go: clean, and not
    /// used since the hand last came by. Such an entry is dropped; its index and charge are returned.
    pub(super) fn evict_one(&mut self, steps: usize) -> Option<(u32, usize)> {
        for _ in 0..steps {
            if self.hand >= self.entries.len() {
                self.hand = 0;
            }
            let index = self.hand;
            self.hand += 1;
            let entry = self.entries.get_mut(index)?;
            if !entry.has(flag::LIVE) || entry.has(flag::PINNED) {
                continue;
            }
            if entry.has(flag::REFERENCED) {
                entry.set(flag::REFERENCED, false);
                continue;
            }
            let charge = entry.charge;
            self.remove(index as u32);
            return Some((index as u32, charge));
        }
        None
    }

    /// Gives memory back when nothing is left.
    pub(super) fn shrink_if_empty(&mut self) {
        if self.len() == 0 && !self.entries.is_empty() {
            // Dropping an entry has raised its generation above that of every slot given out for it.
            let generations = self.entries.iter().map(|entry| entry.generation);
            self.first_generation = generations.max().unwrap_or(0);
            self.entries = Vec::new();
            self.free = Vec::new();
            self.buckets = HashTable::new();
            self.hand = 0;
        }
    }

    /// Bytes that an entry counts for, without its prior value.
    pub(super) fn charge(&self, index: u32) -> usize {
        let entry = self.entry(index);
        ENTRY_OVERHEAD + entry.key.heap_bytes() + entry.value.capacity()
    }
}
