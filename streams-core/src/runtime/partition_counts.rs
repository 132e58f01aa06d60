//! How many partitions repartition topics need, and whether topics that are joined have as many.

use crate::error::StreamsError;
use crate::processor::TopicPartitions;
use crate::task::{source_topics, task_count};
use crate::topology::{Copartition, NodeId, NodeKind, Topology};
use std::collections::BTreeMap;

/// Partition counts of the repartition topics, by their names on the cluster: as declared, else those of the topics that they are joined with,
/// else the largest of the topics that the writing subtopology reads.
///
/// # Errors
/// Topics that are joined have different counts, or nothing says how many a topic needs.
pub(super) fn repartition_counts(
    topology: &Topology,
    application_id: &str,
    topics: &TopicPartitions,
) -> Result<Vec<(String, i32)>, StreamsError> {
    let mut counts = Counts::new(topology, application_id, topics);
    // Each round settles at least one more topic of a chain of repartitions.
    for _ in 0..=counts.names.len() {
        counts.settle();
        for copartition in topology.copartitions() {
            counts.equalize(copartition)?;
        }
    }
    counts.finish()
}

/// The counts as they are found.
struct Counts<'a> {
    topology: &'a Topology,
    application_id: &'a str,
    /// Repartition topics, in the order of the topology.
    names: Vec<String>,
    /// Of all topics; 0 for a repartition topic that has none yet.
    known: TopicPartitions,
    /// Counts that a join has given to repartition topics.
    given: BTreeMap<String, i32>,
}

impl<'a> Counts<'a> {
    fn new(topology: &'a Topology, application_id: &'a str, topics: &TopicPartitions) -> Self {
        let topic_name = |name| topology.topic_name(application_id, name);
        let names: Vec<_> = topology.repartition_topics().iter().map(|topic| topic_name(&topic.name)).collect();
        let mut known = topics.clone();
        // What exists already must not decide what is needed, or a grown input would never be noticed.
        names.iter().for_each(|name| known.set(name.as_str(), 0));
        Self { topology, application_id, names, known, given: BTreeMap::new() }
    }

    fn settle(&mut self) {
        for (topic, name) in self.topology.repartition_topics().iter().zip(&self.names) {
            let joined = || self.given.get(name).copied();
            let count = topic.partitions.or_else(joined).unwrap_or_else(|| self.of_writers(&topic.name));
            self.known.set(name.as_str(), count);
        }
    }

    /// The largest number of tasks of the subtopologies that write to a topic.
    fn of_writers(&self, topic: &str) -> i32 {
        let nodes = self.topology.nodes();
        let writes = |&node: &usize| matches!(&nodes[node].kind, NodeKind::Sink { topic: Some(name) } if name == topic);
        let writers = self.topology.subtopologies().iter().filter(|part| part.nodes.iter().any(writes));
        let tasks = writers.map(|writer| task_count(self.topology, self.application_id, writer, &self.known));
        tasks.max().unwrap_or(0)
    }

    /// Has the topics of a join have as many partitions, as far as that is ours to say.
    fn equalize(&mut self, copartition: &Copartition) -> Result<(), StreamsError> {
        let sources = copartition.sources.iter();
        let topics = sources.flat_map(|&node| {
            let topics = source_topics(self.topology, self.application_id, node, &self.known);
            topics.into_iter().map(move |topic| (topic, node))
        });
        let topics: Vec<Joined> = topics
            .filter_map(|(topic, source)| self.known.get(&topic).map(|count| Joined { topic, source, count }))
            .collect();
        let (ours, fixed): (Vec<_>, Vec<_>) = topics.into_iter().partition(|joined| self.is_ours(&joined.topic));
        let count = match fixed.first() {
            Some(first) if fixed.iter().all(|other| other.count == first.count) => first.count,
            Some(_) => return Err(not_copartitioned(self.topology, &fixed, &copartition.join)),
            None => ours.iter().map(|joined| joined.count).max().unwrap_or(0),
        };
        for Joined { topic, .. } in ours {
            self.known.set(topic.as_str(), count);
            self.given.insert(topic, count);
        }
        Ok(())
    }

    /// Whether a topic is a repartition topic that may have any number of partitions.
    fn is_ours(&self, name: &str) -> bool {
        let place = self.names.iter().position(|other| other == name);
        place.is_some_and(|place| self.topology.repartition_topics()[place].partitions.is_none())
    }

    fn finish(self) -> Result<Vec<(String, i32)>, StreamsError> {
        let count = |name: String| match self.known.get(&name) {
            Some(count) if count > 0 => Ok((name, count)),
            _ => Err(StreamsError::InternalTopic {
                topic: name,
                message: "its partition count cannot be found: none of the topics that feed it has partitions"
                    .to_owned(),
            }),
        };
        self.names.into_iter().map(count).collect()
    }
}

/// A topic whose records meet others by key.
struct Joined {
    topic: String,
    source: NodeId,
    count: i32,
}

#[cold]
fn not_copartitioned(topology: &Topology, topics: &[Joined], join: &str) -> StreamsError {
    let count = |Joined { topic, source, count }: &Joined| match topology.chain_from(*source, join) {
        Some(way) => format!("{topic} has {count} ({way})"),
        None => format!("{topic} has {count}"),
    };
    let counts: Vec<_> = topics.iter().map(count).collect();
    StreamsError::NotCopartitioned(format!(
        "topics that are joined by {join} have different partition counts: {}. Records with equal keys would not meet. Give the topics equal \
         counts, or send one side through `repartition()` before the join",
        counts.join(", ")
    ))
}

#[cfg(test)]
mod tests;
