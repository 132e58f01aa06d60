use std::collections::HashMap;
use std::time::Duration;

use bytes::BytesMut;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::{ApiKey, DeleteTopicsRequest, TopicName};

use super::{Call, Refusal, VersionRange, millis, text, write};
use crate::ClientError;
use crate::wire::{Reader, WireError};

/// Asks the controller to delete topics by name; answers for each, in the order of the request, with the id it had.
pub(crate) struct DeleteTopics {
    pub(crate) names: Vec<String>,
    /// How long the controller may wait for its brokers.
    pub(crate) timeout: Duration,
}

impl Call for DeleteTopics {
    const KEY: ApiKey = ApiKey::DeleteTopics;
    const NAME: &'static str = "DeleteTopics";
    const VERSIONS: VersionRange = VersionRange { min: 6, max: 6 };
    type Answer = Vec<Result<[u8; 16], Refusal>>;

    fn encode(&self, version: i16, buffer: &mut BytesMut) -> Result<(), ClientError> {
        let topics = self.names.iter().map(|name| DeleteTopicState::default().with_name(Some(TopicName(text(name)))));
        let request =
            DeleteTopicsRequest::default().with_topics(topics.collect()).with_timeout_ms(millis(self.timeout));
        write(&request, version, buffer)
    }

    fn decode(&self, _version: i16, body: &mut Reader) -> Result<Result<Self::Answer, Refusal>, WireError> {
        body.i32()?; // throttle time
        let answered = body.compact_array(|topic| {
            let name = topic.compact_nullable_string()?.unwrap_or_default();
            let id = topic.uuid()?;
            let code = topic.i16()?;
            let message = topic.compact_nullable_string()?;
            topic.tags()?;
            Ok((name, (id, code, message)))
        })?;
        body.tags()?;
        let answered: HashMap<_, _> = answered.into_iter().collect();
        let in_order = self.names.iter().map(|name| {
            let (id, code, message) = answered.get(name)?;
            let checked = Refusal::check_with(*code, message.as_deref(), || format!("deleting topic {name}"));
            Some(checked.map(|()| *id))
        });
        let in_order: Option<Vec<_>> = in_order.collect();
        in_order.map(Ok).ok_or(WireError("an answer about deleted topics lacks one of them"))
    }
}
