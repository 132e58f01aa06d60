/// Who a request comes from: one member in one generation of its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberIdentity {
    /// The group.
    pub group_id: String,
    /// The generation, from [`JoinedGroup::generation`](super::JoinedGroup::generation). -1 outside any generation.
    pub generation: i32,
    /// The member's id, from [`JoinedGroup::member_id`](super::JoinedGroup::member_id).
    pub member_id: String,
    /// The name that makes the member static, if it is.
    pub group_instance_id: Option<String>,
}
