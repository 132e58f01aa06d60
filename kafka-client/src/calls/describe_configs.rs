use std::collections::BTreeMap;

use bytes::BytesMut;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::{ApiKey, DescribeConfigsRequest};

use super::{Call, Refusal, VersionRange, text, write};
use crate::ClientError;
use crate::wire::{Reader, WireError};

/// Asks any broker for the configuration in force of a topic; secret values are left out.
pub(crate) struct DescribeTopicConfig {
    pub(crate) topic: String,
}

/// Kafka's number for resources that are topics.
const TOPIC: i8 = 2;

impl Call for DescribeTopicConfig {
    const KEY: ApiKey = ApiKey::DescribeConfigs;
    const NAME: &'static str = "DescribeConfigs";
    const VERSIONS: VersionRange = VersionRange { min: 4, max: 4 };
    type Answer = BTreeMap<String, String>;

    fn encode(&self, version: i16, buffer: &mut BytesMut) -> Result<(), ClientError> {
        let resource =
            DescribeConfigsResource::default().with_resource_type(TOPIC).with_resource_name(text(&self.topic));
        let resource = resource.with_configuration_keys(None);
        write(&DescribeConfigsRequest::default().with_resources(vec![resource]), version, buffer)
    }

    fn decode(&self, _version: i16, body: &mut Reader) -> Result<Result<Self::Answer, Refusal>, WireError> {
        body.i32()?; // throttle time
        let resources = body.compact_array(|resource| {
            let code = resource.i16()?;
            let message = resource.compact_nullable_string()?;
            resource.i8()?; // type
            resource.compact_string()?; // name
            let entries = resource.compact_array(entry)?;
            resource.tags()?;
            Ok((code, message, entries))
        })?;
        body.tags()?;
        let (code, message, entries) =
            resources.into_iter().next().ok_or(WireError("an answer about a configuration lacks the topic"))?;
        let context = || format!("reading the configuration of topic {}", self.topic);
        let checked = Refusal::check_with(code, message.as_deref(), context);
        Ok(checked.map(|()| entries.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()))
    }
}

fn entry(entry: &mut Reader) -> Result<(String, Option<String>), WireError> {
    let key = entry.compact_string()?;
    let value = entry.compact_nullable_string()?;
    entry.bool()?; // read only
    entry.i8()?; // source
    entry.bool()?; // sensitive
    entry.compact_array(|synonym| {
        synonym.compact_string()?; // key
        synonym.compact_nullable_string()?; // value
        synonym.i8()?; // source
        synonym.tags()
    })?;
    entry.i8()?; // type
    entry.compact_nullable_string()?; // documentation
    entry.tags()?;
    Ok((key, value))
}
