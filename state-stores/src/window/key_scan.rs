//! Reads of one key's windows, over and over, without allocating.

use std::ops::{Bound, ControlFlow};

use super::{WindowKey, WindowStore};
use crate::error::Result;
use crate::layout::RowLayout;
use crate::range::{Direction, KeyRange};
use crate::segment_scan::{SegmentSource, next_segment};

/// After the time in a row: as large as any sequence number.
const LARGEST_SEQUENCE: [u8; 4] = [0xff; 4];

/// What [`WindowStore::visit_with`] builds the ends of its ranges in: kept by a caller that reads often.
#[derive(Debug, Default)]
pub struct KeyScan {
    lower: Vec<u8>,
    upper: Vec<u8>,
}

impl KeyScan {
    /// The rows of `key` in a segment, by time.
    fn range(&mut self, segment: i64, key: &[u8], first: i64, last: i64) -> KeyRange<'_> {
        for (row, time) in [(&mut self.lower, first), (&mut self.upper, last)] {
            row.clear();
            row.extend_from_slice(&RowLayout::rows_of_segment(segment));
            row.extend_from_slice(key);
            row.extend_from_slice(&time.to_be_bytes());
        }
        self.upper.extend_from_slice(&LARGEST_SEQUENCE);
        KeyRange { lower: Bound::Included(&self.lower), upper: Bound::Included(&self.upper) }
    }
}

impl<S: SegmentSource> WindowStore<S> {
    /// [`visit`](Self::visit) that allocates nothing for its ranges.
    ///
    /// # Errors
    /// As for [`fetch`](Self::fetch).
    pub fn visit_with(
        &self,
        scan: &mut KeyScan,
        key: &[u8],
        (from, to): (i64, i64),
        direction: Direction,
        mut visit: impl FnMut(WindowKey<'_>, &[u8]) -> ControlFlow<()>,
    ) -> Result<()> {
        let (from, to) = self.shown(from, to)?;
        let (_, interval) = self.layout.periods();
        let (mut first, mut last) = if from <= to { (from / interval, to / interval) } else { (0, -1) };
        let mut ended = false;
        while first <= last && !ended {
            let segment = next_segment(&mut first, &mut last, direction);
            let start = segment.saturating_mul(interval);
            let range = scan.range(segment, key, from.max(start), to.min(start.saturating_add(interval)));
            self.rows.visit_rows(range, direction, |row, value| {
                // A range of bytes may hold rows of longer keys in between.
                let window = WindowKey::decode(self.layout.changelog_key(row));
                let wanted = |window: &WindowKey<'_>| window.key == key && (from..=to).contains(&window.start);
                match window.filter(wanted) {
                    Some(window) => {
                        let shown = visit(window, value);
                        ended = shown.is_break();
                        shown
                    }
                    None => ControlFlow::Continue(()),
                }
            })?;
        }
        Ok(())
    }
}
