//! When a program is done: its group has committed everything that is in its inputs and in the topics between its
//! subtopologies.

use crate::cluster::{Cluster, PARTITIONS, TIMEOUT};
use crate::failure::{Context, Result};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};

/// How far a group is.
#[derive(PartialEq, Eq)]
pub struct Progress {
    partitions: Vec<Partition>,
    missing_topics: usize,
}

#[derive(PartialEq, Eq)]
struct Partition {
    topic: String,
    number: i32,
    committed: Option<i64>,
    end: i64,
}

impl Progress {
    pub fn is_drained(&self) -> bool {
        self.missing_topics == 0 && self.partitions.iter().all(Partition::is_drained)
    }

    /// What is left, for messages.
    pub fn describe(&self) -> String {
        let mut left: Vec<_> =
            self.partitions.iter().filter(|partition| !partition.is_drained()).map(Partition::describe).collect();
        if self.missing_topics > 0 {
            left.push(format!("{} topic(s) between subtopologies not created yet", self.missing_topics));
        }
        if left.is_empty() { "nothing is left".to_owned() } else { left.join(", ") }
    }
}

impl Partition {
    /// A partition that never held a record has no committed offset.
    fn is_drained(&self) -> bool {
        self.committed.unwrap_or(0) == self.end
    }

    fn describe(&self) -> String {
        let committed = self.committed.map_or("nothing".to_owned(), |offset| offset.to_string());
        format!("{}-{}: {committed} of {} committed", self.topic, self.number, self.end)
    }
}

/// Looks at a program from outside, without joining its group.
pub struct Watch<'a> {
    cluster: &'a Cluster,
    reader: BaseConsumer,
    group: String,
    inputs: Vec<(String, i32)>,
    inner_topics: usize,
}

impl<'a> Watch<'a> {
    pub fn new(cluster: &'a Cluster, group: &str, inputs: Vec<String>, inner_topics: usize) -> Result<Self> {
        let reader = cluster.reader(group, &[])?;
        let inputs = inputs.into_iter().map(|topic| (topic, PARTITIONS)).collect();
        Ok(Self { cluster, reader, group: group.to_owned(), inputs, inner_topics })
    }

    /// Committed offsets are read before end offsets, and the inputs' before those of the topics downstream: if all agree, no
    /// record can have come in between.
    pub fn progress(&self) -> Result<Progress> {
        let mut partitions = self.partitions(&self.inputs)?;
        let inner: Vec<_> = self
            .cluster
            .topics(&format!("{}-", self.group))?
            .into_iter()
            // The topics of foreign-key joins end with the latter.
            .filter(|(name, _)| name.ends_with("-repartition") || name.ends_with("-topic"))
            .collect();
        partitions.extend(self.partitions(&inner)?);
        Ok(Progress { partitions, missing_topics: self.inner_topics.saturating_sub(inner.len()) })
    }

    fn partitions(&self, topics: &[(String, i32)]) -> Result<Vec<Partition>> {
        let mut wanted = TopicPartitionList::new();
        for (topic, partitions) in topics {
            wanted.add_partition_range(topic, 0, partitions - 1);
        }
        if wanted.count() == 0 {
            return Ok(Vec::new());
        }
        let committed = self
            .reader
            .committed_offsets(wanted, TIMEOUT)
            .context(|| format!("committed offsets of group {}", self.group))?;
        committed
            .elements()
            .into_iter()
            .map(|element| {
                let (topic, number) = (element.topic().to_owned(), element.partition());
                element.error().context(|| format!("committed offset of {topic}-{number}"))?;
                let committed = match element.offset() {
                    Offset::Offset(offset) => Some(offset),
                    _ => None,
                };
                let (_, end) = self
                    .reader
                    .fetch_watermarks(&topic, number, TIMEOUT)
                    .context(|| format!("end offset of {topic}-{number}"))?;
                Ok(Partition { topic, number, committed, end })
            })
            .collect()
    }
}
