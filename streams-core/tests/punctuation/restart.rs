//! What a task knows after a restart: stream time and the numbers of its nodes, from what was committed with its offsets.

use crate::nodes::{Script, topology};
use state_stores::{StorageEnvironment, StorageLimits, TaskStores};
use streams_core::processor::TopicPartitions;
use streams_core::record::{RecordBatchBuilder, TopicPartition};
use streams_core::store::GlobalStores;
use streams_core::task::{InputPartition, OffsetMetadata, Task, TaskId, TaskInput, TaskParts, TaskSettings};

/// A task with the committed metadata of its inputs `in` and `other`.
fn task(script: Script, committed: [OffsetMetadata; 2]) -> Task {
    let topology = topology(script);
    let directory = tempfile::tempdir().unwrap();
    let environment = StorageEnvironment::new(StorageLimits::default()).unwrap();
    let stores = TaskStores::open(directory.path(), Vec::new(), &environment).unwrap();
    let inputs = ["in", "other"].into_iter().zip(committed).map(|(topic, metadata)| TaskInput {
        input: InputPartition { source: 0, partition: TopicPartition::new(topic, 0) },
        position: 0,
        metadata,
    });
    let topics = TopicPartitions::with_default(1);
    let parts =
        TaskParts { id: TaskId::new(0, 0), inputs: inputs.collect(), stores, topics, globals: GlobalStores::default() };
    Task::new(&topology, TaskSettings::new("application"), parts).unwrap()
}

fn record(task: &mut Task, value: &str, timestamp: i64) {
    let mut batch = RecordBatchBuilder::new(TopicPartition::new("in", 0));
    batch.push(0, timestamp, Some(b"k"), Some(value.as_bytes()), []);
    task.add_records(0, batch.finish(None));
    (0..2).for_each(|input| task.set_end_offset(input, Some(0)));
    assert_eq!(task.process(1, 1000).unwrap(), 1);
}

fn committed(partition_time: i64, entries: &[(&str, i64)]) -> OffsetMetadata {
    let mut metadata = OffsetMetadata { partition_time, ..OffsetMetadata::default() };
    entries.iter().for_each(|(key, value)| assert!(metadata.processor_metadata.put(key, *value)));
    metadata
}

#[test]
fn schedules_go_by_the_stream_time_that_was_committed() {
    let script = Script { init: "S100", ..Script::default() };
    let calls = script.calls.clone();
    let mut task = task(script, [committed(250, &[]), committed(180, &[])]);
    assert!(task.punctuate(1000).unwrap());
    assert!(!task.punctuate(1000).unwrap());
    assert!(task.commit_needed());
    record(&mut task, "r", 299);
    record(&mut task, "r", 300);
    assert_eq!(*calls.lock().unwrap(), ["0@250", "0@300"]);
}

#[test]
fn a_task_says_when_its_next_wall_clock_punctuation_is_due() {
    let mut task = task(Script { init: "W100;W250", ..Script::default() }, Default::default());
    assert_eq!(task.next_wall_clock_punctuation(), None);
    task.init(1000).unwrap();
    assert_eq!(task.next_wall_clock_punctuation(), Some(1100));
    assert!(!task.punctuate(1099).unwrap());
    assert!(task.punctuate(1249).unwrap());
    assert_eq!(task.next_wall_clock_punctuation(), Some(1250));
    assert!(task.punctuate(1299).unwrap());
    assert_eq!(task.next_wall_clock_punctuation(), Some(1300));
}

#[test]
fn numbers_of_nodes_are_merged_committed_and_read_again() {
    let mut first = task(Script::default(), [committed(5, &[("q", 3), ("p", 1)]), committed(7, &[("q", 9)])]);
    first.init(1000).unwrap();
    assert!(!first.commit_needed());
    record(&mut first, "m", 77);
    assert!(first.commit_needed());
    let offsets = first.prepare_commit().unwrap();
    let read: Vec<_> = offsets.iter().map(|offset| OffsetMetadata::decode(&offset.metadata)).collect();
    let numbers = |metadata: &OffsetMetadata| ["p", "q"].map(|key| metadata.processor_metadata.get(key));
    assert_eq!(read.iter().map(|metadata| metadata.partition_time).collect::<Vec<_>>(), [77, 7]);
    assert_eq!(read.iter().map(numbers).collect::<Vec<_>>(), [[Some(77), Some(9)]; 2]);
    first.complete_commit(&offsets, |_| None).unwrap();
    assert!(!first.commit_needed());
}
