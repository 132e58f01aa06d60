use super::{DefaultSerde, Payload, Serde, SerdeError, Written};

/// `()`, which is always null, as Kafka's `VoidSerializer`. Bytes are an error.
#[derive(Debug, Clone, Copy, Default)]
pub struct UnitSerde;

impl Serde<()> for UnitSerde {
    fn serialize(&self, _topic: &str, _value: &(), _out: &mut Vec<u8>) -> Result<Written, SerdeError> {
        Ok(Written::Null)
    }

    fn deserialize(&self, _topic: &str, data: Option<Payload<'_>>) -> Result<(), SerdeError> {
        match data {
            None => Ok(()),
            Some(data) => {
                Err(SerdeError::Invalid(format!("{} bytes where () is expected, which is null", data.as_slice().len())))
            }
        }
    }
}

impl DefaultSerde for () {
    type Serde = UnitSerde;
}
