//! Bounds, and configuration that is refused.

use super::{partition, properties, send};
use crate::broker::embedded::{EmbeddedBroker, EmbeddedOptions};
use crate::broker::{Admin, Broker, BrokerErrorKind, Consumer, Fetched, Producer, Properties};
use crate::record::OutputBatch;
use std::thread;
use std::time::Duration;

const CAPACITY: usize = 100_000;

fn small_broker(manual_clock: bool) -> EmbeddedBroker {
    let broker = EmbeddedBroker::with_options(EmbeddedOptions {
        capacity_bytes: CAPACITY,
        manual_clock,
        ..EmbeddedOptions::default()
    });
    broker.create_topic("t", 1).unwrap();
    broker
}

fn batch_of(bytes: usize) -> OutputBatch {
    let mut batch = OutputBatch::default();
    let topic = batch.topic_index("t");
    batch.push(topic, 0, 1, None, Some(&vec![b'x'; bytes]), &[]);
    batch
}

#[test]
fn a_full_broker_takes_nothing_until_records_are_deleted() {
    let broker = small_broker(true);
    let mut producer = broker.producer(&Properties::new()).unwrap();
    producer.send(&mut batch_of(CAPACITY)).unwrap();
    let mut batch = batch_of(1);
    let error = producer.send(&mut batch).unwrap_err();
    assert_eq!((error.kind, batch.len()), (BrokerErrorKind::Retriable, 1), "{error}");
    broker.admin(&Properties::new()).unwrap().delete_records(&[(partition("t"), 1)], Duration::ZERO).unwrap();
    assert_eq!(broker.held_bytes(), 0);
    producer.send(&mut batch).unwrap();
    assert!(broker.delete_topic("t"));
    assert_eq!(broker.held_bytes(), 0);
}

#[test]
fn a_producer_that_waits_for_room_goes_on_when_there_is_some() {
    let broker = small_broker(false);
    let mut producer = broker.producer(&Properties::new()).unwrap();
    producer.send(&mut batch_of(CAPACITY)).unwrap();
    let waiting = thread::spawn(move || producer.send(&mut batch_of(1)));
    broker.admin(&Properties::new()).unwrap().delete_records(&[(partition("t"), 1)], Duration::ZERO).unwrap();
    waiting.join().unwrap().unwrap();
}

#[test]
fn waiting_for_room_ends_with_max_block_ms() {
    let broker = small_broker(false);
    let mut producer = broker.producer(&properties(&[("max.block.ms", "1")])).unwrap();
    producer.send(&mut batch_of(CAPACITY)).unwrap();
    assert!(producer.send(&mut batch_of(1)).unwrap_err().is_retriable());
}

#[test]
fn batches_stay_below_the_fetch_size_but_bring_at_least_one_record() {
    let broker = EmbeddedBroker::with_manual_clock();
    broker.create_topic("t", 1).unwrap();
    for _ in 0..10 {
        broker.produce("t", 0, None, Some(&[b'x'; 400]), 1).unwrap();
    }
    let counts = |max_bytes: &str| {
        let mut consumer = broker.consumer(&properties(&[("max.partition.fetch.bytes", max_bytes)])).unwrap();
        consumer.assign(&[(partition("t"), 0)]).unwrap();
        let mut fetched = Vec::new();
        consumer.poll(Duration::ZERO, &mut fetched).unwrap();
        let count = |found: &Fetched| if let Fetched::Batch(batch) = found { batch.len() } else { 0 };
        fetched.iter().map(count).collect::<Vec<_>>()
    };
    assert_eq!(counts("1000"), [2; 5]);
    assert_eq!(counts("1"), [1; 10]);
}

#[test]
fn bad_properties_name_the_key() {
    let broker = EmbeddedBroker::with_manual_clock();
    for (key, value) in [("isolation.level", "dirty"), ("max.poll.records", "many"), ("fetch.max.bytes", "-1")] {
        let error = broker.consumer(&properties(&[(key, value)])).unwrap_err();
        assert_eq!((error.kind, error.context.as_str()), (BrokerErrorKind::InvalidConfig, key));
    }
    for (key, value) in [("transactional.id", ""), ("transaction.timeout.ms", "x")] {
        let error = broker.producer(&properties(&[(key, value)])).unwrap_err();
        assert_eq!((error.kind, error.context.as_str()), (BrokerErrorKind::InvalidConfig, key));
    }
}

#[test]
fn negative_timestamps_are_kept() {
    let broker = EmbeddedBroker::with_manual_clock();
    broker.create_topic("t", 1).unwrap();
    broker.produce("t", 0, None, Some(b"v"), -1).unwrap();
    let records = broker.read_all("t", crate::broker::embedded::Isolation::ReadUncommitted).unwrap();
    assert_eq!(records[0].timestamp, -1);
}

#[test]
fn a_producer_finds_a_topic_that_was_deleted_and_made_again() {
    let broker = EmbeddedBroker::with_manual_clock();
    broker.create_topic("t", 1).unwrap();
    let mut producer = broker.producer(&Properties::new()).unwrap();
    let mut consumer = broker.consumer(&Properties::new()).unwrap();
    consumer.assign(&[(partition("t"), 0)]).unwrap();
    send(&mut producer, "t", "old");
    broker.delete_topic("t");
    broker.create_topic("t", 1).unwrap();
    send(&mut producer, "t", "new");
    assert_eq!(super::texts(&broker, "t", crate::broker::embedded::Isolation::ReadUncommitted), ["new"]);
    let mut fetched = Vec::new();
    consumer.poll(Duration::ZERO, &mut fetched).unwrap();
    assert!(matches!(&fetched[..], [Fetched::Failed { .. }]), "{fetched:?}");
}
