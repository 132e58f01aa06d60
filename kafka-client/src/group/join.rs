use std::time::Duration;

use bytes::Bytes;

/// Asks to become or remain a member, and to take part in the next generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinGroup {
    /// The group.
    pub group_id: String,
    /// Empty the first time; afterwards the id that the coordinator gave, also by
    /// [`GroupError::MemberIdRequired`](super::GroupError::MemberIdRequired).
    pub member_id: String,
    /// A name that survives restarts makes the member static: coming back within the session timeout starts no rebalance.
    pub group_instance_id: Option<String>,
    /// The coordinator removes a member that it has not heard of for so long. Brokers accept 6 s to 30 min by default.
    pub session_timeout: Duration,
    /// How long the members may take to join again once a rebalance has begun.
    pub rebalance_timeout: Duration,
    /// The assignors this member supports, preferred first. The metadata must be a well-formed subscription
    /// ([`consumer_protocol`](crate::consumer_protocol)): a broker leaves a join with any other bytes unanswered.
    pub protocols: Vec<GroupProtocol>,
    /// Why the member joins; for the broker's log.
    pub reason: Option<String>,
}

/// An assignor that a member supports, with what the member tells the leader about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupProtocol {
    /// The assignor's name.
    pub name: String,
    /// The member's subscription.
    pub metadata: Bytes,
}

/// The generation that a member has joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinedGroup {
    /// The generation's number.
    pub generation: i32,
    /// This member's id.
    pub member_id: String,
    /// The leader's id; the leader assigns and sends the assignments with [`SyncGroup`](super::SyncGroup).
    pub leader_id: String,
    /// The assignor that every member supports.
    pub protocol_name: Option<String>,
    /// True when the leader must not assign, because a static leader came back to an unchanged generation.
    pub skip_assignment: bool,
    /// All members, for the leader only; empty for the others.
    pub members: Vec<GroupMember>,
}

/// One member as the leader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMember {
    /// The member's id.
    pub member_id: String,
    /// The member's static name, if it has one.
    pub group_instance_id: Option<String>,
    /// The subscription that it joined with.
    pub metadata: Bytes,
}
