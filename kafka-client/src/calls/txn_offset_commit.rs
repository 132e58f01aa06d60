use bytes::BytesMut;
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{ApiKey, GroupId, ProducerId, TopicName, TransactionalId, TxnOffsetCommitRequest};

use super::partitions::read_codes;
use super::{Call, ProducerIdentity, Refusal, VersionRange, by_topic, optional_text, text, write};
use crate::ClientError;
use crate::group::{CommittedOffset, MemberIdentity};
use crate::wire::{Reader, WireError};

/// Gives a group's coordinator the offsets that become committed with a transaction.
///
/// `ADDS` says that it adds itself to the transaction (KIP-890): versions from 5 on.
pub(crate) struct TxnOffsetCommit<const ADDS: bool> {
    pub(crate) transactional_id: String,
    pub(crate) identity: ProducerIdentity,
    pub(crate) member: MemberIdentity,
    pub(crate) offsets: Vec<CommittedOffset>,
}

impl<const ADDS: bool> Call for TxnOffsetCommit<ADDS> {
    const KEY: ApiKey = ApiKey::TxnOffsetCommit;
    const NAME: &'static str = "TxnOffsetCommit";
    const VERSIONS: VersionRange = if ADDS { VersionRange { min: 5, max: 5 } } else { VersionRange { min: 3, max: 4 } };
    type Answer = ();

    fn encode(&self, version: i16, buffer: &mut BytesMut) -> Result<(), ClientError> {
        let topics = by_topic(self.offsets.iter().map(|offset| (offset.topic.clone(), partition(offset))));
        let topics = topics.into_iter().map(|(topic, partitions)| {
            TxnOffsetCommitRequestTopic::default().with_name(TopicName(text(&topic))).with_partitions(partitions)
        });
        let request = TxnOffsetCommitRequest::default()
            .with_transactional_id(TransactionalId(text(&self.transactional_id)))
            .with_group_id(GroupId(text(&self.member.group_id)))
            .with_producer_id(ProducerId(self.identity.id))
            .with_producer_epoch(self.identity.epoch)
            .with_generation_id(self.member.generation)
            .with_member_id(text(&self.member.member_id))
            .with_group_instance_id(optional_text(self.member.group_instance_id.as_ref()))
            .with_topics(topics.collect());
        write(&request, version, buffer)
    }

    fn decode(&self, _version: i16, body: &mut Reader) -> Result<Result<Self::Answer, Refusal>, WireError> {
        body.i32()?; // throttle time
        let codes = read_codes(body)?;
        body.tags()?;
        let failed = codes.into_iter().find(|(_, _, code)| *code != 0);
        Ok(failed.map_or(Ok(()), |(topic, partition, code)| {
            let group = &self.member.group_id;
            Err(Refusal {
                code,
                context: format!("sending offset {topic}-{partition} of group {group} to the transaction"),
            })
        }))
    }
}

fn partition(offset: &CommittedOffset) -> TxnOffsetCommitRequestPartition {
    TxnOffsetCommitRequestPartition::default()
        .with_partition_index(offset.partition)
        .with_committed_offset(offset.offset)
        .with_committed_leader_epoch(offset.leader_epoch.unwrap_or(-1))
        .with_committed_metadata(Some(text(&offset.metadata)))
}
