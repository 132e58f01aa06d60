//! Scans of windowed stores: segment by segment, over any source of rows.

use std::ops::ControlFlow;

use crate::buffer::StoreHandle;
use crate::error::Result;
use crate::kv::ReadOnlyKeyValueStore;
use crate::layout::RowLayout;
use crate::range::{Direction, KeyRange, OwnedRange};
use crate::reader::CommittedReader;
use crate::scan::Scan;
use crate::segment_query::SegmentQuery;

/// A page ends, where a read of the store does, with the row that reaches this many: looked at, not only shown.
const PAGE_ROWS: usize = 512;
/// Likewise for bytes shown.
const PAGE_BYTES: usize = 64 << 10;

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

    /// The largest time of all rows, in milliseconds; -1 if there is none. Later than [`stream_time`](Self::stream_time) where rows were restored that
    /// may not let others expire yet.
    ///
    /// # Errors
    /// If the store is in use further up on this thread.
    fn newest_time(&self) -> Result<i64>;

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

    fn newest_time(&self) -> Result<i64> {
        Ok(self.try_borrow()?.newest_time())
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

    fn newest_time(&self) -> Result<i64> {
        Ok(CommittedReader::newest_time(self))
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

    /// Goes on where another scan of the store was paused.
    pub(crate) fn resume(source: S, paused: PausedScan) -> Self {
        let PausedScan { query, direction, first, last, range } = paused;
        let scan = Scan::new(source, range, direction);
        Self { query, direction, first, last, scan, row: Vec::new(), value: Vec::new() }
    }

    /// The next row as changelog key and value.
    pub(crate) fn next_row(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        loop {
            match self.step()? {
                Step::Row => break,
                Step::Other => {}
                Step::End => return Ok(None),
            }
        }
        Ok(self.current())
    }

    /// Shows the rows of about a page to `visit`, and answers what is left of the scan.
    pub(crate) fn read_page(mut self, mut visit: impl FnMut(&[u8], &[u8])) -> Result<Option<PausedScan>> {
        let (mut rows, mut bytes) = (0, 0);
        loop {
            match self.step()? {
                Step::End => return Ok(None),
                Step::Other => {}
                Step::Row => {
                    if let Some((key, value)) = self.current() {
                        bytes += key.len() + value.len();
                        visit(key, value);
                    }
                }
            }
            rows += 1;
            // What the store was asked for is not thrown away.
            if (rows >= PAGE_ROWS || bytes >= PAGE_BYTES) && self.scan.is_page_done() {
                let Self { query, direction, first, last, scan, .. } = self;
                return Ok(Some(PausedScan { query, direction, first, last, range: scan.into_rest() }));
            }
        }
    }

    /// The row that the last step found.
    fn current(&self) -> Option<(&[u8], &[u8])> {
        if self.query.by_time {
            return Some((self.query.layout.changelog_key(&self.row), &self.value));
        }
        self.scan.current().map(|(row, value)| (self.query.layout.changelog_key(row), value))
    }

    /// Looks at one more row, or goes on to the next segment.
    fn step(&mut self) -> Result<Step> {
        let next = self.scan.next_row();
        if next.is_err() {
            // An error ends the scan.
            (self.first, self.last) = (0, -1);
        }
        let Some((row, _)) = next? else {
            if self.first > self.last {
                return Ok(Step::End);
            }
            let segment = next_segment(&mut self.first, &mut self.last, self.direction);
            self.scan.go_on_with(self.query.range(segment));
            return Ok(Step::Other);
        };
        let wanted = if self.query.by_time {
            self.query.layout.row_of_index(row, &mut self.row)
                && self.query.wants(self.query.layout.changelog_key(&self.row))
                // The row may have been deleted since the page was read.
                && self.scan.source().get_into(&self.row, &mut self.value)?
        } else {
            self.query.wants(self.query.layout.changelog_key(row))
        };
        Ok(if wanted { Step::Row } else { Step::Other })
    }
}

/// What a step of a scan came upon.
enum Step {
    /// A row that is wanted.
    Row,
    /// One that is not, or a segment's end.
    Other,
    /// The end of the scan.
    End,
}

/// What is left of a scan of a window or session store after a page of it: nothing of the store is held meanwhile, and another
/// thread may go on with it, on the same store.
#[derive(Debug, Clone)]
pub struct PausedScan {
    query: SegmentQuery,
    direction: Direction,
    first: i64,
    last: i64,
    /// What is left of the segment that was being read.
    range: OwnedRange,
}

/// Takes the next segment off what is left.
pub(crate) fn next_segment(first: &mut i64, last: &mut i64, direction: Direction) -> i64 {
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
