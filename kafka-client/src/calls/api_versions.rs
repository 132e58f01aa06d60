use bytes::BytesMut;
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest};
use kafka_protocol::protocol::StrBytes;

use super::{Call, Refusal, write};
use crate::ClientError;
use crate::wire::{Reader, WireError};

/// Versions of one request, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct VersionRange {
    pub(crate) min: i16,
    pub(crate) max: i16,
}

impl VersionRange {
    /// The highest version in both ranges.
    pub(crate) fn highest_common(self, other: Self) -> Option<i16> {
        let highest = self.max.min(other.max);
        (highest >= self.min.max(other.min)).then_some(highest)
    }
}

/// What a broker can do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Offered {
    /// Requests, by their key.
    pub(crate) requests: Vec<(i16, VersionRange)>,
    /// Features of the cluster that are switched on, with their level (KIP-584).
    pub(crate) features: Vec<(String, i16)>,
}

/// The tag of the features in force, in the answer.
const FINALIZED_FEATURES: u32 = 2;

/// Asks a broker which requests it knows; the first request on every connection.
pub(crate) struct ApiVersions;

const UNSUPPORTED_VERSION: i16 = 35;

impl Call for ApiVersions {
    const KEY: ApiKey = ApiKey::ApiVersions;
    const NAME: &'static str = "ApiVersions";
    const VERSIONS: VersionRange = VersionRange { min: 3, max: 3 };
    const FLEXIBLE: bool = false;
    type Answer = Offered;

    fn encode(&self, version: i16, buffer: &mut BytesMut) -> Result<(), ClientError> {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str(env!("CARGO_PKG_NAME")))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        write(&request, version, buffer)
    }

    fn decode(&self, _version: i16, body: &mut Reader) -> Result<Result<Self::Answer, Refusal>, WireError> {
        let code = body.i16()?;
        // A broker too old for this version answers in the form of version 0, of which nothing more is needed.
        if code == UNSUPPORTED_VERSION {
            return Ok(Err(Refusal { code, context: "ApiVersions".to_owned() }));
        }
        let requests = body.compact_array(|api| {
            let entry = (api.i16()?, VersionRange { min: api.i16()?, max: api.i16()? });
            api.tags()?;
            Ok(entry)
        })?;
        body.i32()?; // throttle time
        let mut features = Vec::new();
        body.tags_with(|tag, mut field| {
            if tag == FINALIZED_FEATURES {
                features = field.compact_array(|feature| {
                    let name = feature.compact_string()?;
                    let level = feature.i16()?;
                    feature.i16()?; // lowest level
                    feature.tags()?;
                    Ok((name, level))
                })?;
            }
            Ok(())
        })?;
        Ok(Refusal::check(code, || "ApiVersions".to_owned()).map(|()| Offered { requests, features }))
    }
}
