//! The rows that a query of a session store finds.

use super::SessionKey;
use crate::error::Result;
use crate::segment_scan::{PausedScan, SegmentScan, SegmentSource};

/// A row of a session store, copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Bytes of the key.
    pub key: Vec<u8>,
    /// The first millisecond of the session.
    pub start: i64,
    /// The last millisecond of the session.
    pub end: i64,
    /// Bytes of the value.
    pub value: Vec<u8>,
}

/// The sessions that a query finds, in order. Reads page by page, as [`Scan`](crate::Scan) does: the store may
/// change meanwhile.
///
/// [`next_row`](Self::next_row) lends each session and allocates nothing; as an `Iterator` it copies them.
#[derive(Debug)]
pub struct SessionScan<S>(pub(super) SegmentScan<S>);

impl<S: SegmentSource> SessionScan<S> {
    /// The next session; `None` at the end.
    ///
    /// # Errors
    /// If the store is closed or cannot be read. The scan is then at its end.
    pub fn next_row(&mut self) -> Result<Option<(SessionKey<'_>, &[u8])>> {
        let row = self.0.next_row()?;
        Ok(row.and_then(|(key, value)| Some((SessionKey::decode(key)?, value))))
    }

    /// Shows the next rows to `visit`, of all that is left as many as make a page, and answers what is left after them: `None` if that is
    /// nothing. Looks at a bounded number of rows, so a page may also be empty.
    ///
    /// # Errors
    /// If the store is closed or cannot be read.
    pub fn read_page(self, mut visit: impl FnMut(SessionKey<'_>, &[u8])) -> Result<Option<PausedScan>> {
        self.0.read_page(|key, value| {
            if let Some(session) = SessionKey::decode(key) {
                visit(session, value);
            }
        })
    }

    /// Goes on with a scan of this store of which [`read_page`](Self::read_page) has read a part.
    pub fn resume(rows: S, paused: PausedScan) -> Self {
        Self(SegmentScan::resume(rows, paused))
    }
}

impl<S: SegmentSource> Iterator for SessionScan<S> {
    type Item = Result<SessionRow>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.next_row().transpose()?;
        Some(row.map(|(session, value)| SessionRow {
            key: session.key.to_vec(),
            start: session.start,
            end: session.end,
            value: value.to_vec(),
        }))
    }
}
