use super::error::misuse;
use super::machine::Machine;
use super::store::TestRows;
use super::{TestDriverConfig, TestInputTopic, TestKeyValueStore, TestOutputTopic};
use super::{TestSessionStore, TestVersionedStore, TestWindowStore};
use crate::error::StreamsError;
use crate::processor_api::{ProcessorStore, StoreName};
use crate::serde::{DefaultSerde, Serde};
use crate::topology::{StoreKind, StoreSpec, Topology};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Runs a topology record by record.
///
/// Input topics, output topics and stores that it hands out keep it alive.
pub struct TopologyTestDriver {
    shared: Rc<RefCell<Shared>>,
}

/// What the driver and its topics share.
pub(super) struct Shared {
    topology: Topology,
    config: TestDriverConfig,
    topics: Vec<String>,
    pub(super) wall_time: i64,
    machine: Option<Machine>,
}

impl Shared {
    /// The tasks; built at the first use.
    pub(super) fn machine(&mut self) -> Result<&mut Machine, StreamsError> {
        let Self { topology, config, topics, wall_time, machine } = self;
        match machine {
            Some(machine) => Ok(machine),
            None => Ok(machine.insert(Machine::new(topology, config, topics, *wall_time)?)),
        }
    }
}

impl TopologyTestDriver {
    /// A driver with application id `test-application` and default settings.
    pub fn new(topology: &Topology) -> Self {
        Self::with_config(topology, TestDriverConfig::default())
    }

    /// A driver with these settings.
    pub fn with_config(topology: &Topology, config: TestDriverConfig) -> Self {
        let wall_time = config.initial_wall_clock_time;
        let topology = topology.clone();
        let shared = Shared { topology, config, topics: Vec::new(), wall_time, machine: None };
        Self { shared: Rc::new(RefCell::new(shared)) }
    }

    /// A topic to pipe records into, with the default serdes of their types. Topics that only a pattern names are created before
    /// the first record is piped.
    pub fn create_input_topic<K: DefaultSerde, V: DefaultSerde>(&self, topic: &str) -> TestInputTopic<K, V> {
        self.create_input_topic_with(topic, K::Serde::default(), V::Serde::default())
    }

    /// A topic to pipe records into.
    pub fn create_input_topic_with<K: 'static, V: 'static>(
        &self,
        topic: &str,
        key_serde: impl Serde<K>,
        value_serde: impl Serde<V>,
    ) -> TestInputTopic<K, V> {
        self.shared.borrow_mut().topics.push(topic.to_owned());
        TestInputTopic::new(Rc::clone(&self.shared), topic, Arc::new(key_serde), Arc::new(value_serde))
    }

    /// A topic to read records from, with the default serdes of their types. Internal topics are called by their full names
    /// (`<application id>-<store>-changelog`).
    pub fn create_output_topic<K: DefaultSerde, V: DefaultSerde>(&self, topic: &str) -> TestOutputTopic<K, V> {
        self.create_output_topic_with(topic, K::Serde::default(), V::Serde::default())
    }

    /// A topic to read records from.
    pub fn create_output_topic_with<K: 'static, V: 'static>(
        &self,
        topic: &str,
        key_serde: impl Serde<K>,
        value_serde: impl Serde<V>,
    ) -> TestOutputTopic<K, V> {
        TestOutputTopic::new(Rc::clone(&self.shared), topic, Arc::new(key_serde), Arc::new(value_serde))
    }

    /// Moves the wall clock on, calls what is scheduled by wall clock (once each, however far it moves), and lets the tasks do what
    /// waited for that.
    ///
    /// # Errors
    /// What the topology fails with.
    pub fn advance_wall_clock_time(&self, by: Duration) -> Result<(), StreamsError> {
        let mut shared = self.shared.borrow_mut();
        // Schedules count from the time before.
        shared.machine()?;
        let by = i64::try_from(by.as_millis()).map_err(|_| misuse("time cannot be moved that far"))?;
        shared.wall_time = shared.wall_time.saturating_add(by);
        let now = shared.wall_time;
        shared.machine()?.set_wall_time(now)
    }

    /// The rows of a key-value store, as they are now.
    ///
    /// # Errors
    /// There is no such key-value store, or its types are others.
    pub fn key_value_store<K: 'static, V: 'static>(&self, name: &str) -> Result<TestKeyValueStore<K, V>, StreamsError> {
        let (rows, _) = self.rows(name, StoreKind::KeyValue)?;
        Ok(TestKeyValueStore::new(rows))
    }

    /// The versions of a versioned key-value store, as they are now.
    ///
    /// # Errors
    /// There is no such versioned store, or its types are others.
    pub fn versioned_store<K: 'static, V: 'static>(
        &self,
        name: &str,
    ) -> Result<TestVersionedStore<K, V>, StreamsError> {
        Ok(TestVersionedStore::new(self.rows(name, StoreKind::Versioned)?.0))
    }

    /// The rows of a window store, as they are now. `K` is the key without its window.
    ///
    /// # Errors
    /// There is no such window store, or its types are others.
    pub fn window_store<K: 'static, V: 'static>(&self, name: &str) -> Result<TestWindowStore<K, V>, StreamsError> {
        let (rows, spec) = self.rows(name, StoreKind::Window)?;
        TestWindowStore::new(rows, spec.known_window_size().map_err(misuse)?)
    }

    /// The rows of a session store, as they are now. `K` is the key without its session.
    ///
    /// # Errors
    /// There is no such session store, or its types are others.
    pub fn session_store<K: 'static, V: 'static>(&self, name: &str) -> Result<TestSessionStore<K, V>, StreamsError> {
        TestSessionStore::new(self.rows(name, StoreKind::Session)?.0)
    }

    /// A store as processors have it: a `KeyValueStore`, `WindowStore`, `SessionStore`, one of their timestamped forms, or a
    /// [`CustomStore`](crate::processor_api::CustomStore). What the test writes to it is logged when the next record is committed.
    ///
    /// # Errors
    /// There is no such store, or its kind or types are others.
    pub fn state_store<S: ProcessorStore>(&self, store: impl StoreName<S>) -> Result<S, StreamsError> {
        let mut shared = self.shared.borrow_mut();
        let topology = shared.topology.clone();
        shared.machine()?.open_store(&topology, store.name())
    }

    fn rows<K: 'static, V: 'static>(
        &self,
        name: &str,
        kind: StoreKind,
    ) -> Result<(TestRows<K, V>, StoreSpec), StreamsError> {
        let mut shared = self.shared.borrow_mut();
        let topology = shared.topology.clone();
        let (spec, keys, values) = topology.typed_store(name, kind, "key_value_store").map_err(misuse)?;
        let store = shared.machine()?.store(name).ok_or_else(|| misuse(format!("no task has store {name}")))?;
        Ok((TestRows::new(store, spec.format, keys, values), spec.clone()))
    }

    /// Names of all topics written to so far, changelogs and repartition topics among them.
    pub fn produced_topic_names(&self) -> BTreeSet<String> {
        match &self.shared.borrow().machine {
            Some(machine) => machine.outputs().keys().cloned().collect(),
            None => BTreeSet::new(),
        }
    }

    /// Number of records dropped so far, in all tasks.
    pub fn dropped_records(&self) -> u64 {
        self.shared.borrow().machine.as_ref().map_or(0, Machine::dropped_records)
    }
}
