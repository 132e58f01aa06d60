//! What an error of a transaction's request puts an end to.

use super::super::{ProducerError, ProducerErrorKind};
use crate::ClientError;
use crate::error::is_retriable;

/// What cannot go on after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Ends {
    /// Only the attempt: the same request may succeed later.
    Attempt,
    /// The transaction.
    Transaction(ProducerErrorKind),
    /// The producer.
    Producer(ProducerErrorKind),
}

const INVALID_PRODUCER_EPOCH: i16 = 47;
const PRODUCER_FENCED: i16 = 90;
const TOPIC_AUTHORIZATION_FAILED: i16 = 29;
const GROUP_AUTHORIZATION_FAILED: i16 = 30;
const CLUSTER_AUTHORIZATION_FAILED: i16 = 31;
const TRANSACTIONAL_ID_AUTHORIZATION_FAILED: i16 = 53;
const CONCURRENT_TRANSACTIONS: i16 = 51;

impl Ends {
    /// For a batch that has failed for good.
    ///
    /// The Java client has a stale epoch abort the transaction, which then fails as fenced; here it is told at once.
    pub(super) fn of_batch(error: &ClientError) -> Self {
        match error.code() {
            Some(INVALID_PRODUCER_EPOCH | PRODUCER_FENCED) => Self::Producer(ProducerErrorKind::Fenced),
            Some(CLUSTER_AUTHORIZATION_FAILED | TRANSACTIONAL_ID_AUTHORIZATION_FAILED) => {
                Self::Producer(ProducerErrorKind::Authorization)
            }
            Some(TOPIC_AUTHORIZATION_FAILED) => Self::Transaction(ProducerErrorKind::Authorization),
            _ => match error {
                ClientError::UnsupportedVersion { .. } => Self::Producer(ProducerErrorKind::Fatal),
                _ => Self::Transaction(ProducerErrorKind::AbortTransaction),
            },
        }
    }

    /// For a request to a coordinator.
    pub(in super::super) fn of_request(error: &ClientError) -> Self {
        let ClientError::Refused { code, .. } = error else {
            return match error {
                ClientError::Disconnected | ClientError::Timeout | ClientError::Malformed(_) => Self::Attempt,
                ClientError::Authentication(_) => Self::Producer(ProducerErrorKind::Authorization),
                _ => Self::Producer(ProducerErrorKind::Fatal),
            };
        };
        match *code {
            CONCURRENT_TRANSACTIONS => Self::Attempt,
            INVALID_PRODUCER_EPOCH | PRODUCER_FENCED => Self::Producer(ProducerErrorKind::Fenced),
            CLUSTER_AUTHORIZATION_FAILED | TRANSACTIONAL_ID_AUTHORIZATION_FAILED => {
                Self::Producer(ProducerErrorKind::Authorization)
            }
            TOPIC_AUTHORIZATION_FAILED | GROUP_AUTHORIZATION_FAILED => {
                Self::Transaction(ProducerErrorKind::Authorization)
            }
            // The generation, the member, its name or its epoch is not the group's; the id is not the producer's any more; the broker
            // asks for an abort; another partition's error.
            22 | 25 | 82 | 110 | 113 | 49 | 59 | 120 | 55 => Self::Transaction(ProducerErrorKind::AbortTransaction),
            code if is_retriable(code) => Self::Attempt,
            _ => Self::Producer(ProducerErrorKind::Fatal),
        }
    }

    pub(super) fn error(self, error: ClientError) -> ProducerError {
        let kind = match self {
            Self::Attempt => ProducerErrorKind::Retriable,
            Self::Transaction(kind) | Self::Producer(kind) => kind,
        };
        ProducerError::new(kind, error)
    }
}

/// Whether a coordinator's error says that it is another broker.
pub(super) fn is_elsewhere(error: &ClientError) -> bool {
    match error {
        ClientError::Refused { code, .. } => matches!(code, 15 | 16),
        ClientError::Disconnected | ClientError::Timeout | ClientError::Malformed(_) => true,
        _ => false,
    }
}

/// Whether what stands in the way passes within milliseconds.
pub(super) fn is_short(error: &ClientError) -> bool {
    error.code() == Some(CONCURRENT_TRANSACTIONS)
}
