//! Transactions: what readers see of them, fencing, and offsets in them.

use super::Setup;
use super::member::{TestMember, committed};
use super::scenario::{DEADLINE, Scenario, TestProducer, eventually, partition, read, read_to, texts};
use std::time::Duration;
use streams_core::broker::{Admin, Broker, BrokerError, BrokerErrorKind, Consumer, Delivery, OffsetSpec, Producer};

/// Records of an open transaction are seen by readers of everything only; committing shows them to all.
pub fn visible_only_after_commit<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "commit");
    let topic = scenario.topic();
    let mut producer = scenario.transactional("p");
    producer.committed(&topic, &["before"]);
    producer.open(&topic, &["a", "b"]);
    let mut committed = scenario.committed_reader(&topic);
    assert_eq!(texts(&read_to(&mut committed, &topic, 2)), ["before"]);
    assert_eq!(texts(&read(&mut scenario.reader(&topic), 3)), ["before", "a", "b"]);
    producer.client.commit_transaction(DEADLINE).unwrap();
    assert_eq!(texts(&read_to(&mut committed, &topic, 5)), ["a", "b"]);
}

/// Records of an aborted transaction are never seen by readers of committed records; the producer goes on.
pub fn aborted_records_are_invisible<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "abort");
    let topic = scenario.topic();
    let mut producer = scenario.transactional("p");
    producer.aborted(&topic, &["aborted 1", "aborted 2"]);
    producer.committed(&topic, &["kept"]);
    producer.aborted(&topic, &["aborted 3"]);
    assert_eq!(texts(&read_to(&mut scenario.committed_reader(&topic), &topic, 7)), ["kept"]);
    let all = texts(&read_to(&mut scenario.reader(&topic), &topic, 7));
    assert_eq!(all, ["aborted 1", "aborted 2", "kept", "aborted 3"]);
}

/// The position arrives at the end also where only markers and aborted records lie there, and at no record's cost.
pub fn positions_pass_markers_and_aborted_records<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "markers");
    let topic = scenario.topic();
    let mut producer = scenario.transactional("p");
    producer.committed(&topic, &["only"]);
    let mut consumer = scenario.committed_reader(&topic);
    assert_eq!(texts(&read_to(&mut consumer, &topic, 2)), ["only"]);
    producer.aborted(&topic, &["aborted"]);
    assert!(read_to(&mut consumer, &topic, 4).is_empty());
    assert_eq!(consumer.end_offset(&partition(&topic, 0)), Some(4));
    let list = |spec| scenario.admin.list_offsets(&[(partition(&topic, 0), spec)], DEADLINE).unwrap()[0];
    assert_eq!((list(OffsetSpec::Latest), list(OffsetSpec::LatestStable)), (4, 4));
    // From within: right at a marker, and at an aborted record.
    for start in [1, 2, 3] {
        let mut consumer = scenario.consumer(&[("isolation.level", "read_committed")], &[(topic.as_str(), 0, start)]);
        assert!(read_to(&mut consumer, &topic, 4).is_empty());
    }
}

/// A plain record behind an open transaction waits for it, for readers of committed records.
pub fn plain_records_wait_for_the_last_stable_offset<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "stable");
    let topic = scenario.topic();
    let mut plain = scenario.producer();
    plain.texts(&topic, &["before"]);
    let mut producer = scenario.transactional("p");
    producer.open(&topic, &["open"]);
    plain.texts(&topic, &["behind"]);
    let list = |spec| scenario.admin.list_offsets(&[(partition(&topic, 0), spec)], DEADLINE).unwrap()[0];
    assert_eq!((list(OffsetSpec::Latest), list(OffsetSpec::LatestStable)), (3, 1));
    let mut consumer = scenario.committed_reader(&topic);
    assert_eq!(texts(&read_to(&mut consumer, &topic, 1)), ["before"]);
    // A client may learn of the last stable offset one fetch later.
    eventually("the consumer knows the last stable offset", || {
        let mut fetched = Vec::new();
        consumer.poll(Duration::from_millis(10), &mut fetched).unwrap();
        assert!(fetched.is_empty(), "{fetched:?}");
        (consumer.end_offset(&partition(&topic, 0)) == Some(1)).then_some(())
    });
    producer.client.abort_transaction(DEADLINE).unwrap();
    assert_eq!(texts(&read_to(&mut consumer, &topic, 4)), ["behind"]);
}

/// A newer producer of the same id fences the older: nothing of that one is appended or committed any more.
pub fn a_second_producer_fences_the_first<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "fence");
    let topic = scenario.topic();
    let mut first = scenario.transactional("p");
    first.open(&topic, &["lost"]);
    let mut second = scenario.transactional("p");
    first.add(&topic, 0, None, Some(b"zombie"), 1);
    let refused = first.client.send(&mut first.batch).and_then(|()| first.client.commit_transaction(DEADLINE));
    assert_kind(refused, BrokerErrorKind::Fenced);
    assert_kind(first.client.abort_transaction(DEADLINE), BrokerErrorKind::Fenced);
    assert_kind(first.client.begin_transaction(), BrokerErrorKind::Fenced);
    second.committed(&topic, &["kept"]);
    let end = scenario.admin.list_offsets(&[(partition(&topic, 0), OffsetSpec::Latest)], DEADLINE).unwrap()[0];
    assert_eq!(texts(&read_to(&mut scenario.committed_reader(&topic), &topic, end)), ["kept"]);
}

/// Registering ends what a dead producer of the same id left open; another id does not.
pub fn registering_aborts_what_was_open<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "takeover");
    let topic = scenario.topic();
    let mut dead = scenario.transactional("p");
    dead.open(&topic, &["lost"]);
    drop(dead);
    scenario.transactional("other");
    let stable =
        || scenario.admin.list_offsets(&[(partition(&topic, 0), OffsetSpec::LatestStable)], DEADLINE).unwrap()[0];
    assert_eq!(stable(), 0);
    scenario.transactional("p");
    eventually("the transaction is aborted", || (stable() == 2).then_some(()));
    assert!(read_to(&mut scenario.committed_reader(&topic), &topic, 2).is_empty());
}

/// A member, alone and stable, with an open transaction of one record that carries an offset.
fn with_offsets<B: Broker>(scenario: &Scenario<'_, B>, topic: &str) -> (TestMember, TestProducer<B>) {
    let mut member = TestMember::new(scenario);
    member.join_and_sync();
    member.commit(topic, 1).unwrap();
    let mut producer = scenario.transactional("p");
    producer.open(topic, &["v"]);
    producer.client.send_offsets_to_transaction(&[committed(topic, 9)], &member.identity, DEADLINE).unwrap();
    (member, producer)
}

/// Offsets in a transaction are committed with it, not before.
pub fn offsets_are_committed_with_the_transaction<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "offsets-commit");
    let topic = scenario.topic();
    let (member, mut producer) = with_offsets(&scenario, &topic);
    assert_eq!(member.fetch(&topic, false), Some(1));
    producer.client.commit_transaction(DEADLINE).unwrap();
    assert_eq!(member.fetch(&topic, true), Some(9));
}

/// Offsets of an aborted transaction never were.
pub fn offsets_of_an_aborted_transaction_are_dropped<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "offsets-abort");
    let topic = scenario.topic();
    let (member, mut producer) = with_offsets(&scenario, &topic);
    producer.client.abort_transaction(DEADLINE).unwrap();
    assert_eq!(member.fetch(&topic, true), Some(1));
}

/// A member of another generation, or none, cannot add offsets; its transaction has to be aborted, its producer goes on.
pub fn a_stale_generation_is_refused<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "stale");
    let topic = scenario.topic();
    let mut member = TestMember::new(&scenario);
    member.join_and_sync();
    let mut stranger = member.identity.clone();
    stranger.member_id = "nobody".into();
    let mut producer = scenario.transactional("p");
    for identity in [member.in_generation(0), member.in_generation(2), member.in_generation(-1), stranger] {
        producer.open(&topic, &["aborted"]);
        let refused = producer.client.send_offsets_to_transaction(&[committed(&topic, 7)], &identity, DEADLINE);
        assert_kind(refused, BrokerErrorKind::AbortTransaction);
        assert_kind(producer.client.commit_transaction(DEADLINE), BrokerErrorKind::AbortTransaction);
        producer.client.abort_transaction(DEADLINE).unwrap();
    }
    assert_eq!(member.fetch(&topic, true), None);
    producer.open(&topic, &["kept"]);
    producer.client.send_offsets_to_transaction(&[committed(&topic, 8)], &member.identity, DEADLINE).unwrap();
    producer.client.commit_transaction(DEADLINE).unwrap();
    assert_eq!(member.fetch(&topic, true), Some(8));
    assert_eq!(texts(&read_to(&mut scenario.committed_reader(&topic), &topic, 10)), ["kept"]);
}

/// Once the offsets are in the transaction a rebalance does not keep them out; which is why a new owner asks for stable offsets.
pub fn the_generation_is_checked_when_offsets_are_sent<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "checked-once");
    let topic = scenario.topic();
    let (member, mut producer) = with_offsets(&scenario, &topic);
    member.leave().unwrap();
    let mut next = TestMember::new(&scenario);
    next.join_and_sync();
    assert_eq!(next.fetch(&topic, false), Some(1));
    let waiting = next.send_fetch(&topic, true);
    producer.client.commit_transaction(DEADLINE).unwrap();
    assert_eq!(waiting.wait().unwrap()[0].offset, Some(9));
}

/// A read of stable offsets is not answered before the transaction has decided.
pub fn stable_offsets_wait_for_the_transaction<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "require-stable");
    let (topic, other) = (scenario.topic(), scenario.topic());
    let (member, mut producer) = with_offsets(&scenario, &topic);
    let waiting = member.send_fetch(&topic, true);
    assert_eq!(member.fetch(&topic, false), Some(1));
    assert_eq!(member.fetch(&other, true), None, "a partition that the transaction does not touch");
    assert!(!waiting.has_come());
    producer.client.abort_transaction(DEADLINE).unwrap();
    assert_eq!(waiting.wait().unwrap()[0].offset, Some(1));
}

/// A transaction spans topics and partitions, and ends in all of them.
pub fn a_transaction_over_several_partitions<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "several");
    let (one, three) = (scenario.topic(), scenario.topic_with(3, &[]));
    let mut producer = scenario.transactional("p");
    for end in ["commit", "abort"] {
        producer.client.begin_transaction().unwrap();
        for number in 0..3 {
            producer.add(&three, number, Some(b"k"), Some(end.as_bytes()), 1);
        }
        producer.texts(&one, &[end]);
        match end {
            "commit" => producer.client.commit_transaction(DEADLINE).unwrap(),
            _ => producer.client.abort_transaction(DEADLINE).unwrap(),
        }
    }
    for (topic, number) in [(&one, 0), (&three, 0), (&three, 1), (&three, 2)] {
        let mut consumer = scenario.consumer(&[("isolation.level", "read_committed")], &[(topic.as_str(), number, 0)]);
        let mut records = Vec::new();
        let target = partition(topic, number);
        super::scenario::poll_until(&mut consumer, &mut records, |_, consumer| consumer.position(&target) == Some(4));
        assert_eq!(texts(&records), ["commit"]);
    }
}

/// A record that cannot be appended is told, and the transaction can only be aborted: none of it is seen.
pub fn a_failed_record_makes_the_transaction_abort<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "failed-record");
    let topic = scenario.topic();
    let mut producer = scenario.transactional("p");
    producer.open(&topic, &["aborted"]);
    producer.add(&topic, 0, None, Some(&vec![b'x'; 3 << 20]), 1);
    let deliveries = producer.send();
    assert!(deliveries.iter().any(|delivery| matches!(delivery, Delivery::Failed { .. })), "{deliveries:?}");
    assert_kind(producer.client.commit_transaction(DEADLINE), BrokerErrorKind::AbortTransaction);
    producer.client.abort_transaction(DEADLINE).unwrap();
    producer.committed(&topic, &["kept"]);
    assert_eq!(texts(&read_to(&mut scenario.committed_reader(&topic), &topic, 4)), ["kept"]);
}

/// Calls out of order are errors that say so; a transaction with nothing in it ends like any other.
pub fn transactions_need_their_order<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "order-of-calls");
    let mut plain = scenario.producer();
    assert_kind(plain.client.init_transactions(DEADLINE), BrokerErrorKind::Fatal);
    let mut producer = scenario.unregistered("p");
    assert_kind(producer.client.begin_transaction(), BrokerErrorKind::Fatal);
    producer.client.init_transactions(DEADLINE).unwrap();
    assert_kind(producer.client.commit_transaction(DEADLINE), BrokerErrorKind::Fatal);
    producer.client.begin_transaction().unwrap();
    assert_kind(producer.client.begin_transaction(), BrokerErrorKind::Fatal);
    producer.client.commit_transaction(DEADLINE).unwrap();
    producer.client.begin_transaction().unwrap();
    producer.client.abort_transaction(DEADLINE).unwrap();
}

fn assert_kind(result: Result<(), BrokerError>, kind: BrokerErrorKind) {
    match result {
        Err(error) => assert_eq!(error.kind, kind, "{error}"),
        Ok(()) => panic!("success instead of {kind:?}"),
    }
}
