use std::hash::{DefaultHasher, Hash, Hasher};

/// A multiset of records in 16 bytes: how many, and a sum of their hashes, which no order changes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Digest {
    pub records: u64,
    hash: u64,
}

impl Digest {
    pub fn add(&mut self, key: Option<&[u8]>, value: Option<&[u8]>) {
        let mut hasher = DefaultHasher::new();
        (key, value).hash(&mut hasher);
        self.records += 1;
        self.hash = self.hash.wrapping_add(hasher.finish());
    }

    pub fn merge(&mut self, other: &Self) {
        self.records += other.records;
        self.hash = self.hash.wrapping_add(other.hash);
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;

    fn digest(records: &[(&str, &str)]) -> Digest {
        let mut digest = Digest::default();
        for (key, value) in records {
            digest.add(Some(key.as_bytes()), Some(value.as_bytes()));
        }
        digest
    }

    #[test]
    fn tells_records_apart_but_not_their_order() {
        assert_eq!(digest(&[("a", "1"), ("b", "2")]), digest(&[("b", "2"), ("a", "1")]));
        assert_ne!(digest(&[("a", "1"), ("b", "2")]), digest(&[("a", "2"), ("b", "1")]));
        assert_ne!(digest(&[("a", "1")]), digest(&[("a", "1"), ("a", "1")]));
        assert_ne!(digest(&[("ab", "c")]), digest(&[("a", "bc")]));
    }
}
