//! Membership in the consumer group that shares the tasks among the instances of an application.
//!
//! Everything here is pure: no clock, thread, socket or randomness inside. The runtime carries out what [`ClassicMember`] asks
//! for and tells it what came of it.
//!
//! - [`assign`]: which member gets which task.
//! - [`Subscription`], [`TaskAssignment`]: what members tell the leader, and the leader the members.
//! - [`plan`]: the leader's work: from the members' subscriptions to the bytes of their assignments.
//! - [`ClassicMember`]: one member of the classic group protocol.

mod assignment;
mod assignor;
mod codec;
mod member;
mod plan;
mod subscription;

pub use assignment::{AssignmentError, TaskAssignment};
pub use assignor::{MemberState, MemberTarget, TargetAssignment, TaskGroup, assign};
pub use codec::CodecError;
pub use member::{
    Action, CallId, ClassicMember, Event, GroupMembershipOperation, MemberConfig, PROTOCOL_NAME, SubtopologySources,
};
pub use plan::{Plan, PlanError, PlannedSubtopology, PlannedTopology, plan};
pub use subscription::Subscription;
