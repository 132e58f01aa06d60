//! Window stores: written through a store's handle, read through that or from other threads.

use std::ops::ControlFlow;

use super::{KeyScan, WindowKey, WindowScan};
use crate::buffer::StoreHandle;
use crate::error::{Result, StoreError};
use crate::expiry::visible_from;
use crate::kv::warn_of_empty_range;
use crate::layout::RowLayout;
use crate::range::Direction;
use crate::reader::CommittedReader;
use crate::segment_query::{Keys, SegmentQuery};
use crate::segment_scan::{SegmentScan, SegmentSource};

/// What became of a row that was put.
#[must_use = "a row that had expired was not stored"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    /// It is stored, or deleted if it was put without a value.
    Stored,
    /// Its segment had expired, or its time is negative: nothing was written. To be counted as dropped.
    Expired,
}

/// A window store over its rows: rows by key and window start, in milliseconds.
///
/// Times and keys of ranges include both ends. A query shows windows that have not expired: those that
/// start later than the observed stream time less the retention (or just then, with a time index). Its rows
/// are in the order of segments, within a segment of keys, and then of starts; so the windows of one key are
/// in the order of time. With a time index [`all`](Self::all) and [`fetch_all`](Self::fetch_all) are in the order of starts, then keys, at the
/// price of one lookup per row. [`Direction::Reverse`] is the exact reverse.
///
/// ```
/// # use state_stores::*;
/// # fn main() -> Result<()> {
/// # let directory = tempfile::tempdir().unwrap();
/// # let environment = StorageEnvironment::new(StorageLimits::default())?;
/// let layout = RowLayout::window(60 * 60_000);
/// let specs = vec![StoreSpec::in_memory("views").with_layout(layout)];
/// let active = TaskStores::open(directory.path(), specs, &environment)?.activate();
/// let views = WindowStore::new(active.handle(0)?)?;
///
/// assert_eq!(views.put(b"page", Some(b"1"), 0)?, PutOutcome::Stored);
/// assert_eq!(views.put(b"page", Some(b"2"), 60_000)?, PutOutcome::Stored);
/// assert_eq!(views.fetch(b"page", 60_000)?, Some(b"2".to_vec()));
/// let rows = views.fetch_between(b"page", 0, 60_000, Direction::Reverse)?;
/// let starts: Result<Vec<i64>> = rows.map(|row| Ok(row?.start)).collect();
/// assert_eq!(starts?, [60_000, 0]);
///
/// // A later window lets earlier ones expire.
/// assert_eq!(views.put(b"other", Some(b"1"), 100 * 60_000)?, PutOutcome::Stored);
/// assert_eq!(views.fetch(b"page", 60_000)?, None);
/// assert_eq!(views.put(b"page", Some(b"3"), 60_000)?, PutOutcome::Expired);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct WindowStore<S = StoreHandle> {
    pub(super) rows: S,
    pub(super) layout: RowLayout,
}

/// What a window store has committed, for any thread.
pub type ReadOnlyWindowStore = WindowStore<CommittedReader>;

impl<S: SegmentSource> WindowStore<S> {
    /// The window store with these rows.
    ///
    /// # Errors
    /// [`StoreError::WrongLayout`] if the store was not opened as a window store.
    pub fn new(rows: S) -> Result<Self> {
        let layout = rows.row_layout()?;
        if !matches!(layout, RowLayout::Window { .. }) {
            return Err(StoreError::WrongLayout { store: rows.store_name().to_owned(), needed: "a window store" });
        }
        Ok(Self { rows, layout })
    }

    /// Its rows.
    pub fn rows(&self) -> &S {
        &self.rows
    }

    /// The value of the window of `key` that starts at `start`. The last one put, if there are duplicates.
    ///
    /// # Errors
    /// If the store is closed or cannot be read. So for all methods here.
    pub fn fetch(&self, key: &[u8], start: i64) -> Result<Option<Vec<u8>>> {
        if self.layout.retains_duplicates() {
            let mut last = None;
            self.visit(key, start, start, Direction::Reverse, |_, value| {
                last = Some(value.to_vec());
                ControlFlow::Break(())
            })?;
            return Ok(last);
        }
        if start < visible_from(&self.layout, self.rows.stream_time()?) {
            return Ok(None);
        }
        let mut row = Vec::with_capacity(key.len() + 24);
        self.layout.encode_window(key, start, 0, &mut row);
        self.rows.get(&row)
    }

    /// The windows of `key` that start from `from` to `to`.
    ///
    /// # Errors
    /// As for [`fetch`](Self::fetch).
    pub fn fetch_between(&self, key: &[u8], from: i64, to: i64, direction: Direction) -> Result<WindowScan<S>> {
        self.scan(Keys::One(key.into()), from, to, direction)
    }

    /// Shows what [`fetch_between`](Self::fetch_between) finds to `visit` until it breaks off, without copying.
    /// The store is in use meanwhile. Costs one scan of the engine for each segment in the range.
    ///
    /// # Errors
    /// As for [`fetch`](Self::fetch).
    pub fn visit(
        &self,
        key: &[u8],
        from: i64,
        to: i64,
        direction: Direction,
        visit: impl FnMut(WindowKey<'_>, &[u8]) -> ControlFlow<()>,
    ) -> Result<()> {
        self.visit_with(&mut KeyScan::default(), key, (from, to), direction, visit)
    }

    /// The windows of the keys from `key_from` to `key_to` (`None` leaves an end open) that start from `from` to
    /// `to`. Empty, with a warning in the log, if `key_from > key_to`.
    ///
    /// # Errors
    /// As for [`fetch`](Self::fetch).
    pub fn fetch_range(
        &self,
        key_from: Option<&[u8]>,
        key_to: Option<&[u8]>,
        from: i64,
        to: i64,
        direction: Direction,
    ) -> Result<WindowScan<S>> {
        warn_of_empty_range(key_from, key_to);
        self.scan(Keys::Between(key_from.map(Into::into), key_to.map(Into::into)), from, to, direction)
    }

    /// The windows of all keys that start from `from` to `to`.
    ///
    /// # Errors
    /// As for [`fetch`](Self::fetch).
    pub fn fetch_all(&self, from: i64, to: i64, direction: Direction) -> Result<WindowScan<S>> {
        let query = self.query(Keys::Between(None, None), from, to, self.layout.has_time_index())?;
        Ok(WindowScan(SegmentScan::new(self.rows.clone(), query, direction)))
    }

    /// All windows.
    ///
    /// # Errors
    /// As for [`fetch`](Self::fetch).
    pub fn all(&self, direction: Direction) -> Result<WindowScan<S>> {
        self.fetch_all(0, i64::MAX, direction)
    }

    fn scan(&self, keys: Keys, from: i64, to: i64, direction: Direction) -> Result<WindowScan<S>> {
        let query = self.query(keys, from, to, false)?;
        Ok(WindowScan(SegmentScan::new(self.rows.clone(), query, direction)))
    }

    fn query(&self, keys: Keys, from: i64, to: i64, by_time: bool) -> Result<SegmentQuery> {
        let (from, to) = self.shown(from, to)?;
        Ok(SegmentQuery { layout: self.layout, keys, from, to, latest_start: i64::MAX, by_time })
    }

    /// The part of a range of times that reads show.
    pub(super) fn shown(&self, from: i64, to: i64) -> Result<(i64, i64)> {
        let oldest = visible_from(&self.layout, self.rows.stream_time()?);
        Ok((from.max(oldest), to.min(self.rows.newest_time()?)))
    }
}

impl WindowStore {
    /// Sets the value of the window of `key` that starts at `start`; `None` deletes it.
    ///
    /// In a store with duplicates each value is kept beside the others, and `None` is ignored.
    ///
    /// # Errors
    /// If the store is closed or in use.
    pub fn put(&self, key: &[u8], value: Option<&[u8]>, start: i64) -> Result<PutOutcome> {
        let mut buffer = self.rows.try_borrow_mut()?;
        if self.layout.retains_duplicates() {
            let Some(value) = value else { return Ok(PutOutcome::Stored) };
            let context = buffer.record_context();
            let put = buffer.put_duplicate(key, start, value, context)?;
            return Ok(if put.is_some() { PutOutcome::Stored } else { PutOutcome::Expired });
        }
        buffer.observe(start);
        if buffer.is_expired(start) {
            return Ok(PutOutcome::Expired);
        }
        let mut row = Vec::with_capacity(key.len() + 24);
        self.layout.encode_window(key, start, 0, &mut row);
        buffer.put(&row, value)?;
        Ok(PutOutcome::Stored)
    }
}
