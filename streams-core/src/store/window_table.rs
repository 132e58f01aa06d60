use super::rows::Rows;
use super::{Change, TaskStore};
use crate::error::StreamsError;
use crate::processor::{Downstream, TaskContext};
use crate::record::{Headers, Record, Written};
use crate::serde::{Payload, SerdeRef};
use crate::windowed::{TimeWindow, Windowed};
use state_stores::{Direction, RowLayout, WindowKey, WindowStore};
use std::ops::ControlFlow;
use std::rc::Rc;

/// The rows of a table whose keys are windows of time, in a window store; otherwise as [`TableStore`](super::TableStore).
///
/// A record may belong to several windows of its key: [`begin`](Self::begin) encodes the key once for all of them.
pub struct WindowTable<K, V> {
    rows: Rows<V>,
    windows: WindowStore,
    key_serde: SerdeRef<K>,
    layout: RowLayout,
    /// Of each window, in milliseconds: the store knows only where they start.
    size: i64,
    key: Vec<u8>,
    row: Vec<u8>,
}

/// A window of a key in a [`WindowTable`], not yet decoded.
pub struct StoredWindow<'a, V> {
    start: i64,
    rows: &'a Rows<V>,
    bytes: &'a [u8],
}

impl<V: Clone + 'static> StoredWindow<'_, V> {
    /// Where it starts, in milliseconds since the epoch.
    pub fn start(&self) -> i64 {
        self.start
    }

    /// Its timestamp and its row.
    ///
    /// # Errors
    /// The bytes are no row.
    pub fn row(&self) -> Result<(i64, V), StreamsError> {
        self.rows.decode(self.bytes)
    }
}

impl<K: Clone + 'static, V: Clone + 'static> WindowTable<K, V> {
    /// The table in the window store `store`, with windows of `size` milliseconds. With `send_old`, changes carry the row before.
    ///
    /// # Errors
    /// The store is of another kind.
    pub fn new(
        store: Rc<TaskStore>,
        key_serde: SerdeRef<K>,
        value_serde: SerdeRef<V>,
        size: i64,
        send_old: bool,
    ) -> Result<Self, StreamsError> {
        let layout = *store.handle().borrow().layout();
        let windows = WindowStore::new(store.handle().clone())?;
        let rows = Rows::new(store, value_serde, send_old);
        Ok(Self { rows, windows, key_serde, layout, size, key: Vec::new(), row: Vec::new() })
    }

    /// The name of the store.
    pub fn store_name(&self) -> &str {
        self.rows.store().name()
    }

    /// Turns to the windows of `key`; false where it is null.
    ///
    /// # Errors
    /// Where the key cannot be encoded.
    pub fn begin(&mut self, key: &K) -> Result<bool, StreamsError> {
        self.key.clear();
        let written = self.key_serde.serialize(self.rows.topic(), key, &mut self.key);
        Ok(written.map_err(|error| self.rows.unencodable("key", error))? == Written::Bytes)
    }

    /// Replaces the row of a window of the key by what `update` makes of it, and sends the change on by the store's rule. `key` is the one
    /// that [`begin`](Self::begin) was called with.
    ///
    /// A window that has expired in the store begins anew, is sent on, and is not kept.
    ///
    /// # Errors
    /// Where the store cannot be read, something cannot be encoded, or `update` fails.
    pub fn update(
        &mut self,
        context: &mut TaskContext,
        downstream: &Downstream<Windowed<K>, Change<V>>,
        key: &K,
        window: TimeWindow,
        headers: &Headers,
        update: impl FnOnce(Option<(i64, V)>) -> Result<(i64, Option<V>), StreamsError>,
    ) -> Result<(), StreamsError> {
        let start = crate::windowed::Window::start(&window);
        let (expired, hidden) = {
            let mut buffer = self.rows.store().handle().borrow_mut();
            buffer.observe(start);
            (buffer.is_expired(start), start < buffer.visible_from())
        };
        let changed = if expired {
            let (timestamp, new) = update(None)?;
            Some((timestamp, Change { old: None, new }))
        } else {
            self.layout.encode_window(&self.key, start, 0, &mut self.row);
            self.rows.update(context, &self.row, headers, |row| update(row.filter(|_| !hidden)))?
        };
        match changed {
            Some((timestamp, value)) if !downstream.is_empty() => {
                let key = Windowed::new(key.clone(), window);
                downstream.forward(context, Record { key, value, timestamp, headers: headers.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Whether the changes that [`put`](Self::put) sends on are to carry the row before.
    pub fn wants_old(&self) -> bool {
        self.rows.wants_old()
    }

    /// Sets the row of the key's window that starts at `start`, where the row before is known already, and sends the change on by the
    /// store's rule. `key` is the one that [`begin`](Self::begin) was called with.
    ///
    /// A window that has expired in the store is sent on, and is not kept.
    ///
    /// # Errors
    /// Where the store cannot be read or something cannot be encoded.
    pub fn put(
        &mut self,
        context: &mut TaskContext,
        downstream: &Downstream<Windowed<K>, Change<V>>,
        key: &K,
        start: i64,
        headers: &Headers,
        row: (i64, Change<V>),
    ) -> Result<(), StreamsError> {
        let (timestamp, mut change) = row;
        let expired = {
            let mut buffer = self.rows.store().handle().borrow_mut();
            buffer.observe(start);
            buffer.is_expired(start)
        };
        let at_once = expired || {
            self.layout.encode_window(&self.key, start, 0, &mut self.row);
            self.rows.put(context, &self.row, headers, timestamp, &mut change.new)?
        };
        if !at_once || downstream.is_empty() {
            return Ok(());
        }
        let key = Windowed::new(key.clone(), TimeWindow::of_size(start, self.size));
        downstream.forward(context, Record { key, value: change, timestamp, headers: headers.clone() })
    }

    /// Shows the key's windows that start from `from` to `to`, until `visit` breaks off or fails.
    ///
    /// # Errors
    /// Where the store cannot be read, or `visit` fails.
    pub fn visit(
        &self,
        from: i64,
        to: i64,
        direction: Direction,
        mut visit: impl FnMut(StoredWindow<'_, V>) -> Result<ControlFlow<()>, StreamsError>,
    ) -> Result<(), StreamsError> {
        let mut failed = Ok(());
        self.windows.visit(&self.key, from, to, direction, |window, bytes| {
            visit(StoredWindow { start: window.start, rows: &self.rows, bytes }).unwrap_or_else(|error| {
                failed = Err(error);
                ControlFlow::Break(())
            })
        })?;
        failed
    }

    /// Shows the rows of all keys' windows that start from `from` to `to` with their timestamps, in the order of starts, then keys. The store needs a
    /// time index for that.
    ///
    /// # Errors
    /// Where the store cannot be read, or `visit` fails.
    pub fn visit_all(
        &self,
        from: i64,
        to: i64,
        mut visit: impl FnMut(Windowed<K>, i64, V) -> Result<(), StreamsError>,
    ) -> Result<(), StreamsError> {
        let mut found = self.windows.fetch_all(from, to, Direction::Forward)?;
        while let Some((window, value)) = found.next_row()? {
            let key = self.decode_key(&window)?;
            let (timestamp, value) = self.rows.decode(value)?;
            visit(key, timestamp, value)?;
        }
        Ok(())
    }

    /// The smallest start that the store still shows after a window that starts at `start` is put.
    pub fn visible_after(&self, start: i64) -> i64 {
        match self.layout {
            RowLayout::Window { retention_ms, .. } => start.saturating_sub(retention_ms).saturating_add(1),
            _ => i64::MIN,
        }
    }

    /// Before a commit: appends the updates to the changelog and sends them downstream, in the order of the last write of each window.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub fn flush(
        &mut self,
        context: &mut TaskContext,
        downstream: &Downstream<Windowed<K>, Change<V>>,
    ) -> Result<(), StreamsError> {
        let (layout, serde, size) = (self.layout, &self.key_serde, self.size);
        let store = Rc::clone(self.rows.store());
        let topic = store.serde_topic();
        self.rows.flush(context, downstream, |row| {
            decode(&store, &topic, serde, size, layout.changelog_key(row)).map(|key| (key, None))
        })
    }

    fn decode_key(&self, window: &WindowKey<'_>) -> Result<Windowed<K>, StreamsError> {
        decode_window(self.rows.store(), self.rows.topic(), &self.key_serde, self.size, window)
    }
}

fn decode<K: 'static>(
    store: &TaskStore,
    topic: &str,
    serde: &SerdeRef<K>,
    size: i64,
    changelog_key: &[u8],
) -> Result<Windowed<K>, StreamsError> {
    match WindowKey::decode(changelog_key) {
        Some(window) => decode_window(store, topic, serde, size, &window),
        None => Err(StreamsError::InvalidState(format!("store {} has a row that is no window", store.name()))),
    }
}

fn decode_window<K: 'static>(
    store: &TaskStore,
    topic: &str,
    serde: &SerdeRef<K>,
    size: i64,
    window: &WindowKey<'_>,
) -> Result<Windowed<K>, StreamsError> {
    let key = serde.deserialize(topic, Some(Payload::new(window.key)));
    let key = key.map_err(|error| StreamsError::StoredBytes { store: store.name().to_string(), part: "key", error })?;
    Ok(Windowed::new(key, TimeWindow::of_size(window.start, size)))
}
