//! What a running task is made of: nodes that take records by value and forward what comes of them.
//!
//! A node owns its links to its children ([`Downstream`]), so a record travels from source to sink by plain calls,
//! one virtual call per operator. Nodes live on the thread that runs their task and never leave it.

mod context;
mod downstream;
mod punctuation;
mod sink;
mod source;
mod timestamp;

pub use context::{RecordContext, TaskContext, TopicPartitions};
pub use downstream::{Child, Downstream, NodeRef};
pub use punctuation::{Cancellable, OperatorId, Punctuation, PunctuationType, ScheduleId};
pub use sink::{Partitioning, SinkNode, SinkTopic, StreamPartitioner, TopicNameExtractor};
pub use source::{Head, SourceNode, SourceReader, TimestampExtractor, TimestampedRecord};
pub use timestamp::{
    FailOnInvalidTimestamp, LogAndSkipOnInvalidTimestamp, UsePartitionTimeOnInvalidTimestamp,
    WallclockTimestampExtractor,
};

use crate::error::StreamsError;
use crate::record::Record;

/// The part of a node that does not depend on its types: what happens to it at the start, at a commit, and when time has passed.
pub trait Operator: 'static {
    /// Once, before the first record, when the stores are restored: where the node schedules its first punctuations, under the name
    /// `operator`, which it may keep to schedule more later. Called for all nodes of the task, parents before children.
    ///
    /// # Errors
    /// Stop the task; no handler is asked.
    fn init(&mut self, _context: &mut TaskContext, _operator: OperatorId) -> Result<(), StreamsError> {
        Ok(())
    }

    /// A schedule of the node is due (see [`TaskContext::schedule`]). The node may forward, schedule and cancel.
    ///
    /// # Errors
    /// As [`Node::process`]; the record context is [none](RecordContext::none).
    fn punctuate(&mut self, _context: &mut TaskContext, _punctuation: Punctuation) -> Result<(), StreamsError> {
        Ok(())
    }

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
