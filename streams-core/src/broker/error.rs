use std::fmt;

/// What went wrong between the application and the cluster.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{context}: {message}")]
pub struct BrokerError {
    /// What sort of failure it is; decides what the runtime does.
    pub kind: BrokerErrorKind,
    /// What was being done, with topic, partition and offset where there are some.
    pub context: String,
    /// What the broker or the client said.
    pub message: String,
}

/// The sorts of failure, by what they ask for.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokerErrorKind {
    /// May succeed when tried again: timeouts, broken connections, leader changes, an overloaded broker.
    Retriable,
    /// The topic or partition does not exist.
    UnknownTopicOrPartition,
    /// The topic exists already.
    TopicExists,
    /// The record is larger than the broker or the client takes.
    RecordTooLarge,
    /// A newer producer with the same transactional id, or a newer member generation, has taken over.
    Fenced,
    /// The transaction must be aborted; the producer can be used afterwards.
    AbortTransaction,
    /// Access denied.
    Authorization,
    /// A configuration value is wrong.
    InvalidConfig,
    /// The request cannot be carried out, now or later.
    Fatal,
}

impl BrokerError {
    /// An error of `kind`.
    pub fn new(kind: BrokerErrorKind, context: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self { kind, context: context.to_string(), message: message.to_string() }
    }

    /// Whether trying again may help.
    pub fn is_retriable(&self) -> bool {
        self.kind == BrokerErrorKind::Retriable
    }
}
