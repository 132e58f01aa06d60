use crate::serde::{Payload, Serde, SerdeError, SerdeRef, Written};

/// A value in a timestamped store, with its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ValueAndTimestamp<V> {
    /// The value.
    pub value: V,
    /// Its time in milliseconds since the epoch.
    pub timestamp: i64,
}

impl<V> ValueAndTimestamp<V> {
    /// A value with its time.
    pub fn new(value: V, timestamp: i64) -> Self {
        Self { value, timestamp }
    }
}

/// The rows of timestamped stores: eight bytes of time, then the value. In the changelog the time is that of the record.
pub(crate) struct TimestampedSerde<V>(pub(crate) SerdeRef<V>);

impl<V: 'static> Serde<ValueAndTimestamp<V>> for TimestampedSerde<V> {
    fn serialize(&self, topic: &str, row: &ValueAndTimestamp<V>, out: &mut Vec<u8>) -> Result<Written, SerdeError> {
        let start = out.len();
        out.extend_from_slice(&row.timestamp.to_be_bytes());
        let written = self.0.serialize(topic, &row.value, out)?;
        if written == Written::Null {
            out.truncate(start);
        }
        Ok(written)
    }

    fn deserialize(&self, topic: &str, data: Option<Payload<'_>>) -> Result<ValueAndTimestamp<V>, SerdeError> {
        let row = data.map_or(&[][..], |data| data.as_slice());
        let Some((timestamp, value)) = row.split_first_chunk::<8>() else {
            return Err(SerdeError::WrongLength { expected: "row", expected_len: 8, actual: row.len() });
        };
        let value = self.0.deserialize(topic, Some(Payload::new(value)))?;
        Ok(ValueAndTimestamp { value, timestamp: i64::from_be_bytes(*timestamp) })
    }
}
