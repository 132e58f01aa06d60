use bytes::Bytes;
use kafka_client::GroupError;
use kafka_client::group::{
    GroupMember, Heartbeat, JoinGroup, JoinedGroup, LeaveGroup, MemberIdentity, SyncGroup, SyncedGroup,
};

use super::SubtopologySources;
use crate::membership::{PlanError, TaskAssignment};
use crate::task::TaskId;

/// Says which question an answer belongs to. Answers to questions that no longer matter are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallId(pub(super) u64);

/// What has happened.
#[derive(Debug)]
pub enum Event {
    /// Begin: join the group.
    Start,
    /// The answer to [`Action::Join`].
    Joined(CallId, Result<JoinedGroup, GroupError>),
    /// The answer to [`Action::Sync`].
    Synced(CallId, Result<SyncedGroup, GroupError>),
    /// The answer to [`Action::Heartbeat`].
    HeartbeatDone(CallId, Result<(), GroupError>),
    /// The answer to [`Action::Leave`].
    LeaveDone(CallId, Result<(), GroupError>),
    /// The answer to [`Action::Plan`]: the assignment of each member.
    Planned(CallId, Result<Vec<(String, Bytes)>, PlanError>),
    /// What this instance holds now. A task may be left out only when it is closed and its commits have ended, whether they
    /// succeeded or not: from then on another instance may get it.
    OwnedChanged {
        /// The revision of the last [`Action::Assigned`] or [`Action::Lost`] that was begun; 0 before the first. An event with
        /// an older revision says nothing about the tasks given since, so it is ignored.
        revision: u64,
        /// Tasks that exist: running, restoring or still being closed.
        owned: Vec<TaskId>,
        /// Tasks with a state directory, and the sum of the changelog offsets that it reaches.
        local_state: Vec<(TaskId, i64)>,
    },
    /// The number of processing threads has changed: the tasks should be shared anew.
    ThreadsChanged(u32),
    /// The source topics have changed, as those that match a pattern may.
    SourcesChanged(Vec<SubtopologySources>),
    /// Share the tasks anew, for example because a source topic has more partitions.
    RequestRejoin {
        /// Why; for logs.
        reason: String,
    },
    /// Shut the whole application down: every member gets
    /// [`ShutdownRequested`](crate::membership::AssignmentError::ShutdownRequested).
    ShutdownApplication,
    /// A commit was refused with [`GroupError::IllegalGeneration`], [`GroupError::UnknownMemberId`] or
    /// [`GroupError::FencedInstanceId`]: the member need not wait for its next heartbeat to find out. Other errors are ignored.
    CommitRefused {
        /// The generation that the commit was made in.
        generation: i32,
        /// What the coordinator answered.
        error: GroupError,
    },
    /// End the membership. The tasks are closed and committed by now: until here the membership went on, so that they could be.
    Close {
        /// Whether to leave the group.
        operation: GroupMembershipOperation,
    },
    /// Time has passed: [`ClassicMember::deadline`](super::ClassicMember::deadline) is reached. Any other event does as well.
    Tick,
}

/// Whether a member leaves its group when it is closed (KIP-1092).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GroupMembershipOperation {
    /// A dynamic member leaves; a static one remains and may come back within the session timeout.
    #[default]
    Default,
    /// Leave: others get the tasks at once.
    LeaveGroup,
    /// Remain until the session times out.
    RemainInGroup,
}

/// What is to be done. The actions of one call are to be begun in their order.
#[derive(Debug, PartialEq)]
pub enum Action {
    /// Ask the coordinator; answer with [`Event::Joined`].
    Join(CallId, JoinGroup),
    /// Ask the coordinator; answer with [`Event::Synced`].
    Sync(CallId, SyncGroup),
    /// Ask the coordinator; answer with [`Event::HeartbeatDone`].
    Heartbeat(CallId, Heartbeat),
    /// Ask the coordinator; answer with [`Event::LeaveDone`].
    Leave(CallId, LeaveGroup),
    /// This member leads the group: find out the topics' partitions, create internal topics, call
    /// [`plan`](crate::membership::plan), and answer with [`Event::Planned`] within the rebalance timeout.
    Plan {
        /// For the answer.
        call: CallId,
        /// The generation that is planned.
        generation: i32,
        /// Its members.
        members: Vec<GroupMember>,
    },
    /// The tasks of this member, complete: commit and close what is not among them, create what is new. Tell each step, and the
    /// end, by [`Event::OwnedChanged`]; when all that had to go is gone, the member joins again so that others may have it.
    Assigned {
        /// For [`Event::OwnedChanged`].
        revision: u64,
        /// The member in its new generation. Commits take it afresh from [`ClassicMember::identity`](super::ClassicMember::identity).
        identity: MemberIdentity,
        /// The tasks, or an error.
        assignment: TaskAssignment,
    },
    /// The membership is lost; others may have the tasks already. Close all without commit, then tell by
    /// [`Event::OwnedChanged`]: only when nothing is owned any more the member joins again.
    Lost {
        /// For [`Event::OwnedChanged`].
        revision: u64,
        /// What happened; for logs.
        reason: String,
    },
    /// Something went wrong and was survived. To be logged as a warning.
    Problem {
        /// What, and what is done about it.
        message: String,
    },
    /// The membership is over for good and nothing more will follow: the error says why. Close all without commit.
    Fatal(GroupError),
    /// The membership has ended as asked by [`Event::Close`]; nothing more will follow.
    Closed,
}
