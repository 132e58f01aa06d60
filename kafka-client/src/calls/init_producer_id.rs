use std::time::Duration;

use bytes::BytesMut;
use kafka_protocol::messages::{ApiKey, InitProducerIdRequest, ProducerId, TransactionalId};

use super::{Call, Refusal, VersionRange, millis, text, write};
use crate::ClientError;
use crate::wire::{Reader, WireError};

/// Who a producer is to brokers: they tell its batches apart by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProducerIdentity {
    pub(crate) id: i64,
    pub(crate) epoch: i16,
}

impl ProducerIdentity {
    pub(crate) const NONE: Self = Self { id: -1, epoch: -1 };
}

/// Asks for a producer's id and epoch. With a transactional id this fences its earlier producers and aborts what they left open.
pub(crate) struct InitProducerId {
    pub(crate) transactional_id: Option<String>,
    pub(crate) transaction_timeout: Duration,
    /// What the producer has so far, to get the next epoch; [`ProducerIdentity::NONE`] for a new one.
    pub(crate) current: ProducerIdentity,
}

impl Call for InitProducerId {
    const KEY: ApiKey = ApiKey::InitProducerId;
    const NAME: &'static str = "InitProducerId";
    const VERSIONS: VersionRange = VersionRange { min: 4, max: 5 };
    type Answer = ProducerIdentity;

    fn encode(&self, version: i16, buffer: &mut BytesMut) -> Result<(), ClientError> {
        let id = self.transactional_id.as_ref().map(|id| TransactionalId(text(id)));
        let request = InitProducerIdRequest::default()
            .with_transactional_id(id)
            .with_transaction_timeout_ms(millis(self.transaction_timeout))
            .with_producer_id(ProducerId(self.current.id))
            .with_producer_epoch(self.current.epoch);
        write(&request, version, buffer)
    }

    fn decode(&self, _version: i16, body: &mut Reader) -> Result<Result<Self::Answer, Refusal>, WireError> {
        body.i32()?; // throttle time
        let code = body.i16()?;
        let identity = ProducerIdentity { id: body.i64()?, epoch: body.i16()? };
        body.tags()?;
        if code == 0 && (identity.id < 0 || identity.epoch < 0) {
            return Err(WireError("a producer id or epoch is negative"));
        }
        let checked = Refusal::check(code, || match &self.transactional_id {
            Some(id) => format!("registering the transactional id {id}"),
            None => "asking for a producer id".to_owned(),
        });
        Ok(checked.map(|()| identity))
    }
}
