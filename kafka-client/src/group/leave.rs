use super::MemberIdentity;

/// Ends a membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaveGroup {
    /// The member; its generation is not looked at.
    pub member: MemberIdentity,
    /// Why the member leaves; for the broker's log.
    pub reason: Option<String>,
}
