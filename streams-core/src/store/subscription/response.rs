use super::{NO_HASH, RowHash, version};
use crate::record::Written;
use crate::serde::{Payload, Serde, SerdeError, SerdeRef, non_null};
use std::sync::Arc;

/// What the left side is told about the right row of one of its rows; the record's key is the key of the left row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionResponse<V> {
    /// The hash of the left row that this responds to.
    pub hash: Option<RowHash>,
    /// The right row; none where there is none.
    pub row: Option<V>,
    /// The partition of the left row. Where it is none, that of its key is taken. Says only where the message goes and is not part of it.
    pub partition: Option<i32>,
}

/// Responses as Kafka Streams writes them: version, hash, right row. A right row of no bytes is read as none, as there.
pub struct SubscriptionResponseSerde<V> {
    rows: SerdeRef<V>,
}

impl<V: 'static> SubscriptionResponseSerde<V> {
    /// Responses with rows of this serde.
    pub fn new(rows: &SerdeRef<V>) -> Self {
        Self { rows: Arc::clone(rows) }
    }
}

impl<V: 'static> Serde<SubscriptionResponse<V>> for SubscriptionResponseSerde<V> {
    fn serialize(
        &self,
        topic: &str,
        response: &SubscriptionResponse<V>,
        out: &mut Vec<u8>,
    ) -> Result<Written, SerdeError> {
        match &response.hash {
            Some(hash) => {
                out.push(0);
                out.extend_from_slice(hash.as_bytes());
            }
            None => out.push(NO_HASH),
        }
        if let Some(row) = &response.row {
            self.rows.serialize(topic, row, out)?;
        }
        Ok(Written::Bytes)
    }

    fn deserialize(&self, topic: &str, data: Option<Payload<'_>>) -> Result<SubscriptionResponse<V>, SerdeError> {
        let data = non_null(data, "response of a foreign-key join")?;
        let (first, mut row) = data.split_first(1).ok_or_else(cut_off)?;
        let (version, has_hash) = version(first.as_slice()[0]);
        if version > 0 {
            return Err(SerdeError::Invalid(format!("a response of version {version}; known is 0")));
        }
        let mut hash = None;
        if has_hash {
            hash = RowHash::split(row.as_slice()).map(|(hash, _)| hash);
            (_, row) = row.split_first(RowHash::LEN).ok_or_else(cut_off)?;
        }
        let row = match row.as_slice() {
            [] => None,
            _ => Some(self.rows.deserialize(topic, Some(row))?),
        };
        Ok(SubscriptionResponse { hash, row, partition: None })
    }
}

#[cold]
fn cut_off() -> SerdeError {
    SerdeError::Invalid("a response of too few bytes".to_owned())
}
