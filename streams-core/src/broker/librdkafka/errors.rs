//! What librdkafka's error codes ask for.

use super::ffi::TransactionError;
use crate::broker::{BrokerError, BrokerErrorKind};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;
use std::fmt;

/// What an error code asks for, where nothing more is known.
pub(super) fn kind(code: Code) -> BrokerErrorKind {
    match code {
        Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition | Code::UnknownTopicId => {
            BrokerErrorKind::UnknownTopicOrPartition
        }
        Code::TopicAlreadyExists => BrokerErrorKind::TopicExists,
        Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize => {
            BrokerErrorKind::RecordTooLarge
        }
        Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch | Code::TransactionCoordinatorFenced => {
            BrokerErrorKind::Fenced
        }
        // A member that is no longer valid: the producer lives on once the transaction is aborted.
        Code::IllegalGeneration | Code::UnknownMemberId | Code::FencedInstanceId | Code::RebalanceInProgress => {
            BrokerErrorKind::AbortTransaction
        }
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::SaslAuthenticationFailed
        | Code::Authentication => BrokerErrorKind::Authorization,
        Code::InvalidConfig | Code::InvalidTransactionTimeout => BrokerErrorKind::InvalidConfig,
        code if is_retriable(code) => BrokerErrorKind::Retriable,
        _ => BrokerErrorKind::Fatal,
    }
}

/// Whether a code passes: timeouts, connections, leaders on the move, overload.
fn is_retriable(code: Code) -> bool {
    matches!(
        code,
        Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::MessageTimedOut
            | Code::TimedOutQueue
            | Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::Resolve
            | Code::Retry
            | Code::InProgress
            | Code::PreviousInProgress
            | Code::WaitingForCoordinator
            | Code::WaitCache
            | Code::QueueFull
            | Code::DestroyBroker
            | Code::BrokerDestroy
            | Code::UnknownBroker
            | Code::PurgeQueue
            | Code::PurgeInflight
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::BrokerNotAvailable
            | Code::ReplicaNotAvailable
            | Code::NetworkException
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::NotController
            | Code::ConcurrentTransactions
            | Code::KafkaStorageError
            | Code::ListenerNotFound
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::OffsetNotAvailable
            | Code::PreferredLeaderNotAvailable
            | Code::EligibleLeadersNotAvailable
            | Code::UnstableOffsetCommit
            | Code::ThrottlingQuotaExceeded
            | Code::BadMessage
            | Code::InvalidMessage
    )
}

/// The error for a code.
pub(super) fn from_code(code: Code, context: impl fmt::Display) -> BrokerError {
    BrokerError::new(kind(code), context, format_args!("{code:?}: {code}"))
}

/// The error for what the transactional API answered.
pub(super) fn from_transaction(error: &TransactionError, context: impl fmt::Display) -> BrokerError {
    let by_code = kind(error.code);
    let kind = match by_code {
        BrokerErrorKind::Fenced | BrokerErrorKind::Authorization | BrokerErrorKind::InvalidConfig => by_code,
        _ if error.fatal => BrokerErrorKind::Fatal,
        _ if error.requires_abort => BrokerErrorKind::AbortTransaction,
        _ if error.retriable => BrokerErrorKind::Retriable,
        other => other,
    };
    BrokerError::new(kind, context, format_args!("{:?}: {}", error.code, error.message))
}

/// The error for what an rdkafka client answered.
pub(super) fn from_kafka(error: &KafkaError, context: impl fmt::Display) -> BrokerError {
    match error {
        KafkaError::ClientConfig(_, message, key, value) => {
            BrokerError::new(BrokerErrorKind::InvalidConfig, context, format_args!("{key}={value}: {message}"))
        }
        KafkaError::ClientCreation(message) => BrokerError::new(BrokerErrorKind::InvalidConfig, context, message),
        KafkaError::AdminOp(code) => from_code(*code, context),
        KafkaError::Canceled => BrokerError::new(BrokerErrorKind::Retriable, context, "the client was closed"),
        error => match error.rdkafka_error_code() {
            Some(code) => from_code(code, context),
            None => BrokerError::new(BrokerErrorKind::Fatal, context, error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(code: Code, fatal: bool, retriable: bool, requires_abort: bool) -> BrokerErrorKind {
        let error = TransactionError { code, message: "m".into(), fatal, retriable, requires_abort };
        from_transaction(&error, "commit").kind
    }

    #[test]
    fn a_fence_is_a_fence_and_a_stale_member_asks_for_an_abort() {
        assert_eq!(answered(Code::Fenced, true, false, false), BrokerErrorKind::Fenced);
        assert_eq!(answered(Code::InvalidProducerEpoch, false, false, true), BrokerErrorKind::Fenced);
        for code in [Code::IllegalGeneration, Code::UnknownMemberId, Code::FencedInstanceId] {
            assert_eq!(answered(code, false, false, true), BrokerErrorKind::AbortTransaction);
        }
        assert_eq!(answered(Code::OperationTimedOut, false, true, false), BrokerErrorKind::Retriable);
        assert_eq!(answered(Code::State, false, false, false), BrokerErrorKind::Fatal);
        assert_eq!(answered(Code::UnknownProducerId, true, false, false), BrokerErrorKind::Fatal);
    }

    #[test]
    fn a_wrong_configuration_names_the_key() {
        let error = rdkafka::ClientConfig::new().set("no.such.key", "1").create_native_config().err().unwrap();
        let error = from_kafka(&error, "consumer");
        assert_eq!(error.kind, BrokerErrorKind::InvalidConfig);
        assert!(error.to_string().contains("no.such.key"), "{error}");
    }
}
