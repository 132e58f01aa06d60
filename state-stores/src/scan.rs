//! Iterators over a store that hold no borrow, lock or snapshot between two rows: they read page by page.

use std::ops::ControlFlow;

use crate::error::Result;
use crate::range::{Direction, KeyRange, OwnedRange};

/// Rows in the first page; later pages hold more, as the scan is then known to be long.
const FIRST_PAGE_ROWS: usize = 16;
const MAX_PAGE_ROWS: usize = 512;
/// A page ends with the row that reaches this many bytes.
const MAX_PAGE_BYTES: usize = 64 << 10;

/// What a [`Scan`] reads from.
pub trait ScanSource {
    /// A mark of the present moment: keys that come into being later are not shown to a scan with this mark.
    #[doc(hidden)]
    fn scan_mark(&self) -> u64 {
        u64::MAX
    }

    /// Reads rows of `range` into `page` until it is full.
    #[doc(hidden)]
    fn read_page(&self, range: KeyRange<'_>, direction: Direction, mark: u64, page: &mut Page) -> Result<()>;
}

/// A bounded number of rows, in one allocation.
#[derive(Debug, Default)]
pub struct Page {
    bytes: Vec<u8>,
    /// Where each row's key and value end in `bytes`.
    ends: Vec<(usize, usize)>,
    max_rows: usize,
    /// Whether reading stopped because the page was full, so that more rows may follow.
    full: bool,
}

impl Page {
    /// Adds a row; breaks when the page is full.
    pub(crate) fn push(&mut self, key: &[u8], value: &[u8]) -> ControlFlow<()> {
        self.bytes.extend_from_slice(key);
        let key_end = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.ends.push((key_end, self.bytes.len()));
        self.full = self.ends.len() >= self.max_rows || self.bytes.len() >= MAX_PAGE_BYTES;
        if self.full {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.full = false;
        self.max_rows = (self.max_rows * 4).clamp(FIRST_PAGE_ROWS, MAX_PAGE_ROWS);
    }

    fn row(&self, index: usize) -> Option<(&[u8], &[u8])> {
        let &(key_end, value_end) = self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before].1);
        Some((&self.bytes[start..key_end], &self.bytes[key_end..value_end]))
    }
}

/// The rows of a range of keys, in order. See [`ReadOnlyKeyValueStore`](crate::ReadOnlyKeyValueStore) for
/// what it shows when the store changes meanwhile.
///
/// [`next_row`](Self::next_row) lends each row and allocates nothing; as an `Iterator` it copies them.
#[derive(Debug)]
pub struct Scan<S> {
    source: S,
    /// What is still to be read.
    range: OwnedRange,
    direction: Direction,
    mark: u64,
    page: Page,
    /// Index of the next row in `page`.
    next: usize,
    /// Whether nothing follows `page`.
    last_page: bool,
}

impl<S: ScanSource> Scan<S> {
    pub(crate) fn new(source: S, range: OwnedRange, direction: Direction) -> Self {
        Self {
            mark: source.scan_mark(),
            last_page: range.as_range().is_empty(),
            source,
            range,
            direction,
            page: Page::default(),
            next: 0,
        }
    }

    /// Goes on with another range, as part of the same scan.
    pub(crate) fn go_on_with(&mut self, range: OwnedRange) {
        self.last_page = range.as_range().is_empty();
        self.range = range;
        self.page.clear();
        self.next = 0;
    }

    pub(crate) fn source(&self) -> &S {
        &self.source
    }

    /// The row that [`next_row`](Self::next_row) answered last.
    pub(crate) fn current(&self) -> Option<(&[u8], &[u8])> {
        self.page.row(self.next.checked_sub(1)?)
    }

    /// Whether everything that was read from the source has been shown.
    pub(crate) fn is_page_done(&self) -> bool {
        self.next == self.page.ends.len()
    }

    /// The range that is still to be walked after the row that [`next_row`](Self::next_row) answered last.
    pub(crate) fn into_rest(mut self) -> OwnedRange {
        if let Some((key, _)) = self.next.checked_sub(1).and_then(|last| self.page.row(last)) {
            self.range.continue_after(key, self.direction);
        }
        self.range
    }

    /// The next row as key and value; `None` at the end.
    ///
    /// # Errors
    /// If the store is closed or cannot be read. The scan is then at its end.
    pub fn next_row(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        if self.next == self.page.ends.len() {
            if self.last_page {
                return Ok(None);
            }
            self.read_page()?;
        }
        let row = self.page.row(self.next);
        self.next += usize::from(row.is_some());
        Ok(row)
    }

    fn read_page(&mut self) -> Result<()> {
        if let Some((key, _)) = self.page.ends.len().checked_sub(1).and_then(|last| self.page.row(last)) {
            self.range.continue_after(key, self.direction);
        }
        self.page.clear();
        self.next = 0;
        // Stays so if the page cannot be read: an error ends the scan.
        self.last_page = true;
        let range = self.range.as_range();
        let read = (self.source).read_page(range, self.direction, self.mark, &mut self.page);
        if read.is_err() {
            self.page.clear();
            return read;
        }
        self.last_page = !self.page.full;
        Ok(())
    }
}

impl<S: ScanSource> Iterator for Scan<S> {
    type Item = Result<(Vec<u8>, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.next_row() {
            Ok(row) => row.map(|(key, value)| Ok((key.to_vec(), value.to_vec()))),
            Err(error) => Some(Err(error)),
        }
    }
}
