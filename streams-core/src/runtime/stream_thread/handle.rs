use super::StreamThread;
use crate::broker::{Broker, Consumer, Producer, Waker};
use crate::config::ClientRole;
use crate::error::StreamsError;
use crate::runtime::instance::Instance;
use crate::task::{Task, TaskId, TaskParts};
use hashbrown::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Instant;

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
    /// The task is closed.
    Closed(TaskId),
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
        let producer = new_producer(&instance)?;
        let admin = instance.broker.admin(&config.client_properties(ClientRole::Admin))?;
        let (sender, commands) = std::sync::mpsc::channel();
        let handle = ThreadHandle { commands: sender, waker: consumer.waker() };
        Ok((Self { instance, index, commands, consumer, producer, admin }, handle))
    }

    /// Runs until told to end, or until an error; then tells the control thread.
    pub(crate) fn run(self) {
        let Self { instance, index, commands, consumer, producer, admin } = self;
        let now = Instant::now();
        let metrics = instance.metrics.thread(index);
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
            commit: None,
            last_commit: now,
            last_purge: now,
            ending: false,
            idle: false,
            stands_by: false,
            metrics,
            lag_due: now,
        };
        thread.run();
    }
}

/// A producer that sends only while the tasks are this instance's for certain.
pub(super) fn new_producer<B: Broker>(instance: &Arc<Instance<B>>) -> Result<B::Producer, StreamsError> {
    let mut producer = instance.broker.producer(&instance.config.client_properties(ClientRole::Producer))?;
    // Not the instance itself: what it holds must not live for as long as the client's thread likes.
    let assurance = Arc::clone(&instance.assurance);
    producer.set_gate(Arc::new(move || assurance.holds()));
    Ok(producer)
}
