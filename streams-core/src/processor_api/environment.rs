use super::processor::{ProcessorResult, unwrapped};
use super::stores::{CustomInstance, OpenedRows, Opening, ProcessorStore};
use crate::error::StreamsError;
use crate::processor::TaskContext;
use crate::store::{GlobalStores, TaskStore};
use crate::topology::{TaskBuild, Topology};
use state_stores::{Slot, WriteContext};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

/// What a processor's node knows of its task besides its children.
pub(super) struct Environment {
    pub(super) node: Arc<str>,
    pub(super) application_id: Arc<str>,
    topology: Topology,
    /// The stores that are connected to the node, in the order of the topology.
    stores: Vec<Connected>,
    /// Those of them whose updates do not wait for the commit.
    write_through: Vec<Rc<TaskStore>>,
    globals: GlobalStores,
    slots: RefCell<Vec<Slot>>,
    /// What the task's stores note with each write.
    origin: Rc<Cell<WriteContext>>,
    /// Whether the nodes are being initialized no longer.
    running: Cell<bool>,
    child_failed: Cell<bool>,
}

/// A store with what the user has built on it.
type Connected = (Rc<TaskStore>, Option<Rc<dyn CustomInstance>>);

impl Environment {
    /// For the node that is being built, with the stores that it is connected to.
    pub(super) fn new(build: &mut TaskBuild<'_>) -> Result<Self, StreamsError> {
        let names = build.connected_stores(build.node());
        Self::with_stores(build, &names)
    }

    /// For the node that is being built, with these stores of its task.
    pub(super) fn with_stores(build: &mut TaskBuild<'_>, names: &[String]) -> Result<Self, StreamsError> {
        let node = Arc::clone(build.node());
        let mut stores = Vec::new();
        for name in names {
            stores.push((build.store(name)?, build.custom_store(name)?));
        }
        let write_through = stores.iter().map(|(store, _)| store).filter(|store| store.is_write_through());
        Ok(Self {
            write_through: write_through.cloned().collect(),
            node,
            application_id: build.application_id().into(),
            topology: build.topology().clone(),
            stores,
            globals: build.globals().clone(),
            slots: RefCell::default(),
            origin: build.write_context(),
            running: Cell::new(false),
            child_failed: Cell::new(false),
        })
    }

    /// The node is asked for a store.
    pub(super) fn open_store<S: ProcessorStore>(&self, name: &str) -> Result<S, StreamsError> {
        let Some(spec) = self.topology.store(name) else { return Err(self.unknown_store(name)) };
        let found = self.stores.iter().find(|(store, _)| **store.name() == *name);
        let rows = match (found, self.globals.get(name)) {
            (Some((store, custom)), _) => OpenedRows::Task(store, custom.as_ref()),
            (None, Some(reader)) => OpenedRows::Global(reader),
            (None, None) => return Err(self.unknown_store(name)),
        };
        let opening = Opening { spec, rows };
        S::open(&opening).map_err(|message| StreamsError::Topology(format!("processor {}: {message}", self.node)))
    }

    #[cold]
    fn unknown_store(&self, name: &str) -> StreamsError {
        let node = &self.node;
        let way = self.topology.chain_to(node);
        if self.topology.store(name).is_some() {
            return StreamsError::Topology(format!(
                "store {name} is not connected to processor {node}, which asks for it; name the processor where the store is added, \
                 or use connect_processor_and_state_stores (at {way})"
            ));
        }
        let list = |names: Vec<&str>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let names = list(self.topology.stores().iter().map(|store| store.name.as_str()).collect());
        StreamsError::Topology(format!(
            "processor {node} asks for store {name}, which does not exist; the stores are: {names}; add it, or ask for one of these (at {way})"
        ))
    }

    /// A call of the processor begins: what it writes is noted as of this time.
    #[inline]
    pub(super) fn begin(&self, timestamp: i64, offset: i64) -> WriteContext {
        let origin = WriteContext { timestamp, source: 0, offset };
        self.resume(origin);
        origin
    }

    /// The processor goes on after its children.
    #[inline]
    pub(super) fn resume(&self, origin: WriteContext) {
        if !self.stores.is_empty() {
            self.origin.set(origin);
        }
    }

    /// A call of the processor has ended: what it wrote to stores without cache is logged.
    #[inline]
    pub(super) fn end(&self, task: &mut TaskContext, result: ProcessorResult) -> Result<(), StreamsError> {
        if result.is_err() || self.child_failed.get() {
            return Err(self.failure(result));
        }
        for store in &self.write_through {
            if store.has_unlogged() {
                store.flush_with(task, &mut self.slots.borrow_mut())?;
            }
        }
        Ok(())
    }

    /// What a call failed with. What a child failed with stops the task, whatever the processor made of it: the handler has been asked already.
    #[cold]
    fn failure(&self, result: ProcessorResult) -> StreamsError {
        let node = &self.node;
        match (result.map_err(unwrapped), self.child_failed.get()) {
            (Err(StreamsError::User(error)), true) => {
                StreamsError::InvalidState(format!("processor {node} failed with the error of a child: {error}"))
            }
            (Err(error), _) => error,
            (Ok(()), _) => StreamsError::InvalidState(format!(
                "a child of processor {node} failed, and {node} went on; it must return what forward answers"
            )),
        }
    }

    /// Notes that a child has failed.
    #[inline]
    pub(super) fn forwarded(&self, done: Result<(), StreamsError>) -> Result<(), StreamsError> {
        if done.is_err() {
            self.child_failed.set(true);
        }
        done
    }

    /// Before the processor is initialized: stores of the user's own get their rows.
    pub(super) fn restore_custom_stores(&self) -> Result<(), StreamsError> {
        self.custom_stores().try_for_each(|store| store.restore())
    }

    /// From now on records may be forwarded.
    pub(super) fn run(&self) {
        self.running.set(true);
    }

    /// Whether a record of this time may be forwarded now.
    #[inline]
    pub(super) fn check_forward(&self, timestamp: i64) -> Result<(), StreamsError> {
        if timestamp >= 0 && self.running.get() { Ok(()) } else { Err(self.not_to_forward(timestamp)) }
    }

    #[cold]
    fn not_to_forward(&self, timestamp: i64) -> StreamsError {
        if timestamp < 0 {
            let message = format!("processor {} forwards a record with the negative timestamp {timestamp}", self.node);
            return StreamsError::user(message);
        }
        StreamsError::InvalidState(format!(
            "processor {} forwards in its init, before its children are initialized; schedule a punctuation instead",
            self.node
        ))
    }

    /// Before a commit: stores of the user's own write what has changed.
    pub(super) fn flush_custom_stores(&self) -> Result<(), StreamsError> {
        self.custom_stores().try_for_each(|store| store.flush())
    }

    fn custom_stores(&self) -> impl Iterator<Item = &Rc<dyn CustomInstance>> {
        self.stores.iter().filter_map(|(_, custom)| custom.as_ref())
    }
}
