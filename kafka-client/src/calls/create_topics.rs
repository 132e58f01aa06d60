use std::collections::HashMap;
use std::time::Duration;

use bytes::BytesMut;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::{ApiKey, CreateTopicsRequest, TopicName};

use super::{Call, Refusal, VersionRange, millis, text, write};
use crate::ClientError;
use crate::admin::NewTopic;
use crate::wire::{Reader, WireError};

/// Asks the controller to create topics; answers for each, in the order of the request.
pub(crate) struct CreateTopics {
    pub(crate) topics: Vec<NewTopic>,
    /// How long the controller may wait for its brokers.
    pub(crate) timeout: Duration,
}

impl Call for CreateTopics {
    const KEY: ApiKey = ApiKey::CreateTopics;
    const NAME: &'static str = "CreateTopics";
    const VERSIONS: VersionRange = VersionRange { min: 7, max: 7 };
    type Answer = Vec<Result<(), Refusal>>;

    fn encode(&self, version: i16, buffer: &mut BytesMut) -> Result<(), ClientError> {
        let topics = self.topics.iter().map(|topic| {
            let configs = topic
                .config
                .iter()
                .map(|(key, value)| CreatableTopicConfig::default().with_name(text(key)).with_value(Some(text(value))));
            CreatableTopic::default()
                .with_name(TopicName(text(&topic.name)))
                .with_num_partitions(topic.partitions)
                .with_replication_factor(topic.replication_factor)
                .with_configs(configs.collect())
        });
        let request =
            CreateTopicsRequest::default().with_topics(topics.collect()).with_timeout_ms(millis(self.timeout));
        write(&request, version, buffer)
    }

    fn decode(&self, _version: i16, body: &mut Reader) -> Result<Result<Self::Answer, Refusal>, WireError> {
        body.i32()?; // throttle time
        let answered: HashMap<_, _> = body.compact_array(topic)?.into_iter().collect();
        body.tags()?;
        let in_order = self.topics.iter().map(|topic| {
            let (code, message) = answered.get(&topic.name)?;
            Some(Refusal::check_with(*code, message.as_deref(), || format!("creating topic {}", topic.name)))
        });
        let in_order: Option<Vec<_>> = in_order.collect();
        in_order.map(Ok).ok_or(WireError("an answer about new topics lacks one of them"))
    }
}

fn topic(topic: &mut Reader) -> Result<(String, (i16, Option<String>)), WireError> {
    let name = topic.compact_string()?;
    topic.uuid()?;
    let code = topic.i16()?;
    let message = topic.compact_nullable_string()?;
    topic.i32()?; // partitions
    topic.i16()?; // replication factor
    topic.compact_array(|config| {
        config.compact_string()?; // key
        config.compact_nullable_string()?; // value
        config.bool()?; // read only
        config.i8()?; // source
        config.bool()?; // sensitive
        config.tags()
    })?;
    topic.tags()?;
    Ok((name, (code, message)))
}
