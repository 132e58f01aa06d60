use super::{NO_HASH, RowHash, version};
use crate::record::Written;
use crate::serde::{Payload, Serde, SerdeError, SerdeRef, non_null};
use std::sync::Arc;

/// What the right side is told about a row of the left side; the record's key is the foreign key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription<K> {
    /// The hash of the left row; none where it was deleted.
    pub hash: Option<RowHash>,
    /// What is to be done.
    pub instruction: Instruction,
    /// The key of the left row.
    pub primary_key: K,
    /// The partition of the left row, where responses go. None in messages of version 0 (before Kafka Streams 3.4).
    pub partition: Option<i32>,
}

/// What the right side does with a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instruction {
    /// Forgets it.
    DeleteKeyNoPropagate = 0,
    /// Forgets it, and responds that there is no right row.
    DeleteKeyAndPropagate = 1,
    /// Keeps it, and responds with the right row or that there is none.
    PropagateNullIfNoForeignValue = 2,
    /// Keeps it, and responds where there is a right row.
    PropagateOnlyIfForeignValue = 3,
}

impl Instruction {
    const ALL: [Self; 4] = [
        Self::DeleteKeyNoPropagate,
        Self::DeleteKeyAndPropagate,
        Self::PropagateNullIfNoForeignValue,
        Self::PropagateOnlyIfForeignValue,
    ];

    /// Whether the subscription ends.
    pub fn deletes(self) -> bool {
        matches!(self, Self::DeleteKeyNoPropagate | Self::DeleteKeyAndPropagate)
    }
}

/// Subscriptions as Kafka Streams writes them: version, instruction, hash, primary key, partition.
pub struct SubscriptionSerde<K> {
    primary_keys: SerdeRef<K>,
    /// What the serde of the primary keys is told.
    topic: Arc<str>,
}

const VERSION_0: u8 = 0;
const VERSION_1: u8 = 1;
const PARTITION_LEN: usize = size_of::<i32>();

impl<K: 'static> SubscriptionSerde<K> {
    /// Subscriptions with primary keys of this serde, which is told the topic `topic`.
    pub fn new(primary_keys: &SerdeRef<K>, topic: impl Into<Arc<str>>) -> Self {
        Self { primary_keys: Arc::clone(primary_keys), topic: topic.into() }
    }
}

impl<K: 'static> Serde<Subscription<K>> for SubscriptionSerde<K> {
    fn serialize(
        &self,
        _topic: &str,
        subscription: &Subscription<K>,
        out: &mut Vec<u8>,
    ) -> Result<Written, SerdeError> {
        let version = if subscription.partition.is_some() { VERSION_1 } else { VERSION_0 };
        out.push(version | if subscription.hash.is_none() { NO_HASH } else { 0 });
        out.push(subscription.instruction as u8);
        if let Some(hash) = &subscription.hash {
            out.extend_from_slice(hash.as_bytes());
        }
        if self.primary_keys.serialize(&self.topic, &subscription.primary_key, out)? == Written::Null {
            return Err(SerdeError::Invalid("a row whose key is null cannot be joined".to_owned()));
        }
        if let Some(partition) = subscription.partition {
            out.extend_from_slice(&partition.to_be_bytes());
        }
        Ok(Written::Bytes)
    }

    fn deserialize(&self, _topic: &str, data: Option<Payload<'_>>) -> Result<Subscription<K>, SerdeError> {
        let data = non_null(data, "subscription of a foreign-key join")?;
        let parts = Parts::parse(data.as_slice())?;
        let (_, rest) = data.split_first(parts.key_start).ok_or_else(cut_off)?;
        let (key, _) = rest.split_first(parts.key_len).ok_or_else(cut_off)?;
        let primary_key = self.primary_keys.deserialize(&self.topic, Some(key))?;
        let Parts { hash, instruction, partition, .. } = parts;
        Ok(Subscription { hash, instruction, primary_key, partition })
    }
}

/// What lies where in the bytes of a subscription.
pub(super) struct Parts {
    pub hash: Option<RowHash>,
    pub instruction: Instruction,
    pub partition: Option<i32>,
    key_start: usize,
    key_len: usize,
}

impl Parts {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, SerdeError> {
        let [first, instruction, rest @ ..] = bytes else { return Err(cut_off()) };
        let (version, has_hash) = version(*first);
        if version > VERSION_1 {
            return Err(SerdeError::Invalid(format!("a subscription of version {version}; known are 0 and 1")));
        }
        let instruction = *Instruction::ALL
            .get(usize::from(*instruction))
            .ok_or_else(|| SerdeError::Invalid(format!("a subscription with the unknown instruction {instruction}")))?;
        let (hash, key) = match has_hash {
            true => RowHash::split(rest).map(|(hash, key)| (Some(hash), key)).ok_or_else(cut_off)?,
            false => (None, rest),
        };
        let (key, partition) = match version {
            VERSION_0 => (key, None),
            _ => {
                let (key, partition) = key.split_last_chunk::<PARTITION_LEN>().ok_or_else(cut_off)?;
                (key, Some(i32::from_be_bytes(*partition)))
            }
        };
        let key_start = bytes.len() - key.len() - partition.map_or(0, |_| PARTITION_LEN);
        Ok(Self { hash, instruction, partition, key_start, key_len: key.len() })
    }
}

#[cold]
fn cut_off() -> SerdeError {
    SerdeError::Invalid("a subscription of too few bytes".to_owned())
}
