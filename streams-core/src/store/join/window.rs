use crate::error::StreamsError;
use crate::processor::TaskContext;
use crate::record::Written;
use crate::serde::{Payload, SerdeError, SerdeRef};
use crate::store::TaskStore;
use state_stores::{Direction, KeyScan, WindowStore, WriteContext};
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;

/// The records of one side of a join, by key and time, in a window store with duplicates.
pub struct JoinWindowStore<K, V> {
    store: Rc<TaskStore>,
    windows: WindowStore,
    key_serde: SerdeRef<K>,
    value_serde: SerdeRef<V>,
    topic: Arc<str>,
    /// Whether a row expires when reads no longer show it, as in Kafka Streams' stores in memory; else with its segment.
    expires_at_once: bool,
    key: Vec<u8>,
    value: Vec<u8>,
    scan: KeyScan,
}

impl<K: 'static, V: 'static> JoinWindowStore<K, V> {
    /// The records in the window store `store`. With `expires_at_once` a record counts as late as soon as reads would not show it, otherwise
    /// when its segment has gone.
    ///
    /// # Errors
    /// The store is of another kind.
    pub fn new(
        store: Rc<TaskStore>,
        key_serde: SerdeRef<K>,
        value_serde: SerdeRef<V>,
        expires_at_once: bool,
    ) -> Result<Self, StreamsError> {
        let windows = WindowStore::new(store.handle().clone())?;
        let topic = store.serde_topic();
        let (key, value, scan) = (Vec::new(), Vec::new(), KeyScan::default());
        Ok(Self { store, windows, key_serde, value_serde, topic, expires_at_once, key, value, scan })
    }

    /// The largest time that was ever put, in milliseconds; -1 if there was none.
    pub fn observed_time(&self) -> i64 {
        self.store.handle().borrow().observed_time()
    }

    /// Turns to the records of `key`; false where it is null.
    ///
    /// # Errors
    /// Where the key cannot be encoded.
    pub fn begin(&mut self, key: &K) -> Result<bool, StreamsError> {
        self.key.clear();
        match self.key_serde.serialize(&self.topic, key, &mut self.key) {
            Ok(written) => Ok(written == Written::Bytes),
            Err(error) => Err(self.unencodable("key", error)),
        }
    }

    /// Encodes a record that is to be [put](Self::put); false where its key or value is null, and there is nothing to put.
    ///
    /// # Errors
    /// Where key or value cannot be encoded.
    pub fn encode(&mut self, key: &K, value: &V) -> Result<bool, StreamsError> {
        if !self.begin(key)? {
            return Ok(false);
        }
        self.value.clear();
        match self.value_serde.serialize(&self.topic, value, &mut self.value) {
            Ok(written) => Ok(written == Written::Bytes),
            Err(error) => Err(self.unencodable("value", error)),
        }
    }

    /// Puts the record that was [encoded](Self::encode) last, and logs it; false where it is so late that it has expired.
    ///
    /// # Errors
    /// Where the store cannot be used.
    pub fn put(&mut self, context: &mut TaskContext, timestamp: i64) -> Result<bool, StreamsError> {
        let mut buffer = self.store.handle().borrow_mut();
        buffer.observe(timestamp);
        if self.expires_at_once && timestamp < buffer.visible_from() {
            return Ok(false);
        }
        let written = WriteContext { timestamp, source: 0, offset: context.record.offset };
        match buffer.put_duplicate(&self.key, timestamp, &self.value, written)? {
            Some(slot) => self.store.log_slot(context, &mut buffer, slot),
            None => return Ok(false),
        }
        Ok(true)
    }

    /// Shows the records of the key that [`begin`](Self::begin) was called with from time `from` to time `to`, both included, to `visit` until it
    /// fails: in the order of their times, and of their arrival where times are the same. The store is in use meanwhile.
    ///
    /// # Errors
    /// Where the store cannot be read, a record not be decoded, or `visit` fails.
    pub fn visit(
        &mut self,
        from: i64,
        to: i64,
        mut visit: impl FnMut(i64, V) -> Result<(), StreamsError>,
    ) -> Result<(), StreamsError> {
        let mut result = Ok(());
        let mut scan = std::mem::take(&mut self.scan);
        let read = self.windows.visit_with(&mut scan, &self.key, (from, to), Direction::Forward, |window, bytes| {
            result = self.decode(bytes).and_then(|value| visit(window.start, value));
            if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        self.scan = scan;
        read?;
        result
    }

    fn decode(&self, bytes: &[u8]) -> Result<V, StreamsError> {
        self.value_serde
            .deserialize(&self.topic, Some(Payload::new(bytes)))
            .map_err(|error| StreamsError::StoredBytes { store: self.store.name().to_string(), part: "value", error })
    }

    #[cold]
    fn unencodable(&self, part: &'static str, error: SerdeError) -> StreamsError {
        StreamsError::Serialization { topic: self.topic.to_string(), part, error }
    }
}
