use std::rc::Rc;

use bytes::BytesMut;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{ApiKey, MetadataRequest, TopicName};

use super::{Call, Refusal, VersionRange, text, write};
use crate::ClientError;
use crate::config::Address;
use crate::wire::{Reader, WireError};

/// Asks a broker which brokers there are, and who leads the partitions of topics. Never creates a topic.
pub(crate) struct Metadata {
    /// None: of all topics.
    pub(crate) topics: Option<Vec<Rc<str>>>,
}

/// What a broker knows of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ClusterMetadata {
    pub(crate) brokers: Vec<(i32, Address)>,
    /// Node id of the controller, or of a broker that passes requests on to it; -1 where there is none.
    pub(crate) controller: i32,
    pub(crate) topics: Vec<TopicMetadata>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicMetadata {
    pub(crate) name: String,
    pub(crate) id: [u8; 16],
    pub(crate) internal: bool,
    /// Error code of the topic as a whole.
    pub(crate) code: i16,
    pub(crate) partitions: Vec<PartitionMetadata>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartitionMetadata {
    pub(crate) index: i32,
    /// Node id; -1 while there is none.
    pub(crate) leader: i32,
    pub(crate) leader_epoch: i32,
}

impl Call for Metadata {
    const KEY: ApiKey = ApiKey::Metadata;
    const NAME: &'static str = "Metadata";
    const VERSIONS: VersionRange = VersionRange { min: 12, max: 12 };
    type Answer = ClusterMetadata;

    fn encode(&self, version: i16, buffer: &mut BytesMut) -> Result<(), ClientError> {
        let topics = self.topics.as_ref().map(|topics| {
            let named =
                topics.iter().map(|name| MetadataRequestTopic::default().with_name(Some(TopicName(text(name)))));
            named.collect()
        });
        let request = MetadataRequest::default().with_topics(topics).with_allow_auto_topic_creation(false);
        write(&request, version, buffer)
    }

    fn decode(&self, _version: i16, body: &mut Reader) -> Result<Result<Self::Answer, Refusal>, WireError> {
        body.i32()?; // throttle time
        let brokers = body.compact_array(broker)?;
        body.compact_nullable_string()?; // cluster id
        let controller = body.i32()?;
        let topics = body.compact_array(topic)?;
        body.tags()?;
        Ok(Ok(ClusterMetadata { brokers, controller, topics }))
    }
}

fn broker(broker: &mut Reader) -> Result<(i32, Address), WireError> {
    let node = broker.i32()?;
    let host = broker.compact_string()?;
    let port = u16::try_from(broker.i32()?).map_err(|_| WireError("a broker has no usable address"))?;
    broker.compact_nullable_string()?; // rack
    broker.tags()?;
    Ok((node, Address { host, port }))
}

fn topic(topic: &mut Reader) -> Result<TopicMetadata, WireError> {
    let code = topic.i16()?;
    let name = topic.compact_nullable_string()?.unwrap_or_default();
    let id = topic.uuid()?;
    let internal = topic.bool()?;
    let partitions = topic.compact_array(|partition| {
        partition.i16()?; // a missing leader shows as such; a lagging replica is not our business
        let read =
            PartitionMetadata { index: partition.i32()?, leader: partition.i32()?, leader_epoch: partition.i32()? };
        for _replicas_in_sync_and_offline in 0..3 {
            partition.compact_array(Reader::i32)?;
        }
        partition.tags()?;
        Ok(read)
    })?;
    topic.i32()?; // authorized operations
    topic.tags()?;
    Ok(TopicMetadata { name, id, internal, code, partitions })
}
