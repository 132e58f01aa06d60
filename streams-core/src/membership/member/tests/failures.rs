//! Failures, losses and the end.

use super::*;

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
        script.beat(Err(if script.now.subsec_millis().is_multiple_of(2) {
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
fn an_assignment_that_cannot_be_used_leaves_the_tasks_running() {
    let other = TaskAssignment { tasks: tasks(&[5]), error: None, topology: 8, unsettled: false, threads: 1 };
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
