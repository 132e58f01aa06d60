use bytes::BytesMut;
use kafka_protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use kafka_protocol::messages::{ApiKey, BrokerId, OffsetForLeaderEpochRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::partitions::{Answered, Asked, grouped, read_in_order};
use super::{Call, Refusal, VersionRange, write};
use crate::ClientError;
use crate::wire::{Reader, WireError};

/// Asks the leader of partitions, each named once, where the log of an earlier leader ends: what was read beyond has been truncated.
///
/// The answer's offset is that end, its epoch the largest one not above the epoch asked for; both are -1 where the leader knows of none.
pub(crate) struct OffsetForLeaderEpoch {
    /// The value is the epoch of the last record read.
    pub(crate) partitions: Vec<Asked>,
}

impl Call for OffsetForLeaderEpoch {
    const KEY: ApiKey = ApiKey::OffsetForLeaderEpoch;
    const NAME: &'static str = "OffsetForLeaderEpoch";
    const VERSIONS: VersionRange = VersionRange { min: 4, max: 4 };
    type Answer = Vec<Answered>;

    fn encode(&self, version: i16, buffer: &mut BytesMut) -> Result<(), ClientError> {
        let topics = grouped(&self.partitions).into_iter().map(|(topic, partitions)| {
            let partitions = partitions.into_iter().map(|asked| {
                let epoch = i32::try_from(asked.value).map_err(|_| {
                    let Asked { topic, partition, value, .. } = asked;
                    ClientError::InvalidRequest(format!("{topic}-{partition}: {value} is no leader epoch"))
                })?;
                let partition = OffsetForLeaderPartition::default().with_partition(asked.partition);
                Ok(partition.with_current_leader_epoch(asked.leader_epoch).with_leader_epoch(epoch))
            });
            let name = TopicName(StrBytes::from_string(topic));
            let partitions: Result<_, ClientError> = partitions.collect();
            Ok(OffsetForLeaderTopic::default().with_topic(name).with_partitions(partitions?))
        });
        let topics: Result<_, ClientError> = topics.collect();
        let request = OffsetForLeaderEpochRequest::default().with_replica_id(BrokerId(-1)).with_topics(topics?);
        write(&request, version, buffer)
    }

    fn decode(&self, _version: i16, body: &mut Reader) -> Result<Result<Self::Answer, Refusal>, WireError> {
        body.i32()?; // throttle time
        let answered = read_in_order(&self.partitions, body, |partition| {
            let code = partition.i16()?;
            let index = partition.i32()?;
            let leader_epoch = partition.i32()?;
            let offset = partition.i64()?;
            partition.tags()?;
            Ok((index, Answered { code, offset, leader_epoch }))
        })?;
        Ok(Ok(answered))
    }
}
