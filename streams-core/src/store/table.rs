use super::TaskStore;
use super::rows::Rows;
use crate::error::StreamsError;
use crate::processor::{Downstream, TaskContext};
use crate::record::{Headers, Record, Written};
use crate::serde::{Payload, SerdeRef};
use std::rc::Rc;

/// An update of a table's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<V> {
    /// The row before; `None` where there was none, or where nobody downstream asked for it.
    pub old: Option<V>,
    /// The row now; `None` where it was deleted.
    pub new: Option<V>,
}

/// The rows of a table in a timestamped store, with the rule by which updates go downstream: at once for a store without
/// cache, else at the commit, when only the last update of each key goes on (KIP-63), with the headers of that update.
pub struct TableStore<K, V> {
    rows: Rows<V>,
    key_serde: SerdeRef<K>,
    key: Vec<u8>,
}

impl<K: Clone + 'static, V: Clone + 'static> TableStore<K, V> {
    /// The table in `store`. With `send_old`, changes carry the row before; the store must then keep it (`keep_prior`).
    pub fn new(store: Rc<TaskStore>, key_serde: SerdeRef<K>, value_serde: SerdeRef<V>, send_old: bool) -> Self {
        Self { rows: Rows::new(store, value_serde, send_old), key_serde, key: Vec::new() }
    }

    /// The row of `key` with its timestamp.
    ///
    /// # Errors
    /// Where the store cannot be read or the key not encoded.
    pub fn get(&mut self, key: &K) -> Result<Option<(i64, V)>, StreamsError> {
        match self.encode_key(key)? {
            Written::Null => Ok(None),
            Written::Bytes => self.rows.get(&self.key),
        }
    }

    /// Replaces the row of `key` by what `update` makes of it, and sends the change on by the store's rule.
    ///
    /// `update` gets the key and the present row with its timestamp, and answers the new row (`None` deletes) with its
    /// timestamp. A key that is null is dropped and counted.
    ///
    /// # Errors
    /// Where the store cannot be read, something cannot be encoded, or `update` fails.
    pub fn update(
        &mut self,
        context: &mut TaskContext,
        downstream: &Downstream<K, Change<V>>,
        key: K,
        headers: Headers,
        update: impl FnOnce(&K, Option<(i64, V)>) -> Result<(i64, Option<V>), StreamsError>,
    ) -> Result<(), StreamsError> {
        if self.encode_key(&key)? == Written::Null {
            context.drop_record("its key is null");
            return Ok(());
        }
        let changed = self.rows.update(context, &self.key, &headers, |row| update(&key, row))?;
        match changed {
            Some((timestamp, change)) => downstream.forward(context, Record { key, value: change, timestamp, headers }),
            None => Ok(()),
        }
    }

    /// Before a commit: appends the updates to the changelog and sends them downstream, in the order of the last write of each key.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub fn flush(
        &mut self,
        context: &mut TaskContext,
        downstream: &Downstream<K, Change<V>>,
    ) -> Result<(), StreamsError> {
        let topic = self.rows.store().serde_topic();
        let (serde, store) = (&self.key_serde, Rc::clone(self.rows.store()));
        self.rows.flush(context, downstream, |bytes| {
            let key = serde.deserialize(&topic, Some(Payload::new(bytes)));
            key.map(|key| (key, None)).map_err(|error| StreamsError::StoredBytes {
                store: store.name().to_string(),
                part: "key",
                error,
            })
        })
    }

    fn encode_key(&mut self, key: &K) -> Result<Written, StreamsError> {
        self.key.clear();
        let written = self.key_serde.serialize(self.rows.topic(), key, &mut self.key);
        written.map_err(|error| self.rows.unencodable("key", error))
    }
}
