use super::pages::ask;
use super::view::View;
use super::windowed_scan::{Keys, WindowedQuery, WindowedViewScan};
use crate::broker::Broker;
use crate::error::StreamsError;
use crate::runtime::Instance;
use crate::topology::StoreKind;
use crate::windowed::SessionWindow;
use state_stores::{Direction, SessionStore};
use std::sync::Arc;

/// What a view of sessions finds.
type SessionViewScan<B, K, V> = WindowedViewScan<B, K, V, SessionWindow>;

/// A typed, read-only view of a session store over all tasks of this instance. Cheap to clone; usable from any thread.
///
/// Times are milliseconds since the epoch; those of a session are of its first and its last record. Ranges include both ends. Sessions that
/// have expired by the stream time of their task are not shown. The sessions of one key come in the order of their ends, then starts. Those of
/// several keys come task by task; within a task in the order of segments of time, in a segment by the bytes of keys, then ends; the
/// backward methods reverse the order within each task.
///
/// Keys that other instances own are not found here. While a task of the store is being restored, or moves away, queries say so instead
/// of answering from the rest.
pub struct ReadOnlySessionView<B: Broker, K, V> {
    view: View<B, K, V>,
}

impl<B: Broker, K, V> Clone for ReadOnlySessionView<B, K, V> {
    fn clone(&self) -> Self {
        Self { view: self.view.clone() }
    }
}

impl<B: Broker, K: 'static, V: 'static> ReadOnlySessionView<B, K, V> {
    pub(crate) fn new(instance: Arc<Instance<B>>, store: &str) -> Result<Self, StreamsError> {
        let (view, _) = View::new(instance, store, StoreKind::Session)?;
        Ok(Self { view })
    }

    /// The same view, restricted to what has been committed. It does not disturb the processing threads at all.
    #[must_use]
    pub fn committed(mut self) -> Self {
        self.view.committed = true;
        self
    }

    /// The value of the session of `key` from `start` to `end`, both exact; `None` where no task of this instance has it.
    ///
    /// # Errors
    /// [`StreamsError::InvalidState`] while a task is restored or moves, or when the instance does not run.
    pub fn fetch_session(&self, key: &K, start: i64, end: i64) -> Result<Option<V>, StreamsError> {
        let key = self.view.encode(key)?;
        for location in self.view.locations()? {
            let row = if self.view.committed {
                SessionStore::new(location.reader)?.fetch_session(&key, start, end)?
            } else {
                let key = key.clone();
                ask(&location, move |store| SessionStore::new(store.clone())?.fetch_session(&key, start, end))?
            };
            if let Some(row) = row {
                return Ok(Some(self.view.decode_value(&row)?.0));
            }
        }
        Ok(None)
    }

    /// All sessions of `key`, the first end first.
    ///
    /// # Errors
    /// As [`fetch_session`](Self::fetch_session); the same while the sessions are read.
    pub fn fetch(&self, key: &K) -> Result<SessionViewScan<B, K, V>, StreamsError> {
        self.scan(self.of_key(key, 0, i64::MAX)?, Direction::Forward)
    }

    /// All sessions of `key`, the last end first.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub fn backward_fetch(&self, key: &K) -> Result<SessionViewScan<B, K, V>, StreamsError> {
        self.scan(self.of_key(key, 0, i64::MAX)?, Direction::Reverse)
    }

    /// All sessions of the keys from `key_from` to `key_to`; `None` is no bound.
    ///
    /// # Errors
    /// As [`fetch_session`](Self::fetch_session); the same while the sessions are read.
    pub fn fetch_range(
        &self,
        key_from: Option<&K>,
        key_to: Option<&K>,
    ) -> Result<SessionViewScan<B, K, V>, StreamsError> {
        self.scan(self.of_keys(key_from, key_to, 0, i64::MAX)?, Direction::Forward)
    }

    /// As [`fetch_range`](Self::fetch_range), in reverse.
    ///
    /// # Errors
    /// As [`fetch_range`](Self::fetch_range).
    pub fn backward_fetch_range(
        &self,
        key_from: Option<&K>,
        key_to: Option<&K>,
    ) -> Result<SessionViewScan<B, K, V>, StreamsError> {
        self.scan(self.of_keys(key_from, key_to, 0, i64::MAX)?, Direction::Reverse)
    }

    /// The sessions of `key` that end at `earliest_end` or later and start at `latest_start` or earlier: those that share a time with the span
    /// between the two.
    ///
    /// # Errors
    /// As [`fetch_session`](Self::fetch_session); the same while the sessions are read.
    pub fn find_sessions(
        &self,
        key: &K,
        earliest_end: i64,
        latest_start: i64,
    ) -> Result<SessionViewScan<B, K, V>, StreamsError> {
        self.scan(self.of_key(key, earliest_end, latest_start)?, Direction::Forward)
    }

    /// As [`find_sessions`](Self::find_sessions), the last end first.
    ///
    /// # Errors
    /// As [`find_sessions`](Self::find_sessions).
    pub fn backward_find_sessions(
        &self,
        key: &K,
        earliest_end: i64,
        latest_start: i64,
    ) -> Result<SessionViewScan<B, K, V>, StreamsError> {
        self.scan(self.of_key(key, earliest_end, latest_start)?, Direction::Reverse)
    }

    /// As [`find_sessions`](Self::find_sessions), of the keys from `key_from` to `key_to`; `None` is no bound.
    ///
    /// # Errors
    /// As [`fetch_session`](Self::fetch_session); the same while the sessions are read.
    pub fn find_sessions_range(
        &self,
        key_from: Option<&K>,
        key_to: Option<&K>,
        earliest_end: i64,
        latest_start: i64,
    ) -> Result<SessionViewScan<B, K, V>, StreamsError> {
        self.scan(self.of_keys(key_from, key_to, earliest_end, latest_start)?, Direction::Forward)
    }

    /// As [`find_sessions_range`](Self::find_sessions_range), in reverse.
    ///
    /// # Errors
    /// As [`find_sessions_range`](Self::find_sessions_range).
    pub fn backward_find_sessions_range(
        &self,
        key_from: Option<&K>,
        key_to: Option<&K>,
        earliest_end: i64,
        latest_start: i64,
    ) -> Result<SessionViewScan<B, K, V>, StreamsError> {
        self.scan(self.of_keys(key_from, key_to, earliest_end, latest_start)?, Direction::Reverse)
    }

    fn of_key(&self, key: &K, earliest_end: i64, latest_start: i64) -> Result<WindowedQuery, StreamsError> {
        Ok(WindowedQuery::Sessions { keys: Keys::One(self.view.encode(key)?), earliest_end, latest_start })
    }

    fn of_keys(
        &self,
        key_from: Option<&K>,
        key_to: Option<&K>,
        earliest_end: i64,
        latest_start: i64,
    ) -> Result<WindowedQuery, StreamsError> {
        let keys = self.view.encode_between(key_from, key_to)?;
        Ok(WindowedQuery::Sessions { keys, earliest_end, latest_start })
    }

    fn scan(&self, query: WindowedQuery, direction: Direction) -> Result<SessionViewScan<B, K, V>, StreamsError> {
        WindowedViewScan::new(&self.view, query, direction, |start, end, _| SessionWindow::new(start, end), 0)
    }
}
