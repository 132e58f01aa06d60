use super::{DefaultSerde, Payload, Serde, SerdeError, Written, non_null};
use uuid::Uuid;

/// A UUID as its lower-case text of 36 characters, as Kafka's `UUIDSerializer`.
#[derive(Debug, Clone, Copy, Default)]
pub struct UuidSerde;

impl Serde<Uuid> for UuidSerde {
    fn serialize(&self, _topic: &str, value: &Uuid, out: &mut Vec<u8>) -> Result<Written, SerdeError> {
        let mut text = Uuid::encode_buffer();
        out.extend_from_slice(value.hyphenated().encode_lower(&mut text).as_bytes());
        Ok(Written::Bytes)
    }

    fn deserialize(&self, _topic: &str, data: Option<Payload<'_>>) -> Result<Uuid, SerdeError> {
        let bytes = non_null(data, "Uuid")?.as_slice();
        Uuid::try_parse_ascii(bytes).map_err(|error| SerdeError::Invalid(format!("not a UUID: {error}")))
    }
}

impl DefaultSerde for Uuid {
    type Serde = UuidSerde;
}
