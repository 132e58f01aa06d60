use super::{OffsetMetadata, TaskId};
use crate::processor::TopicPartitions;
use crate::record::TopicPartition;
use crate::topology::{NodeId, NodeKind, SourceTopics, StoreSpec, Subtopology, Topology};

/// One input partition of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputPartition {
    /// The source that reads it.
    pub source: NodeId,
    /// The partition, by its name on the cluster.
    pub partition: TopicPartition,
}

/// An input partition with the place to start from.
#[derive(Debug, Clone)]
pub struct TaskInput {
    /// The partition.
    pub input: InputPartition,
    /// Offset of the next record to process.
    pub position: i64,
    /// What was committed with that offset.
    pub metadata: OffsetMetadata,
}

/// The names on the cluster of the topics that a source reads. `topics` are those that exist: a pattern is held against them.
pub(crate) fn source_topics(
    topology: &Topology,
    application_id: &str,
    source: NodeId,
    topics: &TopicPartitions,
) -> Vec<String> {
    match &topology.nodes()[source].kind {
        NodeKind::Source { topics: SourceTopics::Names(names), .. } => {
            names.iter().map(|name| topology.topic_name(application_id, name)).collect()
        }
        NodeKind::Source { topics: SourceTopics::Pattern(pattern), .. } => {
            let whole = |name: &str| pattern.find(name).is_some_and(|found| found.len() == name.len());
            let mut names: Vec<_> =
                topics.iter().filter(|(name, _)| whole(name)).map(|(name, _)| name.to_string()).collect();
            names.sort_unstable();
            names
        }
        NodeKind::Processor | NodeKind::Sink { .. } => Vec::new(),
    }
}

/// The input partitions of a task: its partition of every topic of its subtopology that has it. Sources in the order of the
/// topology, their topics in the order in which they were named.
pub fn input_partitions(
    topology: &Topology,
    application_id: &str,
    task_id: TaskId,
    topics: &TopicPartitions,
) -> Vec<InputPartition> {
    let Some(subtopology) = topology.subtopologies().get(task_id.subtopology as usize) else { return Vec::new() };
    let mut inputs = Vec::new();
    for &source in &subtopology.nodes {
        for topic in source_topics(topology, application_id, source, topics) {
            if topics.get(&topic).is_some_and(|count| task_id.partition < count) {
                inputs.push(InputPartition { source, partition: TopicPartition::new(topic, task_id.partition) });
            }
        }
    }
    inputs
}

/// The input partitions of a global subtopology: all there are.
pub(crate) fn global_input_partitions(
    topology: &Topology,
    application_id: &str,
    subtopology: &Subtopology,
    topics: &TopicPartitions,
) -> Vec<InputPartition> {
    let mut inputs = Vec::new();
    for &source in &subtopology.nodes {
        for topic in source_topics(topology, application_id, source, topics) {
            let partitions = 0..topics.get(&topic).unwrap_or(0);
            inputs.extend(
                partitions.map(|partition| InputPartition {
                    source,
                    partition: TopicPartition::new(topic.as_str(), partition),
                }),
            );
        }
    }
    inputs
}

/// The topics that a task reads by name and that are not among `topics`.
pub fn unknown_sources(
    topology: &Topology,
    application_id: &str,
    task_id: TaskId,
    topics: &TopicPartitions,
) -> Vec<String> {
    let Some(subtopology) = topology.subtopologies().get(task_id.subtopology as usize) else { return Vec::new() };
    let names = subtopology.nodes.iter().flat_map(|&node| source_topics(topology, application_id, node, topics));
    names.filter(|name| topics.get(name).is_none()).collect()
}

/// The number of tasks of a subtopology: the largest partition count of the topics it reads. A global one has none.
pub fn task_count(
    topology: &Topology,
    application_id: &str,
    subtopology: &Subtopology,
    topics: &TopicPartitions,
) -> i32 {
    if subtopology.global {
        return 0;
    }
    let sources = subtopology.nodes.iter().flat_map(|&node| source_topics(topology, application_id, node, topics));
    sources.filter_map(|topic| topics.get(&topic)).max().unwrap_or(0)
}

/// The changelog partitions of a task: name of the store and partition, for each store that is logged or restored from an input topic.
pub fn changelogs(topology: &Topology, application_id: &str, task_id: TaskId) -> Vec<(String, TopicPartition)> {
    let Some(subtopology) = topology.subtopologies().get(task_id.subtopology as usize) else { return Vec::new() };
    let topic = |spec: &StoreSpec| match topology.source_changelog(&spec.name) {
        Some(source) => Some(topology.topic_name(application_id, source)),
        None => spec.logging.as_ref().map(|_| spec.changelog_topic(application_id)),
    };
    let stores = subtopology.stores.iter().filter_map(|name| topology.store(name));
    stores.filter_map(|spec| Some((spec.name.clone(), TopicPartition::new(topic(spec)?, task_id.partition)))).collect()
}
