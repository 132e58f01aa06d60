//! Ranges of keys, and which way to walk them. Keys are ordered as unsigned bytes.

use std::ops::Bound;

/// Which way a scan walks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the smallest key to the largest.
    Forward,
    /// From the largest key to the smallest.
    Reverse,
}

/// A range of keys, each end open, included or excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRange<'a> {
    /// The smaller end.
    pub lower: Bound<&'a [u8]>,
    /// The larger end.
    pub upper: Bound<&'a [u8]>,
}

impl<'a> KeyRange<'a> {
    /// All keys.
    pub fn all() -> Self {
        Self { lower: Bound::Unbounded, upper: Bound::Unbounded }
    }

    /// From `from` to `to`, both included; an end that is `None` is open.
    pub fn inclusive(from: Option<&'a [u8]>, to: Option<&'a [u8]>) -> Self {
        Self {
            lower: from.map_or(Bound::Unbounded, Bound::Included),
            upper: to.map_or(Bound::Unbounded, Bound::Included),
        }
    }

    /// Whether no key can be inside.
    pub fn is_empty(&self) -> bool {
        match (self.lower, self.upper) {
            (Bound::Unbounded, _) => self.upper == Bound::Excluded(&[]),
            (_, Bound::Unbounded) => false,
            (Bound::Included(lower), Bound::Included(upper)) => lower > upper,
            (Bound::Included(lower), Bound::Excluded(upper))
            | (Bound::Excluded(lower), Bound::Included(upper))
            | (Bound::Excluded(lower), Bound::Excluded(upper)) => lower >= upper,
        }
    }

    /// Whether `key` comes before the range.
    pub(crate) fn is_below(&self, key: &[u8]) -> bool {
        match self.lower {
            Bound::Unbounded => false,
            Bound::Included(lower) => key < lower,
            Bound::Excluded(lower) => key <= lower,
        }
    }

    /// Whether `key` comes after the range.
    pub(crate) fn is_above(&self, key: &[u8]) -> bool {
        match self.upper {
            Bound::Unbounded => false,
            Bound::Included(upper) => key > upper,
            Bound::Excluded(upper) => key >= upper,
        }
    }
}

/// A range that owns its ends: what a scan keeps between pages.
#[derive(Debug, Clone)]
pub(crate) struct OwnedRange {
    lower: Bound<Vec<u8>>,
    upper: Bound<Vec<u8>>,
}

impl OwnedRange {
    pub(crate) fn from_bounds(lower: Bound<Vec<u8>>, upper: Bound<Vec<u8>>) -> Self {
        Self { lower, upper }
    }

    pub(crate) fn new(range: KeyRange<'_>) -> Self {
        Self { lower: range.lower.map(<[u8]>::to_vec), upper: range.upper.map(<[u8]>::to_vec) }
    }

    /// The keys that start with `prefix`.
    pub(crate) fn prefix(prefix: &[u8]) -> Self {
        Self {
            lower: Bound::Included(prefix.to_vec()),
            upper: prefix_end(prefix).map_or(Bound::Unbounded, Bound::Excluded),
        }
    }

    pub(crate) fn as_range(&self) -> KeyRange<'_> {
        KeyRange { lower: self.lower.as_ref().map(Vec::as_slice), upper: self.upper.as_ref().map(Vec::as_slice) }
    }

    /// Cuts off what a scan has already walked, up to and with `key`.
    pub(crate) fn continue_after(&mut self, key: &[u8], direction: Direction) {
        let end = match direction {
            Direction::Forward => &mut self.lower,
            Direction::Reverse => &mut self.upper,
        };
        *end = Bound::Excluded(key.to_vec());
    }
}

/// The first key after all keys that start with `prefix`; `None` if there is no such key.
pub fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_end_carries() {
        assert_eq!(prefix_end(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(prefix_end(&[1, 0xff, 0xff]), Some(vec![2]));
        assert_eq!(prefix_end(&[0xff, 0xff]), None);
        assert_eq!(prefix_end(b""), None);
    }

    #[test]
    fn emptiness_matches_the_bounds() {
        assert!(KeyRange::inclusive(Some(b"b"), Some(b"a")).is_empty());
        assert!(!KeyRange::inclusive(Some(b"a"), Some(b"a")).is_empty());
        assert!(!KeyRange::all().is_empty());
        let excluded = KeyRange { lower: Bound::Excluded(&b"a"[..]), upper: Bound::Included(&b"a"[..]) };
        assert!(excluded.is_empty());
    }
}
