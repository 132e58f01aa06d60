use std::collections::HashMap;

use bytes::BytesMut;
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::{ApiKey, GroupId, OffsetFetchRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::{Call, Refusal, VersionRange, by_topic, text, write};
use crate::ClientError;
use crate::group::{FetchOffsets, FetchedOffset};
use crate::wire::{Reader, WireError};

/// From this version on the request says which member asks.
const WITH_MEMBER: i16 = 9;

impl Call for FetchOffsets {
    const KEY: ApiKey = ApiKey::OffsetFetch;
    const NAME: &'static str = "OffsetFetch";
    const VERSIONS: VersionRange = VersionRange { min: 8, max: 9 };
    type Answer = Vec<FetchedOffset>;

    fn encode(&self, version: i16, buffer: &mut BytesMut) -> Result<(), ClientError> {
        let topics = by_topic(self.partitions.iter().cloned()).into_iter().map(|(topic, partitions)| {
            let name = TopicName(StrBytes::from_string(topic));
            OffsetFetchRequestTopics::default().with_name(name).with_partition_indexes(partitions)
        });
        let mut group = OffsetFetchRequestGroup::default()
            .with_group_id(GroupId(text(&self.group_id)))
            .with_topics(Some(topics.collect()));
        if let Some(member) = self.member.as_ref().filter(|_| version >= WITH_MEMBER) {
            group = group.with_member_id(Some(text(&member.member_id))).with_member_epoch(member.generation);
        }
        let request = OffsetFetchRequest::default().with_groups(vec![group]).with_require_stable(self.require_stable);
        write(&request, version, buffer)
    }

    fn decode(&self, _version: i16, body: &mut Reader) -> Result<Result<Self::Answer, Refusal>, WireError> {
        body.i32()?; // throttle time
        let groups = body.compact_array(|group| {
            group.compact_string()?; // group id
            let topics = group.compact_array(topic)?;
            let code = group.i16()?;
            group.tags()?;
            Ok((topics, code))
        })?;
        let (topics, code) = groups.into_iter().next().ok_or(WireError("no group in the answer"))?;
        let checked = Refusal::check(code, || format!("reading the offsets of group {}", self.group_id));
        checked.map_or_else(|refusal| Ok(Err(refusal)), |()| self.in_order(&topics))
    }
}

struct Topic {
    name: String,
    partitions: Vec<Partition>,
}

struct Partition {
    index: i32,
    offset: i64,
    leader_epoch: i32,
    metadata: String,
    code: i16,
}

impl FetchOffsets {
    /// The answers in the order of the request, or the first partition's error.
    fn in_order(&self, topics: &[Topic]) -> Result<Result<Vec<FetchedOffset>, Refusal>, WireError> {
        let mut answered = HashMap::new();
        for topic in topics {
            for partition in &topic.partitions {
                if partition.code != 0 {
                    let context =
                        format!("reading offset {}-{} of group {}", topic.name, partition.index, self.group_id);
                    return Ok(Err(Refusal { code: partition.code, context }));
                }
                answered.insert((topic.name.as_str(), partition.index), partition);
            }
        }
        let in_order = self.partitions.iter().map(|(topic, index)| {
            let partition = answered.get(&(topic.as_str(), *index))?;
            Some(FetchedOffset {
                topic: topic.clone(),
                partition: *index,
                offset: (partition.offset >= 0).then_some(partition.offset),
                leader_epoch: (partition.leader_epoch >= 0).then_some(partition.leader_epoch),
                metadata: partition.metadata.clone(),
            })
        });
        in_order.collect::<Option<_>>().map(Ok).ok_or(WireError("an answer about offsets lacks a partition asked for"))
    }
}

fn topic(topic: &mut Reader) -> Result<Topic, WireError> {
    let name = topic.compact_string()?;
    let partitions = topic.compact_array(|partition| {
        let read = Partition {
            index: partition.i32()?,
            offset: partition.i64()?,
            leader_epoch: partition.i32()?,
            metadata: partition.compact_nullable_string()?.unwrap_or_default(),
            code: partition.i16()?,
        };
        partition.tags()?;
        Ok(read)
    })?;
    topic.tags()?;
    Ok(Topic { name, partitions })
}
