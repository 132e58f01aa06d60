//! What is produced is fetched: order, bytes, headers, timestamps, and what becomes of records that cannot be appended.

use super::Setup;
use super::scenario::{DEADLINE, Scenario, TestProducer, partition, read};
use std::time::{SystemTime, UNIX_EPOCH};
use streams_core::broker::{Broker, BrokerErrorKind, Delivery, Producer};
use streams_core::record::Headers;

/// Records of one partition come in the order in which they were sent, with consecutive offsets, over several sends.
pub fn produce_and_fetch_in_order<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "order");
    let topic = scenario.topic();
    let mut producer = scenario.producer();
    producer.texts(&topic, &["a", "b"]);
    producer.texts(&topic, &["c"]);
    let records = read(&mut scenario.reader(&topic), 3);
    let seen: Vec<_> = records.iter().map(|record| (record.offset, record.text())).collect();
    assert_eq!(seen, [(0, "a".into()), (1, "b".into()), (2, "c".into())]);
}

/// Null and empty are different things, in keys and in values.
pub fn keys_and_values_null_and_empty<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "nulls");
    let topic = scenario.topic();
    let choices: [Option<&[u8]>; 3] = [None, Some(b""), Some(b"\0\xff")];
    let pairs: Vec<_> = choices.iter().flat_map(|key| choices.iter().map(move |value| (*key, *value))).collect();
    let mut producer = scenario.producer();
    for (key, value) in &pairs {
        producer.add(&topic, 0, *key, *value, 1);
    }
    producer.send();
    let records = read(&mut scenario.reader(&topic), pairs.len());
    let seen: Vec<_> = records.iter().map(|record| (record.key.as_deref(), record.value.as_deref())).collect();
    assert_eq!(seen, pairs);
}

/// Headers keep their order, repeated names, empty and null values.
pub fn headers_come_back<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "headers");
    let topic = scenario.topic();
    let headers: Headers =
        [("a", Some(&b"1"[..])), ("b", None), ("a", Some(&b""[..])), ("ü", Some(&b"\xff"[..]))].into_iter().collect();
    let mut producer = scenario.producer();
    let index = producer.batch.topic_index(&topic);
    producer.batch.push(index, 0, 1, Some(b"k"), Some(b"v"), headers.as_encoded());
    producer.batch.push(index, 0, 1, Some(b"k"), Some(b"v"), &[]);
    producer.send();
    let records = read(&mut scenario.reader(&topic), 2);
    assert_eq!(records[0].headers, headers);
    assert!(records[1].headers.is_empty());
}

/// The time that the producer gave is the record's, also 0, 1, long ago, and not in order.
pub fn timestamps_come_back<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "timestamps");
    let topic = scenario.topic();
    let given = [1_700_000_000_000, setup.least_timestamp, 1, 86_400_000, 1_699_999_999_999];
    let mut producer = scenario.producer();
    for timestamp in given {
        producer.add(&topic, 0, None, Some(b"v"), timestamp);
    }
    producer.send();
    let seen: Vec<_> = read(&mut scenario.reader(&topic), given.len()).iter().map(|record| record.timestamp).collect();
    assert_eq!(seen, given);
}

/// With `message.timestamp.type=LogAppendTime` the broker's time replaces that of the producer.
pub fn log_append_time_replaces_timestamps<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "append-time");
    let topic = scenario.topic_with(1, &[("message.timestamp.type", "LogAppendTime")]);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    scenario.producer().texts(&topic, &["v"]);
    let record = read(&mut scenario.reader(&topic), 1).remove(0);
    assert!((record.timestamp - now).abs() < 60_000, "{record:?} is not of about {now}");
}

/// Records go where they were sent, and each partition counts its own offsets.
pub fn several_partitions_keep_their_own_order<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "partitions");
    let topic = scenario.topic_with(3, &[]);
    let mut producer = scenario.producer();
    for number in 0..30 {
        producer.add(&topic, number % 3, None, Some(number.to_string().as_bytes()), 1);
    }
    producer.send();
    let mut consumer = scenario.consumer(&[], &[(&topic, 0, 0), (&topic, 1, 0), (&topic, 2, 0)]);
    let records = read(&mut consumer, 30);
    for wanted in 0..3 {
        let seen: Vec<_> = records.iter().filter(|record| record.partition == wanted).collect();
        let offsets: Vec<_> = seen.iter().map(|record| record.offset).collect();
        assert_eq!(offsets, (0..10).collect::<Vec<_>>());
        assert!(seen.iter().enumerate().all(|(i, record)| record.text() == (3 * i as i32 + wanted).to_string()));
    }
}

/// Records for a topic or a partition that does not exist fail; the others of the batch do not.
pub fn unknown_topics_fail_their_records<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "unknown");
    let (topic, missing) = (scenario.topic(), format!("{}-missing", scenario.id));
    let mut producer = scenario.producer();
    producer.add(&missing, 0, None, Some(b"v"), 1);
    producer.add(&topic, 7, None, Some(b"v"), 1);
    producer.add(&topic, 0, None, Some(b"v"), 1);
    let deliveries = producer.send();
    assert_eq!(
        failures(&deliveries),
        [
            (partition(&missing, 0), BrokerErrorKind::UnknownTopicOrPartition),
            (partition(&topic, 7), BrokerErrorKind::UnknownTopicOrPartition)
        ]
    );
    assert_eq!(read(&mut scenario.reader(&topic), 1).len(), 1);
}

/// A record beyond `max.message.bytes` fails by itself.
pub fn a_record_too_large_fails_alone<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "large");
    let topic = scenario.topic();
    let mut producer = scenario.producer();
    producer.add(&topic, 0, None, Some(&vec![b'x'; 3 << 20]), 1);
    producer.add(&topic, 0, None, Some(b"small"), 1);
    let deliveries = producer.send();
    assert_eq!(failures(&deliveries), [(partition(&topic, 0), BrokerErrorKind::RecordTooLarge)]);
    assert_eq!(read(&mut scenario.reader(&topic), 1)[0].text(), "small");
    producer.texts(&topic, &["the producer goes on"]);
}

/// One acknowledgement per partition and call, with the last offset; none twice.
pub fn acknowledgements_name_the_last_offset<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "acknowledgements");
    let topic = scenario.topic_with(2, &[]);
    let mut producer = scenario.producer();
    assert_eq!(send_numbers(&mut producer, &topic, &[0, 0, 1]), [(0, 1), (1, 0)]);
    assert_eq!(send_numbers(&mut producer, &topic, &[0]), [(0, 2)]);
    assert_eq!(send_numbers(&mut producer, &topic, &[]), []);
}

/// A batch much larger than any request or fetch arrives whole and in order.
pub fn a_batch_of_100_000_records<B: Broker>(setup: &Setup<B>) {
    const COUNT: usize = 100_000;
    let scenario = Scenario::new(setup, "many");
    let topic = scenario.topic();
    let mut producer = scenario.producer();
    for number in 0..COUNT {
        producer.add(&topic, 0, Some(&number.to_be_bytes()), Some(&[b'v'; 50]), number as i64 + 1);
    }
    let deliveries = producer.send();
    assert_eq!(acknowledged(&deliveries), [(0, COUNT as i64 - 1)]);
    let records = read(&mut scenario.reader(&topic), COUNT);
    let in_order = |(number, record): (usize, &super::ReadRecord)| {
        record.offset == number as i64
            && record.timestamp == number as i64 + 1
            && record.key.as_deref() == Some(&number.to_be_bytes()[..])
    };
    assert!(records.iter().enumerate().all(in_order));
}

/// A mark needs no flush: what was taken over before it is sent, and told when it is reached.
pub fn a_mark_sends_and_is_reached<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "mark");
    let topic = scenario.topic_with(2, &[]);
    let mut producer = scenario.producer_with(&[("linger.ms", "20000")]);
    assert_eq!(reached(&mut producer), [], "without a mark there is nothing to wait for");
    take_over(&mut producer, &topic, &[0, 1, 0]);
    producer.client.mark();
    assert_eq!(reached(&mut producer), [(0, 1), (1, 0)]);
    assert_eq!(producer.client.outstanding(), 0);
    assert_eq!(read(&mut scenario.consumer(&[], &[(&topic, 0, 0), (&topic, 1, 0)]), 3).len(), 3);
}

/// Acknowledgements name offsets of records before the mark for as long as it is there, however many are sent after it.
pub fn what_came_after_a_mark_is_told_after_it<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "after-mark");
    let topic = scenario.topic_with(2, &[]);
    let mut producer = scenario.producer();
    take_over(&mut producer, &topic, &[0]);
    producer.client.mark();
    take_over(&mut producer, &topic, &[0, 0, 1]);
    producer.client.flush(DEADLINE).expect("all is told");
    assert_eq!(told(&mut producer), [(0, 0)]);
    assert_eq!(told(&mut producer), []);
    assert_eq!(reached(&mut producer), []);
    assert_eq!(told(&mut producer), [(0, 2), (1, 0)]);
    assert_eq!(send_numbers(&mut producer, &topic, &[1]), [(1, 1)]);
}

/// There is one mark: another one makes all records before it count.
pub fn a_mark_takes_the_place_of_another<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "marks");
    let topic = scenario.topic_with(2, &[]);
    let mut producer = scenario.producer();
    take_over(&mut producer, &topic, &[0]);
    producer.client.mark();
    take_over(&mut producer, &topic, &[0, 1]);
    producer.client.mark();
    take_over(&mut producer, &topic, &[0, 1]);
    producer.client.flush(DEADLINE).expect("all is told");
    assert_eq!(reached(&mut producer), [(0, 1), (1, 0)]);
    assert_eq!(told(&mut producer), [(0, 2), (1, 1)]);
}

/// Records that can never be sent are not waited for longer than for the others.
pub fn failures_before_a_mark_are_told_with_it<B: Broker>(setup: &Setup<B>) {
    let scenario = Scenario::new(setup, "failure-mark");
    let (topic, missing) = (scenario.topic(), format!("{}-missing", scenario.id));
    let mut producer = scenario.producer();
    producer.add(&missing, 0, None, Some(b"v"), 1);
    take_over(&mut producer, &topic, &[0]);
    producer.client.mark();
    let mut deliveries = Vec::new();
    assert!(producer.client.reach_mark(DEADLINE, &mut deliveries).expect("an answer"), "not in time");
    assert_eq!(failures(&deliveries), [(partition(&missing, 0), BrokerErrorKind::UnknownTopicOrPartition)]);
    assert!(deliveries.iter().any(|told| matches!(told, Delivery::Acknowledged { offset: 0, .. })), "{deliveries:?}");
}

/// Hands a record over for each of these partitions, and does not wait.
fn take_over<B: Broker>(producer: &mut TestProducer<B>, topic: &str, partitions: &[i32]) {
    for number in partitions {
        producer.add(topic, *number, None, Some(b"v"), 1);
    }
    producer.client.send(&mut producer.batch).expect("the batch is taken over");
}

/// What is told when the mark is reached.
fn reached<B: Broker>(producer: &mut TestProducer<B>) -> Vec<(i32, i64)> {
    let mut deliveries = Vec::new();
    assert!(producer.client.reach_mark(DEADLINE, &mut deliveries).expect("an answer"), "not in time");
    acknowledged(&deliveries)
}

fn told<B: Broker>(producer: &mut TestProducer<B>) -> Vec<(i32, i64)> {
    let mut deliveries = Vec::new();
    producer.client.deliveries(&mut deliveries);
    acknowledged(&deliveries)
}

fn send_numbers<B: Broker>(producer: &mut TestProducer<B>, topic: &str, partitions: &[i32]) -> Vec<(i32, i64)> {
    for number in partitions {
        producer.add(topic, *number, None, Some(b"v"), 1);
    }
    acknowledged(&producer.send())
}

/// Partition and offset of the acknowledgements, sorted.
fn acknowledged(deliveries: &[Delivery]) -> Vec<(i32, i64)> {
    let mut told: Vec<_> = deliveries
        .iter()
        .map(|delivery| match delivery {
            Delivery::Acknowledged { partition, offset } => (partition.partition, *offset),
            Delivery::Failed { .. } => panic!("{delivery:?}"),
        })
        .collect();
    told.sort_unstable();
    told
}

fn failures(deliveries: &[Delivery]) -> Vec<(streams_core::record::TopicPartition, BrokerErrorKind)> {
    let failed = |delivery: &Delivery| match delivery {
        Delivery::Failed { partition, error } => Some((partition.clone(), error.kind)),
        Delivery::Acknowledged { .. } => None,
    };
    let mut failures: Vec<_> = deliveries.iter().filter_map(failed).collect();
    failures.sort_by(|(one, _), (other, _)| one.cmp(other));
    failures
}
