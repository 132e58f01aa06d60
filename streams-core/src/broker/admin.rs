use super::BrokerError;
use crate::record::TopicPartition;
use std::collections::BTreeMap;
use std::time::Duration;

/// Topics and their offsets. Each call blocks, up to the `timeout` given to it, and goes to the cluster afresh.
pub trait Admin: Send + Sync {
    /// Describes the topics of these names that exist; all topics where `names` is `None`. What does not exist is left out, not an error.
    ///
    /// # Errors
    /// Retriable where no broker answers in time.
    fn describe_topics(&self, names: Option<&[&str]>, timeout: Duration) -> Result<Vec<TopicDescription>, BrokerError>;

    /// Creates topics; one result each, in order. Returns when their metadata can be seen.
    ///
    /// # Errors
    /// Retriable where no broker answers in time; [`TopicExists`](super::BrokerErrorKind::TopicExists) and others per topic.
    fn create_topics(
        &self,
        topics: &[NewTopic],
        timeout: Duration,
    ) -> Result<Vec<Result<(), BrokerError>>, BrokerError>;

    /// Deletes topics; those that do not exist are passed over.
    ///
    /// # Errors
    /// Retriable where no broker answers in time.
    fn delete_topics(&self, names: &[&str], timeout: Duration) -> Result<(), BrokerError>;

    /// The configuration in force of a topic, by Kafka's keys.
    ///
    /// # Errors
    /// UnknownTopicOrPartition, or retriable where no broker answers in time.
    fn topic_config(&self, name: &str, timeout: Duration) -> Result<BTreeMap<String, String>, BrokerError>;

    /// The asked offset of each partition, in order.
    ///
    /// # Errors
    /// UnknownTopicOrPartition, or retriable where no broker answers in time.
    fn list_offsets(
        &self,
        partitions: &[(TopicPartition, OffsetSpec)],
        timeout: Duration,
    ) -> Result<Vec<i64>, BrokerError>;

    /// Deletes the records below the given offset of each partition (KIP-107); an offset above the end deletes all there are.
    ///
    /// # Errors
    /// UnknownTopicOrPartition, or retriable where no broker answers in time.
    fn delete_records(&self, before: &[(TopicPartition, i64)], timeout: Duration) -> Result<(), BrokerError>;
}

/// Which offset of a partition is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The first offset that the log holds.
    Earliest,
    /// The end: the offset of the next record to be appended.
    Latest,
    /// The end for readers of committed records (last stable offset).
    LatestStable,
    /// The first record with this timestamp or a later one, in milliseconds; the end where there is none.
    Timestamp(i64),
}

/// A topic as the cluster describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDescription {
    /// Its name.
    pub name: String,
    /// Number of partitions.
    pub partitions: i32,
    /// Whether Kafka keeps it for itself (`__consumer_offsets` and its like).
    pub internal: bool,
}

/// A topic to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// Number of partitions, at least 1.
    pub partitions: i32,
    /// Replicas of each partition; -1 for the broker's default.
    pub replication_factor: i16,
    /// Configuration by Kafka's keys.
    pub config: BTreeMap<String, String>,
}
