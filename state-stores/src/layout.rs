//! How a store arranges its rows: as its user names them, or by time, in segments that expire as a whole.
//!
//! A row of a windowed store is a segment, a tag and then the key that its changelog has, so that the latter
//! is a slice of the row's key. Everything of one segment is together, and segments are in the order of time:
//! what has expired is one range.
//!
//! ```text
//! segment id, 8 bytes | 0 | changelog key                    a row
//! segment id, 8 bytes | 1 | time, 8 bytes | what remains     its place in the time index
//! ```
//!
//! A versioned store has the latest version of each key behind all segments, and each version before in the segment in
//! which it ended:
//!
//! ```text
//! 0x80 | key                                                  its latest version
//! segment id, 8 bytes | 0 | length of key, 4 bytes | key | end, 8 bytes    one of the past
//! ```
//!
//! The changelog key of a window is `key | start | sequence number (4 bytes)`, that of a session
//! `key | end | start`: the bytes of Kafka Streams. Numbers are big endian; times are milliseconds.

use crate::session::SessionKey;
use crate::window::WindowKey;

/// Kafka Streams' smallest default segment.
const MIN_DEFAULT_INTERVAL_MS: i64 = 60_000;
/// Bytes of a segment id.
pub(crate) const SEGMENT_LEN: usize = 8;
/// Bytes before the changelog key in a row's key.
const PREFIX_LEN: usize = SEGMENT_LEN + 1;
const ROW: u8 = 0;
const INDEX: u8 = 1;
const TIME_LEN: usize = 8;
/// First byte of the latest versions: greater than that of every segment.
const LATEST: u8 = 0x80;
/// Bytes of the length of a version's key.
const KEY_LEN: usize = 4;

/// How the rows of a store are arranged.
///
/// *Time* is a window's start or a session's end. The store remembers the largest time that was ever put (its
/// *observed stream time*), shows rows of the last `retention_ms` before it, and drops whole segments of
/// `segment_interval_ms` when all of their time is older than that.
///
/// Through the traits of key-value stores such a store shows its rows as they are arranged here, places in the time
/// index among them; [`WindowStore`](crate::WindowStore) and [`SessionStore`](crate::SessionStore) show windows and
/// sessions. A caller that writes by slot has to ask [`WriteBuffer::is_expired`](crate::WriteBuffer::is_expired)
/// first, and to tell [`WriteBuffer::observe`](crate::WriteBuffer::observe) the time of what it writes.
///
/// ```
/// # use state_stores::*;
/// # fn main() -> Result<()> {
/// # let directory = tempfile::tempdir().unwrap();
/// # let environment = StorageEnvironment::new(StorageLimits::default())?;
/// let layout = RowLayout::window(60 * 60_000);
/// let specs = vec![StoreSpec::in_memory("views").with_layout(layout)];
/// let active = TaskStores::open(directory.path(), specs, &environment)?.activate();
/// let handle = active.handle(0)?;
/// let (start, mut row) = (60_000, Vec::new());
///
/// let mut views = handle.borrow_mut();
/// if !views.is_expired(start) {
///     views.observe(start);
///     layout.encode_window(b"page", start, 0, &mut row);
///     let slot = views.lookup(&row)?;
///     views.set(slot, Some(b"1"), WriteContext::default())?;
///     assert_eq!(views.changelog_key(slot), b"page\0\0\0\0\0\0\xea\x60\0\0\0\0");
/// }
/// # Ok(())
/// # }
/// ```
///
/// A store on disk whose kind, segment interval or time index was changed is emptied when it is opened, to be
/// restored from its changelog. Retention may change freely, as long as that leaves the interval as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RowLayout {
    /// A key-value store: rows have the keys that its user gives them, and never expire.
    #[default]
    Plain,
    /// A window store.
    Window {
        /// For how long before the observed stream time rows are kept, in milliseconds.
        retention_ms: i64,
        /// Length of a segment, in milliseconds. Default: half the retention, at least a minute.
        segment_interval_ms: i64,
        /// Whether rows can be walked in the order of time, over all keys. Costs a second, empty row each.
        time_index: bool,
        /// Whether rows with the same key and start are kept beside each other, as joins need it.
        retain_duplicates: bool,
    },
    /// A session store.
    Session {
        /// For how long before the observed stream time sessions are kept, by their end, in milliseconds.
        retention_ms: i64,
        /// Length of a segment, in milliseconds. Default: half the retention, at least a minute.
        segment_interval_ms: i64,
        /// Whether sessions can be walked in the order of their ends, over all keys. Costs a second, empty
        /// row each.
        time_index: bool,
    },
    /// A versioned key-value store: see [`VersionedKeyValueStore`](crate::VersionedKeyValueStore).
    Versioned {
        /// For how long before the observed stream time the past can be read and changed, in milliseconds.
        history_retention_ms: i64,
        /// Length of a segment, in milliseconds.
        segment_interval_ms: i64,
    },
}

impl RowLayout {
    /// A window store with the default segment interval, without time index or duplicates.
    pub fn window(retention_ms: i64) -> Self {
        let segment_interval_ms = default_interval(retention_ms);
        Self::Window { retention_ms, segment_interval_ms, time_index: false, retain_duplicates: false }
    }

    /// A session store with the default segment interval, without time index.
    pub fn session(retention_ms: i64) -> Self {
        Self::Session { retention_ms, segment_interval_ms: default_interval(retention_ms), time_index: false }
    }

    /// A versioned store with Kafka Streams' default segment interval.
    pub fn versioned(history_retention_ms: i64) -> Self {
        let segment_interval_ms = versioned_interval(history_retention_ms);
        Self::Versioned { history_retention_ms, segment_interval_ms }
    }

    /// The same layout with other segments. Has no effect on a plain one.
    #[must_use]
    pub fn with_segment_interval(mut self, milliseconds: i64) -> Self {
        if let Self::Window { segment_interval_ms, .. }
        | Self::Session { segment_interval_ms, .. }
        | Self::Versioned { segment_interval_ms, .. } = &mut self
        {
            *segment_interval_ms = milliseconds;
        }
        self
    }

    /// The same layout with a time index. Has no effect on a plain one.
    #[must_use]
    pub fn with_time_index(mut self) -> Self {
        if let Self::Window { time_index, .. } | Self::Session { time_index, .. } = &mut self {
            *time_index = true;
        }
        self
    }

    /// The same layout with duplicates. Has no effect unless it is that of a window store.
    #[must_use]
    pub fn with_duplicates(mut self) -> Self {
        if let Self::Window { retain_duplicates, .. } = &mut self {
            *retain_duplicates = true;
        }
        self
    }

    /// Whether rows are in segments: not for a plain store.
    pub fn is_segmented(&self) -> bool {
        *self != Self::Plain
    }

    /// Whether it is that of a versioned store.
    pub fn is_versioned(&self) -> bool {
        matches!(self, Self::Versioned { .. })
    }

    /// Whether there is a time index.
    pub fn has_time_index(&self) -> bool {
        matches!(self, Self::Window { time_index: true, .. } | Self::Session { time_index: true, .. })
    }

    /// Whether rows with the same key and start are kept beside each other.
    pub fn retains_duplicates(&self) -> bool {
        matches!(self, Self::Window { retain_duplicates: true, .. })
    }

    /// Retention and segment interval. A plain store is one segment for ever.
    pub(crate) fn periods(&self) -> (i64, i64) {
        match *self {
            Self::Plain => (i64::MAX, i64::MAX),
            Self::Window { retention_ms, segment_interval_ms, .. }
            | Self::Session { retention_ms, segment_interval_ms, .. } => (retention_ms, segment_interval_ms.max(1)),
            Self::Versioned { history_retention_ms, segment_interval_ms } => {
                (history_retention_ms, segment_interval_ms.max(1))
            }
        }
    }

    /// Replaces `row` with the key of a window's row: what [`WriteBuffer::lookup`](crate::WriteBuffer::lookup)
    /// of a window store takes. `sequence` is 0 in a store without duplicates.
    pub fn encode_window(&self, key: &[u8], start: i64, sequence: i32, row: &mut Vec<u8>) {
        self.begin(start, ROW, row);
        WindowKey { key, start, sequence }.encode(row);
    }

    /// Replaces `row` with the key of a session's row, for a session store.
    pub fn encode_session(&self, key: &[u8], start: i64, end: i64, row: &mut Vec<u8>) {
        self.begin(end, ROW, row);
        SessionKey { key, start, end }.encode(row);
    }

    /// Replaces `row` with the key of the latest version, for a versioned store.
    pub(crate) fn encode_latest(key: &[u8], row: &mut Vec<u8>) {
        row.clear();
        row.push(LATEST);
        row.extend_from_slice(key);
    }

    /// Replaces `row` with the key of the version that ended at this time, for a versioned store.
    pub(crate) fn encode_version(&self, key: &[u8], end: i64, row: &mut Vec<u8>) {
        self.begin(end, ROW, row);
        row.extend_from_slice(&(key.len() as u32).to_be_bytes());
        row.extend_from_slice(key);
        row.extend_from_slice(&end.to_be_bytes());
    }

    /// The first key after all segments of a versioned store.
    pub(crate) fn after_segments() -> &'static [u8] {
        &[LATEST]
    }

    /// The segment of a version of the past.
    pub(crate) fn segment_of_version(row: &[u8]) -> Option<i64> {
        row.first_chunk().copied().map(i64::from_be_bytes)
    }

    /// The key that the changelog has for a row: a part of its own.
    pub fn changelog_key<'a>(&self, row: &'a [u8]) -> &'a [u8] {
        if self.is_versioned() {
            return match row.split_first() {
                Some((&LATEST, key)) => key,
                _ => (row.len().checked_sub(TIME_LEN))
                    .and_then(|end| row.get(PREFIX_LEN + KEY_LEN..end))
                    .unwrap_or_default(),
            };
        }
        if self.is_segmented() { row.get(PREFIX_LEN..).unwrap_or_default() } else { row }
    }

    /// Replaces `row` with the row's key for a key of the changelog, and answers its time and sequence number;
    /// `None` if it is too short to be one.
    pub(crate) fn row_of(&self, changelog_key: &[u8], row: &mut Vec<u8>) -> Option<(i64, i32)> {
        let (time, sequence) = match self {
            Self::Plain => (0, 0),
            Self::Window { .. } => {
                let window = WindowKey::decode(changelog_key)?;
                (window.start, window.sequence)
            }
            Self::Session { .. } => (SessionKey::decode(changelog_key)?.end, 0),
            // Of a version the key alone does not say the time.
            Self::Versioned { .. } => return None,
        };
        if self.is_segmented() {
            self.begin(time, ROW, row);
        } else {
            row.clear();
        }
        row.extend_from_slice(changelog_key);
        Some((time, sequence))
    }

    /// Replaces `index` with the key of a row's place in the time index: `start | key | sequence` or
    /// `end | start | key`, as Kafka Streams orders them. Answers no for what is not a row.
    pub(crate) fn index_row(&self, row: &[u8], index: &mut Vec<u8>) -> bool {
        let Some((prefix, changelog_key)) = row.split_at_checked(PREFIX_LEN) else {
            return false;
        };
        if prefix[SEGMENT_LEN] != ROW {
            return false;
        }
        index.clear();
        index.extend_from_slice(&prefix[..SEGMENT_LEN]);
        index.push(INDEX);
        match self {
            Self::Plain | Self::Versioned { .. } => return false,
            Self::Window { .. } => {
                let Some(WindowKey { key, start, sequence }) = WindowKey::decode(changelog_key) else {
                    return false;
                };
                index.extend_from_slice(&start.to_be_bytes());
                index.extend_from_slice(key);
                index.extend_from_slice(&sequence.to_be_bytes());
            }
            Self::Session { .. } => {
                let Some(SessionKey { key, start, end }) = SessionKey::decode(changelog_key) else {
                    return false;
                };
                index.extend_from_slice(&end.to_be_bytes());
                index.extend_from_slice(&start.to_be_bytes());
                index.extend_from_slice(key);
            }
        }
        true
    }

    /// Replaces `row` with the key of the row that a place in the time index stands for; the reverse of
    /// [`index_row`](Self::index_row).
    pub(crate) fn row_of_index(&self, index: &[u8], row: &mut Vec<u8>) -> bool {
        let Some((prefix, rest)) = index.split_at_checked(PREFIX_LEN) else {
            return false;
        };
        let Some((time, rest)) = rest.split_at_checked(TIME_LEN) else {
            return false;
        };
        // A window's time belongs between key and sequence number, a session's two times behind the key.
        let split = match self {
            Self::Plain | Self::Versioned { .. } => None,
            Self::Window { .. } => rest.len().checked_sub(4).map(|at| rest.split_at(at)),
            Self::Session { .. } => rest.split_at_checked(TIME_LEN).map(|(start, key)| (key, start)),
        };
        let Some((key, suffix)) = split else {
            return false;
        };
        row.clear();
        row.extend_from_slice(&prefix[..SEGMENT_LEN]);
        row.push(ROW);
        row.extend_from_slice(key);
        row.extend_from_slice(time);
        row.extend_from_slice(suffix);
        true
    }

    /// The time of a row, or of a place in the time index; `None` for what is neither. That of a version is its end; the latest has none.
    pub(crate) fn time_of(&self, row: &[u8]) -> Option<i64> {
        if self.is_versioned() && row.first() == Some(&LATEST) {
            return None;
        }
        let rest = row.get(PREFIX_LEN..)?;
        let time = match (self, row[SEGMENT_LEN]) {
            (Self::Plain, _) => None,
            (Self::Versioned { .. }, _) => rest.last_chunk(),
            (_, INDEX) => rest.first_chunk(),
            (Self::Window { .. }, _) => rest[..rest.len().checked_sub(4)?].last_chunk(),
            (Self::Session { .. }, _) => rest[..rest.len().checked_sub(TIME_LEN)?].last_chunk(),
        };
        time.copied().map(i64::from_be_bytes)
    }

    /// The first bytes of the rows of a segment.
    pub(crate) fn rows_of_segment(segment: i64) -> [u8; PREFIX_LEN] {
        prefix(segment, ROW)
    }

    /// The first bytes of the time index of a segment: it follows the segment's rows.
    pub(crate) fn index_of_segment(segment: i64) -> [u8; PREFIX_LEN] {
        prefix(segment, INDEX)
    }

    /// What must be the same for rows on disk to be read with this layout. Empty for a plain one.
    pub(crate) fn fingerprint(&self) -> Vec<u8> {
        let kind = match self {
            Self::Plain => return Vec::new(),
            Self::Window { .. } => b'w',
            Self::Session { .. } => b's',
            Self::Versioned { .. } => b'v',
        };
        let mut bytes = vec![kind, u8::from(self.has_time_index())];
        bytes.extend_from_slice(&self.periods().1.to_be_bytes());
        bytes
    }

    /// What is wrong with it, if anything.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        match *self {
            Self::Window { retention_ms, .. } | Self::Session { retention_ms, .. } if retention_ms < 0 => {
                Some("its retention is negative")
            }
            Self::Versioned { history_retention_ms, .. } if history_retention_ms < 0 => {
                Some("its history retention is negative")
            }
            Self::Window { segment_interval_ms, .. }
            | Self::Session { segment_interval_ms, .. }
            | Self::Versioned { segment_interval_ms, .. }
                if segment_interval_ms < 1 =>
            {
                Some("its segment interval is not positive")
            }
            _ => None,
        }
    }

    fn begin(&self, time: i64, tag: u8, row: &mut Vec<u8>) {
        let segment = time / self.periods().1;
        row.clear();
        row.extend_from_slice(&segment.to_be_bytes());
        row.push(tag);
    }
}

fn default_interval(retention_ms: i64) -> i64 {
    (retention_ms / 2).max(MIN_DEFAULT_INTERVAL_MS)
}

/// A few segments for a short history, up to 24 for a long one.
fn versioned_interval(history_retention_ms: i64) -> i64 {
    match history_retention_ms {
        ..=60_000 => (history_retention_ms / 3).max(2_000),
        60_001..=300_000 => (history_retention_ms / 5).max(20_000),
        300_001..=3_600_000 => (history_retention_ms / 12).max(60_000),
        _ => (history_retention_ms / 24).max(300_000),
    }
}

fn prefix(segment: i64, tag: u8) -> [u8; PREFIX_LEN] {
    let mut bytes = [tag; PREFIX_LEN];
    bytes[..SEGMENT_LEN].copy_from_slice(&segment.to_be_bytes());
    bytes
}

/// Whether a row of a segmented store is a place in its time index.
pub(crate) fn is_index_row(row: &[u8]) -> bool {
    row.get(SEGMENT_LEN) == Some(&INDEX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_hold_the_bytes_of_kafka_streams() {
        let layout = RowLayout::window(120_000);
        let mut row = Vec::new();
        layout.encode_window(b"k", 60_001, 7, &mut row);
        assert_eq!(row, b"\0\0\0\0\0\0\0\x01\0k\0\0\0\0\0\0\xea\x61\0\0\0\x07");
        assert_eq!(layout.changelog_key(&row), b"k\0\0\0\0\0\0\xea\x61\0\0\0\x07");

        let layout = RowLayout::session(120_000);
        layout.encode_session(b"k", 1, 60_001, &mut row);
        assert_eq!(row, b"\0\0\0\0\0\0\0\x01\0k\0\0\0\0\0\0\xea\x61\0\0\0\0\0\0\0\x01");
        assert_eq!(layout.changelog_key(&row), b"k\0\0\0\0\0\0\xea\x61\0\0\0\0\0\0\0\x01");
    }

    #[test]
    fn an_index_row_leads_back_to_its_row() {
        for (layout, changelog_key) in [
            (RowLayout::window(1), &b"key\0\0\0\0\0\0\0\x05\0\0\0\x01"[..]),
            (RowLayout::window(1), b"\0\0\0\0\0\0\0\x05\0\0\0\0"),
            (RowLayout::session(1), b"key\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0\x05"),
        ] {
            let (mut row, mut index, mut back) = (Vec::new(), Vec::new(), Vec::new());
            assert!(layout.row_of(changelog_key, &mut row).is_some());
            assert!(layout.index_row(&row, &mut index));
            assert!(is_index_row(&index) && !is_index_row(&row));
            assert!(layout.row_of_index(&index, &mut back));
            assert_eq!(back, row);
            let time = layout.row_of(changelog_key, &mut back).map(|(time, _)| time);
            assert_eq!((layout.time_of(&row), layout.time_of(&index)), (time, time));
            assert!(!layout.index_row(&index, &mut back), "an index row has none itself");
            assert!(!layout.row_of_index(&index[..12], &mut back));
        }
        assert_eq!(RowLayout::session(1).row_of(b"fifteen bytes..", &mut Vec::new()), None);
    }

    #[test]
    fn latest_versions_come_after_all_segments() {
        let layout = RowLayout::versioned(60_000);
        let (mut version, mut latest) = (Vec::new(), Vec::new());
        layout.encode_version(b"key", i64::MAX, &mut version);
        RowLayout::encode_latest(b"", &mut latest);
        assert!(version < latest && latest.as_slice() >= RowLayout::after_segments());
        assert_eq!((layout.time_of(&version), layout.time_of(&latest)), (Some(i64::MAX), None));
        RowLayout::encode_latest(b"a long enough key", &mut latest);
        assert_eq!(layout.time_of(&latest), None);
        assert_eq!(layout.changelog_key(&version), b"key");
        assert_eq!(layout.changelog_key(&latest), b"a long enough key");
        assert_eq!(RowLayout::segment_of_version(&version), Some(i64::MAX / 20_000));
    }

    #[test]
    fn segments_are_half_the_retention_and_a_minute_at_least() {
        assert_eq!(RowLayout::window(10 * 60_000).periods(), (600_000, 300_000));
        assert_eq!(RowLayout::session(0).periods(), (0, 60_000));
    }
}
