use super::{DefaultSerde, Payload, Serde, SerdeError, Written, non_null};

/// UTF-8 text, as Kafka's `StringSerializer`. Bytes that are not UTF-8 are an error here (Java replaces them silently).
#[derive(Debug, Clone, Copy, Default)]
pub struct StringSerde;

impl Serde<String> for StringSerde {
    fn serialize(&self, _topic: &str, value: &String, out: &mut Vec<u8>) -> Result<Written, SerdeError> {
        out.extend_from_slice(value.as_bytes());
        Ok(Written::Bytes)
    }

    fn deserialize(&self, _topic: &str, data: Option<Payload<'_>>) -> Result<String, SerdeError> {
        let bytes = non_null(data, "String")?.as_slice();
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => Err(SerdeError::Invalid(format!("not UTF-8: {error}"))),
        }
    }
}

impl DefaultSerde for String {
    type Serde = StringSerde;
}
