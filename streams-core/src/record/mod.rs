//! Records: typed ones as operators see them ([`Record`]), and encoded ones as they cross the broker
//! traits, a batch at a time ([`RecordBatch`] in, [`OutputBatch`] out).

mod batch;
mod headers;
mod output;
mod typed;
mod varint;
mod versioned;

pub use batch::{RecordBatch, RecordBatchBuilder, RecordRef};
pub use headers::{HeaderIter, Headers, HeadersBuilder};
pub use output::{OutputBatch, OutputRecordRef, OutputWriter, Written};
pub use typed::{NO_TIMESTAMP, Record};
pub(crate) use varint::{read_varint, write_varint};
pub use versioned::VersionedRecord;

use std::fmt;
use std::sync::Arc;

/// A partition of a topic. Cheap to clone: the name is shared.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// Name of the topic.
    pub topic: Arc<str>,
    /// Number of the partition, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// Names partition `partition` of `topic`.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

impl fmt::Debug for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
