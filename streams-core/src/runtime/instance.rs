use super::control::ControlEvent;
use super::lifecycle::Lifecycle;
use super::restore::{RestoreEvent, RestoreListener};
use super::state_directory::StateDirectory;
use super::stream_thread::ThreadHandle;
use super::threads::lock;
use crate::broker::Broker;
use crate::config::{Settings, StreamsConfig};
use crate::metrics::{InstanceFacts, InstanceMetrics, Metrics};
use crate::store::GlobalStores;
use crate::task::TaskId;
use crate::topology::Topology;
use kafka_client::group::{GroupCoordinator, MemberIdentity};
use state_stores::{CommittedReader, StorageEnvironment, TaskStores};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What the threads of an instance share. Nothing of it is touched per record.
pub(crate) struct Instance<B: Broker> {
    pub(crate) broker: B,
    pub(crate) config: StreamsConfig,
    pub(crate) settings: Settings,
    pub(crate) topology: Topology,
    pub(crate) coordinator: Arc<dyn GroupCoordinator>,
    pub(crate) directory: StateDirectory,
    pub(crate) storage: StorageEnvironment,
    pub(crate) lifecycle: Lifecycle,
    /// Who commits come from. Changes with each generation, so it is taken afresh for each commit.
    pub(crate) identity: Mutex<Option<MemberIdentity>>,
    /// Until when the tasks are this instance's for certain.
    pub(crate) assurance: Arc<Assurance>,
    pub(crate) restore_listener: Mutex<Option<Arc<dyn RestoreListener>>>,
    pub(crate) metrics: InstanceMetrics,
    /// The tasks of this instance, for queries.
    pub(crate) tasks: Mutex<BTreeMap<TaskId, TaskPhase>>,
    /// The sum of the changelog positions of the stores of each task, as of its last commit here.
    pub(crate) positions: Mutex<BTreeMap<TaskId, i64>>,
    /// Set when the global stores are up to date, before the first task.
    pub(crate) globals: Mutex<GlobalStores>,
    pub(crate) control: Mutex<Sender<ControlEvent>>,
}

/// Until when the group has no one else do the tasks of this instance.
pub(crate) struct Assurance {
    epoch: Instant,
    /// Since the epoch, in microseconds.
    until: AtomicU64,
}

impl Assurance {
    pub(crate) fn new() -> Self {
        Self { epoch: Instant::now(), until: AtomicU64::new(0) }
    }

    /// Time since the epoch.
    pub(crate) fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    pub(crate) fn set(&self, until: Option<Duration>) {
        self.until.store(until.map_or(0, |until| until.as_micros() as u64), Ordering::Release);
    }

    /// Whether the tasks are this instance's now. If not, it was cut off from the group, or stood still, for so long that others may
    /// have them: what it writes now might overwrite what they have written.
    pub(crate) fn holds(&self) -> bool {
        self.epoch.elapsed().as_micros() < u128::from(self.until.load(Ordering::Acquire))
    }
}

/// How far a task of this instance is.
#[derive(Clone)]
pub(crate) enum TaskPhase {
    /// Being made ready; its stores cannot be queried.
    Restoring,
    /// Processing on a thread, with the readers of what its stores have committed.
    Running(ThreadHandle, Vec<(String, CommittedReader)>),
    /// Being closed.
    Closing,
}

impl<B: Broker> Instance<B> {
    /// Tells the control thread something. After its end nobody listens, which is fine.
    pub(crate) fn tell_control(&self, event: ControlEvent) {
        let _ = lock(&self.control).send(event);
    }

    pub(crate) fn restore_event(&self, event: RestoreEvent) {
        self.tell_control(ControlEvent::Restore(event));
    }

    pub(crate) fn restore_listener(&self) -> Option<Arc<dyn RestoreListener>> {
        lock(&self.restore_listener).clone()
    }

    pub(crate) fn collect_metrics(&self) -> Metrics {
        let restoring = |phase: &&TaskPhase| matches!(phase, TaskPhase::Restoring);
        let restoring_tasks = lock(&self.tasks).values().filter(restoring).count();
        self.metrics.collect(InstanceFacts {
            application_id: &self.settings.application_id,
            topology_description: self.topology.describe(),
            state: self.lifecycle.state(),
            restoring_tasks,
            storage: &self.storage,
        })
    }

    /// Notes how far the stores of a task have come: the group gives a task to whom it costs least to bring them up to date.
    pub(crate) fn note_position(&self, task: TaskId, stores: &TaskStores) {
        let position = (0..stores.specs().len()).filter_map(|index| stores.committed_offset(index)).sum();
        lock(&self.positions).insert(task, position);
    }

    pub(crate) fn globals(&self) -> GlobalStores {
        lock(&self.globals).clone()
    }

    pub(crate) fn positions(&self) -> Vec<(TaskId, i64)> {
        lock(&self.positions).iter().map(|(&task, &position)| (task, position)).collect()
    }

    pub(crate) fn identity(&self) -> Option<MemberIdentity> {
        lock(&self.identity).clone()
    }
}
