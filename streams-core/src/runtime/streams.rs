use super::control::{Control, ControlEvent};
use super::instance::{Assurance, Instance, TaskPhase};
use super::lifecycle::{Lifecycle, State, UncaughtExceptionResponse};
use super::restore::RestoreListener;
use super::state_directory::StateDirectory;
use super::threads::{lock, spawn};
use crate::broker::{Broker, Kafka};
use crate::config::{ClientRole, StreamsConfig};
use crate::error::StreamsError;
use crate::membership::GroupMembershipOperation;
use crate::metrics::{InstanceMetrics, Metrics};
use crate::query::{ReadOnlyKeyValueView, ReadOnlySessionView, ReadOnlyVersionedView, ReadOnlyWindowView};
use crate::task::TaskId;
use crate::topology::Topology;
use state_stores::{StorageEnvironment, StorageLimits};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a drop of a running instance waits for its threads.
const DROP_TIMEOUT: Duration = Duration::from_secs(30);

/// A running application, or rather one instance of it: start the same program again, elsewhere or here with another `state.dir`, and
/// they share the work.
///
/// Dropping it closes it.
pub struct KafkaStreams<B: Broker = Kafka> {
    instance: Arc<Instance<B>>,
    /// Handed to the control thread at the start.
    events: Mutex<Option<Receiver<ControlEvent>>>,
}

/// How to close.
#[derive(Debug, Clone, Copy)]
pub struct CloseOptions {
    /// How long to wait for the last commit and the goodbye to the group. Default 30 s.
    pub timeout: Duration,
    /// Whether to leave the group: the default is that dynamic members leave and static ones (`group.instance.id`) stay, so that a
    /// quick restart moves no tasks (KIP-1153).
    pub group_membership: GroupMembershipOperation,
}

impl Default for CloseOptions {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30), group_membership: GroupMembershipOperation::Default }
    }
}

/// A task of this instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskMetadata {
    /// The task.
    pub task_id: TaskId,
    /// Whether it processes; else it is being restored or closed.
    pub running: bool,
}

impl KafkaStreams<Kafka> {
    /// An instance on the cluster that `bootstrap.servers` names. Everything wrong with the configuration is reported here.
    ///
    /// # Errors
    /// [`StreamsError::Config`], and [`StreamsError::StateDirectory`] where another instance has the directory.
    pub fn new(topology: Topology, config: StreamsConfig) -> Result<Self, StreamsError> {
        let settings = config.validate()?;
        drop(settings);
        let servers = config.get("bootstrap.servers").unwrap_or_default();
        let implementation = config.get("client.implementation").unwrap_or("native").parse()?;
        let broker = Kafka::new(implementation, servers)?;
        Self::with_broker(topology, config, broker)
    }
}

impl<B: Broker> KafkaStreams<B> {
    /// An instance on `broker`, such as the embedded one.
    ///
    /// # Errors
    /// As [`new`](KafkaStreams::new).
    pub fn with_broker(topology: Topology, config: StreamsConfig, broker: B) -> Result<Self, StreamsError> {
        let settings = config.validate()?;
        let directory = StateDirectory::open(&settings.state_dir, &settings.application_id)?;
        let config = match settings.client_id.as_str() {
            "" => config.set("client.id", format!("{}-{}", settings.application_id, directory.process_id())),
            _ => config,
        };
        let storage = StorageEnvironment::new(StorageLimits {
            block_cache_bytes: settings.block_cache_bytes,
            write_buffer_bytes: settings.write_buffer_bytes,
            ..StorageLimits::default()
        })?;
        let mut group = config.client_properties(ClientRole::Group);
        // A request that hangs must not keep heartbeats back for a whole session.
        let patience = (settings.group.session_timeout / 2).min(settings.request_timeout);
        group.set("request.timeout.ms", patience.as_millis().to_string());
        let coordinator = broker.group_coordinator(&group)?;
        let client_id = config.get("client.id").unwrap_or_default();
        let metrics = InstanceMetrics::new(client_id, settings.stream_threads, settings.input_buffer_max_bytes);
        let (sender, events) = channel();
        let instance = Arc::new(Instance {
            broker,
            config,
            settings,
            topology,
            coordinator,
            directory,
            storage,
            lifecycle: Lifecycle::new(),
            identity: Mutex::default(),
            assurance: Arc::new(Assurance::new()),
            restore_listener: Mutex::default(),
            metrics,
            tasks: Mutex::new(BTreeMap::new()),
            positions: Mutex::default(),
            globals: Mutex::default(),
            control: Mutex::new(sender),
        });
        Ok(Self { instance, events: Mutex::new(Some(events)) })
    }

    /// Starts the threads and joins the group; returns at once. [`wait_until_running`](Self::wait_until_running) waits.
    ///
    /// # Errors
    /// It was started or closed before, or a client cannot be made.
    pub fn start(&self) -> Result<(), StreamsError> {
        let events = lock(&self.events).take();
        let events = events
            .ok_or_else(|| StreamsError::InvalidState("this instance was started or closed already".to_owned()))?;
        let started = self.start_control(events);
        if started.is_err() {
            self.end_unstarted();
        }
        started
    }

    fn start_control(&self, events: Receiver<ControlEvent>) -> Result<(), StreamsError> {
        let sender = lock(&self.instance.control).clone();
        let control = Control::new(Arc::clone(&self.instance), sender, events)?;
        self.instance.lifecycle.transit(State::Rebalancing);
        spawn("kafka-streams-control".to_owned(), move || control.run())?;
        Ok(())
    }

    /// The end of an instance that has no threads.
    fn end_unstarted(&self) -> bool {
        self.instance.directory.unlock();
        self.instance.lifecycle.transit(State::NotRunning)
    }

    /// The present state.
    pub fn state(&self) -> State {
        self.instance.lifecycle.state()
    }

    /// Waits until all assigned tasks are processing; false where that has not come within `timeout` or the instance has ended.
    pub fn wait_until_running(&self, timeout: Duration) -> bool {
        let settled = |state: State| state == State::Running || state.has_ended();
        self.instance.lifecycle.wait(timeout, settled) && self.state() == State::Running
    }

    /// Waits until the instance has ended, by a close or an error; false where it has not within `timeout`.
    pub fn wait_until_ended(&self, timeout: Duration) -> bool {
        self.instance.lifecycle.wait(timeout, State::has_ended)
    }

    /// The message of the error that ended a thread last.
    pub fn last_error(&self) -> Option<String> {
        self.instance.lifecycle.last_error()
    }

    /// Closes the instance: commits, closes all tasks, leaves the group, waits up to 30 s. True where all that was done.
    pub fn close(&self) -> bool {
        self.close_with(CloseOptions::default())
    }

    /// Closes the instance. Where the time does not suffice it answers false, and closing goes on in the background.
    pub fn close_with(&self, options: CloseOptions) -> bool {
        if lock(&self.events).take().is_some() {
            return self.end_unstarted();
        }
        self.instance.tell_control(ControlEvent::Close(options.group_membership));
        self.instance.lifecycle.wait(options.timeout, State::has_ended)
    }

    /// Calls `listener` with the new and the former state at each change, on the thread that changes it: it should return soon.
    pub fn set_state_listener(&self, listener: impl Fn(State, State) + Send + Sync + 'static) {
        self.instance.lifecycle.set_listener(Arc::new(listener));
    }

    /// Calls `handler` with the error that ends a stream thread, or that keeps a task from starting, to learn what to do.
    /// Without one the instance closes.
    pub fn set_uncaught_exception_handler(
        &self,
        handler: impl Fn(&StreamsError) -> UncaughtExceptionResponse + Send + Sync + 'static,
    ) {
        self.instance.lifecycle.set_handler(Arc::new(handler));
    }

    /// Tells `listener` how the restoring of stores goes on.
    pub fn set_restore_listener(&self, listener: impl RestoreListener) {
        *lock(&self.instance.restore_listener) = Some(Arc::new(listener));
    }

    /// The tasks that this instance has now.
    pub fn tasks(&self) -> Vec<TaskMetadata> {
        let tasks = lock(&self.instance.tasks);
        let metadata = tasks
            .iter()
            .map(|(&task_id, phase)| TaskMetadata { task_id, running: matches!(phase, TaskPhase::Running(..)) });
        metadata.collect()
    }

    /// What the instance has done and holds now; the module [`metrics`](crate::metrics) lists it. It can be asked by any thread at any time, also
    /// before the start and after the end, and disturbs none of those that work.
    pub fn metrics(&self) -> Metrics {
        self.instance.collect_metrics()
    }

    /// Input records processed since the start.
    pub fn processed_records(&self) -> u64 {
        self.instance.metrics.processed_records()
    }

    /// Changelog records restored since the start.
    pub fn restored_records(&self) -> u64 {
        self.instance.metrics.restore.restored()
    }

    /// A view of the key-value store `name`, over all tasks of this instance that have it. It can be used from any thread, for as long as
    /// the instance lives; tasks that come and go are followed.
    ///
    /// # Errors
    /// [`StreamsError::InvalidState`] where no key-value store has that name, its types are others, or the instance does not run.
    pub fn store<K: 'static, V: 'static>(&self, name: &str) -> Result<ReadOnlyKeyValueView<B, K, V>, StreamsError> {
        ReadOnlyKeyValueView::new(Arc::clone(&self.instance), name)
    }

    /// As [`store`](Self::store), of the window store `name`: what a windowed aggregation keeps. `K` is the key without its window.
    ///
    /// # Errors
    /// [`StreamsError::InvalidState`] where no window store has that name, its types are others, or the instance does not run.
    pub fn window_store<K: 'static, V: 'static>(
        &self,
        name: &str,
    ) -> Result<ReadOnlyWindowView<B, K, V>, StreamsError> {
        ReadOnlyWindowView::new(Arc::clone(&self.instance), name)
    }

    /// As [`store`](Self::store), of the versioned key-value store `name`: what a versioned table keeps.
    ///
    /// # Errors
    /// [`StreamsError::InvalidState`] where no versioned store has that name, its types are others, or the instance does not run.
    pub fn versioned_store<K: 'static, V: 'static>(
        &self,
        name: &str,
    ) -> Result<ReadOnlyVersionedView<B, K, V>, StreamsError> {
        ReadOnlyVersionedView::new(Arc::clone(&self.instance), name)
    }

    /// As [`store`](Self::store), of the session store `name`: what an aggregation in sessions keeps. `K` is the key without its session.
    ///
    /// # Errors
    /// [`StreamsError::InvalidState`] where no session store has that name, its types are others, or the instance does not run.
    pub fn session_store<K: 'static, V: 'static>(
        &self,
        name: &str,
    ) -> Result<ReadOnlySessionView<B, K, V>, StreamsError> {
        ReadOnlySessionView::new(Arc::clone(&self.instance), name)
    }
}

impl<B: Broker> Drop for KafkaStreams<B> {
    fn drop(&mut self) {
        if !self.state().has_ended() {
            self.close_with(CloseOptions { timeout: DROP_TIMEOUT, ..CloseOptions::default() });
        }
    }
}
