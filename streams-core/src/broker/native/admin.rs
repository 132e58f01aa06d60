use super::errors::from_client;
use crate::broker::{Admin, BrokerError, NewTopic, OffsetSpec, TopicDescription};
use crate::record::TopicPartition;
use kafka_client::admin;
use std::collections::BTreeMap;
use std::time::Duration;

/// Topics and offsets through the native client.
#[derive(Debug)]
pub struct NativeAdmin {
    pub(super) client: admin::Admin,
}

impl Admin for NativeAdmin {
    fn describe_topics(&self, names: Option<&[&str]>, timeout: Duration) -> Result<Vec<TopicDescription>, BrokerError> {
        self.client.describe_topics(names, timeout).map_err(|error| from_client(&error, "describing topics"))
    }

    fn create_topics(
        &self,
        topics: &[NewTopic],
        timeout: Duration,
    ) -> Result<Vec<Result<(), BrokerError>>, BrokerError> {
        let created = self.client.create_topics(topics, timeout);
        let created = created.map_err(|error| from_client(&error, "creating topics"))?;
        let named = created.into_iter().zip(topics).map(|(result, topic)| {
            result.map_err(|error| from_client(&error, format_args!("creating topic {}", topic.name)))
        });
        Ok(named.collect())
    }

    fn delete_topics(&self, names: &[&str], timeout: Duration) -> Result<(), BrokerError> {
        self.client.delete_topics(names, timeout).map_err(|error| from_client(&error, "deleting topics"))
    }

    fn topic_config(&self, name: &str, timeout: Duration) -> Result<BTreeMap<String, String>, BrokerError> {
        let config = self.client.topic_config(name, timeout);
        config.map_err(|error| from_client(&error, format_args!("reading the configuration of topic {name}")))
    }

    fn list_offsets(
        &self,
        partitions: &[(TopicPartition, OffsetSpec)],
        timeout: Duration,
    ) -> Result<Vec<i64>, BrokerError> {
        let asked: Vec<_> = partitions.iter().map(|(id, spec)| (&*id.topic, id.partition, *spec)).collect();
        self.client.list_offsets(&asked, timeout).map_err(|error| from_client(&error, "listing offsets"))
    }

    fn delete_records(&self, before: &[(TopicPartition, i64)], timeout: Duration) -> Result<(), BrokerError> {
        let before: Vec<_> = before.iter().map(|(id, offset)| (&*id.topic, id.partition, *offset)).collect();
        self.client.delete_records(&before, timeout).map_err(|error| from_client(&error, "deleting records"))
    }
}
