use super::MemberIdentity;

/// Reads committed offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchOffsets {
    /// The group.
    pub group_id: String,
    /// The member that asks, so that it is refused when it is no longer current; or none, and anyone may ask.
    pub member: Option<MemberIdentity>,
    /// The topics and partitions to read.
    pub partitions: Vec<(String, i32)>,
    /// Waits for transactions that are about to commit offsets of these partitions, instead of answering the old ones. Whoever
    /// takes a partition over needs it. Still undecided after the request timeout is
    /// [`GroupError::UnstableOffsetCommit`](super::GroupError::UnstableOffsetCommit).
    pub require_stable: bool,
}

/// What is committed for one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedOffset {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset to continue from; none if nothing has been committed.
    pub offset: Option<i64>,
    /// The leader epoch of the last record processed, if it was committed.
    pub leader_epoch: Option<i32>,
    /// The application's own note; empty for none.
    pub metadata: String,
}
