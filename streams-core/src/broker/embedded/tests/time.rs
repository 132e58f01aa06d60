//! What happens by time alone.

use super::{Member, TIMEOUT, open_transaction, partition, send, texts};
use crate::broker::embedded::{EmbeddedBroker, EmbeddedOptions, Isolation};
use crate::broker::{Broker, BrokerErrorKind, Producer, Properties};
use kafka_client::group::{CommittedOffset, FetchOffsets, GroupError};
use std::sync::Arc;
use std::sync::mpsc::{TryRecvError, channel};
use std::time::{Duration, Instant};

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn a_manual_clock_stands_still_until_moved() {
    let broker = EmbeddedBroker::with_manual_clock();
    assert_eq!(broker.now_ms(), EmbeddedBroker::MANUAL_START_MS);
    broker.create_topic_with("t", 1, &[("message.timestamp.type", "LogAppendTime")]).unwrap();
    broker.advance(seconds(3));
    broker.produce("t", 0, None, Some(b"v"), 7).unwrap();
    let record = broker.read_all("t", Isolation::ReadUncommitted).unwrap().remove(0);
    assert_eq!(record.timestamp, EmbeddedBroker::MANUAL_START_MS + 3_000);
}

#[test]
fn a_session_ends_on_time_and_heartbeats_prolong_it() {
    let broker = EmbeddedBroker::with_manual_clock();
    let mut member = Member::new(&broker);
    member.join_alone();
    broker.advance(Duration::from_millis(9_999));
    assert_eq!(member.heartbeat(), Ok(()));
    broker.advance(Duration::from_millis(9_999));
    assert_eq!(member.heartbeat(), Ok(()));
    broker.advance(seconds(10));
    assert_eq!(member.heartbeat(), Err(GroupError::UnknownMemberId));
}

#[test]
fn a_join_is_answered_when_the_session_of_the_one_it_waits_for_ends() {
    let broker = EmbeddedBroker::with_manual_clock();
    let (mut dead, mut alive) = (Member::new(&broker), Member::new(&broker));
    dead.join_alone();
    let waiting = alive.start_joining();
    broker.advance(Duration::from_millis(9_999));
    assert_eq!(waiting.try_recv().unwrap_err(), TryRecvError::Empty);
    broker.advance(Duration::from_millis(1));
    let joined = waiting.try_recv().unwrap().unwrap();
    assert_eq!((joined.members.len(), joined.leader_id), (1, alive.identity.member_id));
}

#[test]
fn who_only_heartbeats_is_left_behind_when_the_rebalance_timeout_ends() {
    let broker = EmbeddedBroker::with_manual_clock();
    let (mut lazy, mut alive) = (Member::new(&broker), Member::new(&broker));
    lazy.rebalance_timeout = seconds(4);
    alive.rebalance_timeout = seconds(4);
    lazy.join_alone();
    let waiting = alive.start_joining();
    broker.advance(Duration::from_millis(3_999));
    assert_eq!(lazy.heartbeat(), Err(GroupError::RebalanceInProgress));
    assert_eq!(waiting.try_recv().unwrap_err(), TryRecvError::Empty);
    broker.advance(Duration::from_millis(1));
    assert_eq!(waiting.try_recv().unwrap().unwrap().generation, 2);
    assert_eq!(lazy.heartbeat(), Err(GroupError::UnknownMemberId));
}

#[test]
fn a_leader_that_dies_before_it_assigns_makes_the_followers_join_again() {
    let broker = EmbeddedBroker::with_manual_clock();
    let (mut leader, mut follower) = (Member::new(&broker), Member::new(&broker));
    leader.join_alone();
    let waiting = follower.start_joining();
    let again = leader.send_join().try_recv().unwrap().unwrap();
    leader.joined(&again);
    follower.joined(&waiting.try_recv().unwrap().unwrap());
    let syncing = follower.send_sync();
    broker.advance(Duration::from_millis(9_999));
    assert_eq!(syncing.try_recv().unwrap_err(), TryRecvError::Empty);
    broker.advance(Duration::from_millis(1));
    assert_eq!(syncing.try_recv().unwrap(), Err(GroupError::RebalanceInProgress));
    assert_eq!(follower.send_join().try_recv().unwrap().unwrap().generation, 3);
}

#[test]
fn an_id_that_nobody_comes_back_with_holds_a_rebalance_up_for_a_session_only() {
    let broker = EmbeddedBroker::with_manual_clock();
    let (mut member, gone) = (Member::new(&broker), Member::new(&broker));
    member.join_alone();
    assert!(matches!(gone.send_join().try_recv().unwrap(), Err(GroupError::MemberIdRequired(_))));
    let waiting = member.send_join();
    assert_eq!(waiting.try_recv().unwrap_err(), TryRecvError::Empty);
    broker.advance(seconds(10));
    assert_eq!(waiting.try_recv().unwrap().unwrap().generation, 2);
}

#[test]
fn a_transaction_that_takes_too_long_is_aborted_and_its_producer_fenced() {
    let broker = EmbeddedBroker::with_manual_clock();
    broker.create_topic("t", 1).unwrap();
    let mut producer = open_transaction(&broker, "id", "t", "late");
    broker.produce("t", 0, None, Some(b"behind"), 1).unwrap();
    broker.advance(Duration::from_millis(59_999));
    assert!(texts(&broker, "t", Isolation::ReadCommitted).is_empty());
    broker.advance(Duration::from_millis(1));
    assert_eq!(texts(&broker, "t", Isolation::ReadCommitted), ["behind"]);
    assert_eq!(producer.commit_transaction(TIMEOUT).unwrap_err().kind, BrokerErrorKind::Fenced);
    assert_eq!(producer.begin_transaction().unwrap_err().kind, BrokerErrorKind::Fenced);
}

#[test]
fn a_read_of_stable_offsets_gives_up_after_the_request_timeout() {
    let broker = EmbeddedBroker::with_manual_clock();
    broker.create_topic("t", 1).unwrap();
    let mut member = Member::new(&broker);
    member.join_alone();
    let mut producer = open_transaction(&broker, "id", "t", "v");
    let offset =
        CommittedOffset { topic: "t".into(), partition: 0, offset: 5, leader_epoch: None, metadata: String::new() };
    producer.send_offsets_to_transaction(&[offset], &member.identity, TIMEOUT).unwrap();
    let (sender, receiver) = channel();
    let request =
        FetchOffsets { group_id: "g".into(), member: None, partitions: vec![("t".into(), 0)], require_stable: true };
    member.coordinator.fetch_offsets(request, Box::new(move |result| sender.send(result).unwrap()));
    broker.advance(seconds(29));
    assert_eq!(receiver.try_recv().unwrap_err(), TryRecvError::Empty);
    broker.advance(seconds(1));
    assert_eq!(receiver.try_recv().unwrap(), Err(GroupError::UnstableOffsetCommit));
    assert_eq!(broker.committed_offset("g", &partition("t")), None);
    producer.commit_transaction(TIMEOUT).unwrap();
    assert_eq!(broker.committed_offset("g", &partition("t")), Some(5));
}

#[test]
fn the_timer_thread_expires_without_a_call_and_ends_with_the_broker() {
    let min_session_timeout = Duration::from_millis(50);
    let broker = EmbeddedBroker::with_options(EmbeddedOptions { min_session_timeout, ..Default::default() });
    let (mut dead, mut alive) = (Member::new(&broker), Member::new(&broker));
    dead.session_timeout = min_session_timeout;
    dead.join_alone();
    let joined = alive.start_joining().recv_timeout(TIMEOUT).unwrap().unwrap();
    assert_eq!(joined.members.len(), 1);

    let cluster = Arc::downgrade(&broker.cluster);
    let consumer = broker.consumer(&Properties::new()).unwrap();
    drop((broker, dead, alive));
    assert!(cluster.strong_count() > 0, "a client keeps the cluster");
    drop(consumer);
    let deadline = Instant::now() + TIMEOUT;
    while cluster.strong_count() > 0 {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
}

#[test]
fn fenced_producers_send_nothing_more() {
    let broker = EmbeddedBroker::with_manual_clock();
    broker.create_topic("t", 1).unwrap();
    let mut producer = open_transaction(&broker, "id", "t", "first");
    broker.advance(seconds(60));
    send(&mut producer, "t", "zombie");
    assert_eq!(texts(&broker, "t", Isolation::ReadUncommitted), ["first"]);
}
