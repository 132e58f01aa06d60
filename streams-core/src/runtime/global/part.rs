use super::positions::{self, Positions};
use crate::error::StreamsError;
use crate::processor::TopicPartitions;
use crate::record::TopicPartition;
use crate::runtime::instance::Instance;
use crate::runtime::wall_time;
use crate::store::GlobalStores;
use crate::task::{InputPartition, OffsetMetadata, Task, TaskId, TaskInput, TaskParts, TaskSettings};
use crate::topology::{StoreSpec, Subtopology};
use state_stores::{StoreError, TaskStores};
use std::sync::Arc;

/// A global subtopology: the task that fills its store.
pub(super) struct GlobalPart {
    pub(super) task: Task,
    pub(super) store: String,
    /// Kept for its memory.
    note: String,
}

/// A global subtopology whose store is open, before its nodes are built: those may read all global stores.
pub(super) struct OpenedPart {
    id: TaskId,
    pub(super) store: String,
    pub(super) stores: TaskStores,
    pub(super) inputs: Vec<TaskInput>,
}

impl OpenedPart {
    /// Opens the store of a subtopology, and finds where to go on in each of `inputs`, of which `extents` are the first offsets and the ends.
    ///
    /// # Errors
    /// The store cannot be opened.
    pub(super) fn open<B: crate::broker::Broker>(
        instance: &Instance<B>,
        subtopology: &Subtopology,
        specs: &[&StoreSpec],
        inputs: Vec<InputPartition>,
        extents: &[(i64, i64)],
    ) -> Result<Self, StreamsError> {
        let store = specs.first().map(|spec| spec.name.clone()).unwrap_or_default();
        let directory = instance.directory.global_directory(&store);
        let engine_specs = || specs.iter().map(|spec| spec.engine_spec(false)).collect::<Vec<_>>();
        let mut stores = match TaskStores::open(&directory, engine_specs(), &instance.storage) {
            Err(StoreError::Corrupt { .. }) => {
                tracing::warn!("global store {store} is damaged and is rebuilt");
                TaskStores::destroy(&directory)?;
                TaskStores::open(&directory, engine_specs(), &instance.storage)?
            }
            stores => stores?,
        };
        let saved = match usable(&stores, &inputs, extents)? {
            Some(saved) => saved,
            None => {
                wipe(&mut stores)?;
                Positions::new()
            }
        };
        let from = |(input, (start, _)): (InputPartition, &(i64, i64))| {
            let (position, metadata) =
                saved.get(&input.partition).cloned().unwrap_or((*start, OffsetMetadata::default()));
            TaskInput { input, position, metadata }
        };
        let inputs = inputs.into_iter().zip(extents).map(from).collect();
        Ok(Self { id: TaskId::new(subtopology.id, 0), store, stores, inputs })
    }

    /// Where it begins to read.
    pub(super) fn positions(&self) -> Vec<(TopicPartition, i64)> {
        self.inputs.iter().map(|input| (input.input.partition.clone(), input.position)).collect()
    }

    /// Builds the nodes; `globals` are all global stores.
    ///
    /// # Errors
    /// A node cannot be built or initialized.
    pub(super) fn build<B: crate::broker::Broker>(
        self,
        instance: &Arc<Instance<B>>,
        topics: &TopicPartitions,
        globals: &GlobalStores,
    ) -> Result<GlobalPart, StreamsError> {
        let Self { id, store, stores, inputs } = self;
        let parts = TaskParts { id, inputs, stores, topics: topics.clone(), globals: globals.clone() };
        // The order of partitions means nothing to a table.
        let settings = TaskSettings { max_task_idle: None, ..instance.settings.task.clone() };
        let mut task = Task::new(&instance.topology, settings, parts)?;
        task.init(wall_time())?;
        Ok(GlobalPart { task, store, note: String::new() })
    }
}

impl GlobalPart {
    /// Writes the rows of what was processed, with where that stands.
    pub(super) fn commit(&mut self) -> Result<(), StreamsError> {
        let offsets = self.task.prepare_commit()?;
        self.task.output().clear();
        positions::write(&offsets, &mut self.note);
        self.task.note_commit(self.note.as_bytes())?;
        self.task.complete_commit(&offsets, |_| None)
    }

    /// Closes the store and deletes its rows, so that the next start rebuilds it.
    pub(super) fn wipe(self) -> Result<(), StreamsError> {
        wipe(&mut self.task.close()?)
    }
}

/// Where the store stands, if it can be gone on with from there. If a part of the topic that it has read is gone, what that part or the one after it had deleted would stay:
/// the store is rebuilt then. A partition that it does not know is read from its start.
fn usable(
    stores: &TaskStores,
    inputs: &[InputPartition],
    extents: &[(i64, i64)],
) -> Result<Option<Positions>, StreamsError> {
    let Some(note) = stores.committed_note(0)? else { return Ok(None) };
    let Some(saved) = positions::read(&note) else {
        tracing::warn!("global store {}: where it stands cannot be read; it is rebuilt", stores.specs()[0].name);
        return Ok(None);
    };
    let holds = |(partition, (at, _)): (&TopicPartition, &(i64, OffsetMetadata))| {
        let known = inputs.iter().zip(extents).find(|(input, _)| input.partition == *partition);
        known.is_some_and(|(_, (start, end))| (*start..=*end).contains(at))
    };
    Ok(saved.iter().all(holds).then_some(saved))
}

fn wipe(stores: &mut TaskStores) -> Result<(), StreamsError> {
    (0..stores.specs().len()).try_for_each(|store| Ok(stores.wipe(store)?))
}
