use super::rows::Rows;
use super::{Change, TaskStore};
use crate::error::StreamsError;
use crate::processor::{Downstream, TaskContext};
use crate::record::{Headers, Record, Written};
use crate::serde::{Payload, SerdeRef};
use crate::windowed::{SessionWindow, Window, Windowed};
use state_stores::{Direction, RowLayout, SessionKey, SessionStore};
use std::ops::ControlFlow;
use std::rc::Rc;

/// The rows of a table whose keys are sessions, in a session store; otherwise as [`TableStore`](super::TableStore).
///
/// The rows have no timestamp: what goes downstream has that of the session's end. As in Kafka Streams, a change that is sent on at once
/// has no headers, and one that waits for the commit has those of the record that made it.
pub struct SessionTable<K, V> {
    rows: Rows<V>,
    sessions: SessionStore,
    key_serde: SerdeRef<K>,
    layout: RowLayout,
    key: Vec<u8>,
    row: Vec<u8>,
}

impl<K: Clone + 'static, V: Clone + 'static> SessionTable<K, V> {
    /// The table in the session store `store`. With `send_old`, changes carry the row before.
    ///
    /// # Errors
    /// The store is of another kind.
    pub fn new(
        store: Rc<TaskStore>,
        key_serde: SerdeRef<K>,
        value_serde: SerdeRef<V>,
        send_old: bool,
    ) -> Result<Self, StreamsError> {
        let layout = *store.handle().borrow().layout();
        let sessions = SessionStore::new(store.handle().clone())?;
        let rows = Rows::new(store, value_serde, send_old);
        Ok(Self { rows, sessions, key_serde, layout, key: Vec::new(), row: Vec::new() })
    }

    /// Turns to the sessions of `key`; false where it is null.
    ///
    /// # Errors
    /// Where the key cannot be encoded.
    pub fn begin(&mut self, key: &K) -> Result<bool, StreamsError> {
        self.key.clear();
        let written = self.key_serde.serialize(self.rows.topic(), key, &mut self.key);
        Ok(written.map_err(|error| self.rows.unencodable("key", error))? == Written::Bytes)
    }

    /// Appends the key's sessions that end at `earliest_end` or later and start at `latest_start` or earlier, in the order of their ends.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn find(
        &self,
        earliest_end: i64,
        latest_start: i64,
        found: &mut Vec<(SessionWindow, V)>,
    ) -> Result<(), StreamsError> {
        let mut failed = Ok(());
        self.sessions.visit_sessions(&self.key, earliest_end, latest_start, Direction::Forward, |session, bytes| {
            match self.rows.decode(bytes) {
                Ok((_, row)) => found.push((SessionWindow::new(session.start, session.end), row)),
                Err(error) => {
                    failed = Err(error);
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })?;
        failed
    }

    /// Whether the changes that [`put`](Self::put) sends on are to carry the row before.
    pub fn wants_old(&self) -> bool {
        self.rows.wants_old()
    }

    /// Sets the row of a session of the key (no new row deletes it), where the row before is known already, and sends the change on by the
    /// store's rule. `key` is the one that [`begin`](Self::begin) was called with; `timestamp` and `headers` are the record's.
    ///
    /// A session that has expired in the store is sent on, and is not kept.
    ///
    /// # Errors
    /// Where the store cannot be read or something cannot be encoded.
    pub fn put(
        &mut self,
        context: &mut TaskContext,
        downstream: &Downstream<Windowed<K, SessionWindow>, Change<V>>,
        key: &K,
        session: SessionWindow,
        (timestamp, headers): (i64, &Headers),
        mut change: Change<V>,
    ) -> Result<(), StreamsError> {
        let expired = {
            let mut buffer = self.rows.store().handle().borrow_mut();
            buffer.observe(session.end());
            buffer.is_expired(session.end())
        };
        let at_once = expired || {
            self.layout.encode_session(&self.key, session.start(), session.end(), &mut self.row);
            self.rows.put(context, &self.row, headers, timestamp, &mut change.new)?
        };
        if !at_once || downstream.is_empty() {
            return Ok(());
        }
        let key = Windowed::new(key.clone(), session);
        let (timestamp, headers) = (session.end(), Headers::default());
        downstream.forward(context, Record { key, value: change, timestamp, headers })
    }

    /// Shows the sessions of all keys that end from `from` to `to`, in the order of ends, then starts, then keys. The store needs a time index
    /// for that.
    ///
    /// # Errors
    /// Where the store cannot be read, or `visit` fails.
    pub fn visit_ended(
        &self,
        from: i64,
        to: i64,
        mut visit: impl FnMut(Windowed<K, SessionWindow>, V) -> Result<(), StreamsError>,
    ) -> Result<(), StreamsError> {
        let (store, topic) = (self.rows.store(), self.rows.topic());
        let mut found = self.sessions.find_sessions_ended(from, to, Direction::Forward)?;
        while let Some((session, row)) = found.next_row()? {
            let key = decode_session(store, topic, &self.key_serde, &session)?;
            visit(key, self.rows.decode(row)?.1)?;
        }
        Ok(())
    }

    /// The earliest end that [`visit_ended`](Self::visit_ended) still shows after a session that ends at `end` is put.
    pub fn kept_after(&self, end: i64) -> i64 {
        match self.layout {
            RowLayout::Session { retention_ms, segment_interval_ms, .. } => {
                let interval = segment_interval_ms.max(1);
                end.saturating_sub(retention_ms).max(0) / interval * interval
            }
            _ => i64::MIN,
        }
    }

    /// Before a commit: appends the updates to the changelog and sends them downstream, in the order of the last write of each session.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn flush(
        &mut self,
        context: &mut TaskContext,
        downstream: &Downstream<Windowed<K, SessionWindow>, Change<V>>,
    ) -> Result<(), StreamsError> {
        let (layout, serde) = (self.layout, &self.key_serde);
        let store = Rc::clone(self.rows.store());
        let topic = store.serde_topic();
        self.rows.flush(context, downstream, |row| {
            let Some(session) = SessionKey::decode(layout.changelog_key(row)) else {
                return Err(StreamsError::InvalidState(format!("store {} has a row that is no session", store.name())));
            };
            Ok((decode_session(&store, &topic, serde, &session)?, Some(session.end)))
        })
    }
}

fn decode_session<K: 'static>(
    store: &TaskStore,
    topic: &str,
    serde: &SerdeRef<K>,
    session: &SessionKey<'_>,
) -> Result<Windowed<K, SessionWindow>, StreamsError> {
    let key = serde.deserialize(topic, Some(Payload::new(session.key)));
    let key = key.map_err(|error| StreamsError::StoredBytes { store: store.name().to_string(), part: "key", error })?;
    Ok(Windowed::new(key, SessionWindow::new(session.start, session.end)))
}
