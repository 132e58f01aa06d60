use super::MemberIdentity;

/// Tells the coordinator that a member is alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// The member, in its current generation.
    pub member: MemberIdentity,
}
