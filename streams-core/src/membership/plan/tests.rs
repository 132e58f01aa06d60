use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const FINGERPRINT: u64 = 0xabc;

/// Subtopology 0 joins a topic of 3 partitions with one of 2; subtopology 1 reads one of 2.
fn topology() -> PlannedTopology {
    let part = |subtopology, partitions, topics: &[(&str, i32)]| PlannedSubtopology {
        tasks: TaskGroup { subtopology, partitions, stateful: true },
        topics: topics.iter().map(|&(topic, count)| (topic.to_owned(), count)).collect(),
    };
    PlannedTopology {
        fingerprint: FINGERPRINT,
        subtopologies: vec![part(0, 3, &[("left", 3), ("right", 2)]), part(1, 2, &[("other", 2)])],
    }
}

fn says(process: u128, owned: &[TaskId]) -> Subscription {
    Subscription {
        process_id: Uuid::from_u128(process),
        threads: 1,
        counter: 0,
        shutdown: false,
        topology: FINGERPRINT,
        generation: 1,
        owned: owned.to_vec(),
        local_state: Vec::new(),
    }
}

fn member_with(id: &str, user_data: Bytes, owned_partitions: Vec<TopicPartitions>) -> GroupMember {
    let wrapper = consumer_protocol::Subscription { topics: Vec::new(), user_data: Some(user_data), owned_partitions };
    GroupMember { member_id: id.into(), group_instance_id: None, metadata: wrapper.encode().unwrap() }
}

fn member(id: &str, said: &Subscription) -> GroupMember {
    member_with(id, said.encode(), Vec::new())
}

fn listed(topic: &str, partitions: &[i32]) -> TopicPartitions {
    TopicPartitions { topic: topic.into(), partitions: partitions.to_vec() }
}

fn read(assignments: &[(String, Bytes)], id: &str) -> (Vec<TopicPartitions>, TaskAssignment) {
    let bytes = &assignments.iter().find(|(member, _)| member == id).unwrap().1;
    let wrapper = consumer_protocol::Assignment::decode(bytes).unwrap();
    let assignment = TaskAssignment::decode(&wrapper.user_data.unwrap()).unwrap();
    (wrapper.partitions, assignment)
}

fn all_tasks() -> Vec<TaskId> {
    [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)].map(|(part, partition)| TaskId::new(part, partition)).to_vec()
}

#[test]
fn a_single_member_gets_everything_with_the_partitions_that_exist() {
    let plan = plan(&[member("a", &says(1, &[]))], &topology()).unwrap();
    let (partitions, assignment) = read(&plan.assignments, "a");
    assert_eq!(partitions, [listed("left", &[0, 1, 2]), listed("other", &[0, 1]), listed("right", &[0, 1])]);
    let expected =
        TaskAssignment { tasks: all_tasks(), error: None, topology: FINGERPRINT, unsettled: false, threads: 1 };
    assert_eq!(assignment, expected);
    assert_eq!(plan.problems, Vec::<String>::new());
}

#[test]
fn a_task_on_the_move_is_with_nobody_and_everyone_knows_that_more_is_to_come() {
    let members = [member("a", &says(1, &all_tasks())), member("b", &says(2, &[]))];
    let plan = plan(&members, &topology()).unwrap();
    let (_, kept) = read(&plan.assignments, "a");
    let (_, nothing_yet) = read(&plan.assignments, "b");
    assert_eq!((kept.tasks.len(), nothing_yet.tasks.len()), (3, 0));
    assert!(kept.unsettled && nothing_yet.unsettled);
    assert_eq!(plan.target.members["b"].withheld.len(), 2);
}

#[test]
fn another_topology_is_told_to_its_member_alone_and_its_partitions_are_withheld() {
    let mut other = says(2, &[]);
    other.topology = 0xdef;
    let members = [member("a", &says(1, &[])), member_with("b", other.encode(), vec![listed("right", &[1])])];
    let plan = plan(&members, &topology()).unwrap();
    let (_, a) = read(&plan.assignments, "a");
    assert_eq!(a.error, None);
    assert_eq!(a.tasks.len(), 4);
    assert_eq!(plan.target.members["a"].withheld, [TaskId::new(0, 1)]);
    let (_, b) = read(&plan.assignments, "b");
    let error = b.error.unwrap().to_string();
    assert!(b.tasks.is_empty() && matches!(&plan.problems[..], [problem] if *problem == error));
    for part in ["member b", "0000000000000def", "0000000000000abc", "same topology"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_member_that_cannot_be_understood_is_told_and_what_it_reads_is_withheld() {
    let mut newer = says(2, &[]).encode().to_vec();
    newer[..2].copy_from_slice(&[7, 7]);
    for user_data in [Bytes::from(newer), Bytes::new(), Bytes::from_static(b"\x01\x01nonsense")] {
        let odd = member_with("b", user_data, vec![listed("other", &[0]), listed("unknown", &[9])]);
        let plan = plan(&[member("a", &says(1, &[])), odd], &topology()).unwrap();
        assert_eq!(plan.target.members["a"].withheld, [TaskId::new(1, 0)]);
        let (_, b) = read(&plan.assignments, "b");
        assert!(matches!(b.error, Some(AssignmentError::IncompatibleVersion(_))), "{b:?}");
    }
}

#[test]
fn a_shutdown_is_told_to_all_who_keep_what_they_have() {
    let mut asks = says(2, &[TaskId::new(1, 1)]);
    asks.shutdown = true;
    let members = [member("a", &says(1, &[TaskId::new(0, 0)])), member("b", &asks)];
    let plan = plan(&members, &topology()).unwrap();
    for (id, task) in [("a", TaskId::new(0, 0)), ("b", TaskId::new(1, 1))] {
        let (_, told) = read(&plan.assignments, id);
        assert_eq!(told.tasks, [task]);
        assert!(matches!(told.error, Some(AssignmentError::ShutdownRequested(text)) if text.contains("member b")));
    }
}

#[test]
fn a_failed_plan_leaves_everyone_what_is_theirs_alone() {
    let members = [
        member("a", &says(1, &[TaskId::new(0, 0), TaskId::new(0, 1)])),
        member("b", &says(2, &[TaskId::new(0, 1), TaskId::new(0, 2)])),
        member("c", &says(3, &[])),
    ];
    let error = PlanError::MissingSourceTopics(vec!["left".into()]);
    let assignments = plan_failed(&members, FINGERPRINT, &error);
    for (id, expected) in [("a", vec![TaskId::new(0, 0)]), ("b", vec![TaskId::new(0, 2)]), ("c", vec![])] {
        let (_, told) = read(&assignments, id);
        assert_eq!(told.tasks, expected);
        assert_eq!(told.error, Some(AssignmentError::MissingSourceTopics(vec!["left".into()])));
    }
}

#[test]
fn a_topic_name_that_cannot_be_written_is_an_error() {
    let mut topology = topology();
    topology.subtopologies[0].topics[0].0 = "x".repeat(40_000);
    let error = plan(&[member("a", &says(1, &[]))], &topology).unwrap_err();
    assert!(matches!(error, PlanError::Encoding(_)) && !error.is_retriable());
}

proptest! {
    #[test]
    fn whatever_members_say_everyone_gets_an_assignment_and_no_task_twice(
        said in vec(vec(any::<u8>(), 0..120), 0..4), versions: bool, wrapped: bool,
    ) {
        let mut members = vec![member("good", &says(1, &[]))];
        for (number, mut bytes) in said.into_iter().enumerate() {
            if versions && bytes.len() > 1 {
                bytes[..2].fill(1);
            }
            let mut odd = member_with(&format!("odd-{number}"), bytes.clone().into(), Vec::new());
            if !wrapped {
                odd.metadata = bytes.into();
            }
            members.push(odd);
        }
        let plan = plan(&members, &topology()).unwrap();
        prop_assert_eq!(plan.assignments.len(), members.len());
        let mut given: Vec<TaskId> =
            members.iter().flat_map(|member| read(&plan.assignments, &member.member_id).1.tasks).collect();
        let count = given.len();
        given.sort_unstable();
        given.dedup();
        prop_assert_eq!(given.len(), count);
    }
}
