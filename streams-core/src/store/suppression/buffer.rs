use super::row::{Row, replace_by_same, write_null, write_origin, write_same, write_sized, write_with};
use crate::error::StreamsError;
use crate::processor::{RecordContext, TaskContext};
use crate::record::{Record, Written};
use crate::serde::{Payload, SerdeError, SerdeRef};
use crate::store::{Change, TaskStore};
use state_stores::{ReadOnlyKeyValueStore, Slot, Update, WriteContext};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

/// Changes of a table that are held back, one for each key, in the order of a time given with them.
///
/// The rows are in a store in Kafka Streams' format, so they are committed, logged and restored as those of every store. What is kept
/// here beside is their order (time, then bytes of the key) and the sum of their sizes.
pub struct SuppressionBuffer<K, V> {
    store: Rc<TaskStore>,
    key_serde: SerdeRef<K>,
    value_serde: SerdeRef<V>,
    topic: Arc<str>,
    order: BTreeSet<Place>,
    bytes: u64,
    key: Vec<u8>,
    /// Topic of the record given back last: that of the next is mostly the same.
    last_topic: Arc<str>,
}

/// A record that was held back, with its origin.
pub type HeldRecord<K, V> = (RecordContext, Record<K, Change<V>>);

/// Time and key of a row.
type Place = (i64, Box<[u8]>);

/// What a new row makes of the sizes.
#[derive(Default)]
struct Sizes {
    /// Size of the row it replaces.
    before: Option<u64>,
    after: u64,
}

impl<K: Clone + 'static, V: Clone + 'static> SuppressionBuffer<K, V> {
    /// The buffer in `store`. [`load`](Self::load) must come before all else.
    pub fn new(store: Rc<TaskStore>, key_serde: SerdeRef<K>, value_serde: SerdeRef<V>) -> Self {
        store.set_emits_once();
        let topic = store.serde_topic();
        let (order, key, last_topic) = (BTreeSet::new(), Vec::new(), "".into());
        Self { store, key_serde, value_serde, topic, order, bytes: 0, key, last_topic }
    }

    /// Takes note of the rows that the store has after a restart. Answers the largest timestamp of their records; -1 where there are none.
    ///
    /// # Errors
    /// The store cannot be read, or a row is none of this format.
    pub fn load(&mut self) -> Result<i64, StreamsError> {
        let mut newest = -1;
        let mut rows = self.store.handle().all();
        while let Some((key, value)) = rows.next_row()? {
            let row = Row::parse(value).ok_or_else(|| no_row(&self.store))?;
            newest = newest.max(row.timestamp);
            self.bytes += row.size(key.len());
            self.order.insert((row.time, key.into()));
        }
        Ok(newest)
    }

    /// Name of the store.
    pub fn name(&self) -> &Arc<str> {
        self.store.name()
    }

    /// Number of records held.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// What Kafka Streams reckons that the records take, in bytes: keys, values, topic names and headers, and 36 bytes for each.
    pub fn size_bytes(&self) -> u64 {
        self.bytes
    }

    /// The time of the first place; `None` where nothing is held.
    pub fn first_time(&self) -> Option<i64> {
        self.order.first().map(|(time, _)| *time)
    }

    /// Holds a record in the place of this time. One of the same key is replaced, and its place kept. Answers whether the key is one:
    /// a null is not held.
    ///
    /// # Errors
    /// The record cannot be encoded, or the store not be read.
    pub fn put(
        &mut self,
        context: &TaskContext,
        time: i64,
        record: &Record<K, Change<V>>,
    ) -> Result<bool, StreamsError> {
        self.key.clear();
        let written = self.key_serde.serialize(&self.topic, &record.key, &mut self.key);
        if written.map_err(|error| self.unencodable("key", error))? == Written::Null {
            return Ok(false);
        }
        let store = Rc::clone(&self.store);
        let mut buffer = store.handle().borrow_mut();
        let slot = buffer.lookup(&self.key)?;
        let written = WriteContext { timestamp: record.timestamp, source: 0, offset: context.record.offset };
        let mut sizes = Sizes::default();
        buffer.update(slot, written, |present, out| {
            sizes = self.encode(present, &context.record, time, record, out)?;
            Ok::<_, StreamsError>(Update::Put)
        })?;
        if sizes.before.is_none() {
            self.order.insert((time, self.key.as_slice().into()));
        }
        self.bytes = self.bytes - sizes.before.unwrap_or(0) + sizes.after;
        Ok(true)
    }

    /// Gives back the record of the first place with its origin, and forgets it. With `want_old` its change carries the value before the
    /// first of the updates that it stands for: what was given back of this key the last time. `None` where nothing is held.
    ///
    /// # Errors
    /// The store cannot be read, or the record not be decoded.
    pub fn take_first(&mut self, want_old: bool) -> Result<Option<HeldRecord<K, V>>, StreamsError> {
        let Some((_, key)) = self.order.pop_first() else { return Ok(None) };
        let store = Rc::clone(&self.store);
        let mut buffer = store.handle().borrow_mut();
        let slot: Slot = buffer.lookup(&key)?;
        let row = buffer.value(slot).and_then(Row::parse).ok_or_else(|| no_row(&store))?;
        self.bytes -= row.size(key.len());
        if *self.last_topic != *row.topic {
            self.last_topic = row.topic.into();
        }
        let origin =
            RecordContext { topic: Arc::clone(&self.last_topic), partition: row.partition, offset: row.offset };
        let (old, new) = (if want_old { self.decode(row.prior)? } else { None }, self.decode(row.new)?);
        let key = self.key_serde.deserialize(&self.topic, Some(Payload::new(&key)));
        let key = key.map_err(|error| self.undecodable("key", error))?;
        let record = Record { key, value: Change { old, new }, timestamp: row.timestamp, headers: row.headers() };
        let written = WriteContext { timestamp: row.timestamp, source: 0, offset: row.offset };
        buffer.set(slot, None, written)?;
        Ok(Some((origin, record)))
    }

    /// The row of `key` that went on before the change that is held back; `None` where nothing of this key is held.
    ///
    /// # Errors
    /// The store cannot be read, or the row not be decoded.
    pub fn row_before(&mut self, key: &K) -> Result<Option<Option<V>>, StreamsError> {
        self.key.clear();
        let written = self.key_serde.serialize(&self.topic, key, &mut self.key);
        if written.map_err(|error| self.unencodable("key", error))? == Written::Null {
            return Ok(None);
        }
        let mut buffer = self.store.handle().borrow_mut();
        let slot = buffer.lookup(&self.key)?;
        let Some(held) = buffer.value(slot) else { return Ok(None) };
        let row = Row::parse(held).ok_or_else(|| no_row(&self.store))?;
        self.decode(row.prior).map(Some)
    }

    /// Writes a row in place of `present`.
    fn encode(
        &self,
        present: Option<&[u8]>,
        origin: &RecordContext,
        time: i64,
        record: &Record<K, Change<V>>,
        out: &mut Vec<u8>,
    ) -> Result<Sizes, StreamsError> {
        let present = match present {
            Some(bytes) => Some(Row::parse(bytes).ok_or_else(|| no_row(&self.store))?),
            None => None,
        };
        write_origin(origin, record.timestamp, &record.headers, out);
        let old = |out: &mut Vec<u8>| self.encode_value(record.value.old.as_ref(), out);
        match &present {
            None => match write_with(out, old)? {
                Some(_) => write_same(out),
                None => write_null(out),
            },
            Some(row) => {
                write_sized(row.prior, out);
                if let Some(start) = write_with(out, old)?
                    && row.prior == Some(&out[start..])
                {
                    replace_by_same(start, out);
                }
            }
        }
        write_with(out, |out| self.encode_value(record.value.new.as_ref(), out))?;
        let time = present.as_ref().map_or(time, |row| row.time);
        out.extend_from_slice(&time.to_be_bytes());
        let after = Row::parse(out).ok_or_else(|| no_row(&self.store))?.size(self.key.len());
        Ok(Sizes { before: present.map(|row| row.size(self.key.len())), after })
    }

    /// Appends a value and says whether it is one.
    fn encode_value(&self, value: Option<&V>, out: &mut Vec<u8>) -> Result<bool, StreamsError> {
        let Some(value) = value else { return Ok(false) };
        let written = self.value_serde.serialize(&self.topic, value, out);
        Ok(written.map_err(|error| self.unencodable("value", error))? == Written::Bytes)
    }

    fn decode(&self, value: Option<&[u8]>) -> Result<Option<V>, StreamsError> {
        let Some(value) = value else { return Ok(None) };
        let value = self.value_serde.deserialize(&self.topic, Some(Payload::new(value)));
        value.map(Some).map_err(|error| self.undecodable("value", error))
    }

    #[cold]
    fn unencodable(&self, part: &'static str, error: SerdeError) -> StreamsError {
        StreamsError::Serialization { topic: self.topic.to_string(), part, error }
    }

    #[cold]
    fn undecodable(&self, part: &'static str, error: SerdeError) -> StreamsError {
        StreamsError::StoredBytes { store: self.name().to_string(), part, error }
    }
}

#[cold]
fn no_row(store: &TaskStore) -> StreamsError {
    let error = SerdeError::Invalid("not a row of a suppression buffer".to_owned());
    StreamsError::StoredBytes { store: store.name().to_string(), part: "value", error }
}

#[cfg(test)]
mod tests;
