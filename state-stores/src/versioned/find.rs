//! The version of a key that ended next after a time.

use std::ops::{Bound, ControlFlow};

use crate::buffer::WriteBuffer;
use crate::error::{Result, StoreError};
use crate::formats::split_version;
use crate::layout::RowLayout;
use crate::range::{Direction, KeyRange};
use crate::segment_scan::SegmentSource;

/// Where versions are looked for.
pub(super) trait Rows {
    /// Name of the store.
    fn store(&self) -> &str;

    /// Replaces `value` with the row of this key; answers whether there is one.
    fn row(&mut self, row: &[u8], value: &mut Vec<u8>) -> Result<bool>;

    /// Replaces `row` and `value` with the first row of the range; answers whether there is one.
    fn first(&mut self, range: KeyRange<'_>, row: &mut Vec<u8>, value: &mut Vec<u8>) -> Result<bool>;
}

impl Rows for WriteBuffer {
    fn store(&self) -> &str {
        self.name()
    }

    fn row(&mut self, row: &[u8], value: &mut Vec<u8>) -> Result<bool> {
        value.clear();
        let found = self.get(row)?;
        value.extend_from_slice(found.unwrap_or_default());
        Ok(found.is_some())
    }

    fn first(&mut self, range: KeyRange<'_>, row: &mut Vec<u8>, value: &mut Vec<u8>) -> Result<bool> {
        let mut found = false;
        self.scan(range, Direction::Forward, |key, bytes| take(key, bytes, row, value, &mut found))?;
        Ok(found)
    }
}

/// Rows of a store that is only read.
pub(super) struct Source<'a, S>(pub &'a S);

impl<S: SegmentSource> Rows for Source<'_, S> {
    fn store(&self) -> &str {
        self.0.store_name()
    }

    fn row(&mut self, row: &[u8], value: &mut Vec<u8>) -> Result<bool> {
        self.0.get_into(row, value)
    }

    fn first(&mut self, range: KeyRange<'_>, row: &mut Vec<u8>, value: &mut Vec<u8>) -> Result<bool> {
        let mut found = false;
        self.0.visit_rows(range, Direction::Forward, |key, bytes| take(key, bytes, row, value, &mut found))?;
        Ok(found)
    }
}

fn take(key: &[u8], bytes: &[u8], row: &mut Vec<u8>, value: &mut Vec<u8>, found: &mut bool) -> ControlFlow<()> {
    row.clear();
    row.extend_from_slice(key);
    value.clear();
    value.extend_from_slice(bytes);
    *found = true;
    ControlFlow::Break(())
}

/// Looks for versions of the past; keeps what it found last.
#[derive(Debug, Default)]
pub(super) struct Finder {
    from: Vec<u8>,
    row: Vec<u8>,
    /// The version, as [`split_version`] takes it apart.
    pub(super) version: Vec<u8>,
}

/// When a version held: from `since` to before `end`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) since: i64,
    pub(super) end: i64,
}

impl Finder {
    /// The version of `key` that ended first after `time`. `latest` is since when its latest one holds.
    ///
    /// Mostly it is the one before the latest, which ended where that began: one lookup. Else one seek, and one more for each segment
    /// in between in which the key has none.
    pub(super) fn after(
        &mut self,
        rows: &mut impl Rows,
        layout: &RowLayout,
        key: &[u8],
        time: i64,
        latest: Option<i64>,
    ) -> Result<Option<Span>> {
        if let Some(end) = latest {
            layout.encode_version(key, end, &mut self.row);
            if rows.row(&self.row, &mut self.version)? {
                let span = self.span(rows, end)?;
                if span.since <= time {
                    return Ok(Some(span));
                }
            }
        }
        self.seek(rows, layout, key, time.saturating_add(1))
    }

    fn seek(&mut self, rows: &mut impl Rows, layout: &RowLayout, key: &[u8], end: i64) -> Result<Option<Span>> {
        let (_, interval) = layout.periods();
        let mut segment = end / interval;
        loop {
            let first = end.max(segment.saturating_mul(interval));
            layout.encode_version(key, first, &mut self.from);
            let range =
                KeyRange { lower: Bound::Included(&self.from), upper: Bound::Excluded(RowLayout::after_segments()) };
            if !rows.first(range, &mut self.row, &mut self.version)? {
                return Ok(None);
            }
            // All but the end is the same for a row of the key in this segment.
            let prefix = self.from.len() - size_of::<i64>();
            if self.row.len() == self.from.len() && self.row[..prefix] == self.from[..prefix] {
                return match layout.time_of(&self.row) {
                    Some(end) => self.span(rows, end).map(Some),
                    None => Ok(None),
                };
            }
            // Segments without any row are passed over.
            let next = RowLayout::segment_of_version(&self.row).unwrap_or(i64::MAX);
            segment = if next > segment { next } else { segment + 1 };
            if segment > i64::MAX / interval {
                return Ok(None);
            }
        }
    }

    fn span(&self, rows: &impl Rows, end: i64) -> Result<Span> {
        let version = split_version(&self.version);
        let (since, _) = version
            .ok_or_else(|| StoreError::InvalidVersion { store: rows.store().to_owned(), length: self.version.len() })?;
        Ok(Span { since, end })
    }

    /// The value of the version found last; `None` where it is a deletion.
    pub(super) fn value(&self) -> Option<&[u8]> {
        split_version(&self.version).and_then(|(_, value)| value)
    }
}
