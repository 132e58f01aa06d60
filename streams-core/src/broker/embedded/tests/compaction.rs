//! Compaction on demand and by itself.

use super::{TIMEOUT, open_transaction, partition, properties, texts};
use crate::broker::embedded::{EmbeddedBroker, Isolation};
use crate::broker::{Admin, Broker, BrokerErrorKind, Producer, Properties};
use crate::record::OutputBatch;
use std::time::Duration;

fn compacted(config: &[(&str, &str)]) -> EmbeddedBroker {
    let broker = EmbeddedBroker::with_manual_clock();
    broker.create_topic_with("t", 1, &[&[("cleanup.policy", "compact")], config].concat()).unwrap();
    broker
}

fn put(broker: &EmbeddedBroker, key: &str, value: Option<&str>) {
    broker.produce("t", 0, Some(key.as_bytes()), value.map(str::as_bytes), broker.now_ms()).unwrap();
}

fn all(broker: &EmbeddedBroker) -> Vec<String> {
    texts(broker, "t", Isolation::ReadUncommitted)
}

#[test]
fn the_last_value_of_each_key_stays_at_its_offset() {
    let broker = compacted(&[]);
    for (key, value) in [("a", "a1"), ("b", "b1"), ("a", "a2"), ("c", "c1"), ("b", "b2")] {
        put(&broker, key, Some(value));
    }
    let before = broker.held_bytes();
    broker.compact("t").unwrap();
    let records = broker.read_all("t", Isolation::ReadUncommitted).unwrap();
    let offsets: Vec<_> = records.iter().map(|record| record.offset).collect();
    assert_eq!((offsets, all(&broker)), (vec![2, 3, 4], vec!["a2".into(), "c1".into(), "b2".into()]));
    assert!(broker.held_bytes() < before);
}

#[test]
fn tombstones_outlive_one_pass_and_the_end_stays_where_it_is() {
    let broker = compacted(&[]);
    put(&broker, "a", Some("a1"));
    put(&broker, "a", None);
    broker.compact("t").unwrap();
    assert_eq!(all(&broker), ["-"]);
    broker.compact("t").unwrap();
    assert!(all(&broker).is_empty());
    assert_eq!(broker.end_offset(&partition("t"), Isolation::ReadCommitted).unwrap(), 2);
}

#[test]
fn aborted_records_go_and_open_ones_are_not_touched() {
    let broker = compacted(&[]);
    put(&broker, "k", Some("kept"));
    open_transaction(&broker, "a", "t", "aborted").abort_transaction(TIMEOUT).unwrap();
    let mut open = open_transaction(&broker, "b", "t", "open");
    put(&broker, "k", Some("behind"));
    broker.compact("t").unwrap();
    assert_eq!(all(&broker), ["kept", "open", "behind"]);
    open.commit_transaction(TIMEOUT).unwrap();
    broker.compact("t").unwrap();
    assert_eq!(all(&broker), ["behind"]);
}

#[test]
fn young_records_are_spared() {
    let broker = compacted(&[("min.compaction.lag.ms", "1000")]);
    put(&broker, "a", Some("a1"));
    broker.advance(Duration::from_millis(600));
    put(&broker, "a", Some("a2"));
    broker.advance(Duration::from_millis(600));
    broker.compact("t").unwrap();
    assert_eq!(all(&broker), ["a1", "a2"], "a1 is old enough, but what supersedes it is not");
    broker.advance(Duration::from_millis(600));
    broker.compact("t").unwrap();
    assert_eq!(all(&broker), ["a2"]);
}

#[test]
fn a_compacted_topic_stays_small_by_itself() {
    let broker = compacted(&[]);
    let mut producer = broker.producer(&properties(&[])).unwrap();
    let mut batch = OutputBatch::default();
    for round in 0..200 {
        let topic = batch.topic_index("t");
        for key in 0..1_000_u32 {
            batch.push(topic, 0, round, Some(&key.to_be_bytes()), Some(b"value"), &[]);
        }
        producer.send(&mut batch).unwrap();
    }
    let count = broker.read_all("t", Isolation::ReadUncommitted).unwrap().len();
    assert!((1_000..=22_000).contains(&count), "{count} records of 200,000 are left");
    assert_eq!(broker.end_offset(&partition("t"), Isolation::ReadUncommitted).unwrap(), 200_000);
}

#[test]
fn what_kafka_refuses_for_compacted_topics_is_refused() {
    let broker = compacted(&[]);
    assert_eq!(broker.produce("t", 0, None, Some(b"v"), 1).unwrap_err().kind, BrokerErrorKind::Fatal);
    let admin = broker.admin(&Properties::new()).unwrap();
    assert!(admin.delete_records(&[(partition("t"), 0)], TIMEOUT).is_err());
    broker.create_topic("plain", 1).unwrap();
    assert_eq!(broker.compact("plain").unwrap_err().kind, BrokerErrorKind::InvalidConfig);
}
