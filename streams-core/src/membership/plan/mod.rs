//! The leader's work, as far as it is pure.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use kafka_client::GroupError;
use kafka_client::consumer_protocol::{self, TopicPartitions};
use kafka_client::group::GroupMember;
use uuid::Uuid;

use super::assignor::claims;
use super::{
    AssignmentError, CodecError, MemberState, Subscription, TargetAssignment, TaskAssignment, TaskGroup, assign,
};
use crate::task::TaskId;

/// The leader's topology, with the partitions that the topics have now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlannedTopology {
    /// Its fingerprint.
    pub fingerprint: u64,
    /// Its parts with tasks.
    pub subtopologies: Vec<PlannedSubtopology>,
}

/// The tasks of a subtopology and what they read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedSubtopology {
    /// The tasks.
    pub tasks: TaskGroup,
    /// The source topics with their numbers of partitions. A task reads its partition of each topic that has it.
    pub topics: Vec<(String, i32)>,
}

/// The assignments of one generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The bytes to synchronize with, by member id.
    pub assignments: Vec<(String, Bytes)>,
    /// What they say.
    pub target: TargetAssignment,
    /// Members that get no tasks, and why; for the leader's log.
    pub problems: Vec<String>,
}

/// Why the leader cannot distribute the tasks. Every member is told; all keep the tasks that they have.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Input topics do not exist.
    #[error("source topics do not exist: {}", .0.join(", "))]
    MissingSourceTopics(Vec<String>),
    /// Topics whose records are to meet by key have different partition counts. The text names them and the join.
    #[error("{0}")]
    NotCopartitioned(String),
    /// An internal topic does not fit the topology, or cannot be created. The text names it and says what to do.
    #[error("{0}")]
    InternalTopic(String),
    /// Something is missing for the moment, for example the cluster's metadata. The leader tries again, with back-off.
    #[error("{0}")]
    Unavailable(String),
    /// The assignments cannot be written.
    #[error("cannot encode assignments: {0}")]
    Encoding(GroupError),
}

impl PlanError {
    /// Whether the leader should try again by itself.
    pub fn is_retriable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    fn to_assignment_error(&self) -> AssignmentError {
        match self {
            Self::MissingSourceTopics(topics) => AssignmentError::MissingSourceTopics(topics.clone()),
            Self::NotCopartitioned(message) => AssignmentError::NotCopartitioned(message.clone()),
            Self::InternalTopic(message) => AssignmentError::InternalTopic(message.clone()),
            Self::Unavailable(message) => AssignmentError::PlanFailed(message.clone()),
            Self::Encoding(error) => AssignmentError::InternalTopic(error.to_string()),
        }
    }
}

/// Reads the members' subscriptions, distributes the tasks, and writes the assignments.
///
/// A member with another topology, or whose subscription cannot be read, gets an error and no new tasks; others get its tasks
/// once it has given them up. If a member asks for the application's shutdown, everyone is told and keeps what it has.
///
/// # Errors
/// [`PlanError::Encoding`] if a topic's name is impossible.
pub fn plan(members: &[GroupMember], topology: &PlannedTopology) -> Result<Plan, PlanError> {
    let members: Vec<Candidate> = members.iter().map(|member| Candidate::read(member, topology)).collect();
    let groups: Vec<TaskGroup> = topology.subtopologies.iter().map(|part| part.tasks).collect();
    let states: Vec<MemberState> = members.iter().map(|member| member.state.clone()).collect();
    let shutdown = members.iter().find(|member| member.shutdown).map(|member| {
        let MemberState { member_id, process_id, .. } = &member.state;
        AssignmentError::ShutdownRequested(format!(
            "member {member_id} (process {process_id}) has requested a shutdown of the application"
        ))
    });
    let target = if shutdown.is_some() { present(&states) } else { assign(&groups, &states) };
    let unsettled = !target.is_settled();
    let mut assignments = Vec::with_capacity(members.len());
    for member in &members {
        let assignment = TaskAssignment {
            tasks: target.members[&member.state.member_id].active.clone(),
            error: member.error.clone().or_else(|| shutdown.clone()),
            topology: topology.fingerprint,
            unsettled,
            threads: member.state.threads,
        };
        assignments.push((member.state.member_id.clone(), wrap(&assignment, topology).map_err(PlanError::Encoding)?));
    }
    let problems = members.iter().filter_map(|member| member.error.as_ref().map(ToString::to_string)).collect();
    Ok(Plan { assignments, target, problems })
}

/// Assignments that leave every member what it has, and say why.
pub(super) fn plan_failed(members: &[GroupMember], fingerprint: u64, error: &PlanError) -> Vec<(String, Bytes)> {
    let topology = PlannedTopology { fingerprint, ..PlannedTopology::default() };
    let states: Vec<MemberState> = members.iter().map(|member| Candidate::read(member, &topology).state).collect();
    let target = present(&states);
    let bytes = |tasks: &[TaskId]| {
        let error = Some(error.to_assignment_error());
        let assignment =
            TaskAssignment { tasks: tasks.to_vec(), error, topology: fingerprint, unsettled: false, threads: 0 };
        // Without topics nothing can be too long to write.
        wrap(&assignment, &topology).unwrap_or_default()
    };
    target.members.iter().map(|(member, target)| (member.clone(), bytes(&target.active))).collect()
}

/// Everyone has what it holds, unless others claim it as well.
fn present(states: &[MemberState]) -> TargetAssignment {
    let members: Vec<&MemberState> = states.iter().collect();
    let mut target = TargetAssignment::default();
    for state in states {
        target.members.entry(state.member_id.clone()).or_default();
    }
    for (task, claim) in claims(&members) {
        if let Some(owner) = claim.owner {
            target.members.entry(members[owner].member_id.clone()).or_default().active.push(task);
        }
    }
    target
}

/// A member as its subscription shows it.
struct Candidate {
    state: MemberState,
    shutdown: bool,
    error: Option<AssignmentError>,
}

impl Candidate {
    fn read(member: &GroupMember, topology: &PlannedTopology) -> Self {
        let wrapper = consumer_protocol::Subscription::decode(&member.metadata);
        let user_data = wrapper.as_ref().map(|wrapper| wrapper.user_data.clone().unwrap_or_default());
        let said = match &user_data {
            Ok(bytes) => Subscription::decode(bytes),
            Err(_) => Err(CodecError::Malformed("not a subscription")),
        };
        let listed = wrapper.map(|wrapper| listed_tasks(&wrapper.owned_partitions, topology)).unwrap_or_default();
        match said {
            Ok(subscription) => Self::of(&member.member_id, subscription, listed, topology),
            Err(error) => Self::unreadable(&member.member_id, listed, &error),
        }
    }

    fn of(member_id: &str, mut said: Subscription, listed: BTreeSet<TaskId>, topology: &PlannedTopology) -> Self {
        let compatible = said.topology == topology.fingerprint;
        if !compatible {
            // The numbers of its tasks may mean others here: what counts is which partitions it reads.
            said.owned.extend(listed);
        }
        let error = (!compatible).then(|| {
            AssignmentError::IncompatibleTopology(format!(
                "member {member_id} (process {}) runs another topology (fingerprint {:016x}) than the group's leader ({:016x}) and gets no tasks; all instances with the same application.id must run the same topology: stop the old ones before starting this one, or give it another application.id",
                said.process_id, said.topology, topology.fingerprint
            ))
        });
        let state = MemberState {
            member_id: member_id.to_owned(),
            process_id: said.process_id,
            threads: if compatible { said.threads } else { 0 },
            owned: said.owned,
            generation: said.generation,
            local_state: said.local_state,
        };
        Self { state, shutdown: said.shutdown, error }
    }

    fn unreadable(member_id: &str, listed: BTreeSet<TaskId>, error: &CodecError) -> Self {
        let message = format!("the group's leader cannot read the subscription of member {member_id}: {error}");
        let state = MemberState {
            member_id: member_id.to_owned(),
            process_id: Uuid::nil(),
            threads: 0,
            owned: listed.into_iter().collect(),
            generation: -1,
            local_state: Vec::new(),
        };
        Self { state, shutdown: false, error: Some(AssignmentError::IncompatibleVersion(message)) }
    }
}

/// The tasks that read the partitions listed in the standard part of a subscription, which any release writes alike.
fn listed_tasks(listed: &[TopicPartitions], topology: &PlannedTopology) -> BTreeSet<TaskId> {
    let mut readers: BTreeMap<&str, u32> = BTreeMap::new();
    for part in &topology.subtopologies {
        readers.extend(part.topics.iter().map(|(topic, _)| (topic.as_str(), part.tasks.subtopology)));
    }
    let known = listed.iter().filter_map(|listed| Some((*readers.get(listed.topic.as_str())?, &listed.partitions)));
    known.flat_map(|(part, partitions)| partitions.iter().map(move |&partition| TaskId::new(part, partition))).collect()
}

/// Puts an assignment into the standard wrapper, with the partitions of its tasks for Kafka's own tools.
fn wrap(assignment: &TaskAssignment, topology: &PlannedTopology) -> Result<Bytes, GroupError> {
    let mut partitions: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for part in &topology.subtopologies {
        for task in assignment.tasks.iter().filter(|task| task.subtopology == part.tasks.subtopology) {
            for (topic, _) in part.topics.iter().filter(|(_, count)| task.partition < *count) {
                partitions.entry(topic).or_default().push(task.partition);
            }
        }
    }
    let partitions = partitions
        .into_iter()
        .map(|(topic, partitions)| TopicPartitions { topic: topic.to_owned(), partitions })
        .collect();
    consumer_protocol::Assignment { partitions, user_data: Some(assignment.encode()) }.encode()
}
