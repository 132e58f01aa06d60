use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, SaslAuthenticateRequest};

use super::{Call, Refusal, VersionRange, write};
use crate::ClientError;
use crate::wire::{Reader, WireError};

/// Carries a message of a SASL mechanism. It may be a secret.
pub(crate) struct SaslAuthenticate {
    pub(crate) message: Bytes,
}

/// The broker's message to one of the client's.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SaslAnswer {
    pub(crate) message: Bytes,
    /// How long the user may stay without authenticating again, where that is limited.
    pub(crate) lifetime: Option<Duration>,
}

impl Call for SaslAuthenticate {
    const KEY: ApiKey = ApiKey::SaslAuthenticate;
    const NAME: &'static str = "SaslAuthenticate";
    const VERSIONS: VersionRange = VersionRange { min: 2, max: 2 };
    type Answer = SaslAnswer;

    fn encode(&self, version: i16, buffer: &mut BytesMut) -> Result<(), ClientError> {
        write(&SaslAuthenticateRequest::default().with_auth_bytes(self.message.clone()), version, buffer)
    }

    fn decode(&self, _version: i16, body: &mut Reader) -> Result<Result<Self::Answer, Refusal>, WireError> {
        let code = body.i16()?;
        let reason = body.compact_nullable_string()?;
        let message = body.compact_bytes()?;
        let lifetime = body.i64()?;
        body.tags()?;
        let lifetime = u64::try_from(lifetime).ok().filter(|millis| *millis > 0).map(Duration::from_millis);
        let context = || reason.filter(|reason| !reason.is_empty()).unwrap_or_else(|| format!("error {code}"));
        Ok(Refusal::check(code, context).map(|()| SaslAnswer { message, lifetime }))
    }
}
