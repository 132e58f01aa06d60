//! Versioned key-value stores: written through a store's handle, read through that or from other threads.

use super::find::{Finder, Source};
use super::put::{VersionPut, Versions, is_too_late};
use crate::buffer::StoreHandle;
use crate::error::{Result, StoreError};
use crate::formats::split_timestamped;
use crate::layout::RowLayout;
use crate::reader::CommittedReader;
use crate::segment_scan::SegmentSource;

/// A version of a key, as it lies in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version<'a> {
    /// Bytes of the value.
    pub value: &'a [u8],
    /// Since when it holds, in milliseconds.
    pub since: i64,
    /// Until when it held; `None` for the latest.
    pub until: Option<i64>,
}

/// A versioned key-value store over its rows: the value of each key, and what it was at any time of its history, in milliseconds.
///
/// The history reaches back from the largest time that was ever put by `history_retention_ms`. Versions may come out of order within that; what
/// comes later is not stored. Before the history only a value that still holds is known. The latest value is one lookup; an earlier one is mostly one more.
///
/// ```
/// # use state_stores::*;
/// # fn main() -> Result<()> {
/// # let directory = tempfile::tempdir().unwrap();
/// # let environment = StorageEnvironment::new(StorageLimits::default())?;
/// let specs = vec![StoreSpec::rocksdb("prices").with_layout(RowLayout::versioned(60_000))];
/// let active = TaskStores::open(directory.path(), specs, &environment)?.activate();
/// let mut prices = VersionedKeyValueStore::new(active.handle(0)?)?;
///
/// assert_eq!(prices.put(b"tea", Some(b"3"), 100)?, VersionPut::Latest);
/// assert_eq!(prices.put(b"tea", Some(b"5"), 300)?, VersionPut::Latest);
/// assert_eq!(prices.put(b"tea", Some(b"4"), 200)?, VersionPut::Until(300));
/// assert_eq!(prices.get(b"tea")?.unwrap().value, b"5");
/// assert_eq!(prices.get_as_of(b"tea", 299)?, Some(Version { value: b"4", since: 200, until: Some(300) }));
/// assert_eq!(prices.get_as_of(b"tea", 99)?, None);
///
/// // Time goes on.
/// assert_eq!(prices.put(b"milk", Some(b"1"), 100_000)?, VersionPut::Latest);
/// assert_eq!(prices.put(b"tea", Some(b"2"), 150)?, VersionPut::TooLate);
/// assert_eq!(prices.get_as_of(b"tea", 299)?, None);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct VersionedKeyValueStore<S = StoreHandle> {
    rows: S,
    layout: RowLayout,
    versions: Versions,
    finder: Finder,
    row: Vec<u8>,
    value: Vec<u8>,
}

/// The value of a version, since when it holds, and until when it held.
pub type HeldVersion = (Vec<u8>, i64, Option<i64>);

/// What a versioned store has committed, for any thread.
pub type ReadOnlyVersionedKeyValueStore = VersionedKeyValueStore<CommittedReader>;

impl<S: SegmentSource> VersionedKeyValueStore<S> {
    /// The versioned store with these rows.
    ///
    /// # Errors
    /// [`StoreError::WrongLayout`] if the store was not opened as a versioned store.
    pub fn new(rows: S) -> Result<Self> {
        let layout = rows.row_layout()?;
        if !layout.is_versioned() {
            let needed = "a versioned key-value store";
            return Err(StoreError::WrongLayout { store: rows.store_name().to_owned(), needed });
        }
        let (row, value) = (Vec::new(), Vec::new());
        Ok(Self { rows, layout, versions: Versions::default(), finder: Finder::default(), row, value })
    }

    /// Its rows.
    pub fn rows(&self) -> &S {
        &self.rows
    }

    /// The latest version of `key`; `None` where that is a deletion.
    ///
    /// # Errors
    /// If the store is closed or cannot be read. So for all methods here.
    pub fn get(&mut self, key: &[u8]) -> Result<Option<Version<'_>>> {
        Ok(self.latest(key)?.map(|since| self.latest_version(since)))
    }

    /// The version of `key` that held at this time; `None` where there was none, or the time is before the history and the latest version is
    /// younger.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub fn get_as_of(&mut self, key: &[u8], time: i64) -> Result<Option<Version<'_>>> {
        let latest = self.latest(key)?;
        if let Some(since) = latest.filter(|since| *since <= time) {
            return Ok(Some(self.latest_version(since)));
        }
        let (history, _) = self.layout.periods();
        if time < 0 || time < self.rows.stream_time()?.saturating_sub(history) {
            return Ok(None);
        }
        let found = self.finder.after(&mut Source(&self.rows), &self.layout, key, time, latest)?;
        let Some(span) = found.filter(|span| span.since <= time) else { return Ok(None) };
        let version = |value| Version { value, since: span.since, until: Some(span.end) };
        Ok(self.finder.value().map(version))
    }

    /// Reads the latest version; answers since when it holds.
    fn latest(&mut self, key: &[u8]) -> Result<Option<i64>> {
        RowLayout::encode_latest(key, &mut self.row);
        if !self.rows.get_into(&self.row, &mut self.value)? {
            return Ok(None);
        }
        let invalid =
            || StoreError::InvalidVersion { store: self.rows.store_name().to_owned(), length: self.value.len() };
        split_timestamped(&self.value).map(|(since, _)| Some(since)).ok_or_else(invalid)
    }

    fn latest_version(&self, since: i64) -> Version<'_> {
        let value = split_timestamped(&self.value).map_or(&[][..], |(_, value)| value);
        Version { value, since, until: None }
    }
}

impl VersionedKeyValueStore {
    /// Puts the version of `key` that holds since `time`; `None` is a deletion. One of the same time is replaced.
    ///
    /// Rows that it writes count as forwarded at once: the changelog of such a store has what was put, which is for the caller to write, also
    /// what came too late.
    ///
    /// # Errors
    /// If the store is closed, in use or cannot be read.
    pub fn put(&mut self, key: &[u8], value: Option<&[u8]>, time: i64) -> Result<VersionPut> {
        let mut buffer = self.rows.try_borrow_mut()?;
        if is_too_late(&buffer, time) {
            return Ok(VersionPut::TooLate);
        }
        buffer.observe(time);
        self.versions.put(&mut buffer, key, value, time)
    }

    /// Deletes `key` as of this time; answers the version that held then, `None` also where the deletion came too late.
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    pub fn delete(&mut self, key: &[u8], time: i64) -> Result<Option<HeldVersion>> {
        if is_too_late(&*self.rows.try_borrow()?, time) {
            return Ok(None);
        }
        let held = self.get_as_of(key, time)?.map(|version| (version.value.to_vec(), version.since, version.until));
        let _put = self.put(key, None, time)?;
        Ok(held)
    }
}
