//! The rows that a query of a window store finds.

use super::WindowKey;
use crate::error::Result;
use crate::segment_scan::{PausedScan, SegmentScan, SegmentSource};

/// A row of a window store, copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowRow {
    /// Bytes of the key.
    pub key: Vec<u8>,
    /// The first millisecond of the window.
    pub start: i64,
    /// Bytes of the value.
    pub value: Vec<u8>,
}

/// The rows that a query of a window store finds, in order. Reads page by page, as [`Scan`](crate::Scan) does: the
/// store may change meanwhile.
///
/// [`next_row`](Self::next_row) lends each row and allocates nothing; as an `Iterator` it copies them.
#[derive(Debug)]
pub struct WindowScan<S>(pub(super) SegmentScan<S>);

impl<S: SegmentSource> WindowScan<S> {
    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// If the store is closed or cannot be read. The scan is then at its end.
    pub fn next_row(&mut self) -> Result<Option<(WindowKey<'_>, &[u8])>> {
        let row = self.0.next_row()?;
        Ok(row.and_then(|(key, value)| Some((WindowKey::decode(key)?, value))))
    }

    /// Shows the next rows to `visit`, of all that is left as many as make a page, and answers what is left after them: `None` if that is
    /// nothing. Looks at a bounded number of rows, so a page may also be empty.
    ///
    /// # Errors
    /// If the store is closed or cannot be read.
    pub fn read_page(self, mut visit: impl FnMut(WindowKey<'_>, &[u8])) -> Result<Option<PausedScan>> {
        self.0.read_page(|key, value| {
            if let Some(window) = WindowKey::decode(key) {
                visit(window, value);
            }
        })
    }

    /// Goes on with a scan of this store of which [`read_page`](Self::read_page) has read a part.
    pub fn resume(rows: S, paused: PausedScan) -> Self {
        Self(SegmentScan::resume(rows, paused))
    }
}

impl<S: SegmentSource> Iterator for WindowScan<S> {
    type Item = Result<WindowRow>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.next_row().transpose()?;
        Some(row.map(|(window, value)| WindowRow {
            key: window.key.to_vec(),
            start: window.start,
            value: value.to_vec(),
        }))
    }
}
