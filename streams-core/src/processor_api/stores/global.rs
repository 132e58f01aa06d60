use super::bytes::{row_serdes, store_handle};
use super::{OpenedRows, Opening, ProcessorStore};
use crate::error::StreamsError;
use crate::record::Written;
use crate::serde::{Payload, SerdeError, SerdeRef};
use crate::topology::StoreKind;
use state_stores::{CommittedReader, ReadOnlyKeyValueStore, Scan};
use std::cell::Cell;
use std::rc::Rc;

/// A global key-value store, as every processor may read it, whatever its task and without being connected. A clone is the same store.
///
/// What is read is what the thread that fills the store has processed: it moves on by itself, also between two calls. Where the store's values carry a
/// time (those of global tables, and of timestamped stores), `V` is [`ValueAndTimestamp`](super::ValueAndTimestamp). Order is that of the keys'
/// serialized bytes. The processor that fills the store has it as [`KeyValueStore`](super::KeyValueStore).
pub struct GlobalKeyValueStore<K, V> {
    inner: Option<Rc<GlobalRows<K, V>>>,
}

store_handle!(GlobalKeyValueStore, GlobalRows);

impl<K: 'static, V: 'static> ProcessorStore for GlobalKeyValueStore<K, V> {
    fn open(opening: &Opening<'_>) -> Result<Self, String> {
        let spec = opening.spec;
        let name = &spec.name;
        let OpenedRows::Global(reader) = &opening.rows else {
            return Err(format!("store {name} belongs to the task of the processor: ask for a KeyValueStore"));
        };
        let kind = StoreKind::of(&spec.layout);
        if kind != StoreKind::KeyValue {
            return Err(format!("store {name} is {}, not {}", kind.noun(), StoreKind::KeyValue.noun()));
        }
        let (key_serde, value_serde) = row_serdes(spec)?;
        let (key, row) = (Cell::default(), Cell::default());
        Ok(Self { inner: Some(Rc::new(GlobalRows { reader: reader.clone(), key_serde, value_serde, key, row })) })
    }
}

impl<K: 'static, V: 'static> GlobalKeyValueStore<K, V> {
    /// The value of `key`.
    ///
    /// # Errors
    /// The store cannot be read, or key or value cannot be encoded or decoded. So for all methods here.
    #[inline]
    pub fn get(&self, key: &K) -> Result<Option<V>, StreamsError> {
        self.inner()?.get(key)
    }

    /// The rows from `from` to `to`, both included; `None` leaves an end open. They are read page by page, each as new as its reading.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn range(&self, from: Option<&K>, to: Option<&K>) -> Result<GlobalKeyValueIterator<K, V>, StreamsError> {
        let rows = self.inner()?;
        let (from, to) = (rows.encode_end(from)?, rows.encode_end(to)?);
        Ok(GlobalKeyValueIterator { rows: Rc::clone(rows), scan: rows.reader.range(from.as_deref(), to.as_deref()) })
    }

    /// [`range`](Self::range), the largest key first.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn reverse_range(
        &self,
        from: Option<&K>,
        to: Option<&K>,
    ) -> Result<GlobalKeyValueIterator<K, V>, StreamsError> {
        let rows = self.inner()?;
        let (from, to) = (rows.encode_end(from)?, rows.encode_end(to)?);
        let scan = rows.reader.reverse_range(from.as_deref(), to.as_deref());
        Ok(GlobalKeyValueIterator { rows: Rc::clone(rows), scan })
    }

    /// All rows.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn all(&self) -> Result<GlobalKeyValueIterator<K, V>, StreamsError> {
        self.range(None, None)
    }

    /// All rows, the largest key first.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn reverse_all(&self) -> Result<GlobalKeyValueIterator<K, V>, StreamsError> {
        self.reverse_range(None, None)
    }

    /// The rows whose keys begin with these bytes, as they are serialized.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn prefix_scan(&self, prefix: &[u8]) -> Result<GlobalKeyValueIterator<K, V>, StreamsError> {
        let rows = self.inner()?;
        Ok(GlobalKeyValueIterator { rows: Rc::clone(rows), scan: rows.reader.prefix_scan(prefix) })
    }

    /// How many rows there are, roughly.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn approximate_num_entries(&self) -> Result<u64, StreamsError> {
        Ok(self.inner()?.reader.approximate_num_entries()?)
    }
}

/// The rows of a global store with their types.
struct GlobalRows<K, V> {
    reader: CommittedReader,
    key_serde: SerdeRef<K>,
    value_serde: SerdeRef<V>,
    /// Buffers to encode and read into, kept so that no call allocates.
    key: Cell<Vec<u8>>,
    row: Cell<Vec<u8>>,
}

impl<K: 'static, V: 'static> GlobalRows<K, V> {
    fn get(&self, key: &K) -> Result<Option<V>, StreamsError> {
        let (mut bytes, mut row) = (self.key.take(), self.row.take());
        let found = self.encode(key, &mut bytes).and_then(|()| Ok(self.reader.get_into(&bytes, &mut row)?));
        let value = match found {
            Ok(true) => self.decode(&self.value_serde, "value", &row).map(Some),
            Ok(false) => Ok(None),
            Err(error) => Err(error),
        };
        self.key.set(bytes);
        self.row.set(row);
        value
    }

    fn encode(&self, key: &K, bytes: &mut Vec<u8>) -> Result<(), StreamsError> {
        bytes.clear();
        let store = self.reader.name();
        match self.key_serde.serialize(store, key, bytes) {
            Ok(Written::Bytes) => Ok(()),
            Ok(Written::Null) => Err(StreamsError::user(format!("store {store} has no null keys"))),
            Err(error) => Err(StreamsError::Serialization { topic: store.to_owned(), part: "key", error }),
        }
    }

    /// The bytes of one end of a range.
    fn encode_end(&self, key: Option<&K>) -> Result<Option<Vec<u8>>, StreamsError> {
        let encoded = |key| {
            let mut bytes = Vec::new();
            self.encode(key, &mut bytes).map(|()| bytes)
        };
        key.map(encoded).transpose()
    }

    fn decode<T: 'static>(&self, serde: &SerdeRef<T>, part: &'static str, bytes: &[u8]) -> Result<T, StreamsError> {
        let store = self.reader.name();
        let undecodable = |error: SerdeError| StreamsError::StoredBytes { store: store.to_owned(), part, error };
        serde.deserialize(store, Some(Payload::new(bytes))).map_err(undecodable)
    }
}

/// Rows of a global key-value store, in the order of keys. Holds nothing between two pages: the store moves on meanwhile.
pub struct GlobalKeyValueIterator<K, V> {
    rows: Rc<GlobalRows<K, V>>,
    scan: Scan<CommittedReader>,
}

impl<K: 'static, V: 'static> Iterator for GlobalKeyValueIterator<K, V> {
    type Item = Result<(K, V), StreamsError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows = &self.rows;
        match self.scan.next_row() {
            Ok(Some((key, value))) => Some(
                rows.decode(&rows.key_serde, "key", key)
                    .and_then(|key| Ok((key, rows.decode(&rows.value_serde, "value", value)?))),
            ),
            Ok(None) => None,
            Err(error) => Some(Err(error.into())),
        }
    }
}
