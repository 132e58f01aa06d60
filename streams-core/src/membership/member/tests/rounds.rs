//! When all goes well.

use super::*;

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
fn a_rebalance_while_planning_makes_the_plan_void() {
    let mut script = Script::new(|_| {});
    script.on(Event::Start);
    script.joined(Ok((1, "a")));
    assert_eq!(script.beats(Err(GroupError::RebalanceInProgress)), "join 'a' with []");
    assert_eq!(script.on(Event::Planned(script.plan, Ok(Vec::new()))), "");
}
