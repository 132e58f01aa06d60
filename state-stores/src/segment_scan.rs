//! Scans of windowed stores: segment by segment, over any source of rows.

use std::ops::ControlFlow;

use crate::buffer::StoreHandle;
use crate::error::Result;
use crate::kv::ReadOnlyKeyValueStore;
use crate::layout::RowLayout;
use crate::range::{Direction, KeyRange};
use crate::reader::CommittedReader;
use crate::scan::Scan;
use crate::segment_query::SegmentQuery;

/// Where the rows of a windowed store are read: the store of a task ([`StoreHandle`]), or what it has committed
/// ([`CommittedReader`]).
pub trait SegmentSource: ReadOnlyKeyValueStore {
    /// Name of the store.
    fn store_name(&self) -> &str;

    /// How the store arranges its rows.
    ///
    /// # Errors
    /// If the store is in use further up on this thread.
    fn row_layout(&self) -> Result<RowLayout>;

    /// The largest time put, in milliseconds; -1 if there was none.
    ///
    /// # Errors
    /// If the store is in use further up on this thread.
    fn stream_time(&self) -> Result<i64>;

    /// Shows the rows of a range to `visit` one by one until it breaks off. The store is in use meanwhile.
    ///
    /// # Errors
    /// If the store is closed, in use, or cannot be read.
    fn visit_rows(
        &self,
        range: KeyRange<'_>,
        direction: Direction,
        visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<()>;
}

impl SegmentSource for StoreHandle {
    fn store_name(&self) -> &str {
        self.name()
    }

    fn row_layout(&self) -> Result<RowLayout> {
        Ok(*self.try_borrow()?.layout())
    }

    fn stream_time(&self) -> Result<i64> {
        Ok(self.try_borrow()?.observed_time())
    }

    fn visit_rows(
        &self,
        range: KeyRange<'_>,
        direction: Direction,
        visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<()> {
        self.try_borrow_mut()?.scan(range, direction, visit)
    }
}

impl SegmentSource for CommittedReader {
    fn store_name(&self) -> &str {
        self.name()
    }

    fn row_layout(&self) -> Result<RowLayout> {
        Ok(*self.layout())
    }

    fn stream_time(&self) -> Result<i64> {
        Ok(self.observed_time())
    }

    fn visit_rows(
        &self,
        range: KeyRange<'_>,
        direction: Direction,
        visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<()> {
        self.scan(range, direction, visit)
    }
}

/// Shows the rows that a query wants to `visit`, by changelog key: nothing is copied or allocated per row.
pub(crate) fn visit<S: SegmentSource>(
    source: &S,
    query: &SegmentQuery,
    direction: Direction,
    mut visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
) -> Result<()> {
    let (mut first, mut last) = query.segments();
    let mut ended = false;
    while first <= last && !ended {
        let range = query.range(next_segment(&mut first, &mut last, direction));
        source.visit_rows(range.as_range(), direction, |row, value| {
            let changelog_key = query.layout.changelog_key(row);
            if !query.wants(changelog_key) {
                return ControlFlow::Continue(());
            }
            let shown = visit(changelog_key, value);
            ended = shown.is_break();
            shown
        })?;
    }
    Ok(())
}

/// The rows that a query wants, page by page.
#[derive(Debug)]
pub(crate) struct SegmentScan<S> {
    query: SegmentQuery,
    direction: Direction,
    /// Segments still to be read, both included.
    first: i64,
    last: i64,
    scan: Scan<S>,
    /// The row that a place in the time index led to.
    row: Vec<u8>,
    value: Vec<u8>,
}

impl<S: SegmentSource> SegmentScan<S> {
    pub(crate) fn new(source: S, query: SegmentQuery, direction: Direction) -> Self {
        let (mut first, mut last) = query.segments();
        // A scan of nothing, if there is no segment.
        let segment = if first <= last { next_segment(&mut first, &mut last, direction) } else { -1 };
        let scan = Scan::new(source, query.range(segment), direction);
        Self { query, direction, first, last, scan, row: Vec::new(), value: Vec::new() }
    }

    /// The next row as changelog key and value.
    pub(crate) fn next_row(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        while !self.advance()? {
            if self.first > self.last {
                return Ok(None);
            }
            let segment = next_segment(&mut self.first, &mut self.last, self.direction);
            self.scan.go_on_with(self.query.range(segment));
        }
        if self.query.by_time {
            return Ok(Some((self.query.layout.changelog_key(&self.row), &self.value)));
        }
        let current = self.scan.current();
        Ok(current.map(|(row, value)| (self.query.layout.changelog_key(row), value)))
    }

    /// Moves to the next row that is wanted; answers no at the end of the segment.
    fn advance(&mut self) -> Result<bool> {
        loop {
            let next = self.scan.next_row();
            if next.is_err() {
                // An error ends the scan.
                (self.first, self.last) = (0, -1);
            }
            let Some((row, _)) = next? else {
                return Ok(false);
            };
            let wanted = if self.query.by_time {
                self.query.layout.row_of_index(row, &mut self.row)
                    && self.query.wants(self.query.layout.changelog_key(&self.row))
                    // The row may have been deleted since the page was read.
                    && self.scan.source().get_into(&self.row, &mut self.value)?
            } else {
                self.query.wants(self.query.layout.changelog_key(row))
            };
            if wanted {
                return Ok(true);
            }
        }
    }
}

/// Takes the next segment off what is left.
fn next_segment(first: &mut i64, last: &mut i64, direction: Direction) -> i64 {
    match direction {
        Direction::Forward => {
            *first += 1;
            *first - 1
        }
        Direction::Reverse => {
            *last -= 1;
            *last + 1
        }
    }
}
