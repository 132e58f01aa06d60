use crate::topology::java_order::sort_as_hash_map;
use std::borrow::Cow;

/// Numbers that nodes commit beside the offsets, by name: what a node must know after a restart and no store holds (the time up
/// to which windows were emitted).
///
/// They are committed with every input partition of the task and merged by the larger number, so they may only grow. The cluster takes
/// 4,096 bytes of metadata with an offset (`offset.metadata.max.bytes`), about 50 entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessorMetadata {
    /// In the order in which they were put in.
    entries: Vec<(String, i64)>,
}

impl ProcessorMetadata {
    /// The number of this name.
    pub fn get(&self, key: &str) -> Option<i64> {
        self.entries.iter().find(|(name, _)| name == key).map(|(_, value)| *value)
    }

    /// Sets the number of this name, and says whether that changed anything.
    pub fn put(&mut self, key: &str, value: i64) -> bool {
        match self.entries.iter_mut().find(|(name, _)| name == key) {
            Some((_, present)) => std::mem::replace(present, value) != value,
            None => {
                self.entries.push((key.to_owned(), value));
                true
            }
        }
    }

    /// Takes over what is larger or new in `other`.
    pub fn merge(&mut self, other: &Self) {
        for (key, value) in &other.entries {
            let value = self.get(key).map_or(*value, |present| present.max(*value));
            self.put(key, value);
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Appends Kafka Streams' bytes: number of entries (4 bytes), then of each the length of its name (4), name, number (8). In the
    /// order of Java's hash map; nothing at all where there are none.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        if self.entries.is_empty() {
            return;
        }
        let mut entries: Vec<_> = self.entries.iter().collect();
        sort_as_hash_map(&mut entries, |(key, _)| key);
        out.extend_from_slice(&(entries.len() as u32).to_be_bytes());
        for (key, value) in entries {
            out.extend_from_slice(&(key.len() as u32).to_be_bytes());
            out.extend_from_slice(key.as_bytes());
            out.extend_from_slice(&value.to_be_bytes());
        }
    }

    /// Reads those bytes. What is cut short or not in this format counts as none.
    pub(super) fn decode(mut bytes: &[u8]) -> Self {
        Self::parse(&mut bytes).unwrap_or_default()
    }

    fn parse(rest: &mut &[u8]) -> Option<Self> {
        let mut metadata = Self::default();
        for _ in 0..u32::from_be_bytes(take(rest, 4)?.try_into().ok()?) {
            let length = u32::from_be_bytes(take(rest, 4)?.try_into().ok()?);
            let key: Cow<'_, str> = String::from_utf8_lossy(take(rest, length as usize)?);
            metadata.put(&key, i64::from_be_bytes(take(rest, 8)?.try_into().ok()?));
        }
        Some(metadata)
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(entries: &[(&str, i64)]) -> ProcessorMetadata {
        let mut metadata = ProcessorMetadata::default();
        entries.iter().for_each(|(key, value)| assert!(metadata.put(key, *value)));
        metadata
    }

    #[test]
    fn the_larger_number_wins() {
        let mut merged = metadata(&[("a", 1), ("b", 5)]);
        merged.merge(&metadata(&[("b", 4), ("a", 3), ("c", -2)]));
        assert_eq!(merged, metadata(&[("a", 3), ("b", 5), ("c", -2)]));
        assert!(!merged.put("a", 3) && merged.put("a", 4));
        assert_eq!((merged.get("a"), merged.get("d")), (Some(4), None));
    }

    #[test]
    fn bytes_cut_anywhere_are_none_and_never_a_panic() {
        let mut bytes = Vec::new();
        let whole = metadata(&[("a", 1), ("zürich", 2)]);
        whole.encode(&mut bytes);
        assert_eq!(ProcessorMetadata::decode(&bytes), whole);
        for length in 0..bytes.len() {
            assert!(ProcessorMetadata::decode(&bytes[..length]).is_empty(), "{length}");
        }
        assert!(ProcessorMetadata::decode(&[0xff; 40]).is_empty());
    }
}
