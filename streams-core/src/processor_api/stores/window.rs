use super::bytes::{TypedRows, store_handle};
use super::{Opening, ProcessorStore, ValueAndTimestamp};
use crate::error::StreamsError;
use crate::topology::StoreKind;
use crate::windowed::{TimeWindow, Windowed};
use state_stores::{Direction, PutOutcome, RowLayout, StoreHandle, WindowScan};
use std::cell::Cell;
use std::rc::Rc;

/// A window store of a processor: values by key and the start of a window. A clone is the same store.
///
/// Times are milliseconds since the epoch; ranges of times and keys include both ends. Windows expire: once one has been put that starts the
/// store's retention later, a window is no longer shown.
/// Rows are in the order of segments of time, within a segment in that of the keys' serialized bytes, then of starts; so the windows of one
/// key are in the order of time.
pub struct WindowStore<K, V> {
    inner: Option<Rc<Windows<K, V>>>,
}

/// A window store whose values carry a time, as those of the DSL's windowed tables do.
pub type TimestampedWindowStore<K, V> = WindowStore<K, ValueAndTimestamp<V>>;

struct Windows<K, V> {
    rows: Rc<TypedRows<K, V>>,
    windows: state_stores::WindowStore,
    layout: RowLayout,
    /// Of each window.
    size: i64,
    row: Cell<Vec<u8>>,
}

store_handle!(WindowStore, Windows);

impl<K: 'static, V: 'static> ProcessorStore for WindowStore<K, V> {
    fn open(opening: &Opening<'_>) -> Result<Self, String> {
        let rows = TypedRows::open(opening, StoreKind::Window)?;
        let windows = state_stores::WindowStore::new(rows.store.handle().clone()).map_err(|error| error.to_string())?;
        let (layout, size) = (opening.spec.layout, opening.spec.known_window_size()?);
        Ok(Self { inner: Some(Rc::new(Windows { rows, windows, layout, size, row: Cell::default() })) })
    }
}

impl<K: 'static, V: 'static> WindowStore<K, V> {
    /// Sets the value of the window of `key` that starts at `start`; a value that is null deletes it. In a store that keeps duplicates it is put beside the others.
    ///
    /// Answers whether it was stored: false where the window has expired.
    ///
    /// # Errors
    /// The store cannot be read or written, key or value cannot be encoded or decoded, or the key is null. So for all methods here.
    pub fn put(&self, key: &K, value: &V, start: i64) -> Result<bool, StreamsError> {
        let rows = &self.inner()?.rows;
        rows.with_value(value, |value| self.write(key, value, start))
    }

    /// Deletes the window of `key` that starts at `start`. Does nothing in a store that keeps duplicates.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn delete(&self, key: &K, start: i64) -> Result<(), StreamsError> {
        self.write(key, None, start).map(drop)
    }

    fn write(&self, key: &K, value: Option<&[u8]>, start: i64) -> Result<bool, StreamsError> {
        let Windows { rows, windows, layout, row, .. } = &**self.inner()?;
        rows.with_key(key, |key| {
            if layout.retains_duplicates() {
                return Ok(windows.put(key, value, start)? == PutOutcome::Stored);
            }
            let mut buffer = rows.store.handle().borrow_mut();
            buffer.observe(start);
            if buffer.is_expired(start) {
                return Ok(false);
            }
            let mut bytes = row.take();
            layout.encode_window(key, start, 0, &mut bytes);
            let done = buffer.put(&bytes, value);
            row.set(bytes);
            done?;
            Ok(true)
        })
    }

    /// The value of the window of `key` that starts at `start`. In a store that keeps duplicates the last one.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn fetch(&self, key: &K, start: i64) -> Result<Option<V>, StreamsError> {
        let Windows { rows, windows, layout, row, .. } = &**self.inner()?;
        rows.with_key(key, |key| {
            if layout.retains_duplicates() {
                return windows.fetch(key, start)?.map(|bytes| rows.decode_value(&bytes)).transpose();
            }
            if start < rows.store.handle().borrow().visible_from() {
                return Ok(None);
            }
            let mut bytes = row.take();
            layout.encode_window(key, start, 0, &mut bytes);
            let found = rows.get(&bytes);
            row.set(bytes);
            found
        })
    }

    /// The windows of `key` that start from `from` to `to`, the first start first.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn fetch_between(&self, key: &K, from: i64, to: i64) -> Result<WindowIterator<K, V>, StreamsError> {
        self.between(key, from, to, Direction::Forward)
    }

    /// [`fetch_between`](Self::fetch_between), the last start first.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn backward_fetch_between(&self, key: &K, from: i64, to: i64) -> Result<WindowIterator<K, V>, StreamsError> {
        self.between(key, from, to, Direction::Reverse)
    }

    /// The windows of the keys from `key_from` to `key_to` (`None` leaves an end open) that start from `from` to `to`.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn fetch_range(
        &self,
        key_from: Option<&K>,
        key_to: Option<&K>,
        from: i64,
        to: i64,
    ) -> Result<WindowIterator<K, V>, StreamsError> {
        self.ranged((key_from, key_to), from, to, Direction::Forward)
    }

    /// [`fetch_range`](Self::fetch_range) in the reverse order.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn backward_fetch_range(
        &self,
        key_from: Option<&K>,
        key_to: Option<&K>,
        from: i64,
        to: i64,
    ) -> Result<WindowIterator<K, V>, StreamsError> {
        self.ranged((key_from, key_to), from, to, Direction::Reverse)
    }

    /// The windows of all keys that start from `from` to `to`.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn fetch_all(&self, from: i64, to: i64) -> Result<WindowIterator<K, V>, StreamsError> {
        let inner = self.inner()?;
        Ok(WindowIterator::new(inner, inner.windows.fetch_all(from, to, Direction::Forward)?))
    }

    /// [`fetch_all`](Self::fetch_all) in the reverse order.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn backward_fetch_all(&self, from: i64, to: i64) -> Result<WindowIterator<K, V>, StreamsError> {
        let inner = self.inner()?;
        Ok(WindowIterator::new(inner, inner.windows.fetch_all(from, to, Direction::Reverse)?))
    }

    /// All windows.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn all(&self) -> Result<WindowIterator<K, V>, StreamsError> {
        self.fetch_all(0, i64::MAX)
    }

    /// All windows in the reverse order.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn backward_all(&self) -> Result<WindowIterator<K, V>, StreamsError> {
        self.backward_fetch_all(0, i64::MAX)
    }

    fn between(&self, key: &K, from: i64, to: i64, direction: Direction) -> Result<WindowIterator<K, V>, StreamsError> {
        let inner = self.inner()?;
        let scan = inner.rows.with_key(key, |key| Ok(inner.windows.fetch_between(key, from, to, direction)?))?;
        Ok(WindowIterator::new(inner, scan))
    }

    fn ranged(
        &self,
        (key_from, key_to): (Option<&K>, Option<&K>),
        from: i64,
        to: i64,
        direction: Direction,
    ) -> Result<WindowIterator<K, V>, StreamsError> {
        let inner = self.inner()?;
        let (key_from, key_to) = (inner.rows.encode_end(key_from)?, inner.rows.encode_end(key_to)?);
        let scan = inner.windows.fetch_range(key_from.as_deref(), key_to.as_deref(), from, to, direction)?;
        Ok(WindowIterator::new(inner, scan))
    }
}

/// Rows of a window store. Reads page by page and holds nothing in between: the store may be used meanwhile.
pub struct WindowIterator<K, V> {
    windows: Rc<Windows<K, V>>,
    scan: WindowScan<StoreHandle>,
}

impl<K, V> WindowIterator<K, V> {
    fn new(windows: &Rc<Windows<K, V>>, scan: WindowScan<StoreHandle>) -> Self {
        Self { windows: Rc::clone(windows), scan }
    }
}

impl<K: 'static, V: 'static> Iterator for WindowIterator<K, V> {
    type Item = Result<(Windowed<K>, V), StreamsError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Windows { rows, size, .. } = &*self.windows;
        match self.scan.next_row() {
            Ok(Some((window, value))) => Some(rows.decode_key(window.key).and_then(|key| {
                Ok((Windowed::new(key, TimeWindow::of_size(window.start, *size)), rows.decode_value(value)?))
            })),
            Ok(None) => None,
            Err(error) => Some(Err(error.into())),
        }
    }
}
