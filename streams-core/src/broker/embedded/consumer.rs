use super::Isolation;
use super::cluster::Cluster;
use super::partition_log::ReadLimit;
use super::settings::ConsumerSettings;
use super::topic::{Partition, unknown};
use super::watcher::Watcher;
use crate::broker::{BrokerError, Consumer, Fetched, Waker};
use crate::record::TopicPartition;
use std::sync::Arc;
use std::time::Duration;

/// Reads from an [`EmbeddedBroker`](super::EmbeddedBroker).
///
/// A poll that finds nothing waits in real time, also where the broker's clock is a manual one.
#[derive(Debug)]
pub struct EmbeddedConsumer {
    cluster: Arc<Cluster>,
    settings: ConsumerSettings,
    watcher: Arc<Watcher>,
    /// In the order of their names.
    assigned: Vec<Assigned>,
    /// Where the next poll begins, so that a busy partition does not starve the others.
    turn: usize,
}

/// One assigned partition.
#[derive(Debug)]
struct Assigned {
    topic_partition: TopicPartition,
    /// None where there is no such partition.
    partition: Option<Arc<Partition>>,
    position: i64,
    end_offset: Option<i64>,
    paused: bool,
    /// Out of range or failed, which has been told: waits to be assigned anew.
    stopped: bool,
}

impl EmbeddedConsumer {
    pub(super) fn new(cluster: Arc<Cluster>, settings: ConsumerSettings) -> Self {
        let watcher = Arc::new(Watcher::new(settings.isolation));
        Self { cluster, settings, watcher, assigned: Vec::new(), turn: 0 }
    }

    fn find(&self, partition: &TopicPartition) -> Result<usize, usize> {
        self.assigned.binary_search_by(|assigned| assigned.topic_partition.cmp(partition))
    }

    fn set_paused(&mut self, partitions: &[TopicPartition], paused: bool) {
        for partition in partitions {
            if let Ok(index) = self.find(partition) {
                self.assigned[index].paused = paused;
            }
        }
    }

    /// Takes what there is; says whether there was anything.
    fn collect(&mut self, fetched: &mut Vec<Fetched>) -> bool {
        if self.cluster.is_unreachable() || self.assigned.is_empty() {
            return false;
        }
        let before = fetched.len();
        let (mut records, mut bytes) = (self.settings.max_poll_records, self.settings.max_bytes);
        let count = self.assigned.len();
        self.turn = (self.turn + 1) % count;
        for step in 0..count {
            let assigned = &mut self.assigned[(self.turn + step) % count];
            while records > 0 && bytes > 0 && !assigned.paused && !assigned.stopped {
                let limit = ReadLimit { records, bytes: bytes.min(self.settings.max_partition_bytes) };
                let Some(found) = assigned.fetch(self.settings.isolation, limit) else {
                    break;
                };
                if let Fetched::Batch(batch) = &found {
                    records -= batch.len();
                    bytes = bytes.saturating_sub(batch.size_bytes());
                }
                fetched.push(found);
            }
        }
        fetched.len() > before
    }

    fn unwatch(&self, assigned: &Assigned) {
        if let Some(partition) = &assigned.partition {
            partition.log().unwatch(&self.watcher);
        }
    }
}

impl Assigned {
    fn fetch(&mut self, isolation: Isolation, limit: ReadLimit) -> Option<Fetched> {
        let log = self.partition.as_ref().map(|partition| partition.log()).filter(|log| !log.is_deleted());
        let Some(log) = log else {
            self.stopped = true;
            let partition = self.topic_partition.clone();
            let error = unknown("reading records", format_args!("partition {partition}"));
            return Some(Fetched::Failed { partition, error });
        };
        self.end_offset = Some(log.end(isolation));
        if self.position < log.start() || self.position > log.end(Isolation::ReadUncommitted) {
            self.stopped = true;
            return Some(Fetched::OutOfRange { partition: self.topic_partition.clone(), position: self.position });
        }
        let batch = log.read(&self.topic_partition, self.position, isolation, limit)?;
        self.position = batch.next_offset();
        Some(Fetched::Batch(batch))
    }
}

impl Consumer for EmbeddedConsumer {
    fn assign(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        for (topic_partition, position) in partitions {
            let partition = self.cluster.partition(topic_partition, "").ok();
            if let Some(partition) = &partition {
                partition.log().watch(&self.watcher);
            }
            let index = self.find(topic_partition);
            let paused = index.is_ok_and(|index| self.assigned[index].paused);
            let (topic_partition, position) = (topic_partition.clone(), *position);
            let assigned = Assigned { topic_partition, partition, position, end_offset: None, paused, stopped: false };
            match index {
                Ok(index) => self.assigned[index] = assigned,
                Err(index) => self.assigned.insert(index, assigned),
            }
        }
        Ok(())
    }

    fn unassign(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        for partition in partitions {
            if let Ok(index) = self.find(partition) {
                let assigned = self.assigned.remove(index);
                self.unwatch(&assigned);
            }
        }
        Ok(())
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        self.set_paused(partitions, true);
        Ok(())
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        self.set_paused(partitions, false);
        Ok(())
    }

    fn poll(&mut self, timeout: Duration, fetched: &mut Vec<Fetched>) -> Result<(), BrokerError> {
        if self.collect(fetched) || timeout.is_zero() {
            return Ok(());
        }
        // Announced before the last look: what is appended after that look wakes.
        self.watcher.set_waiting(true);
        if !self.collect(fetched) && self.watcher.waker.wait(timeout) {
            self.collect(fetched);
        }
        self.watcher.set_waiting(false);
        Ok(())
    }

    fn position(&self, partition: &TopicPartition) -> Option<i64> {
        self.find(partition).ok().map(|index| self.assigned[index].position)
    }

    fn end_offset(&self, partition: &TopicPartition) -> Option<i64> {
        self.find(partition).ok().and_then(|index| self.assigned[index].end_offset)
    }

    fn held_bytes(&self) -> usize {
        // A paused partition is not read.
        0
    }

    fn waker(&self) -> Waker {
        self.watcher.waker.clone()
    }
}

impl Drop for EmbeddedConsumer {
    fn drop(&mut self) {
        for assigned in &self.assigned {
            self.unwatch(assigned);
        }
    }
}
