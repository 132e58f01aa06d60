//! Scripts of events and the actions that must follow, as text.

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
        let assigned = TaskAssignment { tasks: tasks(partitions), error, topology: TOPOLOGY, unsettled };
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

#[test]
fn a_new_member_joins_with_the_id_that_it_is_given() {
    let mut script = Script::new(|_| {});
    assert_eq!(script.member.identity(), None);
    assert_eq!(script.on(Event::Start), "join '' with []");
    assert_eq!(script.joined(Err(GroupError::MemberIdRequired("a".into()))), "join 'a' with []");
    assert_eq!(script.joined(Ok((3, "b"))), "sync 3 of 0");
    assert!(script.member.is_rebalancing());
    assert_eq!(script.synced(&[0, 1]), "assigned 1 in 3 [0_0 0_1]");
    assert!(!script.member.is_rebalancing() && !script.member.is_leader());
    assert_eq!(script.member.identity().unwrap().generation, 3);
    assert_eq!(script.tick_within(500), "heartbeat 3");
    assert_eq!(script.beat(Ok(())), "");
    assert_eq!(script.tick_within(500), "heartbeat 3");
}

#[test]
fn an_id_is_taken_only_once() {
    let mut script = Script::new(|_| {});
    script.on(Event::Start);
    script.joined(Err(GroupError::MemberIdRequired("a".into())));
    assert_eq!(script.joined(Err(GroupError::MemberIdRequired("b".into()))), "problem");
    assert_eq!(script.tick_within(60), "join 'a' with []");
}

#[test]
fn the_leader_plans_keeps_its_session_alive_and_hands_the_plan_over() {
    let mut script = Script::new(|_| {});
    script.on(Event::Start);
    assert_eq!(script.joined(Ok((1, "a"))), "plan 1 for 1");
    assert!(script.member.is_leader());
    assert_eq!(script.tick_within(500), "heartbeat 1");
    assert_eq!(script.beat(Ok(())), "");
    let planned = vec![("a".to_owned(), Bytes::new()), ("b".to_owned(), Bytes::new())];
    assert_eq!(script.on(Event::Planned(CallId(0), Ok(Vec::new()))), "", "the answer to another question");
    assert_eq!(script.on(Event::Planned(script.plan, Ok(planned.clone()))), "sync 1 of 2");
    assert_eq!(script.on(Event::Planned(script.plan, Ok(planned))), "", "answered already");
}

#[test]
fn a_static_leader_that_comes_back_does_not_plan() {
    let mut script = Script::new(|config| config.instance_id = Some("one".into()));
    script.on(Event::Start);
    let joined = JoinedGroup {
        generation: 5,
        member_id: "a2".into(),
        leader_id: "a2".into(),
        protocol_name: None,
        skip_assignment: true,
        members: Vec::new(),
    };
    assert_eq!(script.on(Event::Joined(script.join, Ok(joined))), "sync 5 of 0");
    assert_eq!(script.synced(&[4]), "assigned 1 in 5 [0_4]");
}

#[test]
fn a_rebalance_leaves_the_tasks_running() {
    let mut script = Script::stable(|_| {});
    assert_eq!(script.beats(Err(GroupError::RebalanceInProgress)), "join 'a' with [0_0 0_1]");
    assert_eq!(script.member.identity().unwrap().generation, 3, "commits go on until the group has joined");
    assert!(script.member.is_commit_retriable(3));
    assert_eq!(script.joined(Ok((4, "b"))), "sync 4 of 0");
    assert_eq!(script.synced(&[0, 1, 2]), "assigned 2 in 4 [0_0 0_1 0_2]");
    assert!(script.member.is_commit_retriable(3) && !script.member.is_commit_retriable(4));
    assert_eq!(script.owned(2, &[0, 1]), "", "what is still to be opened is not given up");
}

#[test]
fn it_joins_at_once_when_all_that_it_had_to_give_up_is_gone() {
    let mut script = Script::stable(|_| {});
    script.beats(Err(GroupError::RebalanceInProgress));
    let before = script.joined_with.clone().unwrap();
    script.joined(Ok((4, "b")));
    assert_eq!(script.synced(&[2]), "assigned 2 in 4 [0_2]");
    assert_eq!(script.owned(1, &[]), "", "it says nothing about the new list");
    assert_eq!(script.owned(2, &[0, 2]), "", "one is still there");
    assert_eq!(script.owned(2, &[2]), "join 'a' with [0_2]");
    assert_ne!(subscription(&script.joined_with.clone().unwrap()).counter, subscription(&before).counter);
}

#[test]
fn what_is_still_being_closed_is_claimed_in_the_next_rebalance() {
    let mut script = Script::stable(|_| {});
    script.beats(Err(GroupError::RebalanceInProgress));
    script.joined(Ok((4, "b")));
    script.synced(&[2]);
    assert_eq!(script.beats(Err(GroupError::RebalanceInProgress)), "join 'a' with [0_0 0_1 0_2]");
    // It is closed while the join is pending: the leader does not know, so it joins once more.
    assert_eq!(script.owned(2, &[2]), "");
    script.joined(Ok((5, "b")));
    assert_eq!(script.synced(&[2]), "assigned 3 in 5 [0_2], join 'a' with [0_2]");
}

#[test]
fn heartbeats_are_quick_while_tasks_are_withheld_but_not_for_ever() {
    let mut script = Script::new(|_| {});
    script.on(Event::Start);
    script.joined(Ok((1, "b")));
    script.synced_and(&[0], None, true);
    for _ in 0..3 {
        assert_eq!(script.tick_within(50), "heartbeat 1");
        script.beat(Ok(()));
    }
    script.wait(5900);
    script.beat(Ok(()));
    script.wait(200);
    script.beat(Ok(()));
    assert!(script.member.deadline().unwrap() > script.now + Duration::from_millis(100));
}

#[test]
fn a_lost_member_joins_only_when_all_tasks_are_closed() {
    for (error, id) in [(GroupError::UnknownMemberId, ""), (GroupError::IllegalGeneration, "a")] {
        let mut script = Script::stable(|_| {});
        assert_eq!(script.beats(Err(error)), "lost 2");
        assert_eq!(script.member.identity(), None, "nothing may be committed");
        assert_eq!(script.member.deadline(), None);
        assert_eq!(script.owned(1, &[]), "", "it says nothing about the loss");
        assert_eq!(script.owned(2, &[1]), "");
        assert_eq!(script.owned(2, &[]), format!("join '{id}' with []"));
    }
}

#[test]
fn joining_and_synchronizing_can_end_the_membership_too() {
    let mut script = Script::stable(|_| {});
    script.beats(Err(GroupError::RebalanceInProgress));
    assert_eq!(script.joined(Err(GroupError::UnknownMemberId)), "lost 2");
    assert_eq!(script.owned(2, &[]), "join '' with []");
    script.joined(Ok((9, "b")));
    assert_eq!(script.sync_fails(GroupError::IllegalGeneration), "lost 3", "nothing is held, but it is known");
    assert_eq!(script.tick_within(150), "join 'a' with []");
}

#[test]
fn without_an_answer_for_the_session_timeout_the_member_is_lost() {
    let mut script = Script::stable(|_| {});
    script.beats(Ok(()));
    let last_heard_of = script.now;
    while script.now < last_heard_of + Duration::from_millis(5000) {
        let done = script.tick_within(500);
        assert!(["heartbeat 3", ""].contains(&done.as_str()), "{done}");
        script.beat(Err(if script.now.subsec_millis() % 2 == 0 {
            GroupError::Timeout
        } else {
            GroupError::Disconnected
        }));
    }
    script.now = last_heard_of + Duration::from_millis(5999);
    assert_eq!(script.on(Event::Tick), "heartbeat 3", "nothing is lost yet");
    assert_eq!(script.tick_within(1), "lost 2");
    assert_eq!(script.beat(Ok(())), "", "too late");
    assert_eq!(script.owned(2, &[]), "join 'a' with []");
}

#[test]
fn a_heartbeat_without_any_answer_ends_the_membership_as_well() {
    let mut script = Script::stable(|_| {});
    assert_eq!(script.wait(500), "heartbeat 3");
    assert_eq!(script.tick_within(5500), "lost 2");
}

#[test]
fn a_pending_join_may_take_as_long_as_a_rebalance() {
    let mut script = Script::stable(|config| config.rebalance_timeout = Duration::from_secs(30));
    script.beats(Err(GroupError::RebalanceInProgress));
    assert_eq!(script.wait(35_999), "");
    assert_eq!(script.tick_within(1), "lost 2");
}

#[test]
fn a_join_that_fails_is_repeated_with_the_same_bytes_and_growing_pauses() {
    let mut script = Script::stable(|_| {});
    script.beats(Err(GroupError::RebalanceInProgress));
    let first = script.joined_with.clone();
    let mut pauses = Vec::new();
    for error in [GroupError::Disconnected, GroupError::Timeout, GroupError::Disconnected, GroupError::Timeout] {
        assert_eq!(script.joined(Err(error)), "problem");
        let before = script.now;
        assert_eq!(script.tick_within(480), "join 'a' with [0_0 0_1]");
        assert_eq!(script.joined_with, first);
        pauses.push(script.now - before);
    }
    assert!(pauses.is_sorted() && pauses[0] >= Duration::from_millis(40), "{pauses:?}");
    assert_eq!(script.joined(Ok((4, "b"))), "sync 4 of 0");
}

#[test]
fn a_sync_that_fails_is_repeated() {
    let mut script = Script::stable(|_| {});
    script.beats(Err(GroupError::RebalanceInProgress));
    script.joined(Ok((4, "b")));
    assert_eq!(script.sync_fails(GroupError::Disconnected), "problem");
    assert_eq!(script.tick_within(60), "sync 4 of 0");
    assert_eq!(script.sync_fails(GroupError::RebalanceInProgress), "join 'a' with [0_0 0_1]");
}

#[test]
fn a_group_that_never_settles_is_joined_ever_more_slowly() {
    let mut script = Script::stable(|_| {});
    script.beats(Err(GroupError::RebalanceInProgress));
    let start = script.now;
    for generation in 4..24 {
        script.joined(Ok((generation, "b")));
        if script.sync_fails(GroupError::RebalanceInProgress).is_empty() {
            script.tick_within(1200);
        }
    }
    assert!(script.now - start > Duration::from_secs(10), "{:?}", script.now - start);
}

#[test]
fn a_heartbeat_that_announces_a_rebalance_while_synchronizing_is_remembered() {
    let mut script = Script::stable(|_| {});
    script.beats(Err(GroupError::RebalanceInProgress));
    script.joined(Ok((4, "b")));
    assert_eq!(script.beats(Err(GroupError::RebalanceInProgress)), "");
    assert_eq!(script.synced(&[0]), "assigned 2 in 4 [0_0], join 'a' with [0_0 0_1]");
}

#[test]
fn answers_to_former_heartbeats_mean_nothing() {
    let mut script = Script::stable(|_| {});
    script.wait(500);
    let old = script.heartbeat;
    assert_eq!(script.on(Event::RequestRejoin { reason: "test".into() }), "join 'a' with [0_0 0_1]");
    assert_eq!(script.on(Event::HeartbeatDone(old, Err(GroupError::UnknownMemberId))), "");
    script.joined(Ok((4, "b")));
    assert_eq!(script.on(Event::HeartbeatDone(old, Err(GroupError::IllegalGeneration))), "");
}

#[test]
fn requests_to_rejoin_during_a_rebalance_are_one_request_after_it() {
    let mut script = Script::stable(|_| {});
    script.beats(Err(GroupError::RebalanceInProgress));
    for _ in 0..3 {
        assert_eq!(script.on(Event::RequestRejoin { reason: "test".into() }), "");
    }
    assert_eq!(script.on(Event::ThreadsChanged(4)), "");
    script.joined(Ok((4, "b")));
    assert_eq!(script.synced(&[0, 1]), "assigned 2 in 4 [0_0 0_1], join 'a' with [0_0 0_1]");
    assert_eq!(subscription(script.joined_with.as_ref().unwrap()).threads, 4);
    script.joined(Ok((5, "b")));
    assert_eq!(script.synced(&[0, 1]), "assigned 3 in 5 [0_0 0_1]");
}

#[test]
fn the_same_number_of_threads_is_no_change() {
    assert_eq!(Script::stable(|_| {}).on(Event::ThreadsChanged(1)), "");
}

#[test]
fn a_shutdown_of_the_application_is_told_in_every_subscription() {
    let mut script = Script::stable(|_| {});
    assert_eq!(script.on(Event::ShutdownApplication), "join 'a' with [0_0 0_1]");
    assert!(subscription(script.joined_with.as_ref().unwrap()).shutdown);
    script.joined(Ok((4, "b")));
    let error = Some(AssignmentError::ShutdownRequested("a wants it".into()));
    assert_eq!(script.synced_and(&[0, 1], error, false), "assigned 2 in 4 [0_0 0_1] but a wants it");
}

#[test]
fn a_plan_that_fails_for_the_moment_is_made_again_with_growing_pauses() {
    let mut script = Script::stable(|_| {});
    script.beats(Err(GroupError::RebalanceInProgress));
    let mut pauses = Vec::new();
    for generation in 4..8 {
        script.joined(Ok((generation, "a")));
        let error = PlanError::Unavailable("no metadata of topic in".into());
        let done = script.on(Event::Planned(script.plan, Err(error)));
        assert_eq!(done, format!("problem, sync {generation} of 1"));
        let kept = consumer_protocol::Assignment::decode(&script.synced_with[0].1).unwrap().user_data.unwrap();
        let kept = TaskAssignment::decode(&kept).unwrap();
        assert_eq!(kept.tasks, tasks(&[0, 1]));
        assert_eq!(kept.error, Some(AssignmentError::PlanFailed("no metadata of topic in".into())));
        script.synced_and(&[0, 1], kept.error, false);
        let before = script.now;
        assert_eq!(script.tick_within(480), "join 'a' with [0_0 0_1]");
        pauses.push(script.now - before);
    }
    assert!(pauses.is_sorted() && pauses[0] >= Duration::from_millis(40), "{pauses:?}");
}

#[test]
fn missing_source_topics_are_told_to_all_and_not_tried_again() {
    let mut script = Script::new(|_| {});
    script.on(Event::Start);
    script.joined(Ok((1, "a")));
    let error = PlanError::MissingSourceTopics(vec!["in".into()]);
    assert_eq!(script.on(Event::Planned(script.plan, Err(error))), "problem, sync 1 of 1");
    let error = AssignmentError::MissingSourceTopics(vec!["in".into()]);
    let told = script.synced_and(&[], Some(error), false);
    assert_eq!(told, "assigned 1 in 1 [] but source topics do not exist: in; create them and start again");
    assert_eq!(script.tick_within(500), "heartbeat 1");
}

#[test]
fn a_plan_that_never_comes_is_a_failed_plan() {
    let mut script = Script::new(|config| config.rebalance_timeout = Duration::from_secs(4));
    script.on(Event::Start);
    script.joined(Ok((1, "a")));
    let mut done = String::new();
    for _ in 0..7 {
        done = script.tick_within(500);
        script.beat(Ok(()));
        if done.contains("sync") {
            break;
        }
    }
    assert!(done.starts_with("problem, sync 1 of 1"), "{done}");
}

#[test]
fn a_rebalance_while_planning_makes_the_plan_void() {
    let mut script = Script::new(|_| {});
    script.on(Event::Start);
    script.joined(Ok((1, "a")));
    assert_eq!(script.beats(Err(GroupError::RebalanceInProgress)), "join 'a' with []");
    assert_eq!(script.on(Event::Planned(script.plan, Ok(Vec::new()))), "");
}

#[test]
fn an_assignment_that_cannot_be_used_leaves_the_tasks_running() {
    let other = TaskAssignment { tasks: tasks(&[5]), error: None, topology: 8, unsettled: false };
    let unknown =
        consumer_protocol::Assignment { partitions: Vec::new(), user_data: Some(Bytes::from_static(&[9, 9])) };
    for bytes in [Bytes::from_static(b"garbage"), Bytes::new(), assignment(&other), unknown.encode().unwrap()] {
        let mut script = Script::stable(|_| {});
        script.beats(Err(GroupError::RebalanceInProgress));
        script.joined(Ok((4, "b")));
        assert_eq!(script.on(Event::Synced(script.sync, Ok(SyncedGroup { assignment: bytes }))), "problem");
        assert_eq!(script.member.identity().unwrap().generation, 4);
        assert_eq!(script.tick_within(60), "join 'a' with [0_0 0_1]", "not at once, but soon");
    }
}

#[test]
fn a_fenced_or_refused_member_ends_for_good() {
    let fatal = [
        GroupError::FencedInstanceId,
        GroupError::GroupAuthorizationFailed("group".into()),
        GroupError::from_code(81, "joining group"),
    ];
    for error in fatal {
        let expected = format!("fatal: {error}");
        let mut script = Script::stable(|config| config.instance_id = Some("one".into()));
        assert_eq!(script.beats(Err(error.clone())), expected);
        assert_eq!(script.member.identity(), None);
        assert_eq!((script.wait(10_000), script.owned(1, &[])), (String::new(), String::new()));

        let mut script = Script::new(|_| {});
        script.on(Event::Start);
        assert_eq!(script.joined(Err(error)), expected);
    }
}

#[test]
fn a_refused_commit_is_looked_into_by_a_heartbeat() {
    let mut script = Script::stable(|config| config.instance_id = Some("one".into()));
    let refused = |generation| Event::CommitRefused { generation, error: GroupError::UnknownMemberId };
    assert_eq!(script.on(refused(2)), "", "of a former generation");
    assert_eq!(script.on(refused(3)), "heartbeat 3");
    assert!(script.beat(Err(GroupError::FencedInstanceId)).starts_with("fatal"), "it must not fence its successor");
}

#[test]
fn a_static_member_that_missed_a_generation_is_lost() {
    let mut script = Script::stable(|config| config.instance_id = Some("one".into()));
    script.beats(Err(GroupError::RebalanceInProgress));
    assert_eq!(script.joined(Ok((5, "b"))), "lost 2");
    assert_eq!(script.owned(2, &[]), "join 'a' with []");

    let mut script = Script::stable(|_| {});
    script.beats(Err(GroupError::RebalanceInProgress));
    assert_eq!(script.joined(Ok((5, "b"))), "sync 5 of 0", "a dynamic member would have been removed");
}

#[test]
fn closing() {
    use GroupMembershipOperation::{Default, LeaveGroup, RemainInGroup};
    let cases = [
        (None, Default, "leave 'a'"),
        (None, LeaveGroup, "leave 'a'"),
        (None, RemainInGroup, "closed"),
        (Some("one"), Default, "closed"),
        (Some("one"), LeaveGroup, "leave 'a'"),
        (Some("one"), RemainInGroup, "closed"),
    ];
    for (instance, operation, expected) in cases {
        let mut script = Script::stable(|config| config.instance_id = instance.map(Into::into));
        assert_eq!(script.close(operation), expected, "{instance:?} {operation:?}");
        assert_eq!(script.member.identity(), None);
        if expected != "closed" {
            assert_eq!(script.close(operation), "", "once");
            assert_eq!(script.on(Event::LeaveDone(script.leave, Ok(()))), "closed");
        }
        assert_eq!(script.wait(10_000), "");
    }
}

#[test]
fn closing_works_at_any_time_and_ends_in_time() {
    let mut script = Script::new(|_| {});
    assert_eq!(script.close(GroupMembershipOperation::Default), "closed", "never started");

    let mut script = Script::new(|_| {});
    script.on(Event::Start);
    assert_eq!(script.close(GroupMembershipOperation::Default), "closed", "never joined");

    let mut script = Script::stable(|_| {});
    script.beats(Err(GroupError::RebalanceInProgress));
    assert_eq!(script.close(GroupMembershipOperation::Default), "leave 'a'", "while joining");
    assert_eq!(script.joined(Ok((4, "b"))), "", "too late");
    assert_eq!(script.on(Event::LeaveDone(script.leave, Err(GroupError::Disconnected))), "");
    assert_eq!(script.tick_within(60), "leave 'a'");
    assert_eq!(script.tick_within(5000), "problem, closed");
}
