//! How each request is written and its answer read. One file per message.
//!
//! Versions below the ones listed are not spoken: every broker since Kafka 3.6 has these, and all of them but SaslHandshake are "flexible".

mod add_offsets_to_txn;
mod add_partitions_to_txn;
mod api_versions;
mod commit_offsets;
mod create_topics;
mod delete_records;
mod delete_topics;
mod describe_configs;
mod end_txn;
mod fetch;
mod fetch_offsets;
mod find_coordinator;
mod heartbeat;
mod init_producer_id;
mod join;
mod leave;
mod list_offsets;
mod metadata;
mod partitions;
mod produce;
mod sasl_authenticate;
mod sasl_handshake;
mod sync;
mod txn_offset_commit;

use std::time::Duration;

use bytes::{BufMut, BytesMut};
use kafka_protocol::messages::ApiKey;
use kafka_protocol::protocol::{Encodable, StrBytes};

pub(crate) use add_offsets_to_txn::AddOffsetsToTxn;
pub(crate) use add_partitions_to_txn::AddPartitionsToTxn;
pub(crate) use api_versions::{ApiVersions, Offered, VersionRange};
pub(crate) use create_topics::CreateTopics;
pub(crate) use delete_records::DeleteRecords;
pub(crate) use delete_topics::DeleteTopics;
pub(crate) use describe_configs::DescribeTopicConfig;
pub(crate) use end_txn::EndTxn;
pub(crate) use fetch::{Fetch, FetchAnswer, FetchPartition, FetchedPartition, PartitionKey};
pub(crate) use find_coordinator::{Coordinates, FindCoordinator};
pub(crate) use init_producer_id::{InitProducerId, ProducerIdentity};
pub(crate) use list_offsets::{EARLIEST, LATEST, ListOffsets};
pub(crate) use metadata::{ClusterMetadata, Metadata, PartitionMetadata, TopicMetadata};
pub(crate) use partitions::{Answered, Asked};
pub(crate) use produce::{PartitionBatch, Produce, Produced, ProducedPartition};
pub(crate) use sasl_authenticate::SaslAuthenticate;
pub(crate) use sasl_handshake::SaslHandshake;
pub(crate) use txn_offset_commit::TxnOffsetCommit;

use crate::wire::{Reader, WireError};
use crate::{ClientError, GroupError};

/// The protocol type of every group here, so that Kafka's own tools take it for what it is.
const PROTOCOL_TYPE: StrBytes = StrBytes::from_static_str("consumer");

/// An error code that the broker answered, and what it was answered to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: i16,
    pub(crate) context: String,
}

impl Refusal {
    /// Success for the code 0.
    fn check(code: i16, context: impl FnOnce() -> String) -> Result<(), Self> {
        if code == 0 { Ok(()) } else { Err(Self { code, context: context() }) }
    }

    /// As [`check`](Self::check), with what the broker said about it.
    fn check_with(code: i16, message: Option<&str>, context: impl FnOnce() -> String) -> Result<(), Self> {
        Self::check(code, || match message {
            Some(message) if !message.is_empty() => format!("{} ({message})", context()),
            _ => context(),
        })
    }
}

impl From<Refusal> for GroupError {
    fn from(refusal: Refusal) -> Self {
        Self::from_code(refusal.code, refusal.context)
    }
}

impl From<Refusal> for ClientError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused { code: refusal.code, context: refusal.context }
    }
}

/// A request that a connection can carry.
pub(crate) trait Call {
    const KEY: ApiKey;
    const NAME: &'static str;
    /// The versions known here; the highest that the broker knows too is used.
    const VERSIONS: VersionRange;
    /// Whether the answer's header ends with tagged fields. That of ApiVersions does not, so that every client can read it.
    const FLEXIBLE: bool = true;
    type Answer;

    fn encode(&self, version: i16, buffer: &mut BytesMut) -> Result<(), ClientError>;

    /// Reads the body of an answer: the outer error says that the bytes are wrong, the inner one that the broker refused.
    fn decode(&self, version: i16, body: &mut Reader) -> Result<Result<Self::Answer, Refusal>, WireError>;
}

fn write(message: &impl Encodable, version: i16, buffer: &mut BytesMut) -> Result<(), ClientError> {
    message.encode(buffer, version).map_err(|error| ClientError::InvalidRequest(error.to_string()))
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn optional_text(optional: Option<&String>) -> Option<StrBytes> {
    optional.map(|value| text(value))
}

/// Writes the length of a compact type.
fn compact_length(length: usize, buffer: &mut BytesMut) {
    // A frame, and so all in it, has less than 2 GiB.
    let mut rest = (length + 1) as u32;
    while rest >= 0x80 {
        buffer.put_u8(rest as u8 | 0x80);
        rest >>= 7;
    }
    buffer.put_u8(rest as u8);
}

/// Writes a compact nullable string.
fn compact_text(text: Option<&str>, buffer: &mut BytesMut) {
    match text {
        Some(text) => {
            compact_length(text.len(), buffer);
            buffer.put_slice(text.as_bytes());
        }
        None => buffer.put_u8(0),
    }
}

/// Whole milliseconds, at least 1, for a timeout.
fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX).max(1)
}

/// Puts partitions of the same topic together, keeping the order in which topics first appear.
fn by_topic<T>(items: impl IntoIterator<Item = (String, T)>) -> Vec<(String, Vec<T>)> {
    let mut places = std::collections::HashMap::new();
    let mut topics: Vec<(String, Vec<T>)> = Vec::new();
    for (topic, item) in items {
        match places.get(&topic) {
            Some(&place) => {
                let (_, items): &mut (String, Vec<T>) = &mut topics[place];
                items.push(item);
            }
            None => {
                places.insert(topic.clone(), topics.len());
                topics.push((topic, vec![item]));
            }
        }
    }
    topics
}

#[cfg(test)]
mod admin_tests;
#[cfg(test)]
mod tests;
