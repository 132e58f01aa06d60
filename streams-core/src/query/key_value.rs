use super::pages::{Rows, ScanRange, ask, next_page};
use super::view::{StoreLocation, View};
use crate::broker::Broker;
use crate::error::StreamsError;
use crate::runtime::Instance;
use crate::topology::StoreKind;
use state_stores::{Direction, ReadOnlyKeyValueStore as _, prefix_end};
use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::Arc;

/// A typed, read-only view of a key-value store over all tasks of this instance. Cheap to clone; usable from any thread.
///
/// Keys that other instances own are not found here. While a task of the store is being restored, or moves away, queries say so instead
/// of answering from the rest.
pub struct ReadOnlyKeyValueView<B: Broker, K, V> {
    view: View<B, K, V>,
}

impl<B: Broker, K, V> Clone for ReadOnlyKeyValueView<B, K, V> {
    fn clone(&self) -> Self {
        Self { view: self.view.clone() }
    }
}

impl<B: Broker, K: 'static, V: 'static> ReadOnlyKeyValueView<B, K, V> {
    pub(crate) fn new(instance: Arc<Instance<B>>, store: &str) -> Result<Self, StreamsError> {
        let (view, _) = View::new(instance, store, StoreKind::KeyValue)?;
        Ok(Self { view })
    }

    /// The same view, restricted to what has been committed. It does not disturb the processing threads at all.
    #[must_use]
    pub fn committed(mut self) -> Self {
        self.view.committed = true;
        self
    }

    /// The value of `key`; `None` where no task of this instance has it.
    ///
    /// # Errors
    /// [`StreamsError::InvalidState`] while a task is restored or moves, or when the instance does not run.
    pub fn get(&self, key: &K) -> Result<Option<V>, StreamsError> {
        Ok(self.get_with_timestamp(key)?.map(|(value, _)| value))
    }

    /// The value of `key` with its timestamp (milliseconds; -1 in a store without timestamps).
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn get_with_timestamp(&self, key: &K) -> Result<Option<(V, i64)>, StreamsError> {
        let key = self.view.encode(key)?;
        for location in self.view.locations()? {
            let row = if self.view.committed {
                let mut value = Vec::new();
                location.reader.get_into(&key, &mut value)?.then_some(value)
            } else {
                let key = key.clone();
                ask(&location, move |store| store.get(&key))?
            };
            if let Some(row) = row {
                return self.view.decode_value(&row).map(Some);
            }
        }
        Ok(None)
    }

    /// The rows with keys from `from` to `to`, both included; `None` is no bound. Keys are ordered by their encoded bytes, task by task.
    ///
    /// # Errors
    /// As [`get`](Self::get); the same while the rows are read.
    pub fn range(&self, from: Option<&K>, to: Option<&K>) -> Result<ViewScan<B, K, V>, StreamsError> {
        self.scan_keys(from, to, Direction::Forward)
    }

    /// As [`range`](Self::range), from the last row to the first.
    ///
    /// # Errors
    /// As [`range`](Self::range).
    pub fn reverse_range(&self, from: Option<&K>, to: Option<&K>) -> Result<ViewScan<B, K, V>, StreamsError> {
        self.scan_keys(from, to, Direction::Reverse)
    }

    /// All rows.
    ///
    /// # Errors
    /// As [`range`](Self::range).
    pub fn all(&self) -> Result<ViewScan<B, K, V>, StreamsError> {
        self.scan_keys(None, None, Direction::Forward)
    }

    /// All rows, from the last to the first.
    ///
    /// # Errors
    /// As [`range`](Self::range).
    pub fn reverse_all(&self) -> Result<ViewScan<B, K, V>, StreamsError> {
        self.scan_keys(None, None, Direction::Reverse)
    }

    /// The rows whose encoded keys begin with `prefix`.
    ///
    /// # Errors
    /// As [`range`](Self::range).
    pub fn prefix_scan(&self, prefix: &[u8]) -> Result<ViewScan<B, K, V>, StreamsError> {
        let upper = prefix_end(prefix).map_or(Bound::Unbounded, Bound::Excluded);
        self.scan(ScanRange { lower: Bound::Included(prefix.to_vec()), upper, direction: Direction::Forward })
    }

    /// About how many rows there are; cheap, and exact only by chance.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn approximate_num_entries(&self) -> Result<u64, StreamsError> {
        let mut count = 0;
        for location in self.view.locations()? {
            count += match self.view.committed {
                true => location.reader.approximate_num_entries()?,
                false => ask(&location, |store| store.approximate_num_entries())?,
            };
        }
        Ok(count)
    }

    fn scan_keys(
        &self,
        from: Option<&K>,
        to: Option<&K>,
        direction: Direction,
    ) -> Result<ViewScan<B, K, V>, StreamsError> {
        let bound =
            |key: Option<&K>| key.map_or(Ok(Bound::Unbounded), |key| self.view.encode(key).map(Bound::Included));
        self.scan(ScanRange { lower: bound(from)?, upper: bound(to)?, direction })
    }

    fn scan(&self, range: ScanRange) -> Result<ViewScan<B, K, V>, StreamsError> {
        let locations = self.view.locations()?.into();
        Ok(ViewScan {
            view: self.view.clone(),
            locations,
            range: range.clone(),
            start: range,
            page: VecDeque::new(),
            more: true,
        })
    }
}

/// Rows of a view, read in pages of a bounded size: nothing is held or locked between two of them, and each page is as new as its reading.
pub struct ViewScan<B: Broker, K, V> {
    view: View<B, K, V>,
    locations: VecDeque<StoreLocation>,
    range: ScanRange,
    start: ScanRange,
    page: VecDeque<(Vec<u8>, Vec<u8>)>,
    more: bool,
}

impl<B: Broker, K: 'static, V: 'static> ViewScan<B, K, V> {
    fn next_row(&mut self) -> Result<Option<(K, V)>, StreamsError> {
        while self.page.is_empty() {
            if !self.more {
                self.locations.pop_front();
                self.range = self.start.clone();
                self.more = true;
            }
            let Some(location) = self.locations.front() else { return Ok(None) };
            let (rows, more): (Rows, bool) = next_page(location, &mut self.range, self.view.committed)?;
            self.page = rows.into();
            self.more = more;
        }
        match self.page.pop_front() {
            Some((key, row)) => Ok(Some((self.view.decode_key(&key)?, self.view.decode_value(&row)?.0))),
            None => Ok(None),
        }
    }
}

impl<B: Broker, K: 'static, V: 'static> Iterator for ViewScan<B, K, V> {
    type Item = Result<(K, V), StreamsError>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.next_row();
        if row.is_err() {
            self.locations.clear();
            self.page.clear();
            self.more = true;
        }
        row.transpose()
    }
}
