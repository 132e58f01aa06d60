use crate::broker::{BrokerError, BrokerErrorKind};
use kafka_client::ClientError;
use kafka_client::producer::{ProducerError, ProducerErrorKind};
use std::fmt::Display;

/// The native client's error as that of a broker.
pub(super) fn from_client(error: &ClientError, context: impl Display) -> BrokerError {
    BrokerError::new(kind(error), context, error)
}

/// The native producer's error as that of a broker.
pub(super) fn from_producer(error: &ProducerError, context: impl Display) -> BrokerError {
    let kind = match error.kind {
        ProducerErrorKind::Retriable => BrokerErrorKind::Retriable,
        ProducerErrorKind::Fenced => BrokerErrorKind::Fenced,
        ProducerErrorKind::AbortTransaction => BrokerErrorKind::AbortTransaction,
        ProducerErrorKind::Authorization => BrokerErrorKind::Authorization,
        _ => BrokerErrorKind::Fatal,
    };
    BrokerError::new(kind, context, error)
}

fn kind(error: &ClientError) -> BrokerErrorKind {
    match error {
        ClientError::Refused { code, .. } => kind_of_code(*code, error.is_retriable()),
        ClientError::InvalidConfig(_) => BrokerErrorKind::InvalidConfig,
        ClientError::Authentication(_) => BrokerErrorKind::Authorization,
        _ if error.is_retriable() => BrokerErrorKind::Retriable,
        _ => BrokerErrorKind::Fatal,
    }
}

/// Kafka's error codes, by what they ask for.
pub(super) fn kind_of_code(code: i16, retriable: bool) -> BrokerErrorKind {
    match code {
        3 | 100 => BrokerErrorKind::UnknownTopicOrPartition,
        36 => BrokerErrorKind::TopicExists,
        10 | 18 => BrokerErrorKind::RecordTooLarge,
        29..=31 | 53 | 58 | 65 => BrokerErrorKind::Authorization,
        // A newer producer or member has taken over.
        47 | 90 | 82 => BrokerErrorKind::Fenced,
        _ if retriable => BrokerErrorKind::Retriable,
        _ => BrokerErrorKind::Fatal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_by_what_they_ask_for() {
        let refused = |code| kind(&ClientError::Refused { code, context: String::new() });
        assert_eq!(refused(3), BrokerErrorKind::UnknownTopicOrPartition);
        assert_eq!(refused(6), BrokerErrorKind::Retriable);
        assert_eq!(refused(10), BrokerErrorKind::RecordTooLarge);
        assert_eq!(refused(29), BrokerErrorKind::Authorization);
        assert_eq!(refused(36), BrokerErrorKind::TopicExists);
        assert_eq!(refused(90), BrokerErrorKind::Fenced);
        assert_eq!(refused(42), BrokerErrorKind::Fatal);
        assert_eq!(kind(&ClientError::Disconnected), BrokerErrorKind::Retriable);
        assert_eq!(kind(&ClientError::Malformed(String::new())), BrokerErrorKind::Fatal);
    }
}
