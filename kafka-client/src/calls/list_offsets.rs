use bytes::BytesMut;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{ApiKey, BrokerId, ListOffsetsRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::partitions::{Answered, Asked, grouped, read_in_order};
use super::{Call, Refusal, VersionRange, write};
use crate::ClientError;
use crate::wire::{Reader, WireError};

/// Asks the leader of partitions, each named once, for offsets: by timestamp, or one of the two below.
pub(crate) struct ListOffsets {
    /// The value is a timestamp in milliseconds.
    pub(crate) partitions: Vec<Asked>,
    /// Whether the end is that of committed records.
    pub(crate) read_committed: bool,
}

/// In place of a timestamp: the end of the log.
pub(crate) const LATEST: i64 = -1;
/// In place of a timestamp: the first offset there is.
pub(crate) const EARLIEST: i64 = -2;

impl Call for ListOffsets {
    const KEY: ApiKey = ApiKey::ListOffsets;
    const NAME: &'static str = "ListOffsets";
    const VERSIONS: VersionRange = VersionRange { min: 7, max: 7 };
    type Answer = Vec<Answered>;

    fn encode(&self, version: i16, buffer: &mut BytesMut) -> Result<(), ClientError> {
        let topics = grouped(&self.partitions).into_iter().map(|(topic, partitions)| {
            let partitions = partitions.into_iter().map(|asked| {
                ListOffsetsPartition::default()
                    .with_partition_index(asked.partition)
                    .with_current_leader_epoch(asked.leader_epoch)
                    .with_timestamp(asked.value)
            });
            let name = TopicName(StrBytes::from_string(topic));
            ListOffsetsTopic::default().with_name(name).with_partitions(partitions.collect())
        });
        let request = ListOffsetsRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_isolation_level(self.read_committed.into())
            .with_topics(topics.collect());
        write(&request, version, buffer)
    }

    fn decode(&self, _version: i16, body: &mut Reader) -> Result<Result<Self::Answer, Refusal>, WireError> {
        body.i32()?; // throttle time
        let answered = read_in_order(&self.partitions, body, |partition| {
            let index = partition.i32()?;
            let code = partition.i16()?;
            partition.i64()?; // timestamp of the record found
            let answered = Answered { code, offset: partition.i64()?, leader_epoch: partition.i32()? };
            partition.tags()?;
            Ok((index, answered))
        })?;
        Ok(Ok(answered))
    }
}
