use super::directory::Directory;
use super::error::misuse;
use super::{TestDriverConfig, output::Captured};
use crate::error::StreamsError;
use crate::processor::TopicPartitions;
use crate::processor_api::{Opening, ProcessorStore};
use crate::record::{Headers, RecordBatchBuilder, RecordRef, TopicPartition};
use crate::store::{GlobalStores, TaskStore};
use crate::task::{OffsetMetadata, Task, TaskId, TaskInput, TaskParts, input_partitions};
use crate::topology::Topology;
use bytes::Bytes;
use state_stores::{StorageEnvironment, StorageLimits, TaskStores};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;

/// The tasks of a driver, and the topics around them.
pub(super) struct Machine {
    tasks: Vec<Task>,
    /// Which input of which task reads a topic.
    routes: HashMap<String, (usize, usize)>,
    /// Number of records so far, by topic.
    ends: HashMap<String, i64>,
    outputs: BTreeMap<String, VecDeque<Captured>>,
    wall_time: i64,
    /// Why nothing more can be processed.
    failed: Option<String>,
    /// Goes last: the stores in it are closed by then.
    _directory: Directory,
}

impl Machine {
    /// Builds all tasks. `topics` are the input topics known by name, for patterns.
    pub(super) fn new(
        topology: &Topology,
        config: &TestDriverConfig,
        topics: &[String],
        wall_time: i64,
    ) -> Result<Self, StreamsError> {
        let directory = Directory::create()?;
        let environment = StorageEnvironment::new(StorageLimits::default())?;
        let mut partitions = TopicPartitions::with_default(1);
        topics.iter().for_each(|topic| partitions.set(topic.as_str(), 1));
        let application_id = &config.settings.application_id;
        let mut tasks = Vec::new();
        let mut routes = HashMap::new();
        let mut globals = GlobalStores::default();
        // Global stores first: the others are built with them.
        let (first, then): (Vec<_>, Vec<_>) = topology.subtopologies().iter().partition(|part| part.global);
        for subtopology in first.into_iter().chain(then) {
            let id = TaskId::new(subtopology.id, 0);
            let specs = subtopology.stores.iter().filter_map(|store| topology.store(store));
            let specs = specs.map(|spec| spec.engine_spec(config.caching)).collect();
            let stores = TaskStores::open(&directory.path().join(id.to_string()), specs, &environment)?;
            let mut inputs = Vec::new();
            for (number, input) in input_partitions(topology, application_id, id, &partitions).into_iter().enumerate() {
                routes.insert(input.partition.topic.to_string(), (tasks.len(), number));
                inputs.push(TaskInput { input, position: 0, metadata: OffsetMetadata::default() });
            }
            let count = inputs.len();
            if subtopology.global {
                globals = globals.and(&stores)?;
            }
            let parts = TaskParts { id, inputs, stores, topics: partitions.clone(), globals: globals.clone() };
            let mut task = Task::new(topology, config.settings.clone(), parts)?;
            (0..count).for_each(|input| task.set_end_offset(input, Some(0)));
            task.init(wall_time)?;
            tasks.push(task);
        }
        let ends = HashMap::new();
        let outputs = BTreeMap::new();
        Ok(Self { tasks, routes, ends, outputs, wall_time, failed: None, _directory: directory })
    }

    /// Pipes a record in and processes it, and all that comes of it.
    pub(super) fn pipe(&mut self, topic: &str, record: RecordRef<'_>) -> Result<(), StreamsError> {
        if !self.routes.contains_key(topic) {
            let known: Vec<_> = self.routes.keys().map(String::as_str).collect();
            return Err(misuse(format!("no source reads topic {topic}; the topology reads {}", known.join(", "))));
        }
        self.check()?;
        self.enqueue(topic, record);
        self.run()
    }

    /// Moves the wall clock on, and processes what waited for that.
    pub(super) fn set_wall_time(&mut self, wall_time: i64) -> Result<(), StreamsError> {
        self.check()?;
        self.wall_time = wall_time;
        let punctuated = self.punctuate();
        self.keep_error(punctuated)?;
        self.run()
    }

    pub(super) fn outputs(&self) -> &BTreeMap<String, VecDeque<Captured>> {
        &self.outputs
    }

    pub(super) fn take(&mut self, topic: &str) -> Option<Captured> {
        self.outputs.get_mut(topic)?.pop_front()
    }

    /// The store of this name, of whichever task has it.
    pub(super) fn store(&self, name: &str) -> Option<Rc<TaskStore>> {
        self.tasks.iter().flat_map(|task| task.stores()).find(|store| **store.name() == *name).cloned()
    }

    /// The store of this name, as processors have it.
    pub(super) fn open_store<S: ProcessorStore>(&self, topology: &Topology, name: &str) -> Result<S, StreamsError> {
        let has_store = |task: &&Task| task.stores().iter().any(|store| **store.name() == *name);
        let task = self.tasks.iter().find(has_store);
        let store = task.and_then(|task| task.stores().iter().find(|store| **store.name() == *name));
        let (Some(task), Some(store), Some(spec)) = (task, store, topology.store(name)) else {
            let names: Vec<_> = topology.stores().iter().map(|spec| spec.name.as_str()).collect();
            return Err(misuse(format!("no task has a store {name}; the topology has: {}", names.join(", "))));
        };
        S::open(&Opening { spec, store, custom: task.custom_store(name) }).map_err(misuse)
    }

    pub(super) fn dropped_records(&self) -> u64 {
        self.tasks.iter().map(Task::dropped_records).sum()
    }

    fn check(&self) -> Result<(), StreamsError> {
        match &self.failed {
            Some(message) => Err(misuse(format!("the topology has stopped with an error: {message}"))),
            None => Ok(()),
        }
    }

    fn run(&mut self) -> Result<(), StreamsError> {
        let done = self.run_to_the_end();
        self.keep_error(done)
    }

    fn punctuate(&mut self) -> Result<(), StreamsError> {
        for task in 0..self.tasks.len() {
            self.tasks[task].punctuate(self.wall_time)?;
        }
        Ok(())
    }

    fn keep_error(&mut self, done: Result<(), StreamsError>) -> Result<(), StreamsError> {
        if let Err(error) = &done {
            self.failed = Some(error.to_string());
        }
        done
    }

    /// Lets tasks process and commit record by record until none can go on.
    fn run_to_the_end(&mut self) -> Result<(), StreamsError> {
        loop {
            let mut progress = false;
            for task in 0..self.tasks.len() {
                while self.tasks[task].process(1, self.wall_time)? > 0 {
                    self.commit(task)?;
                    progress = true;
                }
                if self.tasks[task].commit_needed() {
                    self.commit(task)?;
                }
            }
            if !progress {
                return Ok(());
            }
        }
    }

    fn commit(&mut self, number: usize) -> Result<(), StreamsError> {
        let offsets = self.tasks[number].prepare_commit()?;
        for (topic, captured) in self.drain(number) {
            self.append(topic, captured);
        }
        let ends = &self.ends;
        self.tasks[number].complete_commit(&offsets, |changelog| {
            ends.get(&*changelog.topic).map(|end| end - 1).filter(|last| *last >= 0)
        })
    }

    fn drain(&mut self, number: usize) -> Vec<(String, Captured)> {
        let output = self.tasks[number].output();
        let records = output.iter().map(|to| {
            let captured = Captured {
                key: to.record.key.map(Bytes::copy_from_slice),
                value: to.record.value.map(Bytes::copy_from_slice),
                timestamp: to.record.timestamp,
                headers: Headers::from_encoded(Bytes::copy_from_slice(to.record.headers)),
            };
            (to.topic.to_string(), captured)
        });
        let records = records.collect();
        output.clear();
        records
    }

    /// Keeps a record for the test to read, and hands it to the task that reads its topic.
    fn append(&mut self, topic: String, captured: Captured) {
        if self.routes.contains_key(&topic) {
            self.enqueue(&topic, captured.as_ref());
        } else {
            *self.ends.entry(topic.clone()).or_default() += 1;
        }
        self.outputs.entry(topic).or_default().push_back(captured);
    }

    fn enqueue(&mut self, topic: &str, record: RecordRef<'_>) {
        let Some(&(task, input)) = self.routes.get(topic) else { return };
        let end = self.ends.entry(topic.to_owned()).or_default();
        let mut batch = RecordBatchBuilder::new(TopicPartition::new(topic, 0));
        batch.push_encoded(RecordRef { offset: *end, ..record });
        *end += 1;
        self.tasks[task].add_records(input, batch.finish(None));
        self.tasks[task].set_end_offset(input, Some(*end));
    }
}
