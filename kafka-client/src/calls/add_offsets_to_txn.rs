use bytes::BytesMut;
use kafka_protocol::messages::{AddOffsetsToTxnRequest, ApiKey, GroupId, ProducerId, TransactionalId};

use super::{Call, ProducerIdentity, Refusal, VersionRange, text, write};
use crate::ClientError;
use crate::wire::{Reader, WireError};

/// Adds the offsets of a group to a transaction, before they are sent to the group's coordinator.
pub(crate) struct AddOffsetsToTxn {
    pub(crate) transactional_id: String,
    pub(crate) identity: ProducerIdentity,
    pub(crate) group_id: String,
}

impl Call for AddOffsetsToTxn {
    const KEY: ApiKey = ApiKey::AddOffsetsToTxn;
    const NAME: &'static str = "AddOffsetsToTxn";
    const VERSIONS: VersionRange = VersionRange { min: 3, max: 4 };
    type Answer = ();

    fn encode(&self, version: i16, buffer: &mut BytesMut) -> Result<(), ClientError> {
        let request = AddOffsetsToTxnRequest::default()
            .with_transactional_id(TransactionalId(text(&self.transactional_id)))
            .with_producer_id(ProducerId(self.identity.id))
            .with_producer_epoch(self.identity.epoch)
            .with_group_id(GroupId(text(&self.group_id)));
        write(&request, version, buffer)
    }

    fn decode(&self, _version: i16, body: &mut Reader) -> Result<Result<Self::Answer, Refusal>, WireError> {
        body.i32()?; // throttle time
        let code = body.i16()?;
        body.tags()?;
        let context =
            || format!("adding offsets of group {} to the transaction of {}", self.group_id, self.transactional_id);
        Ok(Refusal::check(code, context))
    }
}
