//! The rows that a query of a session store finds.

use super::SessionKey;
use crate::error::Result;
use crate::segment_scan::{SegmentScan, SegmentSource};

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
