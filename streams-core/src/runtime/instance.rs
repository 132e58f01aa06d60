use super::control::ControlEvent;
use super::lifecycle::{Lifecycle, lock};
use super::restore::{RestoreEvent, RestoreListener};
use super::state_directory::StateDirectory;
use super::stream_thread::ThreadHandle;
use crate::broker::Broker;
use crate::config::{Settings, StreamsConfig};
use crate::task::TaskId;
use crate::topology::Topology;
use kafka_client::group::{GroupCoordinator, MemberIdentity};
use state_stores::{CommittedReader, StorageEnvironment};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

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
    pub(crate) restore_listener: Mutex<Option<Arc<dyn RestoreListener>>>,
    pub(crate) restored_records: AtomicU64,
    pub(crate) processed_records: AtomicU64,
    pub(crate) dropped_records: AtomicU64,
    /// The tasks of this instance, for queries.
    pub(crate) tasks: Mutex<BTreeMap<TaskId, TaskPhase>>,
    pub(crate) control: Mutex<Sender<ControlEvent>>,
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

    pub(crate) fn identity(&self) -> Option<MemberIdentity> {
        lock(&self.identity).clone()
    }
}
