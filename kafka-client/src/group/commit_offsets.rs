use super::MemberIdentity;

/// Commits the offsets of some partitions on behalf of a member.
///
/// The generation fences the member, not the partition: whoever is a current member may commit for any partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitOffsets {
    /// The member, in its current generation. An empty member id with generation -1 commits to a group without members.
    pub member: MemberIdentity,
    /// What to commit, at most one offset per partition.
    pub offsets: Vec<CommittedOffset>,
}

/// The position to continue from in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset of the next record to process.
    pub offset: i64,
    /// The leader epoch of the last record processed, if known.
    pub leader_epoch: Option<i32>,
    /// The application's own note, 4096 bytes at most by default. Empty for none.
    pub metadata: String,
}
