use super::pages::{Rows, ScanRange, ask, next_page};
use crate::broker::Broker;
use crate::error::StreamsError;
use crate::runtime::lock;
use crate::runtime::{Instance, State, TaskPhase, ThreadHandle};
use crate::serde::{Payload, SerdeRef, Written};
use crate::task::TaskId;
use crate::topology::StoreFormat;
use state_stores::formats::split_timestamped;
use state_stores::{CommittedReader, Direction, ReadOnlyKeyValueStore as _, prefix_end};
use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::Arc;

/// A typed, read-only view of a key-value store over all tasks of this instance. Cheap to clone; usable from any thread.
///
/// Keys that other instances own are not found here. While a task of the store is being restored, or moves away, queries say so instead
/// of answering from the rest.
pub struct ReadOnlyKeyValueView<B: Broker, K, V> {
    instance: Arc<Instance<B>>,
    store: Arc<str>,
    key_serde: SerdeRef<K>,
    value_serde: SerdeRef<V>,
    format: StoreFormat,
    committed: bool,
}

impl<B: Broker, K, V> Clone for ReadOnlyKeyValueView<B, K, V> {
    fn clone(&self) -> Self {
        Self {
            instance: Arc::clone(&self.instance),
            store: Arc::clone(&self.store),
            key_serde: Arc::clone(&self.key_serde),
            value_serde: Arc::clone(&self.value_serde),
            format: self.format,
            committed: self.committed,
        }
    }
}

/// Where the rows of one task are read.
pub(super) struct StoreLocation {
    pub(super) task: TaskId,
    pub(super) store: Arc<str>,
    pub(super) thread: ThreadHandle,
    pub(super) reader: CommittedReader,
}

impl<B: Broker, K: 'static, V: 'static> ReadOnlyKeyValueView<B, K, V> {
    pub(crate) fn new(instance: Arc<Instance<B>>, store: &str) -> Result<Self, StreamsError> {
        let spec = instance.topology.store(store).ok_or_else(|| {
            let names: Vec<_> = instance.topology.stores().iter().map(|spec| spec.name.as_str()).collect();
            StreamsError::InvalidState(format!("there is no store {store}; the topology has: {}", names.join(", ")))
        })?;
        let (key_serde, value_serde) = spec.types.serdes::<K, V>().ok_or_else(|| {
            let (key, value) = spec.types.names();
            let asked = (std::any::type_name::<K>(), std::any::type_name::<V>());
            StreamsError::InvalidState(format!(
                "store {store} has keys {key} and values {value}, not {} and {}",
                asked.0, asked.1
            ))
        })?;
        let format = spec.format;
        let view = Self { store: store.into(), key_serde, value_serde, format, committed: false, instance };
        view.locations()?;
        Ok(view)
    }

    /// The same view, restricted to what has been committed. It does not disturb the processing threads at all.
    #[must_use]
    pub fn committed(mut self) -> Self {
        self.committed = true;
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
        let key = self.encode(key)?;
        for location in self.locations()? {
            let row = if self.committed {
                let mut value = Vec::new();
                location.reader.get_into(&key, &mut value)?.then_some(value)
            } else {
                let key = key.clone();
                ask(&location, move |buffer| Ok(buffer.get(&key)?.map(|value: &[u8]| value.to_vec())))?
            };
            if let Some(row) = row {
                return self.decode_value(&row).map(Some);
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
        for location in self.locations()? {
            count += match self.committed {
                true => location.reader.approximate_num_entries()?,
                false => ask(&location, |buffer| buffer.approximate_num_entries())?,
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
        let bound = |key: Option<&K>| key.map_or(Ok(Bound::Unbounded), |key| self.encode(key).map(Bound::Included));
        self.scan(ScanRange { lower: bound(from)?, upper: bound(to)?, direction })
    }

    fn scan(&self, range: ScanRange) -> Result<ViewScan<B, K, V>, StreamsError> {
        let locations = self.locations()?.into();
        Ok(ViewScan {
            view: self.clone(),
            locations,
            range: range.clone(),
            start: range,
            page: VecDeque::new(),
            more: true,
        })
    }

    /// The tasks of this instance that have the store.
    fn locations(&self) -> Result<Vec<StoreLocation>, StreamsError> {
        let state = self.instance.lifecycle.state();
        if state == State::Created || state.has_ended() {
            return Err(StreamsError::InvalidState(format!(
                "the instance is {state}; its stores can be read while it runs"
            )));
        }
        let topology = &self.instance.topology;
        let has_store = |task: TaskId| {
            topology
                .subtopologies()
                .get(task.subtopology as usize)
                .is_some_and(|part| part.stores.iter().any(|name| **name == *self.store))
        };
        let mut locations = Vec::new();
        for (&task, phase) in lock(&self.instance.tasks).iter().filter(|(task, _)| has_store(**task)) {
            let TaskPhase::Running(thread, readers) = phase else {
                return Err(StreamsError::InvalidState(format!(
                    "store {} of task {task} cannot be read now: the task is being restored or moves to another instance; try again soon",
                    self.store
                )));
            };
            if let Some((_, reader)) = readers.iter().find(|(name, _)| **name == *self.store) {
                let (thread, reader) = (thread.clone(), reader.clone());
                locations.push(StoreLocation { task, store: Arc::clone(&self.store), thread, reader });
            }
        }
        if locations.is_empty() && state == State::Rebalancing {
            return Err(StreamsError::InvalidState(format!(
                "store {} cannot be read yet: the instance is {state} and has no task of it",
                self.store
            )));
        }
        Ok(locations)
    }

    fn encode(&self, key: &K) -> Result<Vec<u8>, StreamsError> {
        let mut bytes = Vec::new();
        let error = |error| StreamsError::Serialization { topic: self.store.to_string(), part: "key", error };
        match self.key_serde.serialize(&self.store, key, &mut bytes).map_err(error)? {
            Written::Bytes => Ok(bytes),
            Written::Null => Err(StreamsError::InvalidState(format!("store {} has no null key", self.store))),
        }
    }

    fn decode_value(&self, row: &[u8]) -> Result<(V, i64), StreamsError> {
        let (timestamp, value) = match self.format {
            StoreFormat::Plain | StoreFormat::SuppressionBuffer => (-1, row),
            StoreFormat::Timestamped => split_timestamped(row).unwrap_or((-1, row)),
        };
        let error = |error| StreamsError::StoredBytes { store: self.store.to_string(), part: "value", error };
        Ok((self.value_serde.deserialize(&self.store, Some(Payload::new(value))).map_err(error)?, timestamp))
    }

    fn decode_key(&self, key: &[u8]) -> Result<K, StreamsError> {
        let error = |error| StreamsError::StoredBytes { store: self.store.to_string(), part: "key", error };
        self.key_serde.deserialize(&self.store, Some(Payload::new(key))).map_err(error)
    }
}

/// Rows of a view, read in pages of a bounded size: nothing is held or locked between two of them, and each page is as new as its reading.
pub struct ViewScan<B: Broker, K, V> {
    view: ReadOnlyKeyValueView<B, K, V>,
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
