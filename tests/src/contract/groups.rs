//! Group membership and committed offsets, in each state of a group.

use super::Setup;
use super::member::{TestMember, assignment};
use super::scenario::{Scenario, eventually};
use kafka_client::group::{GroupError, JoinedGroup};
use std::time::{Duration, Instant};
use streams_core::broker::Broker;

/// Brings two members into one generation: the first joined already, the second comes.
fn second_joins(first: &mut TestMember, second: &mut TestMember) -> (JoinedGroup, JoinedGroup) {
    second.get_id();
    let waiting = second.send_join();
    rebalances(first);
    let of_first = first.join();
    let of_second = second.joined(waiting);
    (of_first, of_second)
}

/// Heartbeats until the group rebalances.
fn rebalances(member: &TestMember) {
    eventually("the group rebalances", || (member.heartbeat() == Err(GroupError::RebalanceInProgress)).then_some(()));
}

/// Two members, stable.
fn stable_pair<B: Broker>(scenario: &Scenario<'_, B>) -> (TestMember, TestMember) {
    let (mut leader, mut follower) = (TestMember::new(scenario), TestMember::new(scenario));
    leader.join_and_sync();
    let (of_leader, of_follower) = second_joins(&mut leader, &mut follower);
    assert_eq!(of_leader.leader_id, leader.identity.member_id);
    leader.sync(&of_leader).unwrap();
    follower.sync(&of_follower).unwrap();
    (leader, follower)
}

/// The first join of a dynamic member is answered with its id; joining with it begins the first generation.
pub fn a_first_join_is_told_its_id<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "first");
    let mut member = TestMember::new(&scenario);
    member.get_id();
    let id = member.identity.member_id.clone();
    assert!(!id.is_empty());
    let joined = member.join();
    assert_eq!((joined.member_id.as_str(), joined.leader_id.as_str(), joined.generation), (&*id, &*id, 1));
    assert_eq!(joined.protocol_name.as_deref(), Some(super::member::ASSIGNOR));
    assert_eq!(joined.members.len(), 1);
    assert!(!joined.skip_assignment);
    assert_eq!(member.sync(&joined).unwrap().assignment, assignment(id.as_bytes()));
    assert_eq!(member.heartbeat(), Ok(()));
    let mut stranger = TestMember::new(&scenario);
    stranger.identity.member_id = "nobody".into();
    assert_eq!(stranger.send_join().wait(), Err(GroupError::UnknownMemberId));
    assert_eq!(stranger.heartbeat(), Err(GroupError::UnknownMemberId));
}

/// A second member's join waits until the first has joined again; only the leader sees the members; each gets its own assignment.
pub fn two_members_share_a_group<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "pair");
    let (mut first, mut second) = (TestMember::new(&scenario), TestMember::new(&scenario));
    first.join_and_sync();
    let old = first.identity.clone();
    let (of_first, of_second) = second_joins(&mut first, &mut second);
    assert_eq!((of_first.generation, of_second.generation), (2, 2));
    assert_eq!(of_second.leader_id, first.identity.member_id);
    assert_eq!((of_first.members.len(), of_second.members.len()), (2, 0));
    let waiting = second.send_sync(&of_second);
    assert_eq!(second.heartbeat(), Ok(()), "while the leader assigns");
    assert_eq!(first.sync(&of_first).unwrap().assignment, assignment(first.identity.member_id.as_bytes()));
    assert_eq!(waiting.wait().unwrap().assignment, assignment(second.identity.member_id.as_bytes()));
    assert_eq!((first.heartbeat(), second.heartbeat()), (Ok(()), Ok(())));
    first.identity = old;
    assert_eq!(first.heartbeat(), Err(GroupError::IllegalGeneration));
}

/// A follower that joins again and says the same about itself gets the present generation at once; saying something new
/// starts a rebalance.
pub fn a_follower_with_the_same_metadata_starts_nothing<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "follower");
    let (mut leader, mut follower) = stable_pair(&scenario);
    let again = follower.join();
    assert_eq!((again.generation, again.members.len()), (2, 0));
    assert_eq!(follower.sync(&again).unwrap().assignment, assignment(follower.identity.member_id.as_bytes()));
    assert_eq!(leader.heartbeat(), Ok(()));
    follower.version += 1;
    let waiting = follower.send_join();
    rebalances(&leader);
    assert_eq!(leader.join().generation, 3);
    assert_eq!(follower.joined(waiting).generation, 3);
}

/// The leader needs nothing new to say: its join starts a rebalance, so that it can assign anew.
pub fn a_leader_that_joins_again_starts_a_rebalance<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "leader");
    let (mut leader, mut follower) = stable_pair(&scenario);
    let waiting = leader.send_join();
    rebalances(&follower);
    let of_follower = follower.join();
    let of_leader = leader.joined(waiting);
    assert_eq!((of_leader.generation, of_follower.generation), (3, 3));
    leader.sync(&of_leader).unwrap();
    follower.sync(&of_follower).unwrap();
}

/// Stable: the present generation commits, any other does not.
pub fn commits_while_stable<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "commit-stable");
    let topic = scenario.topic();
    let (leader, follower) = stable_pair(&scenario);
    assert_eq!(leader.commit(&topic, 5), Ok(()));
    assert_eq!(follower.commit(&topic, 6), Ok(()), "the generation fences the member, not the partition");
    assert_eq!(leader.commit_as(&leader.in_generation(1), &topic, 7), Err(GroupError::IllegalGeneration));
    assert_eq!(leader.commit_as(&leader.in_generation(3), &topic, 7), Err(GroupError::IllegalGeneration));
    let mut stranger = leader.identity.clone();
    stranger.member_id = "nobody".into();
    assert_eq!(leader.commit_as(&stranger, &topic, 7), Err(GroupError::UnknownMemberId));
    assert_eq!(leader.fetch(&topic, true), Some(6));
    assert!(leader.commit(&format!("{}-missing", scenario.id), 1).is_err());
}

/// Preparing a rebalance: members of the present generation may still commit, before they join.
pub fn commits_while_preparing<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "commit-preparing");
    let topic = scenario.topic();
    let (mut first, mut second) = (TestMember::new(&scenario), TestMember::new(&scenario));
    first.join_and_sync();
    second.get_id();
    let waiting = second.send_join();
    rebalances(&first);
    assert_eq!(first.commit(&topic, 5), Ok(()));
    assert_eq!(first.commit_as(&first.in_generation(0), &topic, 7), Err(GroupError::IllegalGeneration));
    assert!(!waiting.has_come());
    assert_eq!(first.fetch(&topic, true), Some(5));
    first.join();
}

/// Completing a rebalance: nobody commits before the assignments are there.
pub fn commits_while_completing<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "commit-completing");
    let topic = scenario.topic();
    let mut member = TestMember::new(&scenario);
    let joined = member.join();
    assert_eq!(member.commit(&topic, 5), Err(GroupError::RebalanceInProgress));
    assert_eq!(member.commit_as(&member.in_generation(0), &topic, 5), Err(GroupError::IllegalGeneration));
    assert_eq!(member.heartbeat(), Ok(()));
    member.sync(&joined).unwrap();
    assert_eq!(member.commit(&topic, 5), Ok(()));
}

/// Without id and generation one may commit to a group as long as it has no members.
pub fn commits_of_outsiders<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "outsider");
    let topic = scenario.topic();
    let mut member = TestMember::new(&scenario);
    let outsider = member.outsider();
    assert_eq!(member.commit_as(&outsider, &topic, 3), Ok(()));
    assert_eq!(member.fetch(&topic, false), Some(3));
    member.join_and_sync();
    assert_eq!(member.commit_as(&outsider, &topic, 4), Err(GroupError::UnknownMemberId));
    member.leave().unwrap();
    assert_eq!(member.commit_as(&outsider, &topic, 5), Ok(()));
    assert_eq!(member.fetch(&topic, true), Some(5));
}

/// What has not been committed is none, not a number.
pub fn offsets_of_nothing_committed<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "nothing");
    let topic = scenario.topic();
    let member = TestMember::new(&scenario);
    assert_eq!(member.fetch(&topic, true), None);
    member.commit_as(&member.outsider(), &topic, 0).unwrap();
    let fetched = member.send_fetch(&topic, true).wait().unwrap().remove(0);
    assert_eq!((fetched.offset, fetched.metadata.as_str()), (Some(0), "note"));
}

/// A member that leaves is gone at once; the others learn it by their heartbeats.
pub fn leaving_tells_the_others<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "leave");
    let topic = scenario.topic();
    let (leader, mut follower) = stable_pair(&scenario);
    leader.leave().unwrap();
    assert_eq!(leader.heartbeat(), Err(GroupError::UnknownMemberId));
    assert_eq!(leader.commit(&topic, 1), Err(GroupError::UnknownMemberId));
    assert_eq!(leader.leave(), Err(GroupError::UnknownMemberId));
    rebalances(&follower);
    let joined = follower.join();
    assert_eq!((joined.leader_id == follower.identity.member_id, joined.generation), (true, 3));
}

/// A static member that restarts keeps its assignment without a rebalance, and its former self is fenced; so does a leader, which is told
/// not to assign.
pub fn a_static_member_comes_back<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "static");
    let mut leader = TestMember::new_static(&scenario, "a");
    let mut follower = TestMember::new_static(&scenario, "b");
    leader.join_and_sync();
    let waiting = follower.send_join();
    rebalances(&leader);
    let of_leader = leader.join();
    let of_follower = follower.joined(waiting);
    leader.sync(&of_leader).unwrap();
    let old_assignment = follower.sync(&of_follower).unwrap().assignment;

    let mut restarted = TestMember::new_static(&scenario, "b");
    let joined = restarted.join();
    assert_eq!(joined.generation, of_follower.generation);
    assert_ne!(joined.member_id, follower.identity.member_id);
    assert_eq!(restarted.sync(&joined).unwrap().assignment, old_assignment);
    assert_eq!(follower.heartbeat(), Err(GroupError::FencedInstanceId));
    assert_eq!((leader.heartbeat(), restarted.heartbeat()), (Ok(()), Ok(())));

    let mut restarted_leader = TestMember::new_static(&scenario, "a");
    let joined = restarted_leader.join();
    assert_eq!((joined.generation, joined.skip_assignment), (of_leader.generation, true));
    assert_eq!(joined.members.len(), 2);
    restarted_leader.sync(&joined).unwrap();
    assert_eq!(leader.heartbeat(), Err(GroupError::FencedInstanceId));
    assert_eq!(restarted.heartbeat(), Ok(()));
}

/// A member that is silent for its session timeout is out, and the others rebalance.
pub fn a_session_expires<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "expiry");
    let (mut leader, mut silent) = (TestMember::new(&scenario), TestMember::new(&scenario));
    silent.session_timeout = Duration::from_secs(6);
    leader.join_and_sync();
    let (of_leader, of_silent) = second_joins(&mut leader, &mut silent);
    leader.sync(&of_leader).unwrap();
    silent.sync(&of_silent).unwrap();
    let since = Instant::now();
    rebalances(&leader);
    assert!(since.elapsed() > Duration::from_secs(5), "out after {:?}", since.elapsed());
    assert_eq!(leader.join().members.len(), 1);
    assert_eq!(silent.heartbeat(), Err(GroupError::UnknownMemberId));
}

/// A member that supports no assignor of the others is refused; of several the one that most prefer is chosen.
pub fn members_without_common_assignor_are_refused<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "assignors");
    let (mut first, mut second) = (TestMember::new(&scenario), TestMember::new(&scenario));
    first.assignors = vec!["one".into(), "two".into()];
    assert_eq!(first.join_and_sync().protocol_name.as_deref(), Some("one"));
    let mut stranger = TestMember::new(&scenario);
    assert_eq!(stranger.send_join().wait(), Err(GroupError::InconsistentProtocol));
    stranger.assignors.clear();
    assert_eq!(stranger.send_join().wait(), Err(GroupError::InconsistentProtocol));
    second.assignors = vec!["two".into()];
    let (of_first, of_second) = second_joins(&mut first, &mut second);
    assert_eq!((of_first.protocol_name.as_deref(), of_second.protocol_name.as_deref()), (Some("two"), Some("two")));
}

/// Session timeouts have bounds.
pub fn a_session_timeout_out_of_bounds_is_refused<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "session-bounds");
    let mut member = TestMember::new(&scenario);
    for timeout in [Duration::from_millis(10), Duration::from_secs(3 * 3600)] {
        member.session_timeout = timeout;
        assert_eq!(member.send_join().wait(), Err(GroupError::InvalidSessionTimeout));
    }
}
