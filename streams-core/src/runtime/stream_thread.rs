use super::commit::commit_offsets;
use super::control::ControlEvent;
use super::instance::Instance;
use super::restore::{reset_offset, reset_policy};
use super::wall_time;
use crate::broker::{Admin, Broker, BrokerError, BrokerErrorKind, Consumer, Delivery, Fetched, Producer, Waker};
use crate::config::ClientRole;
use crate::error::StreamsError;
use crate::record::TopicPartition;
use crate::task::{Task, TaskId, TaskParts};
use crate::topology::AutoOffsetReset;
use hashbrown::HashMap;
use kafka_client::group::CommittedOffset;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::{Duration, Instant};

/// Records that a task processes before the next one gets its turn.
const TURN: usize = 1000;
/// How long tasks process before the thread looks after records, commands and commits again.
const ROUND: Duration = Duration::from_millis(50);
/// How often a task that waits for its other inputs (`max.task.idle.ms`) is asked again when no record comes.
const IDLE_POLL: Duration = Duration::from_millis(10);
/// Pause before something that failed for the moment is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// What a stream thread is told.
pub(crate) enum ThreadCommand {
    /// Run a task that is ready.
    Add(Box<TaskParts>),
    /// Close a task, after a last commit where the flag is set.
    Close(TaskId, bool),
    /// Read from a task's stores.
    Query(TaskQuery),
    /// Close all tasks, committed where the flag is set, and end.
    Shutdown(bool),
}

/// What a query does with the task it asked for.
pub(crate) type TaskReader = dyn FnOnce(Option<&Task>) + Send;

/// A read of a task's stores by another thread, carried out between two rounds of processing; `None` where the task is not here.
pub(crate) struct TaskQuery {
    pub(crate) task: TaskId,
    pub(crate) run: Box<TaskReader>,
}

/// What a stream thread tells the control thread.
pub(crate) enum ThreadEvent {
    /// The task processes; with what its committed state can be read by.
    Started(TaskId, Vec<(String, state_stores::CommittedReader)>),
    /// The task is closed; sum of the changelog positions of its stores.
    Closed(TaskId, i64),
    /// The tasks are closed without commit, because the group goes on without this instance.
    Lost(Vec<TaskId>),
    /// The thread has ended; with an error, where one ended it, and the tasks it had.
    Ended(usize, Vec<TaskId>, Option<StreamsError>),
}

/// Reaches a stream thread.
#[derive(Clone)]
pub(crate) struct ThreadHandle {
    commands: Sender<ThreadCommand>,
    waker: Waker,
}

impl ThreadHandle {
    /// Tells the thread something, and ends its wait for records; false where it has ended.
    pub(crate) fn tell(&self, command: ThreadCommand) -> bool {
        let told = self.commands.send(command).is_ok();
        self.waker.wake();
        told
    }
}

/// A thread that owns tasks and processes them.
struct StreamThread<B: Broker> {
    instance: Arc<Instance<B>>,
    index: usize,
    commands: Receiver<ThreadCommand>,
    consumer: B::Consumer,
    producer: B::Producer,
    admin: B::Admin,
    tasks: Vec<RunningTask>,
    /// Place of the task that processes now, or did last.
    turn: usize,
    /// Task and input that a partition belongs to.
    routes: HashMap<TopicPartition, (usize, usize)>,
    /// Last offset acknowledged, of the partitions written to since the last commit.
    acknowledged: HashMap<TopicPartition, i64>,
    fetched: Vec<Fetched>,
    deliveries: Vec<Delivery>,
    last_commit: Instant,
    last_purge: Instant,
    /// Told to end: what happens to the tasks on the way must not make it go on.
    ending: bool,
}

struct RunningTask {
    task: Task,
    partitions: Vec<TopicPartition>,
    paused: Vec<bool>,
}

/// A stream thread before it runs: what may still move between threads.
pub(crate) struct ThreadSeed<B: Broker> {
    instance: Arc<Instance<B>>,
    index: usize,
    commands: Receiver<ThreadCommand>,
    consumer: B::Consumer,
    producer: B::Producer,
    admin: B::Admin,
}

impl<B: Broker> ThreadSeed<B> {
    /// Makes the thread's clients, and a handle to reach it.
    pub(crate) fn new(instance: Arc<Instance<B>>, index: usize) -> Result<(Self, ThreadHandle), StreamsError> {
        let config = &instance.config;
        let consumer = instance.broker.consumer(&config.client_properties(ClientRole::MainConsumer))?;
        let producer = instance.broker.producer(&config.client_properties(ClientRole::Producer))?;
        let admin = instance.broker.admin(&config.client_properties(ClientRole::Admin))?;
        let (sender, commands) = std::sync::mpsc::channel();
        let handle = ThreadHandle { commands: sender, waker: consumer.waker() };
        Ok((Self { instance, index, commands, consumer, producer, admin }, handle))
    }

    /// Runs until told to end, or until an error; then tells the control thread.
    pub(crate) fn run(self) {
        let Self { instance, index, commands, consumer, producer, admin } = self;
        let now = Instant::now();
        let thread = StreamThread {
            instance,
            index,
            commands,
            consumer,
            producer,
            admin,
            tasks: Vec::new(),
            turn: 0,
            routes: HashMap::new(),
            acknowledged: HashMap::new(),
            fetched: Vec::new(),
            deliveries: Vec::new(),
            last_commit: now,
            last_purge: now,
            ending: false,
        };
        thread.run();
    }
}

impl<B: Broker> StreamThread<B> {
    fn run(mut self) {
        let error = loop {
            match catch_unwind(AssertUnwindSafe(|| self.run_until_end())) {
                Ok(Ok(())) => break None,
                Ok(Err(StreamsError::TaskMigrated(reason))) => {
                    self.lose_tasks(&reason);
                    if self.ending {
                        break None;
                    }
                }
                Ok(Err(error)) => break Some(error),
                Err(panic) => break Some(self.panic_error(panic.as_ref())),
            }
        };
        let tasks = self.tasks.iter().map(|running| running.task.id()).collect();
        self.close_all_without_commit();
        let Self { instance, index, .. } = self;
        instance.tell_control(ControlEvent::Thread(ThreadEvent::Ended(index, tasks, error)));
    }

    fn run_until_end(&mut self) -> Result<(), StreamsError> {
        // Whether the last round processed anything: records may wait that no task takes yet.
        let mut processed = true;
        loop {
            if !self.take_commands()? {
                return Ok(());
            }
            let wait = match (self.has_work(), processed) {
                (true, true) => Duration::ZERO,
                (true, false) => self.instance.settings.poll.min(IDLE_POLL),
                (false, _) => self.instance.settings.poll,
            };
            self.fetch(wait)?;
            processed = self.process()?;
            self.check_deliveries()?;
            if self.commit_due() {
                self.commit()?;
                self.purge();
            }
        }
    }

    fn tell(&self, event: ThreadEvent) {
        self.instance.tell_control(ControlEvent::Thread(event));
    }

    /// Carries out what has been asked. False at the end.
    fn take_commands(&mut self) -> Result<bool, StreamsError> {
        loop {
            match self.commands.try_recv() {
                Ok(ThreadCommand::Add(parts)) => self.add(*parts)?,
                Ok(ThreadCommand::Close(id, commit)) => self.close(id, commit)?,
                Ok(ThreadCommand::Query(query)) => {
                    let task = self.tasks.iter().map(|running| &running.task).find(|task| task.id() == query.task);
                    (query.run)(task);
                }
                Ok(ThreadCommand::Shutdown(commit)) => {
                    self.ending = true;
                    if commit {
                        self.commit()?;
                    }
                    while let Some(running) = self.tasks.first() {
                        self.close(running.task.id(), false)?;
                    }
                    return Ok(false);
                }
                Err(TryRecvError::Empty) => return Ok(true),
                Err(TryRecvError::Disconnected) => return Ok(false),
            }
        }
    }

    fn add(&mut self, parts: TaskParts) -> Result<(), StreamsError> {
        let id = parts.id;
        let positions: Vec<_> =
            parts.inputs.iter().map(|input| (input.input.partition.clone(), input.position)).collect();
        let task = Task::new(&self.instance.topology, self.instance.settings.task.clone(), parts)?;
        let readers = task.stores().iter().enumerate().map(|(index, store)| {
            task.active_stores().stores().reader(index).map(|reader| (store.name().to_string(), reader))
        });
        let readers = readers.collect::<Result<Vec<_>, _>>()?;
        let partitions: Vec<_> = positions.iter().map(|(partition, _)| partition.clone()).collect();
        let place = self.tasks.len();
        for (input, partition) in partitions.iter().enumerate() {
            self.routes.insert(partition.clone(), (place, input));
        }
        let paused = vec![false; partitions.len()];
        self.tasks.push(RunningTask { task, partitions, paused });
        self.share_buffers();
        self.consumer.assign(&positions)?;
        self.tell(ThreadEvent::Started(id, readers));
        Ok(())
    }

    /// Divides this thread's part of the instance's limits among the stores of its tasks.
    fn share_buffers(&self) {
        let settings = &self.instance.settings;
        let stores: usize = self.tasks.iter().map(|running| running.task.stores().len()).sum();
        let parts = (stores * settings.stream_threads).max(1);
        for store in self.tasks.iter().flat_map(|running| running.task.stores()) {
            let total = match store.is_write_through() {
                true => settings.uncommitted_max_bytes.unwrap_or(usize::MAX / 2),
                false => settings.cache_max_bytes,
            };
            store.handle().borrow_mut().set_limit((total / parts).max(1));
        }
    }

    fn close(&mut self, id: TaskId, commit: bool) -> Result<(), StreamsError> {
        let Some(place) = self.tasks.iter().position(|running| running.task.id() == id) else {
            self.tell(ThreadEvent::Closed(id, 0));
            return Ok(());
        };
        if commit {
            self.commit()?;
        }
        let offsets = self.remove(place)?;
        self.tell(ThreadEvent::Closed(id, offsets));
        Ok(())
    }

    /// Takes a task out and closes it as it is; answers the sum of its stores' changelog positions.
    fn remove(&mut self, place: usize) -> Result<i64, StreamsError> {
        let RunningTask { task, partitions, .. } = self.tasks.remove(place);
        self.routes.clear();
        for (place, running) in self.tasks.iter().enumerate() {
            for (input, partition) in running.partitions.iter().enumerate() {
                self.routes.insert(partition.clone(), (place, input));
            }
        }
        self.count_dropped(&task);
        let unassigned = self.consumer.unassign(&partitions);
        let stores = task.close()?;
        let offsets = (0..stores.specs().len()).filter_map(|index| stores.committed_offset(index)).sum();
        stores.close();
        self.share_buffers();
        unassigned?;
        Ok(offsets)
    }

    fn count_dropped(&self, task: &Task) {
        self.instance.dropped_records.fetch_add(task.dropped_records(), Ordering::Relaxed);
    }

    fn close_all_without_commit(&mut self) {
        while !self.tasks.is_empty() {
            if let Err(error) = self.remove(0) {
                tracing::warn!("while closing a task: {error}");
            }
        }
    }

    /// The group goes on without this instance: what was not committed is done elsewhere.
    fn lose_tasks(&mut self, reason: &str) {
        let tasks: Vec<_> = self.tasks.iter().map(|running| running.task.id()).collect();
        tracing::warn!("closing tasks {tasks:?} without commit: {reason}");
        self.close_all_without_commit();
        self.tell(ThreadEvent::Lost(tasks));
    }

    fn has_work(&self) -> bool {
        self.tasks.iter().any(|running| running.task.buffered_records() > 0)
    }

    /// Pauses inputs whose queue is full, resumes those that have room again, and takes what has arrived for the others.
    ///
    /// Above the limit of bytes for all queues together, only those inputs are fetched that a task may be waiting for: what it has of others
    /// would stay otherwise.
    fn fetch(&mut self, wait: Duration) -> Result<(), StreamsError> {
        let settings = &self.instance.settings;
        let limit = settings.input_buffer_max_bytes / settings.stream_threads.max(1);
        let queued: usize = self.tasks.iter().map(|running| running.task.buffered_bytes()).sum();
        let mut room = self.tasks.is_empty();
        for running in &mut self.tasks {
            for input in 0..running.partitions.len() {
                let awaited = || running.task.buffered_records() > 0 && !running.task.has_records(input);
                let full = running.task.is_full(input) || (queued > limit && !awaited());
                room |= !full;
                if full != running.paused[input] {
                    let partition = std::slice::from_ref(&running.partitions[input]);
                    if full {
                        self.consumer.pause(partition)?
                    } else {
                        self.consumer.resume(partition)?
                    }
                    running.paused[input] = full;
                }
            }
        }
        if room {
            let mut fetched = std::mem::take(&mut self.fetched);
            match self.consumer.poll(wait, &mut fetched) {
                Err(error) if !error.is_retriable() => return Err(error.into()),
                Err(error) => tracing::warn!("fetch: {error}; trying again"),
                Ok(()) => {}
            }
            for item in fetched.drain(..) {
                self.take_fetched(item)?;
            }
            self.fetched = fetched;
        }
        self.note_ends();
        Ok(())
    }

    /// Tells tasks with several inputs where the empty ones end, so that they know whether to wait.
    fn note_ends(&mut self) {
        for RunningTask { task, partitions, .. } in self.tasks.iter_mut().filter(|running| running.partitions.len() > 1)
        {
            for (input, partition) in partitions.iter().enumerate() {
                task.set_end_offset(input, self.consumer.end_offset(partition));
            }
        }
    }

    fn take_fetched(&mut self, fetched: Fetched) -> Result<(), StreamsError> {
        match fetched {
            Fetched::Batch(batch) => {
                if let Some(&(place, input)) = self.routes.get(batch.topic_partition()) {
                    self.tasks[place].task.add_records(input, batch);
                }
                Ok(())
            }
            Fetched::OutOfRange { partition, position } => self.reset(&partition, position),
            Fetched::Failed { partition, error } if error.is_retriable() => {
                tracing::warn!("{partition}: {error}; trying again");
                let Some(&(place, input)) = self.routes.get(&partition) else { return Ok(()) };
                let position = self.tasks[place].task.fetch_position(input);
                Ok(self.consumer.assign(&[(partition, position)])?)
            }
            Fetched::Failed { partition, error } if error.kind == BrokerErrorKind::UnknownTopicOrPartition => {
                Err(StreamsError::MissingSourceTopics(vec![partition.topic.to_string()]))
            }
            Fetched::Failed { error, .. } => Err(error.into()),
        }
    }

    /// The position of an input is gone from the broker: go on where the reset policy says, and say so.
    fn reset(&mut self, partition: &TopicPartition, position: i64) -> Result<(), StreamsError> {
        let Some(&(place, input)) = self.routes.get(partition) else { return Ok(()) };
        let topology = &self.instance.topology;
        let settings = &self.instance.settings;
        let inputs = crate::task::input_partitions(
            topology,
            &settings.application_id,
            self.tasks[place].task.id(),
            self.tasks[place].task.topics(),
        );
        let policy = inputs
            .iter()
            .find(|input| input.partition == *partition)
            .map_or(AutoOffsetReset::Earliest, |input| reset_policy(topology, settings, input));
        let reason = format!("offset {position} is out of range (deleted by retention, or the topic was made anew)");
        tracing::warn!("{partition}: {reason}");
        let offset = reset_offset(&self.admin, settings, partition, policy, &reason)?;
        self.tasks[place].task.seek(input, offset);
        Ok(self.consumer.assign(&[(partition.clone(), offset)])?)
    }

    /// Lets the tasks process in turn, until nothing is left or the round is over. Says whether they did anything.
    fn process(&mut self) -> Result<bool, StreamsError> {
        let started = Instant::now();
        let mut any = false;
        loop {
            let wall_time = wall_time();
            let mut count = 0;
            for place in 0..self.tasks.len() {
                self.turn = place;
                let task = &mut self.tasks[place].task;
                count += task.process(TURN, wall_time)?;
                self.send_output(place)?;
            }
            if count == 0 {
                return Ok(any);
            }
            any = true;
            self.instance.processed_records.fetch_add(count as u64, Ordering::Relaxed);
            if started.elapsed() >= ROUND || self.tasks.iter().any(|running| running.task.commit_requested()) {
                return Ok(true);
            }
        }
    }

    /// Hands a task's output to the producer. While the cluster cannot be reached this waits, and tries again.
    fn send_output(&mut self, place: usize) -> Result<(), StreamsError> {
        let deadline = Instant::now() + self.instance.settings.task_timeout;
        let output = self.tasks[place].task.output();
        while !output.is_empty() {
            match self.producer.send(output) {
                Ok(()) => {}
                Err(error) if error.is_retriable() && Instant::now() < deadline => {
                    retry(&self.instance, "produce", &error)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Notes what has been acknowledged, and asks the handler about what has failed.
    fn check_deliveries(&mut self) -> Result<(), StreamsError> {
        let mut deliveries = std::mem::take(&mut self.deliveries);
        self.producer.deliveries(&mut deliveries);
        for delivery in deliveries.drain(..) {
            match delivery {
                Delivery::Acknowledged { partition, offset } => {
                    self.acknowledged.insert(partition, offset);
                }
                Delivery::Failed { partition, error } => self.production_failed(&partition, error)?,
            }
        }
        self.deliveries = deliveries;
        Ok(())
    }

    fn production_failed(&self, partition: &TopicPartition, error: BrokerError) -> Result<(), StreamsError> {
        // A lost changelog record would be lost state: no handler may let that pass.
        let prefix = format!("{}-", self.instance.settings.application_id);
        let internal = partition.topic.starts_with(&prefix)
            && (partition.topic.ends_with("-changelog") || partition.topic.ends_with("-repartition"));
        if !internal && self.instance.settings.production_handler.handle(&error).is_continue() {
            tracing::warn!(
                "a record for {partition} is dropped: {error} (the production exception handler said to continue)"
            );
            self.instance.dropped_records.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        Err(error.into())
    }

    fn commit_due(&self) -> bool {
        let due = self.last_commit.elapsed() >= self.instance.settings.commit_interval;
        self.tasks.iter().any(|running| running.task.commit_requested() || (due && running.task.commit_needed()))
    }

    /// Commits all tasks that have something to commit: output and changelogs first, then offsets, then the stores.
    fn commit(&mut self) -> Result<(), StreamsError> {
        let mut prepared: Vec<(usize, Vec<CommittedOffset>)> = Vec::new();
        for place in 0..self.tasks.len() {
            if self.tasks[place].task.commit_needed() {
                let offsets = self.tasks[place].task.prepare_commit()?;
                self.send_output(place)?;
                prepared.push((place, offsets));
            }
        }
        self.last_commit = Instant::now();
        if prepared.is_empty() {
            return Ok(());
        }
        self.flush()?;
        let offsets = prepared.iter().flat_map(|(_, offsets)| offsets.iter().cloned()).collect();
        commit_offsets(&self.instance, offsets)?;
        for (place, offsets) in &prepared {
            let acknowledged = &mut self.acknowledged;
            let reached = |changelog: &crate::store::ChangelogPartition| {
                acknowledged.get(&TopicPartition::new(Arc::clone(&changelog.topic), changelog.partition)).copied()
            };
            self.tasks[*place].task.complete_commit(offsets, reached)?;
        }
        self.acknowledged.clear();
        Ok(())
    }

    /// Waits until everything produced is acknowledged.
    fn flush(&mut self) -> Result<(), StreamsError> {
        let deadline = Instant::now() + self.instance.settings.task_timeout;
        loop {
            match self.producer.flush(self.instance.settings.request_timeout) {
                Ok(()) => return self.check_deliveries(),
                Err(error) if error.is_retriable() && Instant::now() < deadline => {
                    retry(&self.instance, "flush", &error)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Deletes what has been processed and committed of the repartition topics.
    fn purge(&mut self) {
        if self.last_purge.elapsed() < self.instance.settings.repartition_purge_interval {
            return;
        }
        self.last_purge = Instant::now();
        let topology = &self.instance.topology;
        let before: Vec<_> = self.tasks.iter().flat_map(|running| running.task.purgeable(topology)).collect();
        if !before.is_empty()
            && let Err(error) = self.admin.delete_records(&before, self.instance.settings.request_timeout)
        {
            tracing::warn!("cannot purge repartition topics, trying again later: {error}");
        }
    }

    /// A panic in user code, told with the record at which it happened.
    fn panic_error(&self, panic: &(dyn Any + Send)) -> StreamsError {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let message = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned();
        match self.tasks.get(self.turn) {
            Some(RunningTask { task, .. }) => {
                let record = task.current_record();
                StreamsError::Panic {
                    task_id: task.id(),
                    topic: record.topic.to_string(),
                    partition: record.partition,
                    offset: record.offset,
                    message,
                }
            }
            None => StreamsError::InvalidState(format!("a panic in stream thread {}: {message}", self.index)),
        }
    }
}

/// Pauses before something that the cluster did not take is tried again.
///
/// # Errors
/// [`StreamsError::TaskMigrated`] where this instance is no longer a member: what it writes is another's to write by now.
fn retry<B: Broker>(instance: &Instance<B>, what: &str, error: &BrokerError) -> Result<(), StreamsError> {
    if instance.identity().is_none() {
        return Err(StreamsError::TaskMigrated(format!("this instance has lost its membership ({what}: {error})")));
    }
    tracing::warn!("{what}: {error}; trying again");
    std::thread::sleep(RETRY_PAUSE);
    Ok(())
}
