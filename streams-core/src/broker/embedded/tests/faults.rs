//! Faults that a test asks for.

use super::{Member, TIMEOUT, open_transaction, partition, send, texts};
use crate::broker::embedded::{EmbeddedBroker, Isolation};
use crate::broker::{Admin, Broker, BrokerErrorKind, Consumer, Delivery, Producer, Properties};
use crate::record::OutputBatch;
use kafka_client::group::GroupError;
use std::time::Duration;

fn broker_with_topic() -> EmbeddedBroker {
    let broker = EmbeddedBroker::with_manual_clock();
    broker.create_topic("t", 1).unwrap();
    broker
}

#[test]
fn an_unreachable_broker_refuses_and_comes_back_with_time() {
    let broker = broker_with_topic();
    let none = Properties::new();
    let (admin, mut producer) = (broker.admin(&none).unwrap(), broker.producer(&none).unwrap());
    let mut consumer = broker.consumer(&none).unwrap();
    consumer.assign(&[(partition("t"), 0)]).unwrap();
    broker.produce("t", 0, None, Some(b"v"), 1).unwrap();
    broker.unreachable_for(Duration::from_secs(5));

    assert!(admin.describe_topics(None, TIMEOUT).unwrap_err().is_retriable());
    let mut batch = OutputBatch::default();
    let topic = batch.topic_index("t");
    batch.push(topic, 0, 1, None, Some(b"w"), &[]);
    assert!(producer.send(&mut batch).unwrap_err().is_retriable());
    assert_eq!(batch.len(), 1, "what was not taken over stays");
    let mut fetched = Vec::new();
    consumer.poll(Duration::ZERO, &mut fetched).unwrap();
    assert!(fetched.is_empty());

    broker.advance(Duration::from_secs(5));
    producer.send(&mut batch).unwrap();
    consumer.poll(Duration::ZERO, &mut fetched).unwrap();
    assert_eq!(consumer.position(&partition("t")), Some(2));
}

#[test]
fn requests_that_wait_learn_that_the_connection_broke_while_the_broker_goes_on() {
    let broker = broker_with_topic();
    let (mut first, mut second) = (Member::new(&broker), Member::new(&broker));
    first.join_alone();
    let waiting = second.start_joining();
    broker.set_unreachable(true);
    assert_eq!(waiting.try_recv().unwrap(), Err(GroupError::Disconnected));
    assert_eq!(first.heartbeat(), Err(GroupError::Disconnected));
    broker.set_unreachable(false);
    assert_eq!(first.heartbeat(), Err(GroupError::RebalanceInProgress));
    let joined = first.send_join().try_recv().unwrap().unwrap();
    assert_eq!(joined.members.len(), 2, "the broker does not know that the second heard nothing");
}

#[test]
fn an_unreachable_broker_leaves_a_failed_transaction_failed() {
    let broker = broker_with_topic();
    let mut producer = open_transaction(&broker, "id", "t", "v");
    broker.fail_next_produce(&partition("t"), BrokerErrorKind::Retriable);
    send(&mut producer, "t", "failed");
    broker.set_unreachable(true);
    assert!(producer.abort_transaction(TIMEOUT).unwrap_err().is_retriable());
    broker.set_unreachable(false);
    assert_eq!(producer.commit_transaction(TIMEOUT).unwrap_err().kind, BrokerErrorKind::AbortTransaction);
    producer.abort_transaction(TIMEOUT).unwrap();
    assert!(texts(&broker, "t", Isolation::ReadCommitted).is_empty());
}

#[test]
fn a_failed_append_is_told_and_the_next_one_works() {
    let broker = broker_with_topic();
    broker.fail_next_produce(&partition("t"), BrokerErrorKind::Authorization);
    let mut producer = broker.producer(&Properties::new()).unwrap();
    send(&mut producer, "t", "lost");
    send(&mut producer, "t", "kept");
    let mut deliveries = Vec::new();
    producer.deliveries(&mut deliveries);
    assert!(matches!(&deliveries[0], Delivery::Acknowledged { offset: 0, .. }), "{deliveries:?}");
    assert!(matches!(&deliveries[1], Delivery::Failed { error, .. } if error.kind == BrokerErrorKind::Authorization));
    assert_eq!(texts(&broker, "t", Isolation::ReadUncommitted), ["kept"]);
}

#[test]
fn a_commit_whose_answer_is_lost_has_happened_and_can_be_asked_again() {
    let broker = broker_with_topic();
    let mut producer = open_transaction(&broker, "id", "t", "v");
    broker.lose_next_commit_answer("id");
    assert!(producer.commit_transaction(TIMEOUT).unwrap_err().is_retriable());
    assert_eq!(texts(&broker, "t", Isolation::ReadCommitted), ["v"]);
    assert_eq!(producer.abort_transaction(TIMEOUT).unwrap_err().kind, BrokerErrorKind::Fatal);
    producer.commit_transaction(TIMEOUT).unwrap();
    producer.begin_transaction().unwrap();
}
