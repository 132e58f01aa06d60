//! What a running task is made of: nodes that take records by value and forward what comes of them.
//!
//! A node owns its links to its children ([`Downstream`]), so a record travels from source to sink by plain calls,
//! one virtual call per operator. Nodes live on the thread that runs their task and never leave it.

mod context;
mod downstream;
mod sink;
mod source;
mod timestamp;

pub use context::{RecordContext, TaskContext, TopicPartitions};
pub use downstream::{Child, Downstream, NodeRef};
pub use sink::{Partitioning, SinkNode, SinkTopic, StreamPartitioner, TopicNameExtractor};
pub use source::{Head, SourceNode, SourceReader, TimestampExtractor, TimestampedRecord};
pub use timestamp::{
    FailOnInvalidTimestamp, LogAndSkipOnInvalidTimestamp, UsePartitionTimeOnInvalidTimestamp,
    WallclockTimestampExtractor,
};

use crate::error::StreamsError;
use crate::record::Record;

/// The part of a node that does not depend on its types: what happens to it at a commit and at the end.
pub trait Operator: 'static {
    /// Before a commit: forwards and logs what the node holds back (the write buffer of its store). Called for all nodes
    /// of the task, parents before children.
    ///
    /// # Errors
    /// As [`Node::process`].
    fn flush(&mut self, _context: &mut TaskContext) -> Result<(), StreamsError> {
        Ok(())
    }
}

/// A node that takes records of key `K` and value `V`.
pub trait Node<K, V>: Operator {
    /// Takes one record; forwards what comes of it to the node's children before it returns.
    ///
    /// # Errors
    /// What the processing exception handler did not let pass; the task stops and is closed without commit.
    fn process(&mut self, context: &mut TaskContext, record: Record<K, V>) -> Result<(), StreamsError>;
}
