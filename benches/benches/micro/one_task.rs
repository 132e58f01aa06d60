use crate::case::{Amount, Failure};
use state_stores::{StorageEnvironment, StorageLimits, TaskStores};
use std::collections::VecDeque;
use streams_core::processor::TopicPartitions;
use streams_core::record::{RecordBatch, RecordBatchBuilder, RecordRef, TopicPartition};
use streams_core::store::GlobalStores;
use streams_core::task::{OffsetMetadata, Task, TaskId, TaskInput, TaskParts, TaskSettings, input_partitions};
use streams_dsl::Topology;

const PER_BATCH: usize = 1000;
/// What a store has of the default cache (10 MiB) where three tasks share it.
const CACHE_BYTES: usize = 10 << 20;
const TASKS: usize = 3;

/// How a topology is run.
#[derive(Clone, Copy)]
pub struct Settings {
    /// Number of the subtopology that the task is of.
    pub subtopology: u32,
    /// Whether stores have a cache.
    pub cached: bool,
    /// Records between two commits.
    pub per_commit: u64,
}

/// A record of input.
pub struct Input<'a> {
    pub key: Option<&'a str>,
    pub value: &'a str,
    pub timestamp: i64,
}

/// Takes the records of the input, one by one.
pub type Take<'a> = &'a mut dyn FnMut(Input<'_>);

/// Runs one task of a topology over its input, from encoded batch to encoded output. Its one input partition gets what `input` makes.
pub fn run(
    topology: &Topology,
    settings: Settings,
    amount: Amount,
    input: impl FnOnce(u64, Take<'_>),
) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let environment = StorageEnvironment::new(StorageLimits::default())?;
    let mut task = task(topology, settings, folder.path(), &environment)?;
    let partition = task.partitions().next().ok_or("the task reads nothing")?.clone();
    let mut batches = prepare(&partition, amount.prepared, input);
    let (mut done, mut committed) = (0, 0);
    while done < amount.records {
        task.add_records(0, batches.pop_front().ok_or("too little input was prepared")?);
        loop {
            let count = task.process(PER_BATCH, 0)? as u64;
            task.output().clear();
            done += count;
            if task.commit_requested() || done - committed >= settings.per_commit {
                commit(&mut task, done)?;
                committed = done;
            }
            if count == 0 {
                break;
            }
        }
    }
    if task.processed_records() != amount.records || task.dropped_records() != 0 {
        return Err(format!("{} processed, {} dropped", task.processed_records(), task.dropped_records()).into());
    }
    // Neither the rest of the input nor the end of the task is a record's cost; but both are the same in both runs.
    task.close()?;
    Ok(())
}

#[inline(never)]
fn commit(task: &mut Task, done: u64) -> Result<(), Failure> {
    let offsets = task.prepare_commit()?;
    task.output().clear();
    task.later_output().clear();
    task.complete_commit(&offsets, |_| Some(done as i64))?;
    Ok(())
}

fn task(
    topology: &Topology,
    settings: Settings,
    folder: &std::path::Path,
    environment: &StorageEnvironment,
) -> Result<Task, Failure> {
    let id = TaskId::new(settings.subtopology, 0);
    let names = &topology.subtopologies()[settings.subtopology as usize].stores;
    let specs: Vec<_> = names.iter().filter_map(|name| topology.store(name)).collect();
    let specs = specs.into_iter().map(|spec| spec.engine_spec(settings.cached));
    let specs = specs.map(|mut spec| {
        spec.buffer.limit_bytes = CACHE_BYTES / TASKS;
        spec
    });
    let stores = TaskStores::open(folder, specs.collect(), environment)?;
    let topics = TopicPartitions::with_default(TASKS as i32);
    let inputs = input_partitions(topology, "micro", id, &topics).into_iter();
    let inputs = inputs.map(|input| TaskInput { input, position: 0, metadata: OffsetMetadata::default() }).collect();
    Ok(Task::new(
        topology,
        TaskSettings::new("micro"),
        TaskParts { id, inputs, stores, topics, globals: GlobalStores::default() },
    )?)
}

/// Apart, as `commit` is, so that a profile tells them from what is measured.
#[inline(never)]
fn prepare(partition: &TopicPartition, records: u64, input: impl FnOnce(u64, Take<'_>)) -> VecDeque<RecordBatch> {
    let mut batches = VecDeque::new();
    let new = || RecordBatchBuilder::new(partition.clone());
    let (mut batch, mut offset) = (new(), 0);
    input(records, &mut |record| {
        let (key, value) = (record.key.map(str::as_bytes), Some(record.value.as_bytes()));
        batch.push_encoded(RecordRef { offset, timestamp: record.timestamp, key, value, headers: &[] });
        offset += 1;
        if batch.len() == PER_BATCH {
            batches.push_back(std::mem::replace(&mut batch, new()).finish(None));
        }
    });
    batches
}
