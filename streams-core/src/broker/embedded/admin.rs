use super::Isolation;
use super::cluster::Cluster;
use super::topic::{Topic, name_fault};
use super::topic_config::TopicConfig;
use crate::broker::{Admin, BrokerError, BrokerErrorKind, NewTopic, OffsetSpec, TopicDescription};
use crate::record::TopicPartition;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Partitions that a topic may have: enough for any test, few enough to make at once.
const MAX_PARTITIONS: i32 = 100_000;

/// Topics and offsets of an [`EmbeddedBroker`](super::EmbeddedBroker). There is one broker; replication factors are checked, nothing more.
#[derive(Debug)]
pub struct EmbeddedAdmin {
    cluster: Arc<Cluster>,
}

impl EmbeddedAdmin {
    pub(super) fn new(cluster: Arc<Cluster>) -> Self {
        Self { cluster }
    }
}

/// Makes one topic.
pub(super) fn create_topic(cluster: &Cluster, new: &NewTopic) -> Result<(), BrokerError> {
    let refuse = |message: &str| {
        Err(BrokerError::new(BrokerErrorKind::InvalidConfig, format_args!("creating topic {}", new.name), message))
    };
    if let Some(fault) = name_fault(&new.name) {
        return refuse(fault);
    }
    if !(1..=MAX_PARTITIONS).contains(&new.partitions) {
        return refuse(&format!("{} partitions are not between 1 and {MAX_PARTITIONS}", new.partitions));
    }
    if new.replication_factor < 1 && new.replication_factor != -1 {
        return refuse(&format!("replication factor {} is neither -1 nor positive", new.replication_factor));
    }
    let config = TopicConfig::new(&new.name, &new.config)?;
    let mut topics = cluster.topics_mut();
    if topics.contains_key(new.name.as_str()) {
        let context = format!("creating topic {}", new.name);
        return Err(BrokerError::new(BrokerErrorKind::TopicExists, context, "the topic exists already"));
    }
    let topic = Arc::new(Topic::new(&new.name, new.partitions, config, &cluster.capacity));
    topics.insert(Arc::clone(&topic.name), topic);
    Ok(())
}

impl Admin for EmbeddedAdmin {
    fn describe_topics(
        &self,
        names: Option<&[&str]>,
        _timeout: Duration,
    ) -> Result<Vec<TopicDescription>, BrokerError> {
        self.cluster.check_reachable("describing topics")?;
        let describe = |topic: &Arc<Topic>| TopicDescription {
            name: topic.name.to_string(),
            partitions: topic.partitions.len() as i32,
            internal: false,
        };
        let topics = self.cluster.topics();
        Ok(match names {
            None => topics.values().map(describe).collect(),
            Some(names) => names.iter().filter_map(|name| topics.get(*name)).map(describe).collect(),
        })
    }

    fn create_topics(
        &self,
        topics: &[NewTopic],
        _timeout: Duration,
    ) -> Result<Vec<Result<(), BrokerError>>, BrokerError> {
        self.cluster.check_reachable("creating topics")?;
        Ok(topics.iter().map(|topic| create_topic(&self.cluster, topic)).collect())
    }

    fn delete_topics(&self, names: &[&str], _timeout: Duration) -> Result<(), BrokerError> {
        self.cluster.check_reachable("deleting topics")?;
        for name in names {
            self.cluster.delete_topic(name);
        }
        Ok(())
    }

    fn topic_config(&self, name: &str, _timeout: Duration) -> Result<BTreeMap<String, String>, BrokerError> {
        self.cluster.check_reachable("reading a topic's configuration")?;
        Ok(self.cluster.topic(name, "reading a topic's configuration")?.config.values.clone())
    }

    fn list_offsets(
        &self,
        partitions: &[(TopicPartition, OffsetSpec)],
        _timeout: Duration,
    ) -> Result<Vec<i64>, BrokerError> {
        self.cluster.check_reachable("listing offsets")?;
        let offset = |(partition, spec): &(TopicPartition, OffsetSpec)| {
            let partition = self.cluster.partition(partition, "listing offsets")?;
            let log = partition.log();
            Ok(match spec {
                OffsetSpec::Earliest => log.start(),
                OffsetSpec::Latest => log.end(Isolation::ReadUncommitted),
                OffsetSpec::LatestStable => log.end(Isolation::ReadCommitted),
                OffsetSpec::Timestamp(timestamp) => log.offset_of_timestamp(*timestamp),
            })
        };
        partitions.iter().map(offset).collect()
    }

    fn delete_records(&self, before: &[(TopicPartition, i64)], _timeout: Duration) -> Result<(), BrokerError> {
        self.cluster.check_reachable("deleting records")?;
        for (partition, offset) in before {
            let context = format!("deleting records of {partition} before {offset}");
            let topic = self.cluster.topic(&partition.topic, &context)?;
            if !topic.config.delete {
                let message = "the topic's cleanup.policy does not have delete; Kafka refuses this";
                return Err(BrokerError::new(BrokerErrorKind::Fatal, context, message));
            }
            if *offset < 0 {
                return Err(BrokerError::new(BrokerErrorKind::Fatal, context, "give a real offset"));
            }
            self.cluster.partition(partition, context)?.log().delete_before(*offset);
        }
        Ok(())
    }
}
