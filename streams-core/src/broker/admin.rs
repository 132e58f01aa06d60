use super::BrokerError;
use crate::record::TopicPartition;
pub use kafka_client::admin::{NewTopic, OffsetSpec, TopicDescription};
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
