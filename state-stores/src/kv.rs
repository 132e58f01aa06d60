//! The traits of key-value stores over bytes.

use crate::error::Result;
use crate::range::{Direction, KeyRange, OwnedRange};
use crate::scan::{Scan, ScanSource};

/// Reads of a key-value store. Keys are ordered as unsigned bytes; both ends of a range are included, and
/// `None` leaves an end open.
///
/// A scan reads page by page, so that the store may be written while it runs: it never shows a key twice,
/// nor a key that came into being after it began; a value is the one at the time its page was read.
pub trait ReadOnlyKeyValueStore: ScanSource + Clone {
    /// Replaces `value` with the value of `key`, and answers whether there is one.
    ///
    /// # Errors
    /// If the store is closed or cannot be read. So for all methods here.
    fn get_into(&self, key: &[u8], value: &mut Vec<u8>) -> Result<bool>;

    /// How many rows there are, roughly.
    ///
    /// # Errors
    /// As for [`get_into`](Self::get_into).
    fn approximate_num_entries(&self) -> Result<u64>;

    /// The value of `key`.
    ///
    /// # Errors
    /// As for [`get_into`](Self::get_into).
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut value = Vec::new();
        Ok(self.get_into(key, &mut value)?.then_some(value))
    }

    /// Rows from `from` to `to`, smallest key first. Empty, with a warning in the log, if `from > to`.
    fn range(&self, from: Option<&[u8]>, to: Option<&[u8]>) -> Scan<Self> {
        inclusive(self, from, to, Direction::Forward)
    }

    /// Rows from `from` to `to`, largest key first. Empty, with a warning in the log, if `from > to`.
    fn reverse_range(&self, from: Option<&[u8]>, to: Option<&[u8]>) -> Scan<Self> {
        inclusive(self, from, to, Direction::Reverse)
    }

    /// All rows, smallest key first.
    fn all(&self) -> Scan<Self> {
        self.range(None, None)
    }

    /// All rows, largest key first.
    fn reverse_all(&self) -> Scan<Self> {
        self.reverse_range(None, None)
    }

    /// Rows whose key starts with `prefix`, smallest key first.
    fn prefix_scan(&self, prefix: &[u8]) -> Scan<Self> {
        Scan::new(self.clone(), OwnedRange::prefix(prefix), Direction::Forward)
    }

    /// Rows whose key starts with `prefix`, largest key first.
    fn reverse_prefix_scan(&self, prefix: &[u8]) -> Scan<Self> {
        Scan::new(self.clone(), OwnedRange::prefix(prefix), Direction::Reverse)
    }
}

/// Reads and writes of a key-value store.
pub trait KeyValueStore: ReadOnlyKeyValueStore {
    /// Sets the value of `key`; `None` deletes it.
    ///
    /// # Errors
    /// If the store is closed or cannot be read. So for all methods here.
    fn put(&self, key: &[u8], value: Option<&[u8]>) -> Result<()>;

    /// Sets the value of `key` if it has none; answers the value that it has already.
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    fn put_if_absent(&self, key: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>>;

    /// Deletes `key`; answers the value that it had.
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    fn delete(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// Writes several rows, in order.
    ///
    /// # Errors
    /// As for [`put`](Self::put); the rows before the failing one are written.
    fn put_all<K: AsRef<[u8]>, V: AsRef<[u8]>>(&self, rows: impl IntoIterator<Item = (K, Option<V>)>) -> Result<()> {
        for (key, value) in rows {
            self.put(key.as_ref(), value.as_ref().map(AsRef::as_ref))?;
        }
        Ok(())
    }
}

fn inclusive<S: ReadOnlyKeyValueStore>(
    store: &S,
    from: Option<&[u8]>,
    to: Option<&[u8]>,
    direction: Direction,
) -> Scan<S> {
    warn_of_empty_range(from, to);
    Scan::new(store.clone(), OwnedRange::new(KeyRange::inclusive(from, to)), direction)
}

/// Says so when the ends of a range seem to be exchanged.
pub(crate) fn warn_of_empty_range(from: Option<&[u8]>, to: Option<&[u8]>) {
    if KeyRange::inclusive(from, to).is_empty() {
        tracing::warn!(
            ?from,
            ?to,
            "the range is empty: its first key is greater than its last. Keys are compared as unsigned \
             bytes of their serialized form, in which negative numbers come after positive ones"
        );
    }
}
