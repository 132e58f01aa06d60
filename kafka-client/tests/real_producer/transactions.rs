//! Transactions: what readers of committed records see, and what ends a producer.

use kafka_client::group::{CommittedOffset, MemberIdentity};
use kafka_client::producer::{Producer, ProducerConfig, ProducerError, ProducerErrorKind};

use crate::raw::{DEADLINE, create_topic, eventually, unique, values};
use crate::{append, delivered, failures, start};

fn unregistered(id: &str) -> Producer {
    start(ProducerConfig { transactional_id: Some(id.to_owned()), ..ProducerConfig::default() })
}

fn transactional(id: &str) -> Producer {
    let mut producer = unregistered(id);
    producer.init_transactions(DEADLINE).unwrap();
    producer
}

fn open(producer: &mut Producer, topic: &str, texts: &[&str]) {
    producer.begin_transaction().unwrap();
    texts.iter().for_each(|text| append(producer, topic, 0, None, Some(text.as_bytes())));
    producer.flush(DEADLINE).unwrap();
}

fn commit(producer: &mut Producer, topic: &str, texts: &[&str]) {
    open(producer, topic, texts);
    producer.commit_transaction(DEADLINE).unwrap();
}

fn kind(result: Result<(), ProducerError>) -> ProducerErrorKind {
    result.expect_err("an error").kind
}

/// Markers are written after the answer to the commit.
fn committed(topic: &str, expected: &[&str]) {
    eventually("readers of committed records see them", || (values(topic, 0, true) == expected).then_some(()));
}

#[test]
fn commits_show_and_aborts_hide() {
    let (topic, id) = (create_topic(1, &[]), unique("tx"));
    let mut producer = transactional(&id);
    commit(&mut producer, &topic, &["a"]);
    open(&mut producer, &topic, &["b"]);
    producer.abort_transaction(DEADLINE).unwrap();
    open(&mut producer, &topic, &["c", "d"]);
    assert!(values(&topic, 0, true).len() <= 1);
    producer.commit_transaction(DEADLINE).unwrap();
    committed(&topic, &["a", "c", "d"]);
    assert_eq!(values(&topic, 0, false), ["a", "b", "c", "d"]);
}

#[test]
fn an_abort_drops_what_was_not_sent() {
    let (topic, id) = (create_topic(1, &[]), unique("tx"));
    let mut producer = transactional(&id);
    producer.begin_transaction().unwrap();
    append(&mut producer, &topic, 0, None, Some(b"dropped"));
    producer.abort_transaction(DEADLINE).unwrap();
    commit(&mut producer, &topic, &["kept"]);
    committed(&topic, &["kept"]);
}

#[test]
fn many_transactions_in_a_row() {
    let (topic, id) = (create_topic(1, &[]), unique("tx"));
    let mut producer = transactional(&id);
    let texts: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    let mut expected = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        open(&mut producer, &topic, &[text]);
        if number % 3 == 0 {
            producer.abort_transaction(DEADLINE).unwrap();
        } else {
            producer.commit_transaction(DEADLINE).unwrap();
            expected.push(text.as_str());
        }
    }
    committed(&topic, &expected);
}

#[test]
fn a_newer_producer_fences_the_older() {
    let (topic, id) = (create_topic(1, &[]), unique("tx"));
    let mut first = transactional(&id);
    open(&mut first, &topic, &["lost"]);
    let mut second = transactional(&id);
    append(&mut first, &topic, 0, None, Some(b"zombie"));
    assert_eq!(kind(first.commit_transaction(DEADLINE)), ProducerErrorKind::Fenced);
    assert_eq!(kind(first.abort_transaction(DEADLINE)), ProducerErrorKind::Fenced);
    assert_eq!(kind(first.begin_transaction()), ProducerErrorKind::Fenced);
    assert_eq!(kind(first.appender().map(drop)), ProducerErrorKind::Fenced);
    commit(&mut second, &topic, &["kept"]);
    committed(&topic, &["kept"]);
}

#[test]
fn a_fence_is_noticed_at_the_commit_too() {
    let (topic, id) = (create_topic(1, &[]), unique("tx"));
    let mut first = transactional(&id);
    open(&mut first, &topic, &["lost"]);
    transactional(&id);
    assert_eq!(kind(first.commit_transaction(DEADLINE)), ProducerErrorKind::Fenced);
}

#[test]
fn registering_aborts_what_was_open() {
    let (topic, id) = (create_topic(1, &[]), unique("tx"));
    let mut dead = transactional(&id);
    open(&mut dead, &topic, &["lost"]);
    drop(dead);
    let mut next = transactional(&id);
    commit(&mut next, &topic, &["kept"]);
    committed(&topic, &["kept"]);
}

fn offset(topic: &str, offset: i64) -> CommittedOffset {
    CommittedOffset { topic: topic.to_owned(), partition: 0, offset, leader_epoch: None, metadata: String::new() }
}

#[test]
fn a_stale_member_can_only_abort_and_the_producer_goes_on() {
    let (topic, id) = (create_topic(1, &[]), unique("tx"));
    let mut producer = transactional(&id);
    let nobody =
        MemberIdentity { group_id: unique("g"), generation: 3, member_id: "nobody".into(), group_instance_id: None };
    for _ in 0..2 {
        open(&mut producer, &topic, &["aborted"]);
        let refused = producer.send_offsets(&[offset(&topic, 7)], &nobody, DEADLINE);
        assert_eq!(kind(refused), ProducerErrorKind::AbortTransaction);
        assert_eq!(kind(producer.commit_transaction(DEADLINE)), ProducerErrorKind::AbortTransaction);
        producer.abort_transaction(DEADLINE).unwrap();
    }
    // A group without members takes offsets from anyone.
    let anyone = MemberIdentity { generation: -1, member_id: String::new(), ..nobody };
    open(&mut producer, &topic, &["kept"]);
    producer.send_offsets(&[offset(&topic, 8)], &anyone, DEADLINE).unwrap();
    producer.commit_transaction(DEADLINE).unwrap();
    committed(&topic, &["kept"]);
}

#[test]
fn a_failed_record_leaves_only_the_abort() {
    let (topic, id) = (create_topic(1, &[("max.message.bytes", "2000")]), unique("tx"));
    let mut producer = transactional(&id);
    for size in [3 << 20, 4000] {
        open(&mut producer, &topic, &["aborted"]);
        append(&mut producer, &topic, 0, None, Some(&vec![b'x'; size]));
        assert_eq!(failures(&delivered(&mut producer)), [(0, Some(10), 1)], "{size}");
        assert_eq!(kind(producer.commit_transaction(DEADLINE)), ProducerErrorKind::AbortTransaction);
        producer.abort_transaction(DEADLINE).unwrap();
    }
    commit(&mut producer, &topic, &["kept"]);
    committed(&topic, &["kept"]);
}

#[test]
fn transactions_need_their_order() {
    let id = unique("tx");
    let mut plain = start(ProducerConfig::default());
    assert_eq!(kind(plain.init_transactions(DEADLINE)), ProducerErrorKind::Fatal);
    let mut producer = unregistered(&id);
    assert_eq!(kind(producer.begin_transaction()), ProducerErrorKind::Fatal);
    assert_eq!(kind(producer.appender().map(drop)), ProducerErrorKind::Fatal);
    producer.init_transactions(DEADLINE).unwrap();
    assert_eq!(kind(producer.init_transactions(DEADLINE)), ProducerErrorKind::Fatal);
    assert_eq!(kind(producer.commit_transaction(DEADLINE)), ProducerErrorKind::Fatal);
    producer.begin_transaction().unwrap();
    assert_eq!(kind(producer.begin_transaction()), ProducerErrorKind::Fatal);
    producer.commit_transaction(DEADLINE).unwrap();
    producer.begin_transaction().unwrap();
    producer.abort_transaction(DEADLINE).unwrap();
}
