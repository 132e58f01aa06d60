//! What can go wrong, with where and what to do.

use crate::broker::{BrokerError, BrokerErrorKind};
use crate::serde::SerdeError;
use crate::task::TaskId;
use std::error::Error;
use std::fmt;

/// An error of the library. Messages say what happened, where, what was done, and what can be done.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum StreamsError {
    /// The configuration is wrong; every fault is listed.
    #[error("invalid configuration: {}", .0.join("; "))]
    Config(Vec<String>),
    /// The topology is wrong.
    #[error("invalid topology: {0}")]
    Topology(String),
    /// Input topics do not exist.
    #[error("source topics do not exist: {}; create them and start again", .0.join(", "))]
    MissingSourceTopics(Vec<String>),
    /// Topics whose records are to meet by key have different partition counts (see `Topology::copartitions`).
    #[error("{0}")]
    NotCopartitioned(String),
    /// What a global store was read from is gone (deleted by retention, or the topic made anew): the instance closes, and rebuilds the store at its next
    /// start.
    #[error(
        "offset {position} of {partition}, which a global store was to be read on from, is gone; the store is rebuilt at the next start"
    )]
    GlobalStoreLost {
        /// The partition.
        partition: String,
        /// Where the store stood.
        position: i64,
    },
    /// An internal topic does not fit the topology.
    #[error("internal topic {topic}: {message}")]
    InternalTopic {
        /// Name of the topic.
        topic: String,
        /// What is wrong with it, and what to do.
        message: String,
    },
    /// A sink's topic does not exist.
    #[error("topic {topic} of a sink does not exist; output topics are not created by the library")]
    UnknownSinkTopic {
        /// Name of the topic.
        topic: String,
    },
    /// An input record cannot be decoded, and the deserialization exception handler said to fail.
    #[error(
        "cannot decode the {part} of {topic}-{partition} at offset {offset}: {error}; set deserialization.exception.handler to continue past such records"
    )]
    Deserialization {
        /// Its topic.
        topic: String,
        /// Its partition.
        partition: i32,
        /// Its offset.
        offset: i64,
        /// `key` or `value`.
        part: &'static str,
        /// What the serde said.
        error: SerdeError,
    },
    /// A record cannot be encoded.
    #[error("cannot encode a {part} for {topic}: {error}")]
    Serialization {
        /// The topic that it was meant for; for a store its changelog.
        topic: String,
        /// `key` or `value`.
        part: &'static str,
        /// What the serde said.
        error: SerdeError,
    },
    /// The bytes in a store are not what its serde expects.
    #[error("cannot decode a {part} in store {store}: {error}; was the store written with another type?")]
    StoredBytes {
        /// Name of the store.
        store: String,
        /// `key` or `value`.
        part: &'static str,
        /// What the serde said.
        error: SerdeError,
    },
    /// No valid event time, and the timestamp extractor is one that fails.
    #[error(
        "record {topic}-{partition} at offset {offset} has timestamp {timestamp}; use another timestamp extractor to accept it"
    )]
    InvalidTimestamp {
        /// Its topic.
        topic: String,
        /// Its partition.
        partition: i32,
        /// Its offset.
        offset: i64,
        /// Its timestamp.
        timestamp: i64,
    },
    /// User code failed; becomes [`Processing`](Self::Processing) unless the handler lets it pass.
    #[error("{0}")]
    User(Box<dyn Error + Send + Sync>),
    /// User code failed, and the processing exception handler said to fail.
    #[error("processing failed at {context}: {error}")]
    Processing {
        /// Where.
        context: Box<ErrorContext>,
        /// What the user's code said.
        error: Box<dyn Error + Send + Sync>,
    },
    /// User code panicked. The task is closed without commit.
    #[error("a panic in task {task_id}, {}: {message}", origin(topic, *partition, *offset))]
    Panic {
        /// The task.
        task_id: TaskId,
        /// Topic of the record being processed.
        topic: String,
        /// Its partition.
        partition: i32,
        /// Its offset.
        offset: i64,
        /// The panic's message.
        message: String,
    },
    /// A state store failed.
    #[error(transparent)]
    Store(#[from] state_stores::StoreError),
    /// The cluster, or the way to it, failed.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The task belongs to another instance by now; its work since the last commit is done there again.
    #[error("task migrated to another instance: {0}")]
    TaskMigrated(String),
    /// The group refuses this instance.
    #[error("group membership: {0}")]
    Group(String),
    /// The state directory cannot be used.
    #[error("state directory {directory}: {message}")]
    StateDirectory {
        /// The directory.
        directory: String,
        /// Why, and what to do.
        message: String,
    },
    /// Not possible in the present state of the instance or store.
    #[error("{0}")]
    InvalidState(String),
}

impl StreamsError {
    /// Whether trying again may help.
    pub fn is_retriable(&self) -> bool {
        matches!(self, Self::Broker(error) if error.kind == BrokerErrorKind::Retriable)
    }

    /// An error of user code.
    pub fn user(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::User(error.into())
    }
}

/// Where an error arose (KIP-1033's `ErrorHandlerContext`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorContext {
    /// The task.
    pub task_id: TaskId,
    /// Name of the node.
    pub node: String,
    /// Topic of the input record; empty where none was being processed (initialization, punctuation).
    pub topic: String,
    /// Its partition; -1 without a record.
    pub partition: i32,
    /// Its offset; -1 without a record.
    pub offset: i64,
}

impl fmt::Display for ErrorContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { task_id, node, topic, partition, offset } = self;
        write!(f, "node {node} of task {task_id}, {}", origin(topic, *partition, *offset))
    }
}

/// Which input record was being processed.
fn origin(topic: &str, partition: i32, offset: i64) -> String {
    match partition {
        0.. => format!("input {topic}-{partition} at offset {offset}"),
        _ => "outside of a record (initialization or punctuation)".to_owned(),
    }
}

/// What a handler decides about a failed record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandlerResponse {
    /// Drop the record, count it, go on.
    Continue,
    /// Stop: the error goes to the uncaught exception handler.
    Fail,
}

impl HandlerResponse {
    /// Whether to go on.
    pub fn is_continue(self) -> bool {
        self == Self::Continue
    }
}

/// Decides about input records that cannot be decoded (KIP-161).
pub trait DeserializationExceptionHandler: Send + Sync + 'static {
    /// Continue or fail.
    fn handle(&self, context: &ErrorContext, error: &SerdeError) -> HandlerResponse;
}

/// Decides about records at which user code fails (KIP-1033).
pub trait ProcessingExceptionHandler: Send + Sync + 'static {
    /// Continue or fail.
    fn handle(&self, context: &ErrorContext, error: &(dyn Error + Send + Sync)) -> HandlerResponse;
}

/// Decides about records that the cluster does not take (KIP-210).
pub trait ProductionExceptionHandler: Send + Sync + 'static {
    /// Continue or fail.
    fn handle(&self, error: &BrokerError) -> HandlerResponse;
}

/// Fails at the first error: the default of all handlers.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogAndFail;

/// Drops what fails, with a warning and a count.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogAndContinue;

macro_rules! shipped_handlers {
    ($($handler:ident => $response:ident),*) => {$(
        impl DeserializationExceptionHandler for $handler {
            fn handle(&self, _: &ErrorContext, _: &SerdeError) -> HandlerResponse {
                HandlerResponse::$response
            }
        }

        impl ProcessingExceptionHandler for $handler {
            fn handle(&self, _: &ErrorContext, _: &(dyn Error + Send + Sync)) -> HandlerResponse {
                HandlerResponse::$response
            }
        }

        impl ProductionExceptionHandler for $handler {
            fn handle(&self, _: &BrokerError) -> HandlerResponse {
                HandlerResponse::$response
            }
        }
    )*};
}

shipped_handlers!(LogAndFail => Fail, LogAndContinue => Continue);
