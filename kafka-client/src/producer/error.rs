use crate::ClientError;

/// Why a call to a producer failed, and what that asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct ProducerError {
    /// What to do.
    pub kind: ProducerErrorKind,
    /// What happened.
    #[source]
    pub error: ClientError,
}

/// What a producer's error asks for.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProducerErrorKind {
    /// Call again: nothing is decided yet.
    Retriable,
    /// Drop the producer: a newer one with its transactional id has taken over, or the broker has given its transaction up.
    Fenced,
    /// Abort the transaction; the producer can be used afterwards.
    AbortTransaction,
    /// Access is denied. In a transaction, abort it; the message says what to grant.
    Authorization,
    /// It cannot be carried out, now or later.
    Fatal,
}

impl ProducerError {
    pub(super) fn new(kind: ProducerErrorKind, error: ClientError) -> Self {
        Self { kind, error }
    }

    pub(super) fn timeout() -> Self {
        Self::new(ProducerErrorKind::Retriable, ClientError::Timeout)
    }

    /// A call that is not possible now.
    pub(super) fn misuse(problem: impl Into<String>) -> Self {
        Self::new(ProducerErrorKind::Fatal, ClientError::InvalidRequest(problem.into()))
    }
}
