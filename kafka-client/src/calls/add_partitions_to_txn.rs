use bytes::BytesMut;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::{AddPartitionsToTxnRequest, ApiKey, ProducerId, TopicName, TransactionalId};

use super::partitions::read_codes;
use super::{Call, ProducerIdentity, Refusal, VersionRange, by_topic, text, write};
use crate::ClientError;
use crate::wire::{Reader, WireError};

/// Adds partitions to a transaction, before records of it go there.
pub(crate) struct AddPartitionsToTxn {
    pub(crate) transactional_id: String,
    pub(crate) identity: ProducerIdentity,
    pub(crate) partitions: Vec<(String, i32)>,
}

/// Another partition's error kept the broker from trying this one.
const OPERATION_NOT_ATTEMPTED: i16 = 55;

impl Call for AddPartitionsToTxn {
    const KEY: ApiKey = ApiKey::AddPartitionsToTxn;
    const NAME: &'static str = "AddPartitionsToTxn";
    /// Version 4 and later is spoken among brokers.
    const VERSIONS: VersionRange = VersionRange { min: 3, max: 3 };
    type Answer = ();

    fn encode(&self, version: i16, buffer: &mut BytesMut) -> Result<(), ClientError> {
        let topics = by_topic(self.partitions.iter().cloned()).into_iter().map(|(topic, partitions)| {
            AddPartitionsToTxnTopic::default().with_name(TopicName(text(&topic))).with_partitions(partitions)
        });
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(TransactionalId(text(&self.transactional_id)))
            .with_v3_and_below_producer_id(ProducerId(self.identity.id))
            .with_v3_and_below_producer_epoch(self.identity.epoch)
            .with_v3_and_below_topics(topics.collect());
        write(&request, version, buffer)
    }

    fn decode(&self, _version: i16, body: &mut Reader) -> Result<Result<Self::Answer, Refusal>, WireError> {
        body.i32()?; // throttle time
        let codes = read_codes(body)?;
        body.tags()?;
        let failed: Vec<_> = codes.iter().filter(|(_, _, code)| *code != 0).collect();
        // The one that says why comes before those that only say that nothing was done.
        let telling = failed.iter().find(|(_, _, code)| *code != OPERATION_NOT_ATTEMPTED).or(failed.first());
        Ok(telling.map_or(Ok(()), |(topic, partition, code)| {
            let context = format!("adding {topic}-{partition} to the transaction of {}", self.transactional_id);
            Err(Refusal { code: *code, context })
        }))
    }
}
