//! A stream thread: it owns tasks, feeds them, and commits what they have done.
//!
//! In the order of a record's way: `handle` (what others tell the thread), `tasks` (which ones it has), `fetching`, `processing`, `committing`; `publishing` its metrics.

mod committing;
mod fetching;
mod handle;
mod processing;
mod publishing;
mod tasks;

pub(crate) use handle::{TaskQuery, ThreadCommand, ThreadEvent, ThreadHandle, ThreadSeed};

use super::control::ControlEvent;
use super::instance::Instance;
use crate::broker::{Broker, Delivery, Fetched};
use crate::error::StreamsError;
use crate::metrics::{TaskMetrics, ThreadMetrics, ThreadState};
use crate::record::TopicPartition;
use crate::task::Task;
use committing::Commit;
use hashbrown::HashMap;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

/// How often a task that waits for its other inputs (`max.task.idle.ms`) is asked again when no record comes.
const IDLE_POLL: Duration = Duration::from_millis(10);

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
    /// Last offset acknowledged, of the partitions written to since the last commit began; while its records are under way, of those.
    acknowledged: HashMap<TopicPartition, i64>,
    fetched: Vec<Fetched>,
    deliveries: Vec<Delivery>,
    /// The commit under way, if there is one.
    commit: Option<Commit>,
    last_commit: Instant,
    last_purge: Instant,
    /// Told to end: what happens to the tasks on the way must not make it go on.
    ending: bool,
    /// The last poll brought nothing, and nothing else is to be done: the next one may wait.
    idle: bool,
    /// Waits to hear of the group.
    stands_by: bool,
    metrics: Arc<ThreadMetrics>,
    /// When to look next how far the inputs are behind.
    lag_due: Instant,
}

struct RunningTask {
    task: Task,
    partitions: Vec<TopicPartition>,
    paused: Vec<bool>,
    metrics: Arc<TaskMetrics>,
}

impl<B: Broker> StreamThread<B> {
    fn run(mut self) {
        self.metrics.set_state(ThreadState::Running);
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
        self.metrics.set_state(ThreadState::Dead);
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
            if !self.tasks.is_empty() && !self.is_assured() {
                continue;
            }
            let wait = match (self.has_work(), processed) {
                (true, true) => Duration::ZERO,
                (true, false) => self.instance.settings.poll.min(IDLE_POLL),
                (false, _) => self.instance.settings.poll,
            };
            let wait = self.commit.as_ref().map_or(wait, |commit| wait.min(commit.look_again_after()));
            self.fetch(wait.min(self.until_punctuation()))?;
            processed = self.process()?;
            self.check_deliveries()?;
            self.keep_committing()?;
            self.publish();
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
                    self.metrics.set_state(ThreadState::PendingShutdown);
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
