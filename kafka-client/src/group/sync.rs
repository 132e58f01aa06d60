use bytes::Bytes;

use super::MemberIdentity;

/// Ends a rebalance: the leader hands over all assignments, every member receives its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncGroup {
    /// The member, in the generation just joined.
    pub member: MemberIdentity,
    /// The assignor chosen, from [`JoinedGroup::protocol_name`](super::JoinedGroup::protocol_name).
    pub protocol_name: String,
    /// The assignment of each member id, from the leader; empty from the others.
    pub assignments: Vec<(String, Bytes)>,
}

/// What a member has been assigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncedGroup {
    /// The bytes that the leader assigned to this member; empty when it assigned none.
    pub assignment: Bytes,
}
