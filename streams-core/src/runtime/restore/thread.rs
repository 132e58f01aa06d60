use super::RestoreListener;
use super::changelog::{ChangelogExtent, Committed, RestoringStore, restore_start};
use super::positions::{committed_offsets, committed_stream_time, starting_positions};
use crate::broker::{Admin, Broker, BrokerError, BrokerErrorKind, Consumer, Fetched, OffsetSpec, Waker};
use crate::config::ClientRole;
use crate::error::StreamsError;
use crate::metrics::TaskRestore;
use crate::processor::TopicPartitions;
use crate::record::{RecordBatch, TopicPartition};
use crate::runtime::instance::Instance;
use crate::runtime::internal_topics::existing_topics;
use crate::runtime::wall_time;
use crate::task::{TaskId, TaskParts, changelogs, input_partitions, unknown_sources};
use crate::topology::{NodeKind, StoreSpec, Topology};
use hashbrown::HashMap;
use state_stores::{StoreError, TaskStores};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

/// How long a poll for changelog records waits at most.
const POLL: Duration = Duration::from_millis(100);
/// Successive batches of a partition are written as one until they have so many bytes. Producers make batches of a few hundred records; the
/// more are sorted together, the less each costs RocksDB.
const WRITTEN_TOGETHER: usize = 1 << 20;
/// How often progress is logged.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);
/// Pause before a task that could not be prepared (cluster not reachable) is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// Kafka's default of `delete.retention.ms`.
const DELETE_RETENTION_MS: u64 = 86_400_000;

/// What the restore thread is told.
pub(crate) enum RestoreCommand {
    /// Make a task ready.
    Add(TaskId),
    /// Make a task ready that could not be made ready just now, after a pause.
    AddAgain(TaskId),
    /// Give a task up; answered by [`RestoreEvent::Removed`].
    Remove(TaskId),
    /// End.
    Shutdown,
}

/// What the restore thread answers.
pub(crate) enum RestoreEvent {
    /// The task can run.
    Ready(Box<TaskParts>),
    /// The task could not be made ready; it is closed.
    Failed(TaskId, StreamsError),
    /// The task is closed, or was not here any more.
    Removed(TaskId),
}

/// The thread that makes tasks ready. Owns the stores of a task until they are up to date.
pub(crate) struct RestoreThread<B: Broker> {
    instance: Arc<Instance<B>>,
    commands: Receiver<RestoreCommand>,
    consumer: B::Consumer,
    admin: B::Admin,
    restoring: HashMap<TaskId, RestoringTask>,
    /// Which task and store a changelog partition belongs to.
    partitions: HashMap<TopicPartition, (TaskId, usize)>,
    /// Batches of one partition that will be written together; none between two polls.
    gathered: Vec<RecordBatch>,
    gathered_bytes: usize,
    waiting: Vec<Waiting>,
    progress_due: Instant,
}

/// A task whose stores are being restored.
struct RestoringTask {
    stores: TaskStores,
    changelogs: Vec<RestoringStore>,
    /// When it was to be made ready first: trying again ends after a time.
    since: Instant,
    added: Instant,
    metrics: Arc<TaskRestore>,
}

impl RestoringTask {
    fn publish(&self) {
        let remaining = self.changelogs.iter().map(|store| (store.end_offset - store.position).max(0)).sum();
        self.metrics.publish(self.changelogs.iter().map(|store| store.total).sum(), remaining);
    }
}

/// A task that cannot be prepared now.
struct Waiting {
    task: TaskId,
    since: Instant,
    due: Instant,
}

impl<B: Broker> RestoreThread<B> {
    pub(crate) fn new(instance: Arc<Instance<B>>, commands: Receiver<RestoreCommand>) -> Result<Self, StreamsError> {
        let consumer = instance.broker.consumer(&instance.config.client_properties(ClientRole::RestoreConsumer))?;
        let admin = instance.broker.admin(&instance.config.client_properties(ClientRole::Admin))?;
        Ok(Self {
            instance,
            commands,
            consumer,
            admin,
            restoring: HashMap::new(),
            partitions: HashMap::new(),
            gathered: Vec::new(),
            gathered_bytes: 0,
            waiting: Vec::new(),
            progress_due: Instant::now() + PROGRESS_INTERVAL,
        })
    }

    /// Ends the wait for records when a command has come.
    pub(crate) fn waker(&self) -> Waker {
        self.consumer.waker()
    }

    /// Runs until told to end; closes the stores it still holds.
    pub(crate) fn run(mut self) {
        let mut fetched = Vec::new();
        while self.take_commands() {
            self.retry_waiting();
            if !self.restoring.is_empty() {
                match self.consumer.poll(POLL, &mut fetched) {
                    Ok(()) => {}
                    Err(error) => tracing::warn!("restore: {error}; trying again"),
                }
                for item in fetched.drain(..) {
                    self.take_fetched(item);
                }
                self.apply();
                self.finish_restored();
                self.instance.metrics.restore.consumer_held_bytes.set_size(self.consumer.held_bytes());
                self.log_progress();
            }
        }
        for (_, task) in self.restoring.drain() {
            task.stores.close();
        }
    }

    /// Carries out what has been asked; waits where there is nothing else to do. False at the end.
    fn take_commands(&mut self) -> bool {
        loop {
            let idle = self.restoring.is_empty();
            let command = if idle {
                let pause = if self.waiting.is_empty() { Duration::from_secs(3600) } else { RETRY_PAUSE };
                match self.commands.recv_timeout(pause) {
                    Ok(command) => command,
                    Err(RecvTimeoutError::Timeout) => return true,
                    Err(RecvTimeoutError::Disconnected) => return false,
                }
            } else {
                match self.commands.try_recv() {
                    Ok(command) => command,
                    Err(TryRecvError::Empty) => return true,
                    Err(TryRecvError::Disconnected) => return false,
                }
            };
            match command {
                RestoreCommand::Add(task) => self.add(task, Instant::now()),
                RestoreCommand::AddAgain(task) => self.wait(task, Instant::now()),
                RestoreCommand::Remove(task) => self.remove(task),
                RestoreCommand::Shutdown => return false,
            }
        }
    }

    /// Opens a task's stores and starts to restore them. What may succeed later is tried again.
    fn add(&mut self, task: TaskId, since: Instant) {
        match self.prepare(task, since) {
            Ok(()) => self.finish_restored(),
            Err(error) => self.try_again(task, since, error),
        }
    }

    /// Tries again later what may succeed then, up to `task.timeout.ms`.
    fn try_again(&mut self, task: TaskId, since: Instant, error: StreamsError) {
        if may_pass(&error) && since.elapsed() < self.instance.settings.task_timeout {
            tracing::warn!("task {task} cannot be made ready: {error}; trying again");
            self.wait(task, since);
        } else {
            self.fail(task, error);
        }
    }

    fn wait(&mut self, task: TaskId, since: Instant) {
        self.waiting.push(Waiting { task, since, due: Instant::now() + RETRY_PAUSE });
    }

    fn retry_waiting(&mut self) {
        let now = Instant::now();
        let (due, later) =
            std::mem::take(&mut self.waiting).into_iter().partition(|waiting: &Waiting| waiting.due <= now);
        self.waiting = later;
        due.into_iter().for_each(|waiting: Waiting| self.add(waiting.task, waiting.since));
    }

    fn prepare(&mut self, id: TaskId, since: Instant) -> Result<(), StreamsError> {
        let directory = self.instance.directory.task_directory(id);
        let mut stores = self.open(id, &directory)?;
        let limited = self.limit_stream_time(id, &mut stores);
        let changelogs = match limited.and_then(|()| self.changelogs(id, &mut stores)) {
            Ok(changelogs) => changelogs,
            Err(error) => {
                stores.close();
                return Err(error);
            }
        };
        let assigned: Vec<_> = changelogs
            .iter()
            .filter(|store| !store.done)
            .map(|store| (store.partition.clone(), store.position))
            .collect();
        for (index, store) in changelogs.iter().enumerate() {
            self.listener(|listener| listener.on_restore_start(&store.progress()));
            self.partitions.insert(store.partition.clone(), (id, index));
        }
        let metrics = self.instance.metrics.restore.begin(id);
        let task = RestoringTask { stores, changelogs, since, added: Instant::now(), metrics };
        task.publish();
        self.restoring.insert(id, task);
        if !assigned.is_empty() {
            self.consumer.assign(&assigned)?;
        }
        Ok(())
    }

    /// Opens the stores; those that are damaged are emptied and restored from their changelogs.
    fn open(&self, id: TaskId, directory: &Path) -> Result<TaskStores, StreamsError> {
        let instance = &self.instance;
        let cache = instance.settings.cache_max_bytes > 0;
        let names = &instance.topology.subtopologies()[id.subtopology as usize].stores;
        let specs: Vec<_> = names
            .iter()
            .filter_map(|name| instance.topology.store(name))
            .map(|spec: &StoreSpec| spec.engine_spec(cache))
            .collect();
        match TaskStores::open(directory, specs.clone(), &instance.storage) {
            Err(StoreError::Corrupt { .. }) => {
                tracing::warn!(
                    "the stores of task {id} in {} are damaged; restoring them from their changelogs",
                    directory.display()
                );
                TaskStores::destroy(directory)?;
                Ok(TaskStores::open(directory, specs, &instance.storage)?)
            }
            other => Ok(other?),
        }
    }

    /// Keeps what a changelog has beyond the last commit from letting rows expire which the input after that commit belongs to.
    fn limit_stream_time(&self, id: TaskId, stores: &mut TaskStores) -> Result<(), StreamsError> {
        let instance = &self.instance;
        if !stores.specs().iter().any(|spec| spec.layout.is_segmented()) {
            return Ok(());
        }
        let topics = existing_topics(&self.admin, instance.settings.request_timeout)?;
        let inputs = input_partitions(&instance.topology, &instance.settings.application_id, id, &topics);
        let reached = committed_stream_time(&instance.settings, instance.coordinator.as_ref(), &inputs)?;
        stores.limit_stream_time(reached);
        Ok(())
    }

    /// The topics that a task's stores are restored from: changelogs, and inputs with their committed offsets.
    fn restored_from(&self, id: TaskId) -> Result<Vec<(String, TopicPartition, Option<Committed>)>, StreamsError> {
        let instance = &self.instance;
        let application_id = &instance.settings.application_id;
        let is_input = |name: &String| instance.topology.source_changelog(name).is_some();
        let (mut inputs, logged): (Vec<_>, Vec<_>) =
            changelogs(&instance.topology, application_id, id).into_iter().partition(|(name, _)| is_input(name));
        let mut all: Vec<_> = logged.into_iter().map(|(name, partition)| (name, partition, None)).collect();
        if !inputs.is_empty() {
            let topics = existing_topics(&self.admin, instance.settings.request_timeout)?;
            check_topics(&instance.topology, application_id, id, &topics)?;
            inputs.retain(|(_, input)| topics.get(&input.topic).is_some_and(|count| input.partition < count));
            let committed = self.committed(inputs.iter().map(|(_, input)| input))?;
            all.extend(inputs.into_iter().zip(committed).map(|((name, input), at)| (name, input, Some(at))));
        }
        Ok(all)
    }

    fn committed<'p>(
        &self,
        inputs: impl Iterator<Item = &'p TopicPartition> + Clone,
    ) -> Result<Vec<Committed>, StreamsError> {
        committed_offsets(&self.instance.settings, self.instance.coordinator.as_ref(), inputs)
    }

    /// Decides for each store that is restored where to start.
    fn changelogs(&self, id: TaskId, stores: &mut TaskStores) -> Result<Vec<RestoringStore>, StreamsError> {
        let instance = &self.instance;
        let timeout = instance.settings.request_timeout;
        let mut restoring = Vec::new();
        for (name, partition, input) in self.restored_from(id)? {
            let index = stores.index_of(&name)?;
            let ends = [OffsetSpec::Earliest, OffsetSpec::Latest].map(|spec| (partition.clone(), spec));
            let offsets = self.admin.list_offsets(&ends, timeout)?;
            let &[earliest, end] = offsets.as_slice() else { continue };
            // What comes after the committed offset of an input is yet to be processed.
            let end = input.map_or(end, |committed| committed.unwrap_or(earliest).min(end));
            let stored = stores.committed_offset(index);
            let delete_retention = match stored {
                Some(stored) if stored < end => self.delete_retention(&partition)?,
                _ => Duration::from_millis(DELETE_RETENTION_MS),
            };
            let age = stores.committed_time(index).map(age_of);
            let start = restore_start(stored, age, ChangelogExtent { earliest, end, delete_retention });
            if let Some(reason) = start.rebuild {
                tracing::warn!("store {name} of task {id} is rebuilt from {partition}: {reason}");
                stores.wipe(index)?;
            }
            let format = instance.topology.store(&name).map_or(crate::topology::StoreFormat::Plain, |spec| spec.format);
            restoring.push(RestoringStore {
                index,
                name,
                partition,
                format,
                position: start.position,
                end_offset: end,
                total: 0,
                done: start.position >= end,
                input,
            });
        }
        Ok(restoring)
    }

    fn delete_retention(&self, partition: &TopicPartition) -> Result<Duration, StreamsError> {
        let config = self.admin.topic_config(&partition.topic, self.instance.settings.request_timeout)?;
        let millis = config.get("delete.retention.ms").and_then(|value| value.parse().ok());
        Ok(Duration::from_millis(millis.unwrap_or(DELETE_RETENTION_MS)))
    }

    /// Successive batches of a partition are gathered, and written when anything else comes.
    fn take_fetched(&mut self, fetched: Fetched) {
        let (partition, failure) = match fetched {
            Fetched::Batch(batch) => {
                let other = |first: &RecordBatch| first.topic_partition() != batch.topic_partition();
                if self.gathered_bytes >= WRITTEN_TOGETHER || self.gathered.first().is_some_and(other) {
                    self.apply();
                }
                self.gathered_bytes += batch.size_bytes();
                return self.gathered.push(batch);
            }
            Fetched::OutOfRange { partition, position } | Fetched::Truncated { partition, position, .. } => {
                self.apply();
                return self.rebuild(&partition, position);
            }
            Fetched::Failed { partition, error } => (partition, error.into()),
        };
        self.apply();
        self.fail_changelog(&partition, failure);
    }

    /// Writes what was gathered.
    fn apply(&mut self) {
        let mut batches = std::mem::take(&mut self.gathered);
        if let Some(first) = batches.first()
            && let Err(error) = self.write(&batches)
        {
            self.fail_changelog(first.topic_partition(), error);
        }
        batches.clear();
        (self.gathered, self.gathered_bytes) = (batches, 0);
    }

    fn fail_changelog(&mut self, partition: &TopicPartition, failure: StreamsError) {
        if let Some(&(task, _)) = self.partitions.get(partition) {
            self.close(task);
            self.fail(task, failure);
        }
    }

    /// Writes batches of one partition.
    fn write(&mut self, batches: &[RecordBatch]) -> Result<(), StreamsError> {
        let Some(first) = batches.first() else { return Ok(()) };
        let Some(&(id, index)) = self.partitions.get(first.topic_partition()) else { return Ok(()) };
        let Some(task) = self.restoring.get_mut(&id) else { return Ok(()) };
        let store = &mut task.changelogs[index];
        let count = store.apply(&mut task.stores, batches)?;
        if count > 0 {
            let progress = store.progress();
            if let Some(listener) = self.instance.restore_listener() {
                listener.on_batch_restored(&progress, count);
            }
            self.instance.metrics.restore.add_restored(count);
        }
        task.publish();
        Ok(())
    }

    /// The changelog lost records while it was read: start over from what it has now.
    fn rebuild(&mut self, partition: &TopicPartition, position: i64) {
        let Some(&(id, index)) = self.partitions.get(partition) else { return };
        tracing::warn!("{partition} no longer has offset {position}; the store of task {id} is rebuilt");
        let Some(task) = self.restoring.get_mut(&id) else { return };
        let wiped = task.stores.wipe(task.changelogs[index].index);
        self.close(id);
        match wiped {
            Ok(()) => self.add(id, Instant::now()),
            Err(error) => self.fail(id, error.into()),
        }
    }

    /// Hands on the tasks whose stores are all up to date.
    fn finish_restored(&mut self) {
        let mut finished = Vec::new();
        for (id, task) in &mut self.restoring {
            for store in &mut task.changelogs {
                // The position passes markers and compacted gaps, so it reaches the end also where no record stands there.
                let position = self.consumer.position(&store.partition).unwrap_or(store.position);
                if !store.done && position.max(store.position) >= store.end_offset {
                    store.done = true;
                    store.position = store.end_offset;
                }
            }
            if task.changelogs.iter().all(|store| store.done) {
                finished.push((*id, task.since));
            }
        }
        for (id, since) in finished {
            if let Err(error) = self.finish(id) {
                self.try_again(id, since, error);
            }
        }
    }

    fn finish(&mut self, id: TaskId) -> Result<(), StreamsError> {
        let Some(task) = self.release(id) else { return Ok(()) };
        task.publish();
        let RestoringTask { mut stores, changelogs, added, since, .. } = task;
        stores.set_time(wall_time());
        for store in &changelogs {
            stores.set_committed_offset(store.index, store.end_offset)?;
            self.listener(|listener| listener.on_restore_end(&store.progress(), store.total));
            tracing::info!(
                "store {} of task {id}: {} records restored from {} in {:?}",
                store.name,
                store.total,
                store.partition,
                added.elapsed()
            );
        }
        let parts = self.parts(id).and_then(|parts| Ok((parts, self.inputs_stand(&changelogs)?)));
        let parts = match parts {
            Ok((_, false)) => {
                tracing::warn!(
                    "task {id}: a late commit has moved an input that a store was restored from; going on from there"
                );
                stores.close();
                self.wait(id, since);
                return Ok(());
            }
            Ok(((inputs, topics), true)) => TaskParts { id, inputs, stores, topics, globals: self.instance.globals() },
            Err(error) => {
                stores.close();
                return Err(error);
            }
        };
        self.instance.restore_event(RestoreEvent::Ready(Box::new(parts)));
        Ok(())
    }

    /// Whether the stores that are restored from an input end where the input will begin.
    fn inputs_stand(&self, changelogs: &[RestoringStore]) -> Result<bool, StreamsError> {
        let inputs = changelogs.iter().filter_map(|store| Some((&store.partition, store.input?)));
        if inputs.clone().next().is_none() {
            return Ok(true);
        }
        let committed = self.committed(inputs.clone().map(|(partition, _)| partition))?;
        Ok(inputs.map(|(_, before)| before).eq(committed))
    }

    /// What a task needs to know besides its stores: its inputs with positions, and the partition counts of its outputs.
    fn parts(&self, id: TaskId) -> Result<(Vec<crate::task::TaskInput>, TopicPartitions), StreamsError> {
        let instance = &self.instance;
        let topics = existing_topics(&self.admin, instance.settings.request_timeout)?;
        let application_id = &instance.settings.application_id;
        check_topics(&instance.topology, application_id, id, &topics)?;
        let inputs = input_partitions(&instance.topology, application_id, id, &topics);
        let coordinator = instance.coordinator.as_ref();
        let inputs = starting_positions(&instance.topology, &instance.settings, &self.admin, coordinator, inputs)?;
        Ok((inputs, topics))
    }

    fn remove(&mut self, id: TaskId) {
        self.waiting.retain(|waiting| waiting.task != id);
        if let Some(task) = self.release(id) {
            for store in &task.changelogs {
                self.listener(|listener| listener.on_restore_suspended(&store.progress(), store.total));
            }
            task.stores.close();
        }
        self.instance.restore_event(RestoreEvent::Removed(id));
    }

    fn close(&mut self, id: TaskId) {
        if let Some(task) = self.release(id) {
            task.stores.close();
        }
    }

    /// Takes a task out of the tables and its partitions away from the consumer.
    fn release(&mut self, id: TaskId) -> Option<RestoringTask> {
        let task = self.restoring.remove(&id)?;
        let partitions: Vec<_> = task.changelogs.iter().map(|store| store.partition.clone()).collect();
        partitions.iter().for_each(|partition| {
            self.partitions.remove(partition);
        });
        if !partitions.is_empty()
            && let Err(error) = self.consumer.unassign(&partitions)
        {
            tracing::warn!("restore: {error}");
        }
        Some(task)
    }

    fn fail(&self, id: TaskId, error: StreamsError) {
        self.instance.restore_event(RestoreEvent::Failed(id, error));
    }

    fn listener(&self, call: impl FnOnce(&dyn RestoreListener)) {
        if let Some(listener) = self.instance.restore_listener() {
            call(listener.as_ref());
        }
    }

    fn log_progress(&mut self) {
        if Instant::now() < self.progress_due {
            return;
        }
        self.progress_due = Instant::now() + PROGRESS_INTERVAL;
        for (id, task) in &self.restoring {
            for store in task.changelogs.iter().filter(|store| !store.done) {
                let left = store.end_offset - store.position;
                tracing::info!(
                    "restoring store {} of task {id}: {} records so far, {left} offsets to go",
                    store.name,
                    store.total
                );
            }
        }
    }
}

/// Whether a task that cannot be prepared for this reason may be prepared later: the cluster is not reachable, or does not know a topic
/// yet that was just made, or a former owner still has the stores open.
fn may_pass(error: &StreamsError) -> bool {
    match error {
        StreamsError::Store(StoreError::Locked { .. }) => true,
        StreamsError::Broker(error) => error.is_retriable() || error.kind == BrokerErrorKind::UnknownTopicOrPartition,
        _ => false,
    }
}

/// Looks whether all topics that a task names are there. The leader has seen inputs and internal topics, so where one is missing it is this
/// broker's metadata that lags: without waiting for it the task would run and never read that input.
fn check_topics(
    topology: &Topology,
    application_id: &str,
    id: TaskId,
    topics: &TopicPartitions,
) -> Result<(), StreamsError> {
    let mut lagging = unknown_sources(topology, application_id, id, topics);
    for &node in &topology.subtopologies()[id.subtopology as usize].nodes {
        if let NodeKind::Sink { topic: Some(name) } = &topology.nodes()[node].kind {
            let topic = topology.topic_name(application_id, name);
            match topics.get(&topic) {
                Some(_) => {}
                None if topology.is_repartition_topic(name) => lagging.push(topic),
                None => return Err(StreamsError::UnknownSinkTopic { topic }),
            }
        }
    }
    if lagging.is_empty() {
        return Ok(());
    }
    let context = format!("task {id}, topics {}", lagging.join(", "));
    Err(BrokerError::new(BrokerErrorKind::UnknownTopicOrPartition, context, "not known to this broker yet").into())
}

/// How long ago a wall-clock time (milliseconds since the epoch) was.
fn age_of(time: i64) -> Duration {
    Duration::from_millis(wall_time().saturating_sub(time).max(0) as u64)
}
