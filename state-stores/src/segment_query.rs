//! What a query of a windowed store reads: a range of rows in each segment, and which of them it wants.

use std::ops::Bound;

use crate::layout::RowLayout;
use crate::range::{OwnedRange, prefix_end};
use crate::session::SessionKey;
use crate::window::WindowKey;

/// After the time in a changelog key: as large as anything that may follow.
const LARGEST_SUFFIX: [u8; 8] = [0xff; 8];

/// Which keys a query wants; both ends are included.
#[derive(Debug, Clone)]
pub(crate) enum Keys {
    One(Box<[u8]>),
    Between(Option<Box<[u8]>>, Option<Box<[u8]>>),
}

/// A query of a windowed store.
#[derive(Debug, Clone)]
pub(crate) struct SegmentQuery {
    pub(crate) layout: RowLayout,
    pub(crate) keys: Keys,
    /// The first time, of those that reads show.
    pub(crate) from: i64,
    /// The last time.
    pub(crate) to: i64,
    /// Of sessions only: they must start by then.
    pub(crate) latest_start: i64,
    /// Whether to walk the time index.
    pub(crate) by_time: bool,
}

impl SegmentQuery {
    /// The segments to read, the last one included. None if the first is greater.
    pub(crate) fn segments(&self) -> (i64, i64) {
        if self.from > self.to {
            return (0, -1);
        }
        let (_, interval) = self.layout.periods();
        (self.from / interval, self.to / interval)
    }

    /// The range of rows to read in a segment.
    pub(crate) fn range(&self, segment: i64) -> OwnedRange {
        let (_, interval) = self.layout.periods();
        let first = self.from.max(segment.saturating_mul(interval));
        let last = self.to.min(segment.saturating_add(1).saturating_mul(interval));
        if self.by_time {
            return range_by_time(segment, first, last);
        }
        let rows = &RowLayout::rows_of_segment(segment);
        match &self.keys {
            Keys::One(key) => {
                let lower = joined(rows, &[key, &first.to_be_bytes()]);
                let upper = joined(rows, &[key, &last.to_be_bytes(), &LARGEST_SUFFIX]);
                OwnedRange::from_bounds(Bound::Included(lower), Bound::Included(upper))
            }
            Keys::Between(from, to) => {
                let lower = joined(rows, &[from.as_deref().unwrap_or_default()]);
                let upper = match to {
                    Some(to) => Bound::Included(last_row(rows, to, last)),
                    None => Bound::Excluded(RowLayout::index_of_segment(segment).to_vec()),
                };
                OwnedRange::from_bounds(Bound::Included(lower), upper)
            }
        }
    }

    /// Whether the row of this changelog key is wanted: a range of bytes holds others in between.
    pub(crate) fn wants(&self, changelog_key: &[u8]) -> bool {
        let parts = match self.layout {
            RowLayout::Session { .. } => {
                SessionKey::decode(changelog_key).map(|session| (session.key, session.end, session.start))
            }
            _ => WindowKey::decode(changelog_key).map(|window| (window.key, window.start, window.start)),
        };
        let Some((key, time, start)) = parts else {
            return false;
        };
        let is_key = match &self.keys {
            Keys::One(wanted) => **wanted == *key,
            Keys::Between(from, to) => {
                from.as_ref().is_none_or(|from| **from <= *key) && to.as_ref().is_none_or(|to| *key <= **to)
            }
        };
        is_key && self.from <= time && time <= self.to && start <= self.latest_start
    }
}

fn range_by_time(segment: i64, first: i64, last: i64) -> OwnedRange {
    let index = &RowLayout::index_of_segment(segment);
    let lower = joined(index, &[&first.to_be_bytes()]);
    let upper = prefix_end(&joined(index, &[&last.to_be_bytes()])).map_or(Bound::Unbounded, Bound::Excluded);
    OwnedRange::from_bounds(Bound::Included(lower), upper)
}

/// The last row that a key up to `to` may have, by time `last`. That is not always a row of `to` itself: where
/// a shorter key ends its time begins, which may be greater than what follows there in `to`.
fn last_row(rows: &[u8], to: &[u8], last: i64) -> Vec<u8> {
    let suffix = joined(&last.to_be_bytes(), &[&LARGEST_SUFFIX]);
    let mut row = joined(rows, &[to, &suffix]);
    for end in (rows.len()..rows.len() + to.len()).rev() {
        if suffix.as_slice() > &row[end..] {
            row.truncate(end);
            row.extend_from_slice(&suffix);
        }
    }
    row
}

fn joined(prefix: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(prefix.len() + parts.iter().map(|part| part.len()).sum::<usize>());
    bytes.extend_from_slice(prefix);
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys of which some are prefixes of others, and with bytes on both sides of those of a time.
    fn keys() -> Vec<Vec<u8>> {
        let bytes = [0_u8, 1, 0x7f, 0x80, 0xff];
        let mut keys = vec![Vec::new()];
        for length in 0..3 {
            let longer: Vec<Vec<u8>> = (keys.iter().filter(|key| key.len() == length))
                .flat_map(|key| bytes.map(|byte| [key.as_slice(), &[byte]].concat()))
                .collect();
            keys.extend(longer);
        }
        keys
    }

    #[test]
    fn no_row_of_a_wanted_key_is_outside_the_range() {
        let layout = RowLayout::window(i64::MAX).with_segment_interval(i64::MAX);
        let mut row = Vec::new();
        for to in keys() {
            for last in [0, 1, 0x0100_0000_0000, 0x0180_0000_0000_0000, i64::MAX - 1] {
                let keys_wanted = Keys::Between(None, Some(to.clone().into()));
                let query =
                    SegmentQuery { layout, keys: keys_wanted, from: 0, to: last, latest_start: last, by_time: false };
                let range = query.range(0);
                for key in keys() {
                    for start in [0, last / 2, last] {
                        layout.encode_window(&key, start, 3, &mut row);
                        assert_eq!(query.wants(&row[9..]), key <= to);
                        if key <= to {
                            assert!(!range.as_range().is_above(&row), "{key:?} at {start} for {to:?} by {last}");
                        }
                    }
                }
            }
        }
    }
}
