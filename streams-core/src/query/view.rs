use super::windowed_scan::Keys;
use crate::broker::Broker;
use crate::error::StreamsError;
use crate::runtime::lock;
use crate::runtime::{Instance, State, TaskPhase, ThreadHandle};
use crate::serde::{Payload, SerdeRef, Written};
use crate::task::TaskId;
use crate::topology::{StoreFormat, StoreKind, StoreSpec};
use state_stores::CommittedReader;
use std::sync::Arc;

/// What views of every kind of store have in common: which store it is, where its rows are, and what their bytes mean.
pub(super) struct View<B: Broker, K, V> {
    instance: Arc<Instance<B>>,
    store: Arc<str>,
    /// What serdes are told, as when the rows were written.
    topic: Arc<str>,
    key_serde: SerdeRef<K>,
    value_serde: SerdeRef<V>,
    format: StoreFormat,
    /// Whether only committed rows are read.
    pub(super) committed: bool,
}

impl<B: Broker, K, V> Clone for View<B, K, V> {
    fn clone(&self) -> Self {
        Self {
            instance: Arc::clone(&self.instance),
            store: Arc::clone(&self.store),
            topic: Arc::clone(&self.topic),
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
    /// None for a global store, whose rows are all committed.
    pub(super) thread: Option<ThreadHandle>,
    pub(super) reader: CommittedReader,
}

impl<B: Broker, K: 'static, V: 'static> View<B, K, V> {
    /// A view of a store of this kind, with what the topology says of it.
    pub(super) fn new(
        instance: Arc<Instance<B>>,
        store: &str,
        kind: StoreKind,
    ) -> Result<(Self, StoreSpec), StreamsError> {
        let (spec, key_serde, value_serde) =
            instance.topology.typed_store(store, kind, "store").map_err(StreamsError::InvalidState)?;
        let spec = spec.clone();
        let topic = match spec.logging {
            Some(_) => spec.changelog_topic(&instance.settings.application_id).into(),
            None => instance.topology.source_changelog(store).unwrap_or(store).into(),
        };
        let format = spec.format;
        let committed = instance.topology.is_global_store(store);
        let view = Self { store: store.into(), topic, key_serde, value_serde, format, committed, instance };
        view.locations()?;
        Ok((view, spec))
    }

    /// The tasks of this instance that have the store.
    pub(super) fn locations(&self) -> Result<Vec<StoreLocation>, StreamsError> {
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
        if let Some(reader) = self.instance.globals().get(&self.store) {
            let (task, store) = (TaskId::new(0, 0), Arc::clone(&self.store));
            return Ok(vec![StoreLocation { task, store, thread: None, reader }]);
        }
        let mut locations = Vec::new();
        for (&task, phase) in lock(&self.instance.tasks).iter().filter(|(task, _)| has_store(**task)) {
            let TaskPhase::Running(thread, readers) = phase else {
                return Err(StreamsError::InvalidState(format!(
                    "store {} of task {task} cannot be read now: the task is being restored or moves to another instance; try again soon",
                    self.store
                )));
            };
            if let Some((_, reader)) = readers.iter().find(|(name, _)| **name == *self.store) {
                let (thread, reader) = (Some(thread.clone()), reader.clone());
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

    pub(super) fn encode(&self, key: &K) -> Result<Vec<u8>, StreamsError> {
        let mut bytes = Vec::new();
        let error = |error| StreamsError::Serialization { topic: self.topic.to_string(), part: "key", error };
        match self.key_serde.serialize(&self.topic, key, &mut bytes).map_err(error)? {
            Written::Bytes => Ok(bytes),
            Written::Null => Err(StreamsError::InvalidState(format!("store {} has no null key", self.store))),
        }
    }

    /// Both ends of a range of keys; `None` is no bound.
    pub(super) fn encode_between(&self, from: Option<&K>, to: Option<&K>) -> Result<Keys, StreamsError> {
        let encode = |key: Option<&K>| key.map(|key| self.encode(key)).transpose();
        Ok(Keys::Between(encode(from)?, encode(to)?))
    }

    /// A value without its timestamp.
    pub(super) fn decode_plain(&self, value: &[u8]) -> Result<V, StreamsError> {
        let error = |error| StreamsError::StoredBytes { store: self.store.to_string(), part: "value", error };
        self.value_serde.deserialize(&self.topic, Some(Payload::new(value))).map_err(error)
    }

    /// The value of a row with its timestamp.
    pub(super) fn decode_value(&self, row: &[u8]) -> Result<(V, i64), StreamsError> {
        let (timestamp, value) = self.format.split(row);
        let error = |error| StreamsError::StoredBytes { store: self.store.to_string(), part: "value", error };
        Ok((self.value_serde.deserialize(&self.topic, Some(Payload::new(value))).map_err(error)?, timestamp))
    }

    pub(super) fn decode_key(&self, key: &[u8]) -> Result<K, StreamsError> {
        let error = |error| StreamsError::StoredBytes { store: self.store.to_string(), part: "key", error };
        self.key_serde.deserialize(&self.topic, Some(Payload::new(key))).map_err(error)
    }
}
