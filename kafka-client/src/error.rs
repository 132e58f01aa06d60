use kafka_protocol::ResponseError;

/// Why a request was not carried out.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The connection broke or could not be made.
    #[error("not connected to the broker")]
    Disconnected,

    /// No answer in time. Whether the broker carried the request out is unknown.
    #[error("the broker did not answer in time; whether it carried out the request is unknown")]
    Timeout,

    /// The client was closed before the answer came. Whether the broker carried the request out is unknown.
    #[error("the client is closed")]
    Closed,

    /// The broker does not accept who we say we are, or we do not accept it; trying again does not help.
    #[error("authentication failed: {0}")]
    Authentication(String),

    /// The broker speaks no version of the request that this client knows.
    #[error("broker {broker} has no version of {api} between {min} and {max}; Kafka 3.6 or later is needed")]
    UnsupportedVersion {
        /// Address of the broker.
        broker: String,
        /// Name of the request.
        api: &'static str,
        /// Lowest version that this client knows.
        min: i16,
        /// Highest version that this client knows.
        max: i16,
    },

    /// Bytes that do not follow the protocol. A connection that carried them has been closed.
    #[error("malformed bytes: {0}")]
    Malformed(String),

    /// The request cannot be sent as it is.
    #[error("invalid request: {0}")]
    InvalidRequest(String),

    /// The client's configuration is wrong; says all that is.
    #[error("invalid client configuration: {0}")]
    InvalidConfig(String),

    /// The broker answered with an error.
    #[error("{context}: the broker answered error {code} ({})", name_of(*code))]
    Refused {
        /// Kafka's error code.
        code: i16,
        /// What it was answered to, with topic and partition where there are some.
        context: String,
    },
}

impl ClientError {
    /// Whether the same request may succeed when it is sent again unchanged, after a while.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Disconnected | Self::Timeout => true,
            Self::Refused { code, .. } => is_retriable(*code),
            _ => false,
        }
    }

    /// The broker's error code, where it gave one.
    pub fn code(&self) -> Option<i16> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }
}

/// Kafka's name of an error code.
pub fn name_of(code: i16) -> String {
    match ResponseError::try_from_code(code) {
        Some(error) => error.to_string(),
        None if code == 0 => "None".to_owned(),
        None => "unknown to this client".to_owned(),
    }
}

/// Whether Kafka says of an error code that the same request may succeed later.
pub(crate) fn is_retriable(code: i16) -> bool {
    ResponseError::try_from_code(code).is_some_and(|error| error.is_retriable())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_its_code_its_name_and_what_it_was_about() {
        let error = ClientError::Refused { code: 3, context: "fetching t-1".into() };
        assert_eq!(error.to_string(), "fetching t-1: the broker answered error 3 (UnknownTopicOrPartition)");
        assert!(error.is_retriable());
        assert!(!ClientError::Refused { code: 9999, context: String::new() }.is_retriable());
    }
}
