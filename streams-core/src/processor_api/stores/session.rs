use super::bytes::{TypedRows, store_handle};
use super::{Opening, ProcessorStore};
use crate::error::StreamsError;
use crate::topology::StoreKind;
use crate::windowed::{SessionWindow, Window, Windowed};
use state_stores::{Direction, RowLayout, SessionScan, StoreError, StoreHandle};
use std::cell::Cell;
use std::rc::Rc;

/// A session store of a processor: values by key and session. A clone is the same store.
///
/// A session is from its first record to its last, in milliseconds since the epoch; ranges of times and keys include both ends. Sessions
/// expire: once one has been put that ends the store's retention later, a session is no longer shown. Rows are in the order of
/// segments of time, within a segment in that of the keys' serialized bytes, then of ends; so the sessions of one key are in the order of their ends.
pub struct SessionStore<K, V> {
    inner: Option<Rc<Sessions<K, V>>>,
}

struct Sessions<K, V> {
    rows: Rc<TypedRows<K, V>>,
    sessions: state_stores::SessionStore,
    layout: RowLayout,
    row: Cell<Vec<u8>>,
}

store_handle!(SessionStore, Sessions);

impl<K: 'static, V: 'static> ProcessorStore for SessionStore<K, V> {
    fn open(opening: &Opening<'_>) -> Result<Self, String> {
        let rows = TypedRows::open(opening, StoreKind::Session)?;
        let sessions = state_stores::SessionStore::new(rows.store.handle().clone());
        let sessions = sessions.map_err(|error| error.to_string())?;
        let layout = opening.spec.layout;
        Ok(Self { inner: Some(Rc::new(Sessions { rows, sessions, layout, row: Cell::default() })) })
    }
}

impl<K: 'static, V: 'static> SessionStore<K, V> {
    /// Sets the value of a session; a value that is null deletes it. Answers whether it was stored: false where the session has expired.
    ///
    /// # Errors
    /// The session starts before 0 or after its end; the store cannot be read or written, key or value cannot be encoded or decoded, or the key is
    /// null. So for all methods here.
    pub fn put(&self, key: &K, session: SessionWindow, value: &V) -> Result<bool, StreamsError> {
        let rows = &self.inner()?.rows;
        rows.with_value(value, |value| self.write(key, session, value))
    }

    /// Deletes a session.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn remove(&self, key: &K, session: SessionWindow) -> Result<(), StreamsError> {
        self.write(key, session, None).map(drop)
    }

    fn write(&self, key: &K, session: SessionWindow, value: Option<&[u8]>) -> Result<bool, StreamsError> {
        let Sessions { rows, layout, row, .. } = &**self.inner()?;
        let (start, end) = (session.start(), session.end());
        if start < 0 || start > end {
            return Err(StoreError::InvalidSession { store: rows.store.name().to_string(), start, end }.into());
        }
        rows.with_key(key, |key| {
            let mut buffer = rows.store.handle().borrow_mut();
            buffer.observe(end);
            if buffer.is_expired(end) {
                return Ok(false);
            }
            let mut bytes = row.take();
            layout.encode_session(key, start, end, &mut bytes);
            let done = buffer.put(&bytes, value);
            row.set(bytes);
            done?;
            Ok(true)
        })
    }

    /// The value of the session of `key` from `start` to `end`, both exact.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn fetch_session(&self, key: &K, start: i64, end: i64) -> Result<Option<V>, StreamsError> {
        let Sessions { rows, layout, row, .. } = &**self.inner()?;
        rows.with_key(key, |key| {
            if end < rows.store.handle().borrow().visible_from() {
                return Ok(None);
            }
            let mut bytes = row.take();
            layout.encode_session(key, start, end, &mut bytes);
            let found = rows.get(&bytes);
            row.set(bytes);
            found
        })
    }

    /// The sessions of `key` that end at `earliest_end` or later and start at `latest_start` or earlier, the first end first.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn find_sessions(
        &self,
        key: &K,
        earliest_end: i64,
        latest_start: i64,
    ) -> Result<SessionIterator<K, V>, StreamsError> {
        self.find(key, earliest_end, latest_start, Direction::Forward)
    }

    /// [`find_sessions`](Self::find_sessions), the last end first.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn backward_find_sessions(
        &self,
        key: &K,
        earliest_end: i64,
        latest_start: i64,
    ) -> Result<SessionIterator<K, V>, StreamsError> {
        self.find(key, earliest_end, latest_start, Direction::Reverse)
    }

    /// [`find_sessions`](Self::find_sessions) of the keys from `key_from` to `key_to`; `None` leaves an end open.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn find_sessions_range(
        &self,
        key_from: Option<&K>,
        key_to: Option<&K>,
        earliest_end: i64,
        latest_start: i64,
    ) -> Result<SessionIterator<K, V>, StreamsError> {
        self.ranged((key_from, key_to), earliest_end, latest_start, Direction::Forward)
    }

    /// [`find_sessions_range`](Self::find_sessions_range) in the reverse order.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn backward_find_sessions_range(
        &self,
        key_from: Option<&K>,
        key_to: Option<&K>,
        earliest_end: i64,
        latest_start: i64,
    ) -> Result<SessionIterator<K, V>, StreamsError> {
        self.ranged((key_from, key_to), earliest_end, latest_start, Direction::Reverse)
    }

    /// All sessions of `key`, the first end first.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn fetch(&self, key: &K) -> Result<SessionIterator<K, V>, StreamsError> {
        self.find_sessions(key, 0, i64::MAX)
    }

    /// All sessions of `key`, the last end first.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn backward_fetch(&self, key: &K) -> Result<SessionIterator<K, V>, StreamsError> {
        self.backward_find_sessions(key, 0, i64::MAX)
    }

    /// All sessions of the keys from `key_from` to `key_to`; `None` leaves an end open.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn fetch_range(&self, key_from: Option<&K>, key_to: Option<&K>) -> Result<SessionIterator<K, V>, StreamsError> {
        self.find_sessions_range(key_from, key_to, 0, i64::MAX)
    }

    /// [`fetch_range`](Self::fetch_range) in the reverse order.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn backward_fetch_range(
        &self,
        key_from: Option<&K>,
        key_to: Option<&K>,
    ) -> Result<SessionIterator<K, V>, StreamsError> {
        self.backward_find_sessions_range(key_from, key_to, 0, i64::MAX)
    }

    fn find(
        &self,
        key: &K,
        earliest_end: i64,
        latest_start: i64,
        direction: Direction,
    ) -> Result<SessionIterator<K, V>, StreamsError> {
        let inner = self.inner()?;
        let scan = inner
            .rows
            .with_key(key, |key| Ok(inner.sessions.find_sessions(key, earliest_end, latest_start, direction)?))?;
        Ok(SessionIterator { sessions: Rc::clone(inner), scan })
    }

    fn ranged(
        &self,
        (from, to): (Option<&K>, Option<&K>),
        earliest_end: i64,
        latest_start: i64,
        direction: Direction,
    ) -> Result<SessionIterator<K, V>, StreamsError> {
        let inner = self.inner()?;
        let (from, to) = (inner.rows.encode_end(from)?, inner.rows.encode_end(to)?);
        let (from, to) = (from.as_deref(), to.as_deref());
        let scan = inner.sessions.find_sessions_range(from, to, earliest_end, latest_start, direction)?;
        Ok(SessionIterator { sessions: Rc::clone(inner), scan })
    }
}

/// Rows of a session store. Reads page by page and holds nothing in between: the store may be used meanwhile.
pub struct SessionIterator<K, V> {
    sessions: Rc<Sessions<K, V>>,
    scan: SessionScan<StoreHandle>,
}

impl<K: 'static, V: 'static> Iterator for SessionIterator<K, V> {
    type Item = Result<(Windowed<K, SessionWindow>, V), StreamsError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows = &self.sessions.rows;
        match self.scan.next_row() {
            Ok(Some((session, value))) => Some(rows.decode_key(session.key).and_then(|key| {
                Ok((Windowed::new(key, SessionWindow::new(session.start, session.end)), rows.decode_value(value)?))
            })),
            Ok(None) => None,
            Err(error) => Some(Err(error.into())),
        }
    }
}
