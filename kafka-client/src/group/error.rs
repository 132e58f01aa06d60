use kafka_protocol::ResponseError;

use crate::ClientError;
use crate::error::is_retriable;

/// Why a request to the group coordinator failed.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// The coordinator made a member id (carried here) for a new member; join again with it. Error code 79.
    #[error("the coordinator asks to join again with the member id {0}")]
    MemberIdRequired(String),

    /// A rebalance has begun: join again. Error code 27.
    #[error("the group is rebalancing: the member has to join again")]
    RebalanceInProgress,

    /// The generation is not the group's current one: the member missed a rebalance. Join again. Error code 22.
    #[error("the generation is not the group's current one: the member missed a rebalance and has to join again")]
    IllegalGeneration,

    /// The coordinator does not know the member; its session timed out or it left. Join again with an empty id. Error code 25.
    #[error(
        "the group does not know this member: its session timed out or it has left; it has to join as a new member"
    )]
    UnknownMemberId,

    /// Another process has joined with the same group instance id. Error code 82.
    #[error(
        "another member has joined with the same group instance id; give every instance its own, and stop this one"
    )]
    FencedInstanceId,

    /// No assignor is supported by all members, or the group is of another kind. Error code 23.
    #[error(
        "the group's members share no assignor with this one, or the group is of another type; use another group id"
    )]
    InconsistentProtocol,

    /// A transaction is still deciding about the offsets of a partition. Error code 88.
    #[error("a transaction has not yet decided about the committed offsets")]
    UnstableOffsetCommit,

    /// The session timeout is outside what the broker allows. Error code 26.
    #[error(
        "the session timeout is outside the broker's group.min.session.timeout.ms and group.max.session.timeout.ms"
    )]
    InvalidSessionTimeout,

    /// The user may not read the group named. Error code 30.
    #[error("not authorized to access the group ({0}); grant READ on it")]
    GroupAuthorizationFailed(String),

    /// The user may not read the topic named. Error code 29.
    #[error("not authorized to access the topic ({0}); grant READ on it")]
    TopicAuthorizationFailed(String),

    /// The broker does not accept who we say we are, or we do not accept it; trying again does not help.
    #[error("authentication failed: {0}")]
    AuthenticationFailed(String),

    /// The connection broke, could not be made, or the coordinator has moved. The next request finds it anew.
    #[error("not connected to the group's coordinator")]
    Disconnected,

    /// No answer in time. Whether the coordinator carried the request out is unknown.
    #[error("the group's coordinator did not answer in time; whether it carried out the request is unknown")]
    Timeout,

    /// The client was closed before the answer came. Whether the coordinator carried the request out is unknown.
    #[error("the client is closed")]
    Closed,

    /// Too many requests are waiting already; this one was not sent.
    #[error("{0} requests to the group's coordinator are waiting already; this one was not sent")]
    Overloaded(usize),

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

    /// Any other error code.
    #[error("the group's coordinator answered error {code} ({name}) to {context}")]
    Other {
        /// Kafka's error code.
        code: i16,
        /// Its name.
        name: String,
        /// What it was answered to: the group, the partition.
        context: String,
    },
}

impl GroupError {
    /// The error for one of Kafka's error codes. `context` names what was asked for (the group, the topic-partition).
    ///
    /// Codes that say that the coordinator is elsewhere or not ready are [`GroupError::Disconnected`]. The code 0 is no error;
    /// passing it is a mistake that shows as [`GroupError::Other`]. Code 79 takes the member id from `context`.
    pub fn from_code(code: i16, context: impl Into<String>) -> Self {
        match code {
            14..=16 => Self::Disconnected,
            22 => Self::IllegalGeneration,
            23 => Self::InconsistentProtocol,
            25 => Self::UnknownMemberId,
            26 => Self::InvalidSessionTimeout,
            27 => Self::RebalanceInProgress,
            29 => Self::TopicAuthorizationFailed(context.into()),
            30 => Self::GroupAuthorizationFailed(context.into()),
            79 => Self::MemberIdRequired(context.into()),
            82 => Self::FencedInstanceId,
            88 => Self::UnstableOffsetCommit,
            _ => Self::Other {
                code,
                name: ResponseError::try_from_code(code).map_or_else(|| "None".to_owned(), |error| error.to_string()),
                context: context.into(),
            },
        }
    }

    /// Whether the same request may succeed when it is sent again unchanged, after a while.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Disconnected | Self::Timeout | Self::Overloaded(_) | Self::UnstableOffsetCommit => true,
            Self::Other { code, .. } => is_retriable(*code),
            _ => false,
        }
    }
}

impl From<ClientError> for GroupError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Disconnected => Self::Disconnected,
            ClientError::Timeout => Self::Timeout,
            ClientError::Closed => Self::Closed,
            ClientError::Authentication(reason) => Self::AuthenticationFailed(reason),
            ClientError::UnsupportedVersion { broker, api, min, max } => {
                Self::UnsupportedVersion { broker, api, min, max }
            }
            ClientError::Malformed(problem) => Self::Malformed(problem),
            ClientError::InvalidRequest(problem) => Self::InvalidRequest(problem),
            ClientError::InvalidConfig(problem) => Self::InvalidConfig(problem),
            ClientError::Refused { code, context } => Self::from_code(code, context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_a_member_acts_on_have_their_own_variants() {
        let cases = [
            (22, GroupError::IllegalGeneration),
            (23, GroupError::InconsistentProtocol),
            (25, GroupError::UnknownMemberId),
            (26, GroupError::InvalidSessionTimeout),
            (27, GroupError::RebalanceInProgress),
            (79, GroupError::MemberIdRequired("m".into())),
            (82, GroupError::FencedInstanceId),
            (88, GroupError::UnstableOffsetCommit),
        ];
        for (code, error) in cases {
            assert_eq!(GroupError::from_code(code, "m"), error);
        }
    }

    #[test]
    fn an_unknown_code_keeps_its_number_and_context() {
        let error = GroupError::from_code(3, "committing t-1 of group g");
        assert_eq!(
            error.to_string(),
            "the group's coordinator answered error 3 (UnknownTopicOrPartition) to committing t-1 of group g"
        );
        assert!(error.is_retriable());
        assert!(!GroupError::from_code(9999, "x").is_retriable());
    }
}
