//! Session stores: written through a store's handle, read through that or from other threads.

use std::ops::ControlFlow;

use super::{SessionKey, SessionScan};
use crate::buffer::StoreHandle;
use crate::error::{Result, StoreError};
use crate::expiry::{live_from, visible_from};
use crate::kv::warn_of_empty_range;
use crate::layout::RowLayout;
use crate::range::Direction;
use crate::reader::CommittedReader;
use crate::segment_query::{Keys, SegmentQuery};
use crate::segment_scan::{self, SegmentScan, SegmentSource};
use crate::window::PutOutcome;

/// A session store over its rows: rows by key, session start and session end, in milliseconds. Both are inside of
/// the session.
///
/// Times and keys of ranges include both ends. A query shows sessions that have not expired: those that end
/// later than the observed stream time less the retention. Its rows are in the order of segments, within a
/// segment of keys, then of ends, then of starts; so the sessions of one key are in the order of their ends.
/// [`Direction::Reverse`] is the exact reverse.
///
/// ```
/// # use state_stores::*;
/// # fn main() -> Result<()> {
/// # let directory = tempfile::tempdir().unwrap();
/// # let environment = StorageEnvironment::new(StorageLimits::default())?;
/// let layout = RowLayout::session(60 * 60_000);
/// let specs = vec![StoreSpec::in_memory("visits").with_layout(layout)];
/// let active = TaskStores::open(directory.path(), specs, &environment)?.activate();
/// let visits = SessionStore::new(active.handle(0)?)?;
///
/// assert_eq!(visits.put(b"user", 10, 20, Some(b"a"))?, PutOutcome::Stored);
/// assert_eq!(visits.put(b"user", 35, 40, Some(b"b"))?, PutOutcome::Stored);
/// // A record at 30 with a gap of 10 touches both.
/// let touched = visits.find_sessions(b"user", 20, 40, Direction::Forward)?;
/// let touched: Result<Vec<_>> = touched.map(|row| row.map(|row| (row.start, row.end))).collect();
/// assert_eq!(touched?, [(10, 20), (35, 40)]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct SessionStore<S = StoreHandle> {
    rows: S,
    layout: RowLayout,
}

/// What a session store has committed, for any thread.
pub type ReadOnlySessionStore = SessionStore<CommittedReader>;

impl<S: SegmentSource> SessionStore<S> {
    /// The session store with these rows.
    ///
    /// # Errors
    /// [`StoreError::WrongLayout`] if the store was not opened as a session store.
    pub fn new(rows: S) -> Result<Self> {
        let layout = rows.row_layout()?;
        if !matches!(layout, RowLayout::Session { .. }) {
            return Err(StoreError::WrongLayout { store: rows.store_name().to_owned(), needed: "a session store" });
        }
        Ok(Self { rows, layout })
    }

    /// Its rows.
    pub fn rows(&self) -> &S {
        &self.rows
    }

    /// The value of the session of `key` from `start` to `end`.
    ///
    /// # Errors
    /// If the store is closed or cannot be read. So for all methods here.
    pub fn fetch_session(&self, key: &[u8], start: i64, end: i64) -> Result<Option<Vec<u8>>> {
        if end < visible_from(&self.layout, self.rows.stream_time()?) {
            return Ok(None);
        }
        let mut row = Vec::with_capacity(key.len() + 32);
        self.layout.encode_session(key, start, end, &mut row);
        self.rows.get(&row)
    }

    /// The sessions of `key` that end at `earliest_end` or later and start at `latest_start` or earlier.
    ///
    /// # Errors
    /// As for [`fetch_session`](Self::fetch_session).
    pub fn find_sessions(
        &self,
        key: &[u8],
        earliest_end: i64,
        latest_start: i64,
        direction: Direction,
    ) -> Result<SessionScan<S>> {
        self.scan(Keys::One(key.into()), earliest_end, latest_start, direction)
    }

    /// Shows what [`find_sessions`](Self::find_sessions) finds to `visit` until it breaks off, without copying.
    /// The store is in use meanwhile. Costs one scan of the engine for each segment in the range.
    ///
    /// # Errors
    /// As for [`fetch_session`](Self::fetch_session).
    pub fn visit_sessions(
        &self,
        key: &[u8],
        earliest_end: i64,
        latest_start: i64,
        direction: Direction,
        mut visit: impl FnMut(SessionKey<'_>, &[u8]) -> ControlFlow<()>,
    ) -> Result<()> {
        let query = self.query(Keys::One(key.into()), earliest_end, latest_start)?;
        segment_scan::visit(&self.rows, &query, direction, |key, value| match SessionKey::decode(key) {
            Some(session) => visit(session, value),
            None => ControlFlow::Continue(()),
        })
    }

    /// As [`find_sessions`](Self::find_sessions), of the keys from `key_from` to `key_to` (`None` leaves an end
    /// open). Empty, with a warning in the log, if `key_from > key_to`.
    ///
    /// # Errors
    /// As for [`fetch_session`](Self::fetch_session).
    pub fn find_sessions_range(
        &self,
        key_from: Option<&[u8]>,
        key_to: Option<&[u8]>,
        earliest_end: i64,
        latest_start: i64,
        direction: Direction,
    ) -> Result<SessionScan<S>> {
        warn_of_empty_range(key_from, key_to);
        let keys = Keys::Between(key_from.map(Into::into), key_to.map(Into::into));
        self.scan(keys, earliest_end, latest_start, direction)
    }

    /// The sessions of all keys that end from `earliest_end` to `latest_end`, in the order of their ends, then
    /// their starts, then their keys. Costs one lookup per session.
    ///
    /// For final results: it also shows sessions that other queries hide, until their segment is dropped.
    ///
    /// # Errors
    /// [`StoreError::WrongLayout`] if the store has no time index; and as for
    /// [`fetch_session`](Self::fetch_session).
    pub fn find_sessions_ended(
        &self,
        earliest_end: i64,
        latest_end: i64,
        direction: Direction,
    ) -> Result<SessionScan<S>> {
        if !self.layout.has_time_index() {
            let store = self.rows.store_name().to_owned();
            return Err(StoreError::WrongLayout { store, needed: "a session store with a time index" });
        }
        let (layout, observed) = (self.layout, self.rows.stream_time()?);
        let (from, to) = (earliest_end.max(live_from(&layout, observed)), latest_end.min(self.rows.newest_time()?));
        let keys = Keys::Between(None, None);
        let query = SegmentQuery { layout, keys, from, to, latest_start: i64::MAX, by_time: true };
        Ok(SessionScan(SegmentScan::new(self.rows.clone(), query, direction)))
    }

    /// All sessions of `key`.
    ///
    /// # Errors
    /// As for [`fetch_session`](Self::fetch_session).
    pub fn fetch(&self, key: &[u8], direction: Direction) -> Result<SessionScan<S>> {
        self.find_sessions(key, 0, i64::MAX, direction)
    }

    /// All sessions of the keys from `key_from` to `key_to`.
    ///
    /// # Errors
    /// As for [`fetch_session`](Self::fetch_session).
    pub fn fetch_range(
        &self,
        key_from: Option<&[u8]>,
        key_to: Option<&[u8]>,
        direction: Direction,
    ) -> Result<SessionScan<S>> {
        self.find_sessions_range(key_from, key_to, 0, i64::MAX, direction)
    }

    fn scan(&self, keys: Keys, earliest_end: i64, latest_start: i64, direction: Direction) -> Result<SessionScan<S>> {
        let query = self.query(keys, earliest_end, latest_start)?;
        Ok(SessionScan(SegmentScan::new(self.rows.clone(), query, direction)))
    }

    fn query(&self, keys: Keys, earliest_end: i64, latest_start: i64) -> Result<SegmentQuery> {
        let (layout, observed) = (self.layout, self.rows.stream_time()?);
        let from = earliest_end.max(visible_from(&layout, observed));
        let to = self.rows.newest_time()?;
        Ok(SegmentQuery { layout, keys, from, to, latest_start, by_time: false })
    }
}

impl SessionStore {
    /// Sets the value of the session of `key` from `start` to `end`; `None` deletes it.
    ///
    /// # Errors
    /// [`StoreError::InvalidSession`] if `start` is negative or after `end`; if the store is closed or in use.
    pub fn put(&self, key: &[u8], start: i64, end: i64, value: Option<&[u8]>) -> Result<PutOutcome> {
        if start < 0 || start > end {
            return Err(StoreError::InvalidSession { store: self.rows.name().to_owned(), start, end });
        }
        let mut buffer = self.rows.try_borrow_mut()?;
        buffer.observe(end);
        if buffer.is_expired(end) {
            return Ok(PutOutcome::Expired);
        }
        let mut row = Vec::with_capacity(key.len() + 32);
        self.layout.encode_session(key, start, end, &mut row);
        buffer.put(&row, value)?;
        Ok(PutOutcome::Stored)
    }

    /// Deletes the session of `key` from `start` to `end`.
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    pub fn remove(&self, key: &[u8], start: i64, end: i64) -> Result<PutOutcome> {
        self.put(key, start, end, None)
    }
}
