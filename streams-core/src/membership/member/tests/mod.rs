//! Scripts of events and the actions that must follow, as text.

mod failures;
mod rounds;

use std::time::Duration;

use bytes::Bytes;
use kafka_client::GroupError;
use kafka_client::consumer_protocol;
use kafka_client::group::{GroupMember, JoinedGroup, SyncedGroup};
use uuid::Uuid;

use super::{Action, CallId, ClassicMember, Event, GroupMembershipOperation, MemberConfig, SubtopologySources};
use crate::membership::{AssignmentError, PlanError, Subscription, TaskAssignment};
use crate::task::TaskId;

const TOPOLOGY: u64 = 7;

struct Script {
    member: ClassicMember,
    now: Duration,
    join: CallId,
    sync: CallId,
    heartbeat: CallId,
    leave: CallId,
    plan: CallId,
    joined_with: Option<Bytes>,
    synced_with: Vec<(String, Bytes)>,
}

fn tasks(partitions: &[i32]) -> Vec<TaskId> {
    partitions.iter().map(|&partition| TaskId::new(0, partition)).collect()
}

fn names(tasks: &[TaskId]) -> String {
    tasks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn subscription(metadata: &Bytes) -> Subscription {
    let wrapper = consumer_protocol::Subscription::decode(metadata).unwrap();
    Subscription::decode(&wrapper.user_data.unwrap()).unwrap()
}

fn assignment(assignment: &TaskAssignment) -> Bytes {
    consumer_protocol::Assignment { partitions: Vec::new(), user_data: Some(assignment.encode()) }.encode().unwrap()
}

impl Script {
    fn new(change: impl FnOnce(&mut MemberConfig)) -> Self {
        let mut config = MemberConfig::new("group", Uuid::from_u128(1), 1);
        config.topology = TOPOLOGY;
        config.sources = vec![SubtopologySources { subtopology: 0, topics: vec!["in".into()] }];
        change(&mut config);
        let none = CallId(u64::MAX);
        Self {
            member: ClassicMember::new(config),
            now: Duration::from_secs(100),
            join: none,
            sync: none,
            heartbeat: none,
            leave: none,
            plan: none,
            joined_with: None,
            synced_with: Vec::new(),
        }
    }

    /// A member that has tasks 0 and 1 in generation 3, as a follower.
    fn stable(change: impl FnOnce(&mut MemberConfig)) -> Self {
        let mut script = Self::new(change);
        script.on(Event::Start);
        script.joined(Ok((3, "b")));
        script.synced(&[0, 1]);
        assert_eq!(script.owned(1, &[0, 1]), "");
        script
    }

    fn on(&mut self, event: Event) -> String {
        let actions = self.member.handle(self.now, event);
        actions.into_iter().map(|action| self.show(action)).collect::<Vec<_>>().join(", ")
    }

    fn show(&mut self, action: Action) -> String {
        match action {
            Action::Join(call, request) => {
                self.join = call;
                let metadata = request.protocols[0].metadata.clone();
                let text = format!("join '{}' with [{}]", request.member_id, names(&subscription(&metadata).owned));
                self.joined_with = Some(metadata);
                text
            }
            Action::Sync(call, request) => {
                self.sync = call;
                self.synced_with = request.assignments;
                format!("sync {} of {}", request.member.generation, self.synced_with.len())
            }
            Action::Heartbeat(call, request) => {
                self.heartbeat = call;
                format!("heartbeat {}", request.member.generation)
            }
            Action::Leave(call, request) => {
                self.leave = call;
                format!("leave '{}'", request.member.member_id)
            }
            Action::Plan { call, generation, members } => {
                self.plan = call;
                format!("plan {generation} for {}", members.len())
            }
            Action::Assigned { revision, assignment, identity } => {
                let error = assignment.error.map(|error| format!(" but {error}")).unwrap_or_default();
                format!("assigned {revision} in {} [{}]{error}", identity.generation, names(&assignment.tasks))
            }
            Action::Lost { revision, .. } => format!("lost {revision}"),
            Action::Problem { message } => {
                assert!(message.len() > 20, "{message}");
                "problem".to_owned()
            }
            Action::Fatal(error) => format!("fatal: {error}"),
            Action::Closed => "closed".to_owned(),
        }
    }

    /// Goes to the next deadline, which must be at most so far away.
    fn tick_within(&mut self, ms: u64) -> String {
        let deadline = self.member.deadline().expect("something is due");
        assert!(deadline <= self.now + Duration::from_millis(ms), "{:?} from now", deadline.checked_sub(self.now));
        self.now = self.now.max(deadline);
        self.on(Event::Tick)
    }

    fn wait(&mut self, ms: u64) -> String {
        self.now += Duration::from_millis(ms);
        self.on(Event::Tick)
    }

    fn joined(&mut self, answer: Result<(i32, &str), GroupError>) -> String {
        let metadata = self.joined_with.clone().expect("a join");
        let member =
            |id: &str| GroupMember { member_id: id.to_owned(), group_instance_id: None, metadata: metadata.clone() };
        let answer = answer.map(|(generation, leader)| JoinedGroup {
            generation,
            member_id: "a".into(),
            leader_id: leader.into(),
            protocol_name: Some(super::PROTOCOL_NAME.into()),
            skip_assignment: false,
            members: if leader == "a" { vec![member("a")] } else { Vec::new() },
        });
        self.on(Event::Joined(self.join, answer))
    }

    fn synced(&mut self, partitions: &[i32]) -> String {
        self.synced_and(partitions, None, false)
    }

    fn synced_and(&mut self, partitions: &[i32], error: Option<AssignmentError>, unsettled: bool) -> String {
        let assigned = TaskAssignment { tasks: tasks(partitions), error, topology: TOPOLOGY, unsettled, threads: 1 };
        self.on(Event::Synced(self.sync, Ok(SyncedGroup { assignment: assignment(&assigned) })))
    }

    fn sync_fails(&mut self, error: GroupError) -> String {
        self.on(Event::Synced(self.sync, Err(error)))
    }

    fn beat(&mut self, answer: Result<(), GroupError>) -> String {
        self.on(Event::HeartbeatDone(self.heartbeat, answer))
    }

    /// The next heartbeat is answered like this.
    fn beats(&mut self, answer: Result<(), GroupError>) -> String {
        assert_eq!(self.wait(500).split(' ').next(), Some("heartbeat"));
        self.beat(answer)
    }

    fn owned(&mut self, revision: u64, partitions: &[i32]) -> String {
        self.on(Event::OwnedChanged { revision, owned: tasks(partitions), local_state: Vec::new() })
    }

    fn close(&mut self, operation: GroupMembershipOperation) -> String {
        self.on(Event::Close { operation })
    }
}
