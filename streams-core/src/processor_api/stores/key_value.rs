use super::bytes::{TypedRows, store_handle};
use super::{Opening, ProcessorStore, ValueAndTimestamp};
use crate::error::StreamsError;
use crate::topology::StoreKind;
use state_stores::{ReadOnlyKeyValueStore, Scan, StoreHandle};
use std::rc::Rc;

/// A key-value store of a processor. A clone is the same store.
///
/// Order is that of the keys' serialized bytes, unsigned, as in Kafka Streams: negative numbers come after positive ones.
pub struct KeyValueStore<K, V> {
    inner: Option<Rc<TypedRows<K, V>>>,
}

/// A key-value store whose values carry a time, as those of the DSL's tables do. Its changelog has the time as its records'.
pub type TimestampedKeyValueStore<K, V> = KeyValueStore<K, ValueAndTimestamp<V>>;

store_handle!(KeyValueStore, TypedRows);

impl<K: 'static, V: 'static> ProcessorStore for KeyValueStore<K, V> {
    fn open(opening: &Opening<'_>) -> Result<Self, String> {
        Ok(Self { inner: Some(TypedRows::open(opening, StoreKind::KeyValue)?) })
    }
}

impl<K: 'static, V: 'static> KeyValueStore<K, V> {
    /// The value of `key`.
    ///
    /// # Errors
    /// The store cannot be read or written, key or value cannot be encoded or decoded, or the key is null. So for all methods here.
    #[inline]
    pub fn get(&self, key: &K) -> Result<Option<V>, StreamsError> {
        let rows = self.inner()?;
        rows.with_key(key, |key| rows.get(key))
    }

    /// Sets the value of `key`. A value that is null deletes it.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    #[inline]
    pub fn put(&self, key: &K, value: &V) -> Result<(), StreamsError> {
        let rows = self.inner()?;
        rows.with_key(key, |key| {
            rows.with_value(value, |value| Ok(rows.store.handle().borrow_mut().put(key, value)?))
        })
    }

    /// Sets the value of `key` if it has none; answers the value that it has already.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn put_if_absent(&self, key: &K, value: &V) -> Result<Option<V>, StreamsError> {
        let rows = self.inner()?;
        rows.with_key(key, |key| {
            let present = rows.get(key)?;
            if present.is_none() {
                rows.with_value(value, |value| Ok(rows.store.handle().borrow_mut().put(key, value)?))?;
            }
            Ok(present)
        })
    }

    /// Sets several values, in order.
    ///
    /// # Errors
    /// As [`get`](Self::get); the rows before the failing one are written.
    pub fn put_all(&self, rows: impl IntoIterator<Item = (K, V)>) -> Result<(), StreamsError> {
        rows.into_iter().try_for_each(|(key, value)| self.put(&key, &value))
    }

    /// Deletes `key`; answers the value that it had.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn delete(&self, key: &K) -> Result<Option<V>, StreamsError> {
        let rows = self.inner()?;
        rows.with_key(key, |key| {
            let present = rows.get(key)?;
            if present.is_some() {
                rows.store.handle().borrow_mut().put(key, None)?;
            }
            Ok(present)
        })
    }

    /// The rows from `from` to `to`, both included; `None` leaves an end open.
    ///
    /// The store may be written while the rows are read: an iterator shows no key twice, and none that came into being after it began.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn range(&self, from: Option<&K>, to: Option<&K>) -> Result<KeyValueIterator<K, V>, StreamsError> {
        let rows = self.inner()?;
        let (from, to) = (rows.encode_end(from)?, rows.encode_end(to)?);
        Ok(KeyValueIterator::new(rows, rows.store.handle().range(from.as_deref(), to.as_deref())))
    }

    /// [`range`](Self::range), the largest key first.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn reverse_range(&self, from: Option<&K>, to: Option<&K>) -> Result<KeyValueIterator<K, V>, StreamsError> {
        let rows = self.inner()?;
        let (from, to) = (rows.encode_end(from)?, rows.encode_end(to)?);
        Ok(KeyValueIterator::new(rows, rows.store.handle().reverse_range(from.as_deref(), to.as_deref())))
    }

    /// All rows.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn all(&self) -> Result<KeyValueIterator<K, V>, StreamsError> {
        self.range(None, None)
    }

    /// All rows, the largest key first.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn reverse_all(&self) -> Result<KeyValueIterator<K, V>, StreamsError> {
        self.reverse_range(None, None)
    }

    /// The rows whose keys begin with these bytes, as they are serialized.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn prefix_scan(&self, prefix: &[u8]) -> Result<KeyValueIterator<K, V>, StreamsError> {
        let rows = self.inner()?;
        Ok(KeyValueIterator::new(rows, rows.store.handle().prefix_scan(prefix)))
    }

    /// How many rows there are, roughly.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn approximate_num_entries(&self) -> Result<u64, StreamsError> {
        Ok(self.inner()?.store.handle().approximate_num_entries()?)
    }
}

/// Rows of a key-value store, in the order of keys. Reads page by page and holds nothing in between: the store may be used meanwhile.
pub struct KeyValueIterator<K, V> {
    rows: Rc<TypedRows<K, V>>,
    scan: Scan<StoreHandle>,
}

impl<K, V> KeyValueIterator<K, V> {
    fn new(rows: &Rc<TypedRows<K, V>>, scan: Scan<StoreHandle>) -> Self {
        Self { rows: Rc::clone(rows), scan }
    }
}

impl<K: 'static, V: 'static> Iterator for KeyValueIterator<K, V> {
    type Item = Result<(K, V), StreamsError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.scan.next_row() {
            Ok(Some((key, value))) => {
                Some(self.rows.decode_key(key).and_then(|key| Ok((key, self.rows.decode_value(value)?))))
            }
            Ok(None) => None,
            Err(error) => Some(Err(error.into())),
        }
    }
}
