use std::time::Duration;

use bytes::BytesMut;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::{ApiKey, DeleteRecordsRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::partitions::{Answered, Asked, grouped, read_in_order};
use super::{Call, Refusal, VersionRange, millis, write};
use crate::ClientError;
use crate::wire::{Reader, WireError};

/// Asks the leader of partitions, each named once, to delete records; answers with the first offset that is left.
pub(crate) struct DeleteRecords {
    /// The value is the offset below which records are deleted, or -1 for all that are replicated.
    pub(crate) partitions: Vec<Asked>,
    /// How long the leader may wait for its followers.
    pub(crate) timeout: Duration,
}

impl Call for DeleteRecords {
    const KEY: ApiKey = ApiKey::DeleteRecords;
    const NAME: &'static str = "DeleteRecords";
    const VERSIONS: VersionRange = VersionRange { min: 2, max: 2 };
    type Answer = Vec<Answered>;

    fn encode(&self, version: i16, buffer: &mut BytesMut) -> Result<(), ClientError> {
        let topics = grouped(&self.partitions).into_iter().map(|(topic, partitions)| {
            let partitions = partitions.into_iter().map(|asked| {
                DeleteRecordsPartition::default().with_partition_index(asked.partition).with_offset(asked.value)
            });
            let name = TopicName(StrBytes::from_string(topic));
            DeleteRecordsTopic::default().with_name(name).with_partitions(partitions.collect())
        });
        let request =
            DeleteRecordsRequest::default().with_topics(topics.collect()).with_timeout_ms(millis(self.timeout));
        write(&request, version, buffer)
    }

    fn decode(&self, _version: i16, body: &mut Reader) -> Result<Result<Self::Answer, Refusal>, WireError> {
        body.i32()?; // throttle time
        let answered = read_in_order(&self.partitions, body, |partition| {
            let index = partition.i32()?;
            let offset = partition.i64()?;
            let code = partition.i16()?;
            partition.tags()?;
            Ok((index, Answered { code, offset, leader_epoch: -1 }))
        })?;
        Ok(Ok(answered))
    }
}
