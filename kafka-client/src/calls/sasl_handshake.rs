use bytes::BytesMut;
use kafka_protocol::messages::{ApiKey, SaslHandshakeRequest};

use super::{Call, Refusal, VersionRange, text, write};
use crate::ClientError;
use crate::wire::{Reader, WireError};

/// Chooses a SASL mechanism.
pub(crate) struct SaslHandshake {
    pub(crate) mechanism: &'static str,
}

const UNSUPPORTED_MECHANISM: i16 = 33;

impl Call for SaslHandshake {
    const KEY: ApiKey = ApiKey::SaslHandshake;
    const NAME: &'static str = "SaslHandshake";
    // From version 1 on the messages of the mechanism travel in requests of their own.
    const VERSIONS: VersionRange = VersionRange { min: 1, max: 1 };
    const FLEXIBLE: bool = false;
    type Answer = ();

    fn encode(&self, version: i16, buffer: &mut BytesMut) -> Result<(), ClientError> {
        write(&SaslHandshakeRequest::default().with_mechanism(text(self.mechanism)), version, buffer)
    }

    fn decode(&self, _version: i16, body: &mut Reader) -> Result<Result<Self::Answer, Refusal>, WireError> {
        let code = body.i16()?;
        let offered = body.array(Reader::string)?;
        Ok(Refusal::check(code, || match code {
            UNSUPPORTED_MECHANISM => {
                format!("it does not know the SASL mechanism {}, but {}", self.mechanism, offered.join(", "))
            }
            _ => format!("it refuses SASL (error {code}, {}); see security.protocol", crate::name_of(code)),
        }))
    }
}
