use bytes::BytesMut;
use kafka_protocol::messages::{ApiKey, EndTxnRequest, ProducerId, TransactionalId};

use super::{Call, ProducerIdentity, Refusal, VersionRange, text, write};
use crate::ClientError;
use crate::wire::{Reader, WireError};

/// Ends a transaction. With `BUMPS` the answer brings the identity of the next one (KIP-890): versions from 5 on.
pub(crate) struct EndTxn<const BUMPS: bool> {
    pub(crate) transactional_id: String,
    pub(crate) identity: ProducerIdentity,
    pub(crate) commit: bool,
}

impl<const BUMPS: bool> Call for EndTxn<BUMPS> {
    const KEY: ApiKey = ApiKey::EndTxn;
    const NAME: &'static str = "EndTxn";
    const VERSIONS: VersionRange =
        if BUMPS { VersionRange { min: 5, max: 5 } } else { VersionRange { min: 3, max: 4 } };
    /// The identity to go on with, where the broker gives one.
    type Answer = Option<ProducerIdentity>;

    fn encode(&self, version: i16, buffer: &mut BytesMut) -> Result<(), ClientError> {
        let request = EndTxnRequest::default()
            .with_transactional_id(TransactionalId(text(&self.transactional_id)))
            .with_producer_id(ProducerId(self.identity.id))
            .with_producer_epoch(self.identity.epoch)
            .with_committed(self.commit);
        write(&request, version, buffer)
    }

    fn decode(&self, _version: i16, body: &mut Reader) -> Result<Result<Self::Answer, Refusal>, WireError> {
        body.i32()?; // throttle time
        let code = body.i16()?;
        let identity = if BUMPS { Some(ProducerIdentity { id: body.i64()?, epoch: body.i16()? }) } else { None };
        body.tags()?;
        let end = if self.commit { "committing" } else { "aborting" };
        let checked = Refusal::check(code, || format!("{end} the transaction of {}", self.transactional_id));
        Ok(checked.map(|()| identity.filter(|identity| identity.id >= 0 && identity.epoch >= 0)))
    }
}
