//! The group coordinator: Kafka's classic protocol as Apache Kafka 4.3 answers it, without a thread or a clock of its own.
//!
//! | file | has |
//! |---|---|
//! | `registry` | all groups, each behind its lock |
//! | `member` | one member |
//! | `join`, `rebalance`, `assign` | a generation from the first join to the assignments |
//! | `liveness` | heartbeats, leaving, everything that expires |
//! | `offsets` | committed offsets, and those that transactions have not decided yet |
//! | `coordinator` | the trait that clients use |

mod assign;
mod coordinator;
mod join;
mod liveness;
mod member;
mod offsets;
mod outbox;
mod rebalance;
mod registry;

pub use coordinator::EmbeddedGroupCoordinator;
pub(super) use outbox::Outbox;
pub(super) use registry::Groups;

use kafka_client::group::{GroupError, MemberIdentity};
use member::Member;
use offsets::Offsets;
use std::collections::BTreeMap;

/// Where a group stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No members; there may be offsets.
    Empty,
    /// Waits for all members to join.
    PreparingRebalance,
    /// All have joined; waits for the leader's assignments.
    CompletingRebalance,
    /// Every member has, or may fetch, its assignment.
    Stable,
}

/// One group.
#[derive(Debug)]
struct Group {
    id: String,
    state: State,
    generation: i32,
    /// The assignor of the generation.
    protocol: Option<String>,
    leader: Option<String>,
    /// In the order in which they came.
    members: Vec<Member>,
    /// Ids that were given out and have not joined yet, with the time at which they are forgotten. Joins wait for them.
    expected: BTreeMap<String, i64>,
    /// While preparing: when those who have not joined are left behind.
    join_deadline: i64,
    /// From completing on: when those who have not synchronized are left behind.
    sync_deadline: i64,
    offsets: Offsets,
}

impl Group {
    fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            state: State::Empty,
            generation: 0,
            protocol: None,
            leader: None,
            members: Vec::new(),
            expected: BTreeMap::new(),
            join_deadline: 0,
            sync_deadline: 0,
            offsets: Offsets::default(),
        }
    }

    fn index_of(&self, member_id: &str) -> Option<usize> {
        self.members.iter().position(|member| member.id == member_id)
    }

    fn index_of_instance(&self, instance: &str) -> Option<usize> {
        self.members.iter().position(|member| member.instance.as_deref() == Some(instance))
    }

    /// The member that a request names.
    ///
    /// # Errors
    /// UnknownMemberId; FencedInstanceId where its static name belongs to a newer id.
    fn find(&self, member_id: &str, instance: Option<&str>) -> Result<usize, GroupError> {
        match instance {
            None => self.index_of(member_id).ok_or(GroupError::UnknownMemberId),
            Some(instance) => match self.index_of_instance(instance) {
                None => Err(GroupError::UnknownMemberId),
                Some(index) if self.members[index].id != member_id => Err(GroupError::FencedInstanceId),
                Some(index) => Ok(index),
            },
        }
    }

    /// The member that a request names, in the current generation.
    ///
    /// # Errors
    /// As [`find`](Self::find), and IllegalGeneration.
    fn find_current(&self, member: &MemberIdentity) -> Result<usize, GroupError> {
        let index = self.find(&member.member_id, member.group_instance_id.as_deref())?;
        if member.generation == self.generation { Ok(index) } else { Err(GroupError::IllegalGeneration) }
    }

    fn is_leader(&self, index: usize) -> bool {
        self.leader.as_ref() == Some(&self.members[index].id)
    }

    /// The longest time that a member allows for joining.
    fn rebalance_timeout_ms(&self) -> i64 {
        self.members.iter().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0)
    }
}
