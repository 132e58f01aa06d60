use super::pages::ask;
use super::view::View;
use super::windowed_scan::{Keys, WindowedQuery, WindowedViewScan};
use crate::broker::Broker;
use crate::error::StreamsError;
use crate::runtime::Instance;
use crate::topology::StoreKind;
use crate::windowed::TimeWindow;
use state_stores::{Direction, WindowStore};
use std::sync::Arc;

/// A typed, read-only view of a window store over all tasks of this instance. Cheap to clone; usable from any thread.
///
/// Times are milliseconds since the epoch, and ranges of times (of windows' starts) and keys include both ends. Windows that have expired
/// by the stream time of their task are not shown. The windows of one key come in the order of their starts. Those of several keys come
/// task by task; within a task in the order of segments of time, in a segment by the bytes of keys, then starts; the backward methods reverse
/// the order within each task.
///
/// Keys that other instances own are not found here. While a task of the store is being restored, or moves away, queries say so instead
/// of answering from the rest.
pub struct ReadOnlyWindowView<B: Broker, K, V> {
    view: View<B, K, V>,
    /// Of each window.
    size: i64,
}

impl<B: Broker, K, V> Clone for ReadOnlyWindowView<B, K, V> {
    fn clone(&self) -> Self {
        Self { view: self.view.clone(), size: self.size }
    }
}

impl<B: Broker, K: 'static, V: 'static> ReadOnlyWindowView<B, K, V> {
    pub(crate) fn new(instance: Arc<Instance<B>>, store: &str) -> Result<Self, StreamsError> {
        let (view, spec) = View::new(instance, store, StoreKind::Window)?;
        let size = spec.known_window_size().map_err(StreamsError::InvalidState)?;
        Ok(Self { view, size })
    }

    /// The same view, restricted to what has been committed. It does not disturb the processing threads at all.
    #[must_use]
    pub fn committed(mut self) -> Self {
        self.view.committed = true;
        self
    }

    /// The value of the window of `key` that starts at `start`; `None` where no task of this instance has it.
    ///
    /// # Errors
    /// [`StreamsError::InvalidState`] while a task is restored or moves, or when the instance does not run.
    pub fn fetch(&self, key: &K, start: i64) -> Result<Option<V>, StreamsError> {
        Ok(self.fetch_with_timestamp(key, start)?.map(|(value, _)| value))
    }

    /// The value of the window of `key` that starts at `start`, with its timestamp (milliseconds; -1 in a store without timestamps): the largest
    /// of the records in it. Scans have [`with_timestamps`](WindowedViewScan::with_timestamps).
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub fn fetch_with_timestamp(&self, key: &K, start: i64) -> Result<Option<(V, i64)>, StreamsError> {
        let key = self.view.encode(key)?;
        for location in self.view.locations()? {
            let row = if self.view.committed {
                WindowStore::new(location.reader)?.fetch(&key, start)?
            } else {
                let key = key.clone();
                ask(&location, move |store| WindowStore::new(store.clone())?.fetch(&key, start))?
            };
            if let Some(row) = row {
                return self.view.decode_value(&row).map(Some);
            }
        }
        Ok(None)
    }

    /// The windows of `key` that start from `from` to `to`, the first start first.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch); the same while the windows are read.
    pub fn fetch_between(&self, key: &K, from: i64, to: i64) -> Result<WindowedViewScan<B, K, V>, StreamsError> {
        self.scan(self.of_key(key, from, to)?, Direction::Forward)
    }

    /// As [`fetch_between`](Self::fetch_between), the last start first.
    ///
    /// # Errors
    /// As [`fetch_between`](Self::fetch_between).
    pub fn backward_fetch_between(
        &self,
        key: &K,
        from: i64,
        to: i64,
    ) -> Result<WindowedViewScan<B, K, V>, StreamsError> {
        self.scan(self.of_key(key, from, to)?, Direction::Reverse)
    }

    /// The windows of the keys from `key_from` to `key_to` that start from `from` to `to`; `None` is no bound.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch); the same while the windows are read.
    pub fn fetch_range(
        &self,
        key_from: Option<&K>,
        key_to: Option<&K>,
        from: i64,
        to: i64,
    ) -> Result<WindowedViewScan<B, K, V>, StreamsError> {
        self.scan(self.of_keys(key_from, key_to, from, to)?, Direction::Forward)
    }

    /// As [`fetch_range`](Self::fetch_range), in reverse.
    ///
    /// # Errors
    /// As [`fetch_range`](Self::fetch_range).
    pub fn backward_fetch_range(
        &self,
        key_from: Option<&K>,
        key_to: Option<&K>,
        from: i64,
        to: i64,
    ) -> Result<WindowedViewScan<B, K, V>, StreamsError> {
        self.scan(self.of_keys(key_from, key_to, from, to)?, Direction::Reverse)
    }

    /// The windows of all keys that start from `from` to `to`.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch); the same while the windows are read.
    pub fn fetch_all(&self, from: i64, to: i64) -> Result<WindowedViewScan<B, K, V>, StreamsError> {
        self.scan(WindowedQuery::AllWindows { from, to }, Direction::Forward)
    }

    /// As [`fetch_all`](Self::fetch_all), in reverse.
    ///
    /// # Errors
    /// As [`fetch_all`](Self::fetch_all).
    pub fn backward_fetch_all(&self, from: i64, to: i64) -> Result<WindowedViewScan<B, K, V>, StreamsError> {
        self.scan(WindowedQuery::AllWindows { from, to }, Direction::Reverse)
    }

    /// All windows.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch); the same while the windows are read.
    pub fn all(&self) -> Result<WindowedViewScan<B, K, V>, StreamsError> {
        self.scan(WindowedQuery::AllWindows { from: 0, to: i64::MAX }, Direction::Forward)
    }

    /// All windows, in reverse.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub fn backward_all(&self) -> Result<WindowedViewScan<B, K, V>, StreamsError> {
        self.scan(WindowedQuery::AllWindows { from: 0, to: i64::MAX }, Direction::Reverse)
    }

    fn of_key(&self, key: &K, from: i64, to: i64) -> Result<WindowedQuery, StreamsError> {
        Ok(WindowedQuery::Windows { keys: Keys::One(self.view.encode(key)?), from, to })
    }

    fn of_keys(
        &self,
        key_from: Option<&K>,
        key_to: Option<&K>,
        from: i64,
        to: i64,
    ) -> Result<WindowedQuery, StreamsError> {
        Ok(WindowedQuery::Windows { keys: self.view.encode_between(key_from, key_to)?, from, to })
    }

    fn scan(&self, query: WindowedQuery, direction: Direction) -> Result<WindowedViewScan<B, K, V>, StreamsError> {
        WindowedViewScan::new(
            &self.view,
            query,
            direction,
            |start, _, size| TimeWindow::of_size(start, size),
            self.size,
        )
    }
}
