//! The classic group membership protocol, as a member sees it.
//!
//! [`GroupCoordinator`] is the seam: [`GroupClient`](crate::GroupClient) implements it over TCP, and a broker in memory can
//! implement it for tests. One file per message; [`GroupError`] is what any of them may answer.

mod commit_offsets;
mod error;
mod fetch_offsets;
mod heartbeat;
mod join;
mod leave;
mod member;
mod sync;

pub use commit_offsets::{CommitOffsets, CommittedOffset};
pub use error::GroupError;
pub use fetch_offsets::{FetchOffsets, FetchedOffset};
pub use heartbeat::Heartbeat;
pub use join::{GroupMember, GroupProtocol, JoinGroup, JoinedGroup};
pub use leave::LeaveGroup;
pub use member::MemberIdentity;
pub use sync::{SyncGroup, SyncedGroup};

/// Answers one request, from whatever thread; called exactly once.
///
/// It runs on the thread that serves every other request too, so it must not block: hand the result to a channel and return.
pub type Reply<T> = Box<dyn FnOnce(Result<T, GroupError>) + Send>;

/// The group coordinator as a member sees it. No call blocks: each returns at once and answers later through its [`Reply`].
///
/// Requests may be answered in another order than they were made. Joining and synchronizing may take as long as the group's
/// rebalance does, and never delay the other requests.
///
/// `join`, `sync` and `leave` are tried once: when the connection breaks or the coordinator is not (or no longer) known they
/// are answered with [`GroupError::Disconnected`], since only the member's own state says what to do next. The others are
/// repeated as long as that is safe and the request timeout allows.
pub trait GroupCoordinator: Send + Sync + 'static {
    /// Joins the group, or takes part in its rebalance. Answered when every member has joined.
    fn join(&self, request: JoinGroup, reply: Reply<JoinedGroup>);

    /// Hands over the assignments (as the leader) or waits for them. Answered when the leader has sent them.
    fn sync(&self, request: SyncGroup, reply: Reply<SyncedGroup>);

    /// Tells that the member is alive. [`GroupError::RebalanceInProgress`] is how a member learns that it has to join again.
    fn heartbeat(&self, request: Heartbeat, reply: Reply<()>);

    /// Leaves the group at once, without waiting for the session to time out.
    fn leave(&self, request: LeaveGroup, reply: Reply<()>);

    /// Commits offsets. The error of the first failing partition is the error; others may have been committed.
    ///
    /// A commit may be repeated after a broken connection. Make the next one for the same partition only when this one is
    /// answered, or the older offset may win.
    fn commit_offsets(&self, request: CommitOffsets, reply: Reply<()>);

    /// Reads committed offsets, one for each partition asked for.
    fn fetch_offsets(&self, request: FetchOffsets, reply: Reply<Vec<FetchedOffset>>);
}
