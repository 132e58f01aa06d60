use super::store::TestRows;
use crate::error::StreamsError;
use crate::windowed::{SessionWindow, TimeWindow, Windowed};
use state_stores::{Direction, SessionScan, SessionStore, StoreHandle, WindowScan, WindowStore};

/// A window store of a topology under test, to look into. Times are milliseconds since the epoch, and ranges include both ends. Windows that
/// have expired by stream time are not shown.
pub struct TestWindowStore<K, V> {
    rows: TestRows<K, V>,
    windows: WindowStore,
    /// Of each window.
    size: i64,
}

impl<K: 'static, V: 'static> TestWindowStore<K, V> {
    pub(super) fn new(rows: TestRows<K, V>, size: i64) -> Result<Self, StreamsError> {
        let windows = WindowStore::new(rows.store.handle().clone())?;
        Ok(Self { rows, windows, size })
    }

    /// The value of the window of `key` that starts at `start`.
    ///
    /// # Errors
    /// The store cannot be read, or key or value cannot be encoded or decoded.
    pub fn fetch(&self, key: &K, start: i64) -> Result<Option<V>, StreamsError> {
        Ok(self.fetch_with_timestamp(key, start)?.map(|(value, _)| value))
    }

    /// The value of the window of `key` that starts at `start`, with its timestamp (-1 in a store without timestamps).
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub fn fetch_with_timestamp(&self, key: &K, start: i64) -> Result<Option<(V, i64)>, StreamsError> {
        let Some(key) = self.rows.encode(key)? else { return Ok(None) };
        let row = self.windows.fetch(&key, start)?;
        row.map(|row| self.rows.decode_value(&row)).transpose()
    }

    /// The windows of `key` that start from `from` to `to`, the first start first.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub fn fetch_between(&self, key: &K, from: i64, to: i64) -> Result<Vec<(Windowed<K>, V)>, StreamsError> {
        match self.rows.encode(key)? {
            Some(key) => self.collect(self.windows.fetch_between(&key, from, to, Direction::Forward)?),
            None => Ok(Vec::new()),
        }
    }

    /// The windows of all keys that start from `from` to `to`, in the order of segments of time, then of the bytes of keys, then of starts.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub fn fetch_all(&self, from: i64, to: i64) -> Result<Vec<(Windowed<K>, V)>, StreamsError> {
        self.collect(self.windows.fetch_all(from, to, Direction::Forward)?)
    }

    /// All windows, in the order of [`fetch_all`](Self::fetch_all).
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub fn all(&self) -> Result<Vec<(Windowed<K>, V)>, StreamsError> {
        self.collect(self.windows.all(Direction::Forward)?)
    }

    fn collect(&self, mut found: WindowScan<StoreHandle>) -> Result<Vec<(Windowed<K>, V)>, StreamsError> {
        let mut rows = Vec::new();
        while let Some((window, value)) = found.next_row()? {
            let key = self.rows.decode_key(window.key)?;
            let window = TimeWindow::of_size(window.start, self.size);
            rows.push((Windowed { key, window }, self.rows.decode_value(value)?.0));
        }
        Ok(rows)
    }
}

/// Sessions with their values.
type SessionRows<K, V> = Vec<(Windowed<K, SessionWindow>, V)>;

/// A session store of a topology under test, to look into. Times are milliseconds since the epoch: those of the first and the last record of a
/// session. Sessions that have expired by stream time are not shown.
pub struct TestSessionStore<K, V> {
    rows: TestRows<K, V>,
    sessions: SessionStore,
}

impl<K: 'static, V: 'static> TestSessionStore<K, V> {
    pub(super) fn new(rows: TestRows<K, V>) -> Result<Self, StreamsError> {
        let sessions = SessionStore::new(rows.store.handle().clone())?;
        Ok(Self { rows, sessions })
    }

    /// The value of the session of `key` from `start` to `end`, both exact.
    ///
    /// # Errors
    /// The store cannot be read, or key or value cannot be encoded or decoded.
    pub fn fetch_session(&self, key: &K, start: i64, end: i64) -> Result<Option<V>, StreamsError> {
        let Some(key) = self.rows.encode(key)? else { return Ok(None) };
        let row = self.sessions.fetch_session(&key, start, end)?;
        row.map(|row| Ok(self.rows.decode_value(&row)?.0)).transpose()
    }

    /// All sessions of `key`, the first end first.
    ///
    /// # Errors
    /// As [`fetch_session`](Self::fetch_session).
    pub fn fetch(&self, key: &K) -> Result<SessionRows<K, V>, StreamsError> {
        self.find_sessions(key, 0, i64::MAX)
    }

    /// The sessions of `key` that end at `earliest_end` or later and start at `latest_start` or earlier, the first end first.
    ///
    /// # Errors
    /// As [`fetch_session`](Self::fetch_session).
    pub fn find_sessions(
        &self,
        key: &K,
        earliest_end: i64,
        latest_start: i64,
    ) -> Result<SessionRows<K, V>, StreamsError> {
        match self.rows.encode(key)? {
            Some(key) => {
                self.collect(self.sessions.find_sessions(&key, earliest_end, latest_start, Direction::Forward)?)
            }
            None => Ok(Vec::new()),
        }
    }

    /// All sessions, in the order of segments of time, then of the bytes of keys, then of ends.
    ///
    /// # Errors
    /// As [`fetch_session`](Self::fetch_session).
    pub fn all(&self) -> Result<SessionRows<K, V>, StreamsError> {
        self.collect(self.sessions.fetch_range(None, None, Direction::Forward)?)
    }

    fn collect(&self, mut found: SessionScan<StoreHandle>) -> Result<SessionRows<K, V>, StreamsError> {
        let mut rows = Vec::new();
        while let Some((session, value)) = found.next_row()? {
            let key = self.rows.decode_key(session.key)?;
            let window = SessionWindow::new(session.start, session.end);
            rows.push((Windowed { key, window }, self.rows.decode_value(value)?.0));
        }
        Ok(rows)
    }
}
