mod preparing;
mod writing;

use self::preparing::check_topics;
use super::RestoreListener;
use super::changelog::RestoringStore;
use super::positions::starting_positions;
use crate::broker::{Broker, BrokerErrorKind, Consumer, Waker};
use crate::config::ClientRole;
use crate::error::StreamsError;
use crate::metrics::TaskRestore;
use crate::processor::TopicPartitions;
use crate::record::{RecordBatch, TopicPartition};
use crate::runtime::instance::Instance;
use crate::runtime::internal_topics::existing_topics;
use crate::runtime::wall_time;
use crate::task::{TaskId, TaskParts, input_partitions};
use hashbrown::HashMap;
use state_stores::{StoreError, TaskStores};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

/// How long a poll for changelog records waits at most.
const POLL: Duration = Duration::from_millis(100);
/// How often progress is logged.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);
/// Pause before a task that could not be prepared (cluster not reachable) is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

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
