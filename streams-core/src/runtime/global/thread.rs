use super::checkpoint::Checkpoint;
use super::{GlobalEvent, GlobalHandle};
use crate::broker::{Admin, Broker, Consumer, Fetched, OffsetSpec};
use crate::config::ClientRole;
use crate::error::StreamsError;
use crate::processor::TopicPartitions;
use crate::record::TopicPartition;
use crate::runtime::control::ControlEvent;
use crate::runtime::instance::Instance;
use crate::runtime::internal_topics::existing_topics;
use crate::runtime::restore::StoreRestore;
use crate::runtime::threads::spawn;
use crate::runtime::wall_time;
use crate::store::GlobalStores;
use crate::task::{
    InputPartition, OffsetMetadata, Task, TaskId, TaskInput, TaskParts, TaskSettings, global_input_partitions,
};
use crate::topology::{StoreEngine, Subtopology};
use state_stores::{StoreError, TaskStores};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The longest wait for records: stopping and punctuations by the wall clock come between two waits.
const POLL: Duration = Duration::from_millis(100);
/// How often positions are written while records come; a start goes on from them.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(1);
/// Records between two commits.
const TURN: usize = 10_000;

/// Fills the global stores.
pub(crate) struct GlobalThread<B: Broker> {
    instance: Arc<Instance<B>>,
    consumer: B::Consumer,
    parts: Vec<GlobalPart>,
    /// Where the records of a partition go: part and input.
    routes: HashMap<TopicPartition, (usize, usize)>,
    stop: Arc<AtomicBool>,
    checkpoint_due: Instant,
}

/// One global subtopology.
struct GlobalPart {
    task: Task,
    checkpoint: Checkpoint,
    store: String,
    /// Whether its rows outlive the process, so that positions do too.
    persistent: bool,
    changed: bool,
}

impl<B: Broker> GlobalThread<B> {
    /// Starts the thread where the topology has global stores.
    ///
    /// # Errors
    /// A client cannot be made, or no thread be started.
    pub(crate) fn start(instance: &Arc<Instance<B>>) -> Result<Option<GlobalHandle>, StreamsError> {
        if !instance.topology.subtopologies().iter().any(|part| part.global) {
            return Ok(None);
        }
        let consumer = instance.broker.consumer(&instance.config.client_properties(ClientRole::GlobalConsumer))?;
        let (stop, waker) = (Arc::new(AtomicBool::new(false)), consumer.waker());
        let (instance, asked) = (Arc::clone(instance), Arc::clone(&stop));
        let thread = spawn("kafka-streams-global".to_owned(), move || {
            let checkpoint_due = Instant::now() + CHECKPOINT_INTERVAL;
            let (parts, routes) = (Vec::new(), HashMap::new());
            Self { instance, consumer, parts, routes, stop: asked, checkpoint_due }.run();
        })?;
        Ok(Some(GlobalHandle { stop, waker, thread }))
    }

    fn run(mut self) {
        let instance = Arc::clone(&self.instance);
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            self.work().map_err(|error| self.rebuild_if_lost(error))
        }));
        let error = match ended {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(_) => StreamsError::InvalidState("the thread of the global stores has panicked".to_owned()),
        };
        tracing::error!("global stores: {error}");
        instance.tell_control(ControlEvent::Global(GlobalEvent::Failed(error)));
    }

    fn work(&mut self) -> Result<(), StreamsError> {
        let started = Instant::now();
        let ends = self.open()?;
        while !self.has_reached(&ends) {
            if self.stop.load(Ordering::Acquire) {
                return self.close();
            }
            self.follow()?;
        }
        self.write_checkpoints(true)?;
        let mut globals = GlobalStores::default();
        for part in &self.parts {
            globals = globals.and(part.task.active_stores().stores())?;
            let processed = part.task.processed_records();
            tracing::info!("global store {}: {processed} records read in {:?}", part.store, started.elapsed());
        }
        self.tell_restored(&ends);
        self.instance.tell_control(ControlEvent::Global(GlobalEvent::Ready(globals)));
        while !self.stop.load(Ordering::Acquire) {
            self.follow()?;
        }
        self.close()
    }

    /// Opens the stores and assigns their topics; answers where those end now.
    fn open(&mut self) -> Result<Vec<(TopicPartition, i64)>, StreamsError> {
        let instance = Arc::clone(&self.instance);
        let settings = &instance.settings;
        let admin = instance.broker.admin(&instance.config.client_properties(ClientRole::Admin))?;
        let deadline = Instant::now() + settings.task_timeout;
        let topics = loop {
            match existing_topics(&admin, settings.request_timeout) {
                Err(error)
                    if error.is_retriable() && Instant::now() < deadline && !self.stop.load(Ordering::Acquire) =>
                {
                    tracing::warn!("global stores: {error}; trying again");
                    std::thread::sleep(POLL);
                }
                topics => break topics?,
            }
        };
        let mut ends = Vec::new();
        for part in instance.topology.subtopologies().iter().filter(|part| part.global) {
            self.open_part(&admin, part, &topics, &mut ends)?;
        }
        Ok(ends)
    }

    fn open_part(
        &mut self,
        admin: &B::Admin,
        subtopology: &Subtopology,
        topics: &TopicPartitions,
        ends: &mut Vec<(TopicPartition, i64)>,
    ) -> Result<(), StreamsError> {
        let instance = Arc::clone(&self.instance);
        let (topology, settings) = (&instance.topology, &instance.settings);
        let inputs = global_input_partitions(topology, &settings.application_id, subtopology, topics);
        let specs: Vec<_> = subtopology.stores.iter().filter_map(|store| topology.store(store)).collect();
        let Some(spec) = specs.first() else { return Ok(()) };
        if inputs.is_empty() {
            let sources = subtopology
                .nodes
                .iter()
                .flat_map(|&node| crate::task::source_topics(topology, &settings.application_id, node, topics));
            return Err(StreamsError::MissingSourceTopics(sources.collect()));
        }
        let directory = instance.directory.global_directory(&spec.name);
        let checkpoint = Checkpoint::of(&directory);
        let engine_specs = || specs.iter().map(|spec| spec.engine_spec(false)).collect::<Vec<_>>();
        let mut stores = match TaskStores::open(&directory, engine_specs(), &instance.storage) {
            Err(StoreError::Corrupt { .. }) => {
                tracing::warn!("global store {} is damaged and is rebuilt", spec.name);
                checkpoint.delete().map_err(|error| directory_error(&spec.name, &error))?;
                TaskStores::destroy(&directory)?;
                TaskStores::open(&directory, engine_specs(), &instance.storage)?
            }
            stores => stores?,
        };
        let persistent = spec.engine == StoreEngine::RocksDb;
        let extents = extents(admin, &inputs, settings.request_timeout)?;
        let saved = if persistent { checkpoint.read() } else { Default::default() };
        let known = |partition: &TopicPartition, (start, end): (i64, i64)| {
            saved.get(partition).copied().filter(|at| (start..=end).contains(at))
        };
        let all_known = inputs.iter().zip(&extents).all(|(input, extent)| known(&input.partition, *extent).is_some());
        if !all_known && persistent {
            // A part of the topic that was read may be gone: what it had deleted would stay.
            checkpoint.delete().map_err(|error| directory_error(&spec.name, &error))?;
            (0..specs.len()).try_for_each(|store| stores.wipe(store))?;
        }
        let place = self.parts.len();
        let mut positions = Vec::new();
        let mut task_inputs = Vec::new();
        for (number, (input, extent)) in inputs.into_iter().zip(extents).enumerate() {
            let partition = input.partition.clone();
            let position = if all_known { known(&partition, extent).unwrap_or(extent.0) } else { extent.0 };
            self.routes.insert(partition.clone(), (place, number));
            ends.push((partition.clone(), extent.1));
            positions.push((partition, position));
            task_inputs.push(TaskInput { input, position, metadata: OffsetMetadata::default() });
        }
        self.tell_start(&spec.name, &positions, &ends[ends.len() - positions.len()..]);
        let id = TaskId::new(subtopology.id, 0);
        let globals = GlobalStores::default();
        let parts = TaskParts { id, inputs: task_inputs, stores, topics: topics.clone(), globals };
        // The order of partitions means nothing to a table.
        let settings = TaskSettings { max_task_idle: None, ..settings.task.clone() };
        let mut task = Task::new(topology, settings, parts)?;
        task.init(wall_time())?;
        self.consumer.assign(&positions)?;
        self.parts.push(GlobalPart { task, checkpoint, store: spec.name.clone(), persistent, changed: false });
        Ok(())
    }

    fn has_reached(&self, ends: &[(TopicPartition, i64)]) -> bool {
        ends.iter().all(|(partition, end)| {
            let (part, input) = self.routes[partition];
            let task = &self.parts[part].task;
            !task.has_records(input) && self.consumer.position(partition).is_none_or(|position| position >= *end)
        })
    }

    /// Takes what has come, applies it, and commits.
    fn follow(&mut self) -> Result<(), StreamsError> {
        let mut fetched = Vec::new();
        match self.consumer.poll(POLL, &mut fetched) {
            Err(error) if !error.is_retriable() => return Err(error.into()),
            Err(error) => tracing::warn!("global stores: {error}; trying again"),
            Ok(()) => {}
        }
        for item in fetched {
            self.take(item)?;
        }
        for part in &mut self.parts {
            let mut any = part.task.punctuate(wall_time())?;
            while part.task.process(TURN, wall_time())? > 0 || any {
                part.commit()?;
                any = false;
            }
        }
        if Instant::now() >= self.checkpoint_due {
            self.checkpoint_due = Instant::now() + CHECKPOINT_INTERVAL;
            self.write_checkpoints(false)?;
        }
        Ok(())
    }

    fn take(&mut self, fetched: Fetched) -> Result<(), StreamsError> {
        match fetched {
            Fetched::Batch(batch) => {
                if let Some(&(part, input)) = self.routes.get(batch.topic_partition()) {
                    self.parts[part].task.add_records(input, batch);
                }
                Ok(())
            }
            Fetched::Failed { partition, error } if error.is_retriable() => {
                tracing::warn!("{partition}: {error}; trying again");
                let Some(&(part, input)) = self.routes.get(&partition) else { return Ok(()) };
                let position = self.parts[part].task.fetch_position(input);
                Ok(self.consumer.assign(&[(partition, position)])?)
            }
            Fetched::Failed { error, .. } => Err(error.into()),
            Fetched::OutOfRange { partition, position } | Fetched::Truncated { partition, position, .. } => {
                Err(StreamsError::GlobalStoreLost { partition: partition.to_string(), position })
            }
        }
    }

    /// Where the topic has lost what a store has read, the store is no table of it any more: the next start builds it anew.
    fn rebuild_if_lost(&mut self, error: StreamsError) -> StreamsError {
        if matches!(error, StreamsError::GlobalStoreLost { .. }) {
            for part in &self.parts {
                if let Err(error) = part.checkpoint.delete() {
                    tracing::warn!("global store {}: {error}", part.store);
                }
            }
        }
        error
    }

    fn write_checkpoints(&mut self, all: bool) -> Result<(), StreamsError> {
        for part in self.parts.iter_mut().filter(|part| part.persistent && (all || part.changed)) {
            part.changed = false;
            let written = part.checkpoint.write(part.task.positions());
            written.map_err(|error| directory_error(&part.store, &error))?;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), StreamsError> {
        self.write_checkpoints(true)?;
        for part in self.parts.drain(..) {
            part.task.close()?.close();
        }
        Ok(())
    }

    fn tell_start(&self, store: &str, positions: &[(TopicPartition, i64)], ends: &[(TopicPartition, i64)]) {
        let Some(listener) = self.instance.restore_listener() else { return };
        for ((partition, position), (_, end_offset)) in positions.iter().zip(ends) {
            listener.on_restore_start(&StoreRestore { store, partition, position: *position, end_offset: *end_offset });
        }
    }

    fn tell_restored(&self, ends: &[(TopicPartition, i64)]) {
        let Some(listener) = self.instance.restore_listener() else { return };
        for (partition, end_offset) in ends {
            let (part, _) = self.routes[partition];
            let part = &self.parts[part];
            let position = part.task.positions().find(|(of, _)| *of == partition).map_or(*end_offset, |(_, at)| at);
            let progress = StoreRestore { store: &part.store, partition, position, end_offset: *end_offset };
            listener.on_restore_end(&progress, part.task.processed_records());
        }
    }
}

impl GlobalPart {
    fn commit(&mut self) -> Result<(), StreamsError> {
        let offsets = self.task.prepare_commit()?;
        self.task.output().clear();
        self.task.complete_commit(&offsets, |_| None)?;
        self.changed = true;
        Ok(())
    }
}

/// First offset and end of each partition.
fn extents(admin: &impl Admin, inputs: &[InputPartition], timeout: Duration) -> Result<Vec<(i64, i64)>, StreamsError> {
    let asked = |spec: OffsetSpec| inputs.iter().map(move |input| (input.partition.clone(), spec)).collect::<Vec<_>>();
    let starts = admin.list_offsets(&asked(OffsetSpec::Earliest), timeout)?;
    let ends = admin.list_offsets(&asked(OffsetSpec::Latest), timeout)?;
    Ok(starts.into_iter().zip(ends).collect())
}

fn directory_error(store: &str, error: &std::io::Error) -> StreamsError {
    StreamsError::StateDirectory {
        directory: format!("global/{store}"),
        message: format!("how far it has come cannot be written: {error}; free disk space, and check permissions"),
    }
}
