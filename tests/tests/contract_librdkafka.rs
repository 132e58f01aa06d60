//! What the broker traits promise, on real Kafka through librdkafka. Needs a broker that allows deleting topics, at the
//! address in `KAFKA_BOOTSTRAP_SERVERS`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use streams_core::broker::librdkafka::{Librdkafka, LibrdkafkaAdmin, LibrdkafkaConsumer, LibrdkafkaProducer};
use streams_core::broker::{
    Admin, Broker, BrokerErrorKind, Consumer, Delivery, Fetched, NewTopic, OffsetSpec, Producer, Properties,
};
use streams_core::record::{Headers, OutputBatch, RecordBatch, TopicPartition};

/// The suite that every broker passes.
mod suite {
    use super::{OutputBatch, broker, now, produce, producer};
    use streams_core::broker::librdkafka::Librdkafka;
    use tests::contract::Setup;

    fn setup() -> Setup<Librdkafka> {
        let mut setup = Setup::new(broker()).with_forced_compaction(|_, topic| {
            // Kafka compacts closed segments only; a record with a later timestamp closes one.
            let mut batch = OutputBatch::default();
            let index = batch.topic_index(topic);
            batch.push(index, 0, now(), Some(b"later"), Some(b"x"), b"");
            produce(&mut producer(&[]), batch);
        });
        let config = [("segment.ms", "100"), ("min.cleanable.dirty.ratio", "0.0001"), ("max.compaction.lag.ms", "100")];
        setup.compaction_config = config.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
        setup.least_timestamp = 1;
        setup.properties.set("topic.metadata.propagation.max.ms", "1000");
        setup
    }

    tests::contract_tests!(setup);
}

const TIMEOUT: Duration = Duration::from_secs(20);
const COMMITTED: &[(&str, &str)] = &[("isolation.level", "read_committed")];

fn broker() -> Librdkafka {
    let servers = std::env::var("KAFKA_BOOTSTRAP_SERVERS");
    Librdkafka::new(servers.expect("set KAFKA_BOOTSTRAP_SERVERS to the address of a broker, as localhost:9092"))
}

fn properties(pairs: &[(&str, &str)]) -> Properties {
    pairs.iter().copied().collect()
}

fn admin() -> LibrdkafkaAdmin {
    broker().admin(&Properties::new()).unwrap()
}

fn consumer(pairs: &[(&str, &str)]) -> LibrdkafkaConsumer {
    broker().consumer(&properties(pairs)).unwrap()
}

fn producer(pairs: &[(&str, &str)]) -> LibrdkafkaProducer {
    let mut all = properties(&[("linger.ms", "0")]);
    for (key, value) in pairs {
        all.set(*key, *value);
    }
    broker().producer(&all).unwrap()
}

fn transactional(id: &str) -> LibrdkafkaProducer {
    let mut producer = producer(&[("transactional.id", id)]);
    producer.init_transactions(TIMEOUT).unwrap();
    producer
}

/// A name that no other test and no earlier run has used.
fn unique(name: &str) -> String {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    format!("contract-{name}-{nanos}")
}

fn new_topic(name: &str, partitions: i32) -> NewTopic {
    NewTopic { name: name.to_owned(), partitions, replication_factor: 1, config: BTreeMap::new() }
}

fn topic(name: &str, partitions: i32) -> String {
    let name = unique(name);
    let results = admin().create_topics(&[new_topic(&name, partitions)], TIMEOUT).unwrap();
    results.into_iter().for_each(|result| result.unwrap());
    name
}

fn tp(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition::new(topic, partition)
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Records with the numbers of `range` as values.
fn numbers(topic: &str, partition: i32, range: Range<u32>) -> OutputBatch {
    let mut batch = OutputBatch::default();
    let index = batch.topic_index(topic);
    range.for_each(|n| batch.push(index, partition, now(), Some(b"k"), Some(&n.to_be_bytes()), b""));
    batch
}

fn produce(producer: &mut LibrdkafkaProducer, mut batch: OutputBatch) {
    producer.send(&mut batch).unwrap();
    assert!(batch.is_empty());
    producer.flush(TIMEOUT).unwrap();
}

fn value(record: &[u8]) -> u32 {
    u32::from_be_bytes(record.try_into().unwrap())
}

fn values(batches: &[RecordBatch]) -> Vec<u32> {
    let mut values = Vec::new();
    for batch in batches {
        values.extend(batch.iter().map(|record| value(record.value.unwrap())));
    }
    values
}

fn batches(fetched: Vec<Fetched>) -> Vec<RecordBatch> {
    let batch = |fetched| match fetched {
        Fetched::Batch(batch) => batch,
        other => panic!("{other:?}"),
    };
    fetched.into_iter().map(batch).collect()
}

/// Polls until `enough`.
fn poll_until(
    consumer: &mut LibrdkafkaConsumer,
    mut enough: impl FnMut(&LibrdkafkaConsumer, &[Fetched]) -> bool,
) -> Vec<Fetched> {
    let deadline = Instant::now() + TIMEOUT;
    let mut fetched = Vec::new();
    while !enough(consumer, &fetched) {
        assert!(Instant::now() < deadline, "not in time, after {} batches", fetched.len());
        consumer.poll(Duration::from_millis(100), &mut fetched).unwrap();
    }
    fetched
}

/// Reads until the position of `partition` is `end`.
fn read_to(consumer: &mut LibrdkafkaConsumer, partition: &TopicPartition, end: i64) -> Vec<RecordBatch> {
    batches(poll_until(consumer, |consumer, _| consumer.position(partition) == Some(end)))
}

fn of(fetched: &[Fetched], partition: &TopicPartition) -> Vec<RecordBatch> {
    let mine = |fetched: &Fetched| match fetched {
        Fetched::Batch(batch) => (batch.topic_partition() == partition).then(|| batch.clone()),
        other => panic!("{other:?}"),
    };
    fetched.iter().filter_map(mine).collect()
}

fn offset(partition: &TopicPartition, spec: OffsetSpec) -> i64 {
    admin().list_offsets(&[(partition.clone(), spec)], TIMEOUT).unwrap()[0]
}

#[test]
fn records_come_back_as_they_were_sent() {
    let topic = topic("round-trip", 2);
    let mut producer = producer(&[]);
    let mut batch = OutputBatch::default();
    let index = batch.topic_index(&topic);
    let headers: Headers = [("h", Some(&b"1"[..])), ("h", None), ("e", Some(&b""[..]))].into_iter().collect();
    let time = now();
    batch.push(index, 1, time, Some(b"key"), Some(b"value"), headers.as_encoded());
    batch.push(index, 1, time + 1, None, Some(b""), b"");
    batch.push(index, 1, time + 2, Some(b""), None, b"");
    batch.push(index, 1, 0, Some(b"epoch"), None, b"");
    batch.push(index, 1, -1, Some(b"none"), None, b"");
    produce(&mut producer, batch);

    let mut deliveries = Vec::new();
    producer.deliveries(&mut deliveries);
    let partition = tp(&topic, 1);
    let [Delivery::Acknowledged { partition: delivered, offset: 4 }] = &deliveries[..] else {
        panic!("{deliveries:?}")
    };
    assert_eq!(*delivered, partition);
    producer.deliveries(&mut deliveries);
    assert_eq!(deliveries.len(), 1, "told once");

    let mut consumer = consumer(&[]);
    assert_eq!(consumer.position(&partition), None);
    consumer.assign(&[(partition.clone(), 0)]).unwrap();
    assert_eq!((consumer.position(&partition), consumer.end_offset(&partition)), (Some(0), None));
    let read = read_to(&mut consumer, &partition, 5);
    assert_eq!(consumer.end_offset(&partition), Some(5));
    assert!(read.iter().all(|batch| *batch.topic_partition() == partition));
    let records: Vec<_> = read.iter().flat_map(RecordBatch::iter).collect();
    assert_eq!(records.iter().map(|record| record.offset).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert_eq!((records[0].key, records[0].value), (Some(&b"key"[..]), Some(&b"value"[..])));
    assert_eq!((records[0].timestamp, records[0].headers), (time, headers.as_encoded()));
    assert_eq!((records[1].key, records[1].value), (None, Some(&b""[..])));
    assert_eq!((records[2].key, records[2].value, records[2].headers), (Some(&b""[..]), None, &b""[..]));
    assert_eq!(records[3].timestamp, 1, "librdkafka has no timestamp 0");
    assert!(records[4].timestamp >= time, "the time of sending");
}

#[test]
fn a_marker_alone_is_passed() {
    let topic = topic("marker", 1);
    let partition = tp(&topic, 0);
    let mut producer = transactional(&unique("id"));
    producer.begin_transaction().unwrap();
    produce(&mut producer, numbers(&topic, 0, 0..1));
    producer.commit_transaction(TIMEOUT).unwrap();
    for pairs in [COMMITTED, &[]] {
        let mut consumer = consumer(pairs);
        consumer.assign(&[(partition.clone(), 1)]).unwrap();
        assert!(values(&read_to(&mut consumer, &partition, 2)).is_empty());
    }
}

#[test]
fn positions_outside_of_the_log_are_told_and_nothing_more_until_assigned_anew() {
    let topic = topic("out-of-range", 2);
    let (deleted, beyond) = (tp(&topic, 0), tp(&topic, 1));
    let mut producer = producer(&[]);
    produce(&mut producer, numbers(&topic, 0, 0..10));
    produce(&mut producer, numbers(&topic, 1, 0..3));
    admin().delete_records(&[(deleted.clone(), 5)], TIMEOUT).unwrap();
    assert_eq!(offset(&deleted, OffsetSpec::Earliest), 5);
    let mut consumer = consumer(&[]);
    consumer.assign(&[(deleted.clone(), 2), (beyond.clone(), 100)]).unwrap();
    let fetched = poll_until(&mut consumer, |_, fetched| fetched.len() == 2);
    let out_of_range = |fetched: &Fetched| match fetched {
        Fetched::OutOfRange { partition, position } => (partition.clone(), *position),
        other => panic!("{other:?}"),
    };
    let mut told: Vec<_> = fetched.iter().map(out_of_range).collect();
    told.sort();
    assert_eq!(told, [(deleted.clone(), 2), (beyond.clone(), 100)]);
    produce(&mut producer, numbers(&topic, 1, 3..4));
    let mut more = Vec::new();
    consumer.poll(Duration::from_millis(700), &mut more).unwrap();
    assert!(more.is_empty(), "{more:?}");
    consumer.assign(&[(deleted.clone(), 5), (beyond.clone(), 2)]).unwrap();
    let fetched = poll_until(&mut consumer, |consumer, _| {
        (consumer.position(&deleted), consumer.position(&beyond)) == (Some(10), Some(4))
    });
    assert_eq!(values(&of(&fetched, &deleted)), [5, 6, 7, 8, 9]);
    assert_eq!(values(&of(&fetched, &beyond)), [2, 3]);

    // All records are deleted; an offset above the end means all of them.
    produce(&mut producer, numbers(&topic, 0, 10..20));
    admin().delete_records(&[(deleted.clone(), i64::MAX)], TIMEOUT).unwrap();
    assert_eq!((offset(&deleted, OffsetSpec::Earliest), offset(&deleted, OffsetSpec::Latest)), (20, 20));
    consumer.assign(&[(deleted.clone(), 12)]).unwrap();
    let fetched = poll_until(&mut consumer, |_, fetched| !fetched.is_empty());
    assert!(matches!(&fetched[..], [Fetched::OutOfRange { position: 12, .. }]), "{fetched:?}");
}

#[test]
fn records_deleted_in_front_of_a_reader_are_told() {
    let topic = topic("overtaken", 1);
    let partition = tp(&topic, 0);
    let mut producer = producer(&[]);
    produce(&mut producer, numbers(&topic, 0, 0..10));
    // Fetches so little at a time that it has not all in its queue.
    let small =
        [("max.partition.fetch.bytes", "200"), ("queued.min.messages", "1"), ("fetch.queue.backoff.ms", "2000")];
    let mut consumer = consumer(&[&small[..], &[("max.poll.records", "1")]].concat());
    consumer.assign(&[(partition.clone(), 0)]).unwrap();
    for n in 1..30 {
        produce(&mut producer, numbers(&topic, 0, n * 10..n * 10 + 10));
    }
    poll_until(&mut consumer, |consumer, _| consumer.position(&partition) >= Some(1));
    admin().delete_records(&[(partition.clone(), 300)], TIMEOUT).unwrap();
    let fetched = poll_until(&mut consumer, |consumer, fetched| {
        matches!(fetched.last(), Some(Fetched::OutOfRange { .. })) || consumer.position(&partition) == Some(300)
    });
    let Some(Fetched::OutOfRange { position, .. }) = fetched.last() else { panic!("{fetched:?}") };
    assert_eq!(consumer.position(&partition), Some(*position));
}

#[test]
fn assigning_again_moves_the_position_and_disturbs_no_other_partition() {
    let topic = topic("assign", 2);
    let (first, second) = (tp(&topic, 0), tp(&topic, 1));
    let mut producer = producer(&[]);
    produce(&mut producer, numbers(&topic, 0, 0..2000));
    produce(&mut producer, numbers(&topic, 1, 0..2000));
    let mut consumer = consumer(&[("max.poll.records", "100")]);
    consumer.assign(&[(first.clone(), 0), (second.clone(), 0)]).unwrap();
    let mut fetched = poll_until(&mut consumer, |_, fetched| !fetched.is_empty());
    let mut seconds = of(&fetched, &second);
    for start in [1500, 40, 1990] {
        consumer.assign(&[(first.clone(), start.into())]).unwrap();
        assert_eq!(consumer.position(&first), Some(start.into()));
        fetched = poll_until(&mut consumer, |consumer, _| consumer.position(&first) == Some(2000));
        assert_eq!(values(&of(&fetched, &first)), (start..2000).collect::<Vec<_>>());
        seconds.extend(of(&fetched, &second));
    }
    fetched = poll_until(&mut consumer, |consumer, _| consumer.position(&second) == Some(2000));
    seconds.extend(of(&fetched, &second));
    assert_eq!(values(&seconds), (0..2000).collect::<Vec<_>>());
    consumer.unassign(std::slice::from_ref(&first)).unwrap();
    assert_eq!(consumer.position(&first), None);
    produce(&mut producer, numbers(&topic, 0, 2000..2001));
    produce(&mut producer, numbers(&topic, 1, 2000..2001));
    let read = read_to(&mut consumer, &second, 2001);
    assert!(read.iter().all(|batch| *batch.topic_partition() == second));
}

#[test]
fn pausing_loses_and_repeats_nothing_whether_short_or_long() {
    let topic = topic("pause", 2);
    let (first, second) = (tp(&topic, 0), tp(&topic, 1));
    let mut batch = OutputBatch::default();
    let index = batch.topic_index(&topic);
    let padding = [0u8; 600];
    for n in 0..20_000u32 {
        batch.push(index, (n % 2).cast_signed(), now(), Some(&padding), Some(&n.to_be_bytes()), b"");
    }
    produce(&mut producer(&[]), batch);
    let mut consumer = consumer(&[("max.poll.records", "500")]);
    consumer.assign(&[(first.clone(), 0), (second.clone(), 0)]).unwrap();
    let (mut read, mut paused, mut polls, mut most_held) = (Vec::new(), false, 0, 0);
    let deadline = Instant::now() + TIMEOUT;
    while (consumer.position(&first), consumer.position(&second)) != (Some(10_000), Some(10_000)) {
        assert!(Instant::now() < deadline);
        let mut fetched = Vec::new();
        consumer.poll(Duration::from_millis(50), &mut fetched).unwrap();
        assert!(!paused || of(&fetched, &first).is_empty(), "paused");
        read.extend(fetched);
        most_held = most_held.max(consumer.held_bytes());
        polls += 1;
        // Short pauses at first, then one that lasts until the other partition is read to its end: about 6 MB.
        let pause = if polls < 10 { polls % 2 == 0 } else { consumer.position(&second) != Some(10_000) };
        if pause != paused {
            let before = consumer.position(&first);
            match pause {
                true => consumer.pause(std::slice::from_ref(&first)).unwrap(),
                false => consumer.resume(std::slice::from_ref(&first)).unwrap(),
            }
            assert_eq!(consumer.position(&first), before);
            paused = pause;
        }
        consumer.resume(std::slice::from_ref(&second)).unwrap();
    }
    assert_eq!(consumer.held_bytes(), 0);
    assert!((1 << 20..=2 << 20).contains(&most_held), "{most_held} bytes were held back of one partition");
    for (partition, rest) in [(&first, 0), (&second, 1)] {
        assert_eq!(values(&of(&read, partition)), (0..10_000).map(|n| n * 2 + rest).collect::<Vec<_>>());
    }
}

#[test]
fn a_paused_partition_does_not_keep_another_waiting() {
    let topic = topic("behind", 2);
    let (paused, other) = (tp(&topic, 0), tp(&topic, 1));
    let mut producer = producer(&[]);
    produce(&mut producer, numbers(&topic, 0, 0..5000));
    produce(&mut producer, numbers(&topic, 1, 0..1));
    let mut consumer = consumer(&[("max.poll.records", "10")]);
    consumer.assign(&[(paused.clone(), 0), (other.clone(), 0)]).unwrap();
    consumer.pause(std::slice::from_ref(&paused)).unwrap();
    let started = Instant::now();
    let mut fetched = Vec::new();
    while fetched.is_empty() {
        consumer.poll(TIMEOUT, &mut fetched).unwrap();
    }
    assert!(started.elapsed() < TIMEOUT / 2, "{:?}", started.elapsed());
    assert_eq!((values(&of(&fetched, &other)), consumer.position(&paused)), (vec![0], Some(0)));
    consumer.resume(std::slice::from_ref(&paused)).unwrap();
    let fetched = poll_until(&mut consumer, |consumer, _| consumer.position(&paused) == Some(5000));
    assert_eq!(values(&of(&fetched, &paused)), (0..5000).collect::<Vec<_>>());
}

#[test]
fn a_waiting_poll_ends_when_records_come() {
    let topic = topic("arrive", 1);
    let partition = tp(&topic, 0);
    let mut consumer = consumer(&[]);
    consumer.assign(&[(partition.clone(), 0)]).unwrap();
    poll_until(&mut consumer, |consumer, _| consumer.end_offset(&partition) == Some(0));
    let mut producer = producer(&[]);
    for n in 0..20 {
        produce(&mut producer, numbers(&topic, 0, n..n + 1));
        let started = Instant::now();
        let mut fetched = Vec::new();
        while values(&of(&fetched, &partition)).is_empty() {
            consumer.poll(TIMEOUT, &mut fetched).unwrap();
        }
        assert!(started.elapsed() < TIMEOUT / 2, "{:?}", started.elapsed());
        assert_eq!(values(&batches(fetched)), [n]);
    }
}

#[test]
fn a_send_of_a_fenced_producer_is_refused() {
    let topic = topic("fenced-send", 1);
    let id = unique("id");
    let mut old = transactional(&id);
    old.begin_transaction().unwrap();
    produce(&mut old, numbers(&topic, 0, 0..1));
    let _new = transactional(&id);
    produce(&mut old, numbers(&topic, 0, 1..2));
    let mut batch = numbers(&topic, 0, 2..4);
    let error = old.send(&mut batch).unwrap_err();
    assert_eq!((error.kind, batch.len()), (BrokerErrorKind::Fenced, 2), "{error}");
    let mut deliveries = Vec::new();
    old.deliveries(&mut deliveries);
    let failed = |delivery: &Delivery| matches!(delivery, Delivery::Failed { error, .. } if error.kind == BrokerErrorKind::Fenced);
    assert!(deliveries.iter().any(failed), "{deliveries:?}");
}

#[test]
fn topics_are_created_described_and_deleted_and_never_by_asking() {
    let admin = admin();
    let (name, missing) = (unique("admin"), unique("missing"));
    let mut wanted = new_topic(&name, 3);
    wanted.config.insert("cleanup.policy".to_owned(), "compact".to_owned());
    let mut bad = new_topic(&unique("bad"), 1);
    bad.config.insert("no.such.setting".to_owned(), "1".to_owned());
    let results = admin.create_topics(&[wanted.clone(), bad], TIMEOUT).unwrap();
    assert!(results[0].is_ok(), "{results:?}");
    assert_eq!(results[1].as_ref().unwrap_err().kind, BrokerErrorKind::InvalidConfig);
    let again = admin.create_topics(&[wanted], TIMEOUT).unwrap();
    assert_eq!(again[0].as_ref().unwrap_err().kind, BrokerErrorKind::TopicExists);
    for _ in 0..2 {
        let described = admin.describe_topics(Some(&[&name, &missing]), TIMEOUT).unwrap();
        assert_eq!(described.len(), 1, "{described:?}");
        assert_eq!((&described[0].name, described[0].partitions, described[0].internal), (&name, 3, false));
    }
    let all = admin.describe_topics(None, TIMEOUT).unwrap();
    assert!(all.iter().any(|topic| topic.name == name) && all.iter().all(|topic| topic.name != missing));
    assert_eq!(admin.topic_config(&name, TIMEOUT).unwrap()["cleanup.policy"], "compact");
    for error in [
        admin.topic_config(&missing, TIMEOUT).unwrap_err(),
        admin.list_offsets(&[(tp(&missing, 0), OffsetSpec::Latest)], TIMEOUT).unwrap_err(),
        admin.list_offsets(&[(tp(&name, 7), OffsetSpec::Latest)], TIMEOUT).unwrap_err(),
        admin.delete_records(&[(tp(&missing, 0), 1)], TIMEOUT).unwrap_err(),
    ] {
        assert_eq!(error.kind, BrokerErrorKind::UnknownTopicOrPartition, "{error}");
    }
    admin.delete_topics(&[&name, &missing], TIMEOUT).unwrap();
    let deadline = Instant::now() + TIMEOUT;
    while !admin.describe_topics(Some(&[&name]), TIMEOUT).unwrap().is_empty() {
        assert!(Instant::now() < deadline);
    }
}

#[test]
fn offsets_are_listed_in_the_order_asked_also_several_of_one_partition() {
    let topic = topic("offsets-of", 2);
    let time = now();
    let mut batch = OutputBatch::default();
    let index = batch.topic_index(&topic);
    for n in 0..5 {
        batch.push(index, 0, time + n * 1000, None, Some(b"v"), b"");
    }
    produce(&mut producer(&[]), batch);
    let (first, second) = (tp(&topic, 0), tp(&topic, 1));
    let asked = [
        (first.clone(), OffsetSpec::Latest),
        (second.clone(), OffsetSpec::Latest),
        (first.clone(), OffsetSpec::Timestamp(time + 1500)),
        (first.clone(), OffsetSpec::Earliest),
        (first.clone(), OffsetSpec::LatestStable),
        (first.clone(), OffsetSpec::Timestamp(time + 1_000_000)),
        (first, OffsetSpec::Timestamp(-5)),
        (second, OffsetSpec::Timestamp(time)),
    ];
    assert_eq!(admin().list_offsets(&asked, TIMEOUT).unwrap(), [5, 0, 2, 0, 5, 5, 0, 0]);
    assert!(admin().list_offsets(&[], TIMEOUT).unwrap().is_empty());
}

#[test]
fn what_can_never_be_read_or_written_is_told() {
    let topic = topic("never", 1);
    let missing = unique("missing");
    let quick = ("topic.metadata.propagation.max.ms", "500");
    let mut consumer = consumer(&[quick]);
    consumer.assign(&[(tp(&topic, 5), 0), (tp(&missing, 0), 0)]).unwrap();
    let fetched = poll_until(&mut consumer, |_, fetched| fetched.len() == 2);
    for fetched in &fetched {
        let Fetched::Failed { error, .. } = fetched else { panic!("{fetched:?}") };
        assert_eq!(error.kind, BrokerErrorKind::UnknownTopicOrPartition, "{error}");
    }
    let mut producer = producer(&[quick]);
    let mut batch = OutputBatch::default();
    let (good, bad) = (batch.topic_index(&topic), batch.topic_index(&missing));
    batch.push(bad, 0, now(), None, Some(b"v"), b"");
    batch.push(good, 9, now(), None, Some(b"v"), b"");
    batch.push(good, 0, now(), None, Some(&vec![0; 3 << 20]), b"");
    batch.push(good, 0, now(), None, Some(b"v"), b"");
    produce(&mut producer, batch);
    let mut deliveries = Vec::new();
    producer.deliveries(&mut deliveries);
    let told = |delivery: &Delivery| match delivery {
        Delivery::Acknowledged { partition, offset } => format!("{} {offset}", partition.partition),
        Delivery::Failed { partition, error } => format!("{} {:?}", partition.partition, error.kind),
    };
    let mut told: Vec<_> = deliveries.iter().map(told).collect();
    told.sort();
    assert_eq!(told, ["0 0", "0 RecordTooLarge", "0 UnknownTopicOrPartition", "9 UnknownTopicOrPartition"]);
    assert!(admin().describe_topics(Some(&[&missing]), TIMEOUT).unwrap().is_empty(), "nobody made the topic");
}

#[test]
fn a_full_buffer_leaves_the_rest_in_the_batch() {
    let nowhere = Librdkafka::new("127.0.0.1:1");
    let pairs = [("buffer.memory", "10240"), ("max.block.ms", "200")];
    let mut producer = nowhere.producer(&properties(&pairs)).unwrap();
    let mut batch = numbers("t", 0, 0..10_000);
    let error = producer.send(&mut batch).unwrap_err();
    assert_eq!(error.kind, BrokerErrorKind::Retriable, "{error}");
    let left = batch.len();
    assert!(left > 0 && left < 10_000, "{left}");
    let first = u32::try_from(10_000 - left).unwrap();
    assert_eq!(value(batch.get(0).record.value.unwrap()), first);
    let error = producer.flush(Duration::from_millis(50)).unwrap_err();
    assert_eq!(error.kind, BrokerErrorKind::Retriable, "{error}");
    let admin = nowhere.admin(&Properties::new()).unwrap();
    let error = admin.describe_topics(None, Duration::from_millis(100)).unwrap_err();
    assert_eq!(error.kind, BrokerErrorKind::Retriable, "{error}");
}

#[test]
fn records_are_outstanding_until_their_delivery_is_told() {
    let topic = topic("outstanding", 1);
    let mut producer = producer(&[("linger.ms", "60000")]);
    producer.send(&mut numbers(&topic, 0, 0..100)).unwrap();
    assert!(producer.outstanding() >= 100, "{}", producer.outstanding());
    producer.flush(TIMEOUT).unwrap();
    let deadline = Instant::now() + TIMEOUT;
    // What librdkafka itself has to tell counts too, until it is looked at.
    while producer.outstanding() > 0 {
        assert!(Instant::now() < deadline, "{}", producer.outstanding());
        producer.deliveries(&mut Vec::new());
    }
}

#[test]
fn a_wrong_configuration_names_its_key() {
    for (key, value) in [("no.such.key", "1"), ("fetch.min.bytes", "many"), ("isolation.level", "x")] {
        let error = broker().consumer(&properties(&[(key, value)])).err().unwrap();
        assert!(error.kind == BrokerErrorKind::InvalidConfig && error.to_string().contains(key), "{error}");
    }
    for (key, value) in [("acks", "1"), ("compression.type", "x"), ("max.block.ms", "-1")] {
        let error = broker().producer(&properties(&[(key, value)])).err().unwrap();
        assert!(error.kind == BrokerErrorKind::InvalidConfig && error.to_string().contains(key), "{error}");
    }
    for (key, value) in [("security.protocol", "SASL_SSL"), ("request.timeout.ms", "soon")] {
        let error = broker().group_coordinator(&properties(&[(key, value)])).err().unwrap();
        assert!(error.kind == BrokerErrorKind::InvalidConfig && error.to_string().contains(key), "{error}");
    }
}
