//! Where a consumer stands: assigning, pausing, ends, and positions outside of the log.

use super::Setup;
use super::scenario::{DEADLINE, Scenario, eventually, partition, poll_failure, read, read_to, texts};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use streams_core::broker::{Admin, Broker, BrokerErrorKind, Consumer, Fetched};

const VALUES: [&str; 6] = ["0", "1", "2", "3", "4", "5"];

/// The offset given to `assign` is the first that comes; the position is known at once and moves with the records.
pub fn assign_begins_at_the_offset<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "assign");
    let topic = scenario.topic();
    scenario.producer().texts(&topic, &VALUES);
    let mut consumer = scenario.consumer(&[], &[(&topic, 0, 4)]);
    let position = |consumer: &B::Consumer| consumer.position(&partition(&topic, 0));
    assert_eq!(position(&consumer), Some(4));
    assert_eq!(texts(&read(&mut consumer, 2)), ["4", "5"]);
    assert_eq!(position(&consumer), Some(6));
    assert_eq!(consumer.position(&partition(&topic, 1)), None);
}

/// Assigning a partition again moves its position, forwards and back, and disturbs no other.
pub fn assigning_again_moves_the_position<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "reassign");
    let (topic, other) = (scenario.topic(), scenario.topic());
    let mut producer = scenario.producer();
    producer.texts(&topic, &VALUES);
    producer.texts(&other, &["other"]);
    let mut consumer = scenario.consumer(&[], &[(&topic, 0, 3), (&other, 0, 0)]);
    read(&mut consumer, 4);
    consumer.assign(&[(partition(&topic, 0), 1)]).unwrap();
    assert_eq!(texts(&read(&mut consumer, 5)), VALUES[1..]);
    consumer.assign(&[(partition(&topic, 0), 5)]).unwrap();
    assert_eq!(texts(&read(&mut consumer, 1)), ["5"]);
    assert_eq!(consumer.position(&partition(&other, 0)), Some(1));
}

/// While paused nothing comes; afterwards everything does, once.
pub fn pause_and_resume_lose_nothing<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "pause");
    let (paused, other) = (scenario.topic(), scenario.topic());
    let mut producer = scenario.producer();
    producer.texts(&paused, &VALUES[..2]);
    let mut consumer = scenario.consumer(&[], &[(&paused, 0, 0), (&other, 0, 0)]);
    read(&mut consumer, 2);
    consumer.pause(&[partition(&paused, 0)]).unwrap();
    producer.texts(&paused, &VALUES[2..]);
    producer.texts(&other, &["other"]);
    assert_eq!(texts(&read(&mut consumer, 1)), ["other"]);
    assert_eq!(consumer.position(&partition(&paused, 0)), Some(2));
    consumer.resume(&[partition(&paused, 0)]).unwrap();
    assert_eq!(texts(&read(&mut consumer, 4)), VALUES[2..]);
    assert_eq!(consumer.held_bytes(), 0);
}

/// After `unassign` nothing of the partition comes and it has no position.
pub fn unassigned_partitions_bring_nothing<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "unassign");
    let (gone, kept) = (scenario.topic(), scenario.topic());
    let mut producer = scenario.producer();
    let mut consumer = scenario.consumer(&[], &[(&gone, 0, 0), (&kept, 0, 0)]);
    consumer.unassign(&[partition(&gone, 0)]).unwrap();
    producer.texts(&gone, &["gone"]);
    producer.texts(&kept, &["kept"]);
    assert_eq!(texts(&read(&mut consumer, 1)), ["kept"]);
    assert_eq!(consumer.position(&partition(&gone, 0)), None);
    assert_eq!(consumer.end_offset(&partition(&gone, 0)), None);
}

/// The end is unknown before a fetch, and then the high watermark.
pub fn end_offset_is_seen_in_fetches<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "end");
    let topic = scenario.topic();
    scenario.producer().texts(&topic, &VALUES);
    let mut consumer = scenario.consumer(&[], &[(&topic, 0, 2)]);
    assert_eq!(consumer.end_offset(&partition(&topic, 0)), None);
    read(&mut consumer, 4);
    assert_eq!(consumer.end_offset(&partition(&topic, 0)), Some(6));
}

/// A position below the start of the log is told, once, and not moved by itself.
pub fn out_of_range_below_the_start<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "below");
    let topic = scenario.topic();
    scenario.producer().texts(&topic, &VALUES);
    scenario.admin.delete_records(&[(partition(&topic, 0), 3)], DEADLINE).unwrap();
    let mut consumer = scenario.consumer(&[], &[(&topic, 0, 1)]);
    expect_out_of_range(&mut consumer, &topic, 1);
    consumer.assign(&[(partition(&topic, 0), 3)]).unwrap();
    assert_eq!(texts(&read(&mut consumer, 3)), VALUES[3..]);
}

/// A position above the end of the log is told; the end itself is within.
pub fn out_of_range_above_the_end<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "above");
    let topic = scenario.topic();
    let mut producer = scenario.producer();
    producer.texts(&topic, &VALUES);
    let mut consumer = scenario.consumer(&[], &[(&topic, 0, 7)]);
    expect_out_of_range(&mut consumer, &topic, 7);
    consumer.assign(&[(partition(&topic, 0), 6)]).unwrap();
    producer.texts(&topic, &["next"]);
    assert_eq!(texts(&read(&mut consumer, 1)), ["next"]);
}

fn expect_out_of_range<C: Consumer>(consumer: &mut C, topic: &str, expected: i64) {
    match poll_failure(consumer) {
        Fetched::OutOfRange { partition: found, position } => {
            assert_eq!((found, position), (partition(topic, 0), expected));
        }
        other => panic!("{other:?}"),
    }
}

/// A topic that does not exist is told as such.
pub fn an_unknown_topic_fails_clearly<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "no-topic");
    let (topic, missing) = (scenario.topic(), format!("{}-missing", scenario.id));
    scenario.producer().texts(&topic, &["v"]);
    let mut consumer = scenario.consumer(&[], &[(&missing, 0, 0)]);
    match poll_failure(&mut consumer) {
        Fetched::Failed { partition: found, error } => {
            assert_eq!((found, error.kind), (partition(&missing, 0), BrokerErrorKind::UnknownTopicOrPartition));
        }
        other => panic!("{other:?}"),
    }
    consumer.unassign(&[partition(&missing, 0)]).unwrap();
    consumer.assign(&[(partition(&topic, 0), 0)]).unwrap();
    assert_eq!(texts(&read(&mut consumer, 1)), ["v"]);
}

/// A poll that waits ends when it is woken, and when a record comes.
pub fn a_waiting_poll_is_woken<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "wake");
    let topic = scenario.topic();
    let mut consumer = scenario.reader(&topic);
    let waker = consumer.waker();
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            let started = Instant::now();
            let mut fetched = Vec::new();
            consumer.poll(4 * DEADLINE, &mut fetched).unwrap();
            sender.send((consumer, started.elapsed())).unwrap();
        });
        waker.wake();
        let (mut consumer, waited) = receiver.recv_timeout(DEADLINE).expect("the poll ends");
        assert!(waited < 4 * DEADLINE);
        let reading = scope.spawn(move || texts(&read(&mut consumer, 1)));
        scenario.producer().texts(&topic, &["woken"]);
        assert_eq!(reading.join().unwrap(), ["woken"]);
    });
}

/// A poll brings no more than `max.poll.records`, and nothing gets lost by it.
pub fn max_poll_records_bounds_a_poll<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "bound");
    let topic = scenario.topic();
    scenario.producer().texts(&topic, &VALUES);
    let mut consumer = scenario.consumer(&[("max.poll.records", "4")], &[(&topic, 0, 0)]);
    let first = eventually("records", || {
        let mut fetched = Vec::new();
        consumer.poll(Duration::from_millis(100), &mut fetched).unwrap();
        let count: usize =
            fetched.iter().map(|found| if let Fetched::Batch(batch) = found { batch.len() } else { 0 }).sum();
        assert!(count <= 4, "{count} records in one poll");
        (count > 0).then_some(count)
    });
    assert_eq!(texts(&read_to(&mut consumer, &topic, 6)), VALUES[first..]);
}
