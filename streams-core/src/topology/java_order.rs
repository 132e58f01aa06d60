//! The orders in which Java's collections hand out their elements, for texts that shall equal those of Kafka Streams.

use std::cmp::Ordering;

/// The hash code of a Java string.
fn hash_code(text: &str) -> i32 {
    text.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

fn bucket(text: &str, capacity: usize) -> usize {
    let hash = hash_code(text) as u32;
    (hash ^ (hash >> 16)) as usize & (capacity - 1)
}

/// Sorts items as a `HashMap` or `HashSet` iterates that they were put into one by one, in this order.
pub(crate) fn sort_as_hash_map<'n, T>(items: &mut [T], name: impl Fn(&T) -> &'n str) {
    let mut capacity = 16;
    while items.len() > capacity / 4 * 3 {
        capacity *= 2;
    }
    items.sort_by_key(|item| bucket(name(item), capacity));
}

/// Sorts items as a `HashSet` iterates that was made from a collection of them.
pub(super) fn sort_as_hash_set_copy<'n, T>(items: &mut [T], name: impl Fn(&T) -> &'n str) {
    let wanted = (items.len() as f32 / 0.75) as usize + 1;
    let capacity = wanted.max(16).next_power_of_two();
    items.sort_by_key(|item| bucket(name(item), capacity));
}

/// A `TreeSet` that only grows. The comparison may change its mind between insertions, as it does in Kafka Streams'
/// description of a topology; the order then depends on the shape of the tree, so the tree is rebalanced as Java's is.
#[derive(Default)]
pub(super) struct TreeSet {
    entries: Vec<Entry>,
    root: Option<usize>,
}

struct Entry {
    item: usize,
    red: bool,
    parent: Option<usize>,
    /// Left, right.
    children: [Option<usize>; 2],
}

const LEFT: usize = 0;
const RIGHT: usize = 1;

impl TreeSet {
    /// Inserts `item`, unless `compare` says that it is there already. `compare` compares it with an item of the set.
    pub(super) fn insert(&mut self, item: usize, compare: impl Fn(usize) -> Ordering) {
        let (mut parent, mut side) = (None, LEFT);
        let mut next = self.root;
        while let Some(at) = next {
            side = match compare(self.entries[at].item) {
                Ordering::Less => LEFT,
                Ordering::Greater => RIGHT,
                Ordering::Equal => return,
            };
            parent = Some(at);
            next = self.entries[at].children[side];
        }
        let new = self.entries.len();
        self.entries.push(Entry { item, red: true, parent, children: [None; 2] });
        match parent {
            None => self.root = Some(new),
            Some(parent) => self.entries[parent].children[side] = Some(new),
        }
        self.rebalance(new);
    }

    /// The items in order.
    pub(super) fn items(&self) -> Vec<usize> {
        let mut items = Vec::with_capacity(self.entries.len());
        let mut path = Vec::new();
        let mut next = self.root;
        while next.is_some() || !path.is_empty() {
            while let Some(at) = next {
                path.push(at);
                next = self.entries[at].children[LEFT];
            }
            if let Some(at) = path.pop() {
                items.push(self.entries[at].item);
                next = self.entries[at].children[RIGHT];
            }
        }
        items
    }

    fn side_of(&self, at: usize, parent: usize) -> usize {
        if self.entries[parent].children[LEFT] == Some(at) { LEFT } else { RIGHT }
    }

    fn rebalance(&mut self, mut at: usize) {
        while let Some(parent) = self.entries[at].parent.filter(|&parent| self.entries[parent].red) {
            let Some(grandparent) = self.entries[parent].parent else { break };
            let side = self.side_of(parent, grandparent);
            match self.entries[grandparent].children[1 - side] {
                Some(uncle) if self.entries[uncle].red => {
                    self.entries[parent].red = false;
                    self.entries[uncle].red = false;
                    self.entries[grandparent].red = true;
                    at = grandparent;
                }
                _ => {
                    if self.side_of(at, parent) != side {
                        at = parent;
                        self.rotate(at, side);
                    }
                    let parent = self.entries[at].parent.unwrap_or(at);
                    self.entries[parent].red = false;
                    self.entries[grandparent].red = true;
                    self.rotate(grandparent, 1 - side);
                }
            }
        }
        if let Some(root) = self.root {
            self.entries[root].red = false;
        }
    }

    /// Moves `at` down to the side `side`; its child on the other side takes its place.
    fn rotate(&mut self, at: usize, side: usize) {
        let Some(up) = self.entries[at].children[1 - side] else { return };
        let moved = self.entries[up].children[side];
        self.entries[at].children[1 - side] = moved;
        if let Some(moved) = moved {
            self.entries[moved].parent = Some(at);
        }
        let parent = self.entries[at].parent;
        self.entries[up].parent = parent;
        match parent {
            None => self.root = Some(up),
            Some(parent) => {
                let place = self.side_of(at, parent);
                self.entries[parent].children[place] = Some(up);
            }
        }
        self.entries[up].children[side] = Some(at);
        self.entries[at].parent = Some(up);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_codes_are_javas() {
        assert_eq!(hash_code(""), 0);
        assert_eq!(hash_code("KSTREAM-SOURCE-0000000000"), {
            let mut hash = 0i64;
            "KSTREAM-SOURCE-0000000000".bytes().for_each(|byte| hash = (hash * 31 + i64::from(byte)) & 0xffff_ffff);
            hash as u32 as i32
        });
        assert_eq!(hash_code("hello"), 99_162_322);
    }

    #[test]
    fn a_tree_set_hands_out_its_items_in_order() {
        let mut set = TreeSet::default();
        for item in (0..100).map(|i| i * 37 % 101) {
            set.insert(item, |other| item.cmp(&other));
            set.insert(item, |other| item.cmp(&other));
        }
        let items = set.items();
        assert_eq!(items.len(), 100);
        assert!(items.is_sorted());
    }
}
