use super::{DefaultSerde, Payload, Serde, SerdeError, Written, non_null};
use bytes::Bytes;

/// Bytes as they are, shared with the batch they came in: nothing is copied.
#[derive(Debug, Clone, Copy, Default)]
pub struct BytesSerde;

impl Serde<Bytes> for BytesSerde {
    fn serialize(&self, _topic: &str, value: &Bytes, out: &mut Vec<u8>) -> Result<Written, SerdeError> {
        out.extend_from_slice(value);
        Ok(Written::Bytes)
    }

    fn deserialize(&self, _topic: &str, data: Option<Payload<'_>>) -> Result<Bytes, SerdeError> {
        Ok(non_null(data, "Bytes")?.to_bytes())
    }
}

impl DefaultSerde for Bytes {
    type Serde = BytesSerde;
}

/// Bytes as they are, in a vector of their own.
#[derive(Debug, Clone, Copy, Default)]
pub struct ByteVecSerde;

impl Serde<Vec<u8>> for ByteVecSerde {
    fn serialize(&self, _topic: &str, value: &Vec<u8>, out: &mut Vec<u8>) -> Result<Written, SerdeError> {
        out.extend_from_slice(value);
        Ok(Written::Bytes)
    }

    fn deserialize(&self, _topic: &str, data: Option<Payload<'_>>) -> Result<Vec<u8>, SerdeError> {
        Ok(non_null(data, "Vec<u8>")?.as_slice().to_vec())
    }
}

impl DefaultSerde for Vec<u8> {
    type Serde = ByteVecSerde;
}
