use super::admin::create_topic;
use super::routes::Routes;
use super::segment::NO_TRANSACTION;
use super::{EmbeddedBroker, Isolation};
use crate::broker::{BrokerError, BrokerErrorKind, Delivery, NewTopic};
use crate::record::{Headers, OutputBatch, TopicPartition};
use bytes::Bytes;
use std::sync::Arc;

/// A record as a test looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Milliseconds since the epoch; -1 for none.
    pub timestamp: i64,
    /// The key, `None` for null.
    pub key: Option<Bytes>,
    /// The value, `None` for null.
    pub value: Option<Bytes>,
    /// The headers.
    pub headers: Headers,
}

/// What tests and demos do without a client. Works also while the broker is unreachable for clients.
impl EmbeddedBroker {
    /// Creates a topic with Kafka's default configuration.
    ///
    /// # Errors
    /// TopicExists; InvalidConfig where the name or the number of partitions is not valid.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<(), BrokerError> {
        self.create_topic_with(name, partitions, &[])
    }

    /// Creates a topic with configuration by Kafka's keys.
    ///
    /// # Errors
    /// As [`create_topic`](Self::create_topic), and InvalidConfig names keys and values that Kafka does not know.
    pub fn create_topic_with(&self, name: &str, partitions: i32, config: &[(&str, &str)]) -> Result<(), BrokerError> {
        let config = config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        create_topic(&self.cluster, &NewTopic { name: name.to_owned(), partitions, replication_factor: -1, config })
    }

    /// Deletes a topic, its records and the offsets committed for it; says whether there was one.
    pub fn delete_topic(&self, name: &str) -> bool {
        self.cluster.delete_topic(name)
    }

    /// Appends one record without headers and returns its offset. The capacity is not looked at.
    ///
    /// # Errors
    /// As a producer would be told: unknown topic or partition, too large, no key for a compacted topic, or a fault asked for.
    pub fn produce(
        &self,
        topic: &str,
        partition: i32,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: i64,
    ) -> Result<i64, BrokerError> {
        let mut batch = OutputBatch::default();
        let index = batch.topic_index(topic);
        batch.push(index, partition, timestamp, key, value, &[]);
        let (mut routes, mut told) = (Routes::new(Arc::clone(&self.cluster)), Vec::new());
        routes.sort(&batch, usize::MAX, &mut told);
        let mut failures = std::mem::take(&mut told);
        routes.append(&batch, NO_TRANSACTION, |_| {}, &mut failures);
        routes.acknowledgements(&mut failures);
        match failures.pop() {
            Some(Delivery::Acknowledged { offset, .. }) => Ok(offset),
            Some(Delivery::Failed { error, .. }) => Err(error),
            None => Err(BrokerError::new(BrokerErrorKind::Fatal, "producing", "the record was not appended")),
        }
    }

    /// All records of a topic, by partition and offset.
    ///
    /// # Errors
    /// UnknownTopicOrPartition.
    pub fn read_all(&self, topic: &str, isolation: Isolation) -> Result<Vec<StoredRecord>, BrokerError> {
        let topic = self.cluster.topic(topic, "reading all records")?;
        let mut records = Vec::new();
        for partition in &topic.partitions {
            let log = partition.log();
            for (record, transaction) in log.segments.iter().flat_map(|segment| segment.iter_from(0)) {
                let visible = record.offset >= log.start() && record.offset < log.end(isolation);
                if !visible || (isolation == Isolation::ReadCommitted && log.is_aborted(transaction)) {
                    continue;
                }
                records.push(StoredRecord {
                    partition: partition.topic_partition.partition,
                    offset: record.offset,
                    timestamp: record.timestamp,
                    key: record.key.map(Bytes::copy_from_slice),
                    value: record.value.map(Bytes::copy_from_slice),
                    headers: Headers::from_encoded(Bytes::copy_from_slice(record.headers)),
                });
            }
        }
        Ok(records)
    }

    /// The first offset that the partition holds.
    ///
    /// # Errors
    /// UnknownTopicOrPartition.
    pub fn start_offset(&self, partition: &TopicPartition) -> Result<i64, BrokerError> {
        Ok(self.cluster.partition(partition, "reading the start offset")?.log().start())
    }

    /// The end of the partition for readers of this isolation: high watermark, or last stable offset.
    ///
    /// # Errors
    /// UnknownTopicOrPartition.
    pub fn end_offset(&self, partition: &TopicPartition, isolation: Isolation) -> Result<i64, BrokerError> {
        Ok(self.cluster.partition(partition, "reading the end offset")?.log().end(isolation))
    }

    /// What a group has committed for a partition. Offsets of open transactions do not count.
    pub fn committed_offset(&self, group: &str, partition: &TopicPartition) -> Option<i64> {
        self.cluster.groups.committed_offset(group, &partition.topic, partition.partition)
    }

    /// Compacts all partitions of a topic now, up to the last stable offset and respecting `min.compaction.lag.ms`. Tombstones that
    /// an earlier pass has left go too, whatever `delete.retention.ms` says: so calling it twice removes all tombstones.
    ///
    /// # Errors
    /// UnknownTopicOrPartition; InvalidConfig where the topic's `cleanup.policy` does not have `compact`.
    pub fn compact(&self, topic: &str) -> Result<(), BrokerError> {
        let topic = self.cluster.topic(topic, "compacting")?;
        if !topic.config.compact {
            let context = format!("compacting {}", topic.name);
            return Err(BrokerError::new(
                BrokerErrorKind::InvalidConfig,
                context,
                "the topic's cleanup.policy does not have compact",
            ));
        }
        for partition in &topic.partitions {
            partition.log().compact(topic.config.compaction, self.cluster.now_ms(), true);
        }
        Ok(())
    }

    /// Bytes that all records take, bookkeeping included.
    pub fn held_bytes(&self) -> usize {
        self.cluster.capacity.held()
    }
}
