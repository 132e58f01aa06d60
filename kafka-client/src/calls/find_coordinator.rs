use bytes::BytesMut;
use kafka_protocol::messages::{ApiKey, FindCoordinatorRequest};

use super::{Call, Refusal, VersionRange, text, write};
use crate::ClientError;
use crate::config::Address;
use crate::wire::{Reader, WireError};

/// Asks any broker which one coordinates a group, or the transactions of a producer.
pub(crate) struct FindCoordinator {
    pub(crate) kind: Coordinates,
    /// The group, or the transactional id.
    pub(crate) key: String,
}

/// What a coordinator is for; the number is the protocol's key type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Coordinates {
    Group = 0,
    Transaction = 1,
}

impl FindCoordinator {
    fn context(&self) -> String {
        match self.kind {
            Coordinates::Group => format!("finding the coordinator of group {}", self.key),
            Coordinates::Transaction => format!("finding the coordinator of transactional id {}", self.key),
        }
    }
}

impl Call for FindCoordinator {
    const KEY: ApiKey = ApiKey::FindCoordinator;
    const NAME: &'static str = "FindCoordinator";
    const VERSIONS: VersionRange = VersionRange { min: 4, max: 4 };
    type Answer = Address;

    fn encode(&self, version: i16, buffer: &mut BytesMut) -> Result<(), ClientError> {
        let request = FindCoordinatorRequest::default()
            .with_key_type(self.kind as i8)
            .with_coordinator_keys(vec![text(&self.key)]);
        write(&request, version, buffer)
    }

    fn decode(&self, _version: i16, body: &mut Reader) -> Result<Result<Self::Answer, Refusal>, WireError> {
        body.i32()?; // throttle time
        let found = body.compact_array(|found| {
            found.compact_string()?; // key
            found.i32()?; // node id
            let host = found.compact_string()?;
            let port = found.i32()?;
            let code = found.i16()?;
            found.compact_nullable_string()?; // message
            found.tags()?;
            Ok((host, port, code))
        })?;
        let (host, port, code) = found.into_iter().next().ok_or(WireError("no coordinator in the answer"))?;
        if let Err(refusal) = Refusal::check(code, || self.context()) {
            return Ok(Err(refusal));
        }
        match u16::try_from(port) {
            Ok(port) if port != 0 && !host.is_empty() => Ok(Ok(Address { host, port })),
            _ => Err(WireError("the coordinator has no usable address")),
        }
    }
}
