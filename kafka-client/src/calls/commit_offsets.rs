use bytes::BytesMut;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::{ApiKey, GroupId, OffsetCommitRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::partitions::read_codes;
use super::{Call, Refusal, VersionRange, by_topic, optional_text, text, write};
use crate::ClientError;
use crate::group::{CommitOffsets, CommittedOffset};
use crate::wire::{Reader, WireError};

impl Call for CommitOffsets {
    const KEY: ApiKey = ApiKey::OffsetCommit;
    const NAME: &'static str = "OffsetCommit";
    const VERSIONS: VersionRange = VersionRange { min: 8, max: 9 };
    type Answer = ();

    fn encode(&self, version: i16, buffer: &mut BytesMut) -> Result<(), ClientError> {
        let topics = by_topic(self.offsets.iter().map(|offset| (offset.topic.clone(), partition(offset))));
        let topics = topics.into_iter().map(|(topic, partitions)| {
            let name = TopicName(StrBytes::from_string(topic));
            OffsetCommitRequestTopic::default().with_name(name).with_partitions(partitions)
        });
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(text(&self.member.group_id)))
            .with_generation_id_or_member_epoch(self.member.generation)
            .with_member_id(text(&self.member.member_id))
            .with_group_instance_id(optional_text(self.member.group_instance_id.as_ref()))
            .with_topics(topics.collect());
        write(&request, version, buffer)
    }

    fn decode(&self, _version: i16, body: &mut Reader) -> Result<Result<Self::Answer, Refusal>, WireError> {
        body.i32()?; // throttle time
        let codes = read_codes(body)?;
        let failed = codes.into_iter().find(|(_, _, code)| *code != 0);
        Ok(failed.map_or(Ok(()), |(topic, partition, code)| {
            let context = format!("committing {topic}-{partition} for group {}", self.member.group_id);
            Err(Refusal { code, context })
        }))
    }
}

fn partition(offset: &CommittedOffset) -> OffsetCommitRequestPartition {
    OffsetCommitRequestPartition::default()
        .with_partition_index(offset.partition)
        .with_committed_offset(offset.offset)
        .with_committed_leader_epoch(offset.leader_epoch.unwrap_or(-1))
        .with_committed_metadata(Some(text(&offset.metadata)))
}
