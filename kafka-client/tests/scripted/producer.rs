//! The producer: what goes out again, how, and what is told.

use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kafka_client::producer::{Delivery, Producer, ProducerConfig, ProducerErrorKind};
use kafka_client::records::{EncodedHeaders, RecordsReader};
use kafka_client::{ClientError, Reactor};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::*;

use crate::support::{Broker, First, Received, Step, answer, config, coordinator_at};

const DEADLINE: Duration = Duration::from_secs(20);

/// One partition's batch as the broker got it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Got {
    connection: usize,
    /// Number of the request among all.
    request: usize,
    partition: i32,
    epoch: u16,
    sequence: u32,
    values: Vec<String>,
}

/// A broker that leads three partitions of every topic, and remembers what is produced.
struct Cluster {
    broker: Broker,
    got: Arc<Mutex<Vec<Got>>>,
    asked: Arc<Mutex<Vec<ApiKey>>>,
}

/// What a test says of the batches of one request; none is success.
type Say = dyn Fn(&Received, &[Got]) -> Option<Reply> + Send + Sync;

enum Reply {
    /// The same error code for every batch.
    Code(i16),
    Throttle(i32),
    Step(Step),
}

impl Cluster {
    fn start(say: impl Fn(&Received, &[Got]) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let (got, asked) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let (port, requests) = (Arc::new(AtomicU16::new(0)), AtomicUsize::new(0));
        let say: Box<Say> = Box::new(say);
        let (remembered, asked_of, known_port) = (Arc::clone(&got), Arc::clone(&asked), Arc::clone(&port));
        let broker = Broker::start(move |received| {
            asked_of.lock().unwrap().push(received.key);
            let port = known_port.load(Ordering::SeqCst);
            match received.key {
                ApiKey::ApiVersions => answer(received, &versions()),
                ApiKey::Metadata => answer(received, &metadata(received, port)),
                ApiKey::FindCoordinator => answer(received, &coordinator_at(port)),
                ApiKey::InitProducerId => {
                    let request: InitProducerIdRequest = received.read();
                    let identity = InitProducerIdResponse::default()
                        .with_producer_id(ProducerId(7))
                        .with_producer_epoch(request.producer_epoch + 1);
                    answer(received, &identity)
                }
                ApiKey::AddPartitionsToTxn => answer(received, &AddPartitionsToTxnResponse::default()),
                ApiKey::EndTxn => answer(received, &EndTxnResponse::default()),
                ApiKey::Produce => {
                    let batches = read(received, requests.fetch_add(1, Ordering::SeqCst));
                    remembered.lock().unwrap().extend(batches.iter().cloned());
                    match say(received, &batches) {
                        None => answer(received, &produced(received, 0, 0)),
                        Some(Reply::Code(code)) => answer(received, &produced(received, code, 0)),
                        Some(Reply::Throttle(millis)) => answer(received, &produced(received, 0, millis)),
                        Some(Reply::Step(step)) => Some(step),
                    }
                }
                _ => None,
            }
        });
        port.store(broker.port, Ordering::SeqCst);
        Self { broker, got, asked }
    }

    fn producer(&self, reactor: &Reactor, producer: ProducerConfig) -> Producer {
        Producer::start(reactor, config(&self.broker), producer).unwrap()
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    fn asked(&self, key: ApiKey) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| **asked == key).count()
    }
}

fn versions() -> ApiVersionsResponse {
    let known = [
        (ApiKey::Produce, 3, 11),
        (ApiKey::Metadata, 0, 13),
        (ApiKey::FindCoordinator, 0, 6),
        (ApiKey::InitProducerId, 0, 5),
        (ApiKey::AddPartitionsToTxn, 0, 5),
        (ApiKey::EndTxn, 0, 4),
    ];
    let keys = known.map(|(key, min, max)| {
        ApiVersion::default().with_api_key(key as i16).with_min_version(min).with_max_version(max)
    });
    ApiVersionsResponse::default().with_api_keys(keys.to_vec())
}

fn metadata(received: &Received, port: u16) -> MetadataResponse {
    let request: MetadataRequest = received.read();
    let broker = MetadataResponseBroker::default()
        .with_node_id(BrokerId(1))
        .with_host("127.0.0.1".into())
        .with_port(i32::from(port));
    let partition = |index| {
        MetadataResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(BrokerId(1))
            .with_leader_epoch(0)
    };
    let topics = request.topics.into_iter().flatten().map(|topic| {
        MetadataResponseTopic::default().with_name(topic.name).with_partitions((0..3).map(partition).collect())
    });
    MetadataResponse::default().with_brokers(vec![broker]).with_controller_id(BrokerId(1)).with_topics(topics.collect())
}

fn read(received: &Received, number: usize) -> Vec<Got> {
    let request: ProduceRequest = received.read();
    assert_eq!(request.acks, -1);
    let batches = request.topic_data.iter().flat_map(|topic| &topic.partition_data).map(|partition| {
        let batch = partition.records.clone().unwrap();
        let mut records = Vec::new();
        RecordsReader::new().decode(batch.clone(), &Default::default(), &mut records).unwrap();
        let text = |value: Option<&[u8]>| String::from_utf8(value.unwrap().to_vec()).unwrap();
        Got {
            connection: received.connection,
            request: number,
            partition: partition.index,
            epoch: u16::from_be_bytes(batch[51..53].try_into().unwrap()),
            sequence: u32::from_be_bytes(batch[53..57].try_into().unwrap()),
            values: records[0].iter().map(|record| text(record.value)).collect(),
        }
    });
    batches.collect()
}

fn produced(received: &Received, code: i16, throttle: i32) -> ProduceResponse {
    let request: ProduceRequest = received.read();
    let topics = request.topic_data.iter().map(|topic| {
        let partitions = topic.partition_data.iter().map(|partition| {
            let answer = PartitionProduceResponse::default().with_index(partition.index).with_error_code(code);
            answer.with_base_offset(if code == 0 { 0 } else { -1 })
        });
        TopicProduceResponse::default().with_name(topic.name.clone()).with_partition_responses(partitions.collect())
    });
    ProduceResponse::default().with_responses(topics.collect()).with_throttle_time_ms(throttle)
}

fn at_once() -> ProducerConfig {
    ProducerConfig { linger: Duration::ZERO, ..ProducerConfig::default() }
}

fn reactor() -> Reactor {
    Reactor::start("test").unwrap()
}

fn append(producer: &mut Producer, partition: i32, value: &str) {
    let topic = producer.topic("t");
    let mut appender = producer.appender().unwrap();
    appender.append(topic, partition, 1, None, Some(value.as_bytes()), EncodedHeaders::NONE).unwrap();
}

fn send(producer: &mut Producer, partition: i32, value: &str) {
    append(producer, partition, value);
    producer.flush(DEADLINE).unwrap();
}

fn failures(producer: &mut Producer) -> Vec<(i32, ClientError, u32)> {
    let mut deliveries = Vec::new();
    producer.deliveries(&mut deliveries);
    let failed = |delivery| match delivery {
        Delivery::Failed { partition, error, records, .. } => Some((partition, error, records)),
        Delivery::Acknowledged { .. } => None,
    };
    deliveries.into_iter().filter_map(failed).collect()
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not within {DEADLINE:?}");
        std::thread::yield_now();
    }
}

#[test]
fn what_is_sent_again_has_the_same_sequence() {
    // Not the leader; too few replicas after appending.
    for code in [6, 20] {
        let first = First::new(2);
        let cluster = Cluster::start(move |_, got| (got[0].sequence == 1 && first.take()).then_some(Reply::Code(code)));
        let mut producer = cluster.producer(&reactor(), at_once());
        for value in ["a", "b", "c"] {
            send(&mut producer, 0, value);
        }
        let sent: Vec<_> = cluster.got().into_iter().map(|got| (got.sequence, got.values.concat())).collect();
        let expected = [(0, "a"), (1, "b"), (1, "b"), (1, "b"), (2, "c")];
        assert_eq!(sent, expected.map(|(sequence, value)| (sequence, value.to_owned())));
        assert_eq!(failures(&mut producer), []);
        assert!(code != 6 || cluster.asked(ApiKey::Metadata) >= 2, "who leads is asked again");
    }
}

#[test]
fn a_lost_connection_is_replaced_and_the_batch_sent_again() {
    let first = First::new(1);
    let cluster = Cluster::start(move |_, _| first.take().then_some(Reply::Step(Step::Close)));
    let mut producer = cluster.producer(&reactor(), at_once());
    send(&mut producer, 0, "a");
    let got = cluster.got();
    assert_eq!(got.len(), 2);
    assert_ne!(got[0].connection, got[1].connection);
    assert_eq!((got[0].sequence, got[1].sequence), (0, 0));
}

#[test]
fn partitions_share_a_request() {
    let cluster = Cluster::start(|_, _| None);
    let mut producer = cluster.producer(&reactor(), ProducerConfig::default());
    for partition in [0, 1, 2, 0] {
        append(&mut producer, partition, "v");
    }
    producer.flush(DEADLINE).unwrap();
    let mut partitions: Vec<_> =
        cluster.got().iter().map(|got| (got.request, got.partition, got.values.len())).collect();
    partitions.sort_unstable();
    assert_eq!(partitions, [(0, 0, 2), (0, 1, 1), (0, 2, 1)]);
}

#[test]
fn a_request_ends_at_its_largest_size() {
    let cluster = Cluster::start(|_, _| None);
    let small = ProducerConfig { max_request_size: 1024, ..ProducerConfig::default() };
    let mut producer = cluster.producer(&reactor(), small);
    for partition in [0, 1, 2] {
        append(&mut producer, partition, &"v".repeat(600));
    }
    producer.flush(DEADLINE).unwrap();
    let mut requests: Vec<_> = cluster.got().iter().map(|got| got.request).collect();
    requests.dedup();
    assert_eq!(requests.len(), 3);
}

#[test]
fn at_most_five_requests_are_under_way() {
    let cluster = Cluster::start(|_, got| (got[0].sequence > 0).then_some(Reply::Step(Step::Silence)));
    let mut producer = cluster.producer(&reactor(), ProducerConfig { batch_size: 1, ..at_once() });
    send(&mut producer, 0, "first");
    for number in 0..8 {
        append(&mut producer, 0, &number.to_string());
    }
    until("five requests came", || cluster.got().len() == 6);
    assert_eq!(producer.flush(Duration::from_millis(200)).unwrap_err().kind, ProducerErrorKind::Retriable);
    assert_eq!(cluster.got().iter().map(|got| got.sequence).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    assert_eq!(producer.outstanding(), 8);
}

#[test]
fn a_batch_too_large_goes_out_in_halves() {
    let cluster =
        Cluster::start(|_, got| (got[0].values.len() > 1 || got[0].values[0] == "x").then_some(Reply::Code(10)));
    let mut producer = cluster.producer(&reactor(), ProducerConfig::default());
    for value in ["a", "b", "x", "d", "e"] {
        append(&mut producer, 0, value);
    }
    producer.flush(DEADLINE).unwrap();
    let failed = failures(&mut producer);
    assert_eq!(failed.len(), 1);
    assert_eq!((failed[0].1.code(), failed[0].2), (Some(10), 1));
    let alone: Vec<_> = cluster.got().into_iter().filter(|got| got.values.len() == 1).collect();
    let alone: Vec<_> = alone.iter().map(|got| (got.sequence, got.values[0].as_str())).collect();
    assert_eq!(alone, [(0, "a"), (1, "b"), (2, "x"), (3, "d"), (4, "e")]);
}

#[test]
fn a_gap_is_left_by_the_next_epoch() {
    let first = First::new(1);
    let cluster = Cluster::start(move |_, got| match got[0].sequence {
        1 if first.take() => Some(Reply::Code(87)),
        2 => Some(Reply::Code(45)),
        _ => None,
    });
    let mut producer = cluster.producer(&reactor(), at_once());
    for value in ["a", "invalid", "c"] {
        send(&mut producer, 0, value);
    }
    let sent: Vec<_> = cluster.got().into_iter().map(|got| (got.epoch, got.sequence, got.values.concat())).collect();
    let expected = [(0, 0, "a"), (0, 1, "invalid"), (0, 2, "c"), (1, 0, "c")];
    assert_eq!(sent, expected.map(|(epoch, sequence, value)| (epoch, sequence, value.to_owned())));
    assert_eq!(failures(&mut producer).iter().map(|failed| failed.1.code()).collect::<Vec<_>>(), [Some(87)]);
}

#[test]
fn a_broker_that_throttles_is_left_alone() {
    let cluster = Cluster::start(|_, got| (got[0].sequence == 0).then_some(Reply::Throttle(300)));
    let mut producer = cluster.producer(&reactor(), at_once());
    send(&mut producer, 0, "a");
    let started = Instant::now();
    send(&mut producer, 0, "b");
    assert!(started.elapsed() >= Duration::from_millis(290), "{:?}", started.elapsed());
}

#[test]
fn what_is_not_acknowledged_in_time_fails_and_the_producer_goes_on() {
    let cluster = Cluster::start(|_, got| (got[0].values[0] == "lost").then_some(Reply::Step(Step::Silence)));
    let mut client = config(&cluster.broker);
    client.request_timeout = Duration::from_millis(200);
    let patience = ProducerConfig { delivery_timeout: Duration::from_millis(500), ..at_once() };
    let mut producer = Producer::start(&reactor(), client, patience).unwrap();
    let started = Instant::now();
    send(&mut producer, 0, "lost");
    assert!(started.elapsed() >= Duration::from_millis(500));
    assert_eq!(failures(&mut producer), [(0, ClientError::Timeout, 1)]);
    send(&mut producer, 0, "kept");
    assert_eq!(failures(&mut producer), []);
    let sequences: Vec<_> = cluster.got().iter().map(|got| got.sequence).collect();
    assert!(sequences.len() >= 3 && sequences[..sequences.len() - 1].iter().all(|sequence| *sequence == 0));
}

#[test]
fn a_full_buffer_is_said_and_room_is_waited_for() {
    let hold = Arc::new(Mutex::new(()));
    let (held, guard) = (Arc::clone(&hold), hold.lock().unwrap());
    let cluster = Cluster::start(move |_, _| {
        drop(held.lock());
        None
    });
    let mut producer = cluster.producer(&reactor(), ProducerConfig { buffer_memory: 2048, ..at_once() });
    let topic = producer.topic("t");
    let value = [b'v'; 900];
    let mut appender = producer.appender().unwrap();
    let mut taken = 0;
    while appender.append(topic, 0, 1, None, Some(&value), EncodedHeaders::NONE).is_ok() {
        taken += 1;
    }
    drop(appender);
    assert_eq!(taken, 2);
    let error = producer.wait_for_room(Some(Duration::from_millis(100))).unwrap_err();
    assert_eq!(error.kind, ProducerErrorKind::Retriable);
    drop(guard);
    producer.wait_for_room(None).unwrap();
    let mut appender = producer.appender().unwrap();
    appender.append(topic, 0, 1, None, Some(&value), EncodedHeaders::NONE).unwrap();
    drop(appender);
    producer.flush(DEADLINE).unwrap();
}

#[test]
fn a_dropped_producer_does_not_try_again() {
    let cluster = Cluster::start(|_, got| (got[0].values[0] == "abandoned").then_some(Reply::Code(6)));
    let reactor = reactor();
    let mut producer = cluster.producer(&reactor, at_once());
    append(&mut producer, 0, "abandoned");
    until("the record is tried again", || cluster.got().len() >= 3);
    drop(producer);
    // What was on its way at that moment may still arrive, before the other producer's first record on the same reactor is told.
    let mut other = cluster.producer(&reactor, at_once());
    send(&mut other, 0, "first");
    let tries = || cluster.got().iter().filter(|got| got.values[0] == "abandoned").count();
    let before = tries();
    for _ in 0..20 {
        send(&mut other, 0, "later");
    }
    assert_eq!(tries(), before);
}

#[test]
fn purged_records_are_not_sent() {
    let cluster = Cluster::start(|_, got| (got[0].values[0] == "refused").then_some(Reply::Code(6)));
    let mut producer = cluster.producer(&reactor(), ProducerConfig { linger: DEADLINE, ..ProducerConfig::default() });
    append(&mut producer, 0, "open");
    assert_eq!((producer.purge(), producer.outstanding()), (1, 0));
    append(&mut producer, 1, "refused");
    assert!(producer.flush(Duration::from_millis(50)).is_err());
    producer.purge();
    producer.flush(DEADLINE).unwrap();
    send(&mut producer, 0, "kept");
    assert!(cluster.got().iter().all(|got| got.values[0] != "open"));
}

#[test]
fn refused_producer_ids_fail_the_records() {
    let broker = Broker::start(|received| match received.key {
        ApiKey::ApiVersions => answer(received, &versions()),
        ApiKey::Metadata => Some(Step::Silence),
        _ => None,
    });
    // No broker says who leads: the records wait, and fail when their time is over.
    let mut client = config(&broker);
    client.request_timeout = Duration::from_millis(100);
    let patience = ProducerConfig { delivery_timeout: Duration::from_millis(300), ..at_once() };
    let mut producer = Producer::start(&reactor(), client, patience).unwrap();
    send(&mut producer, 0, "v");
    assert_eq!(failures(&mut producer), [(0, ClientError::Timeout, 1)]);
}

/// Before KIP-890: partitions are added first, and an abort after a failure gets another epoch.
#[test]
fn transactions_of_older_clusters_add_partitions_and_renew_the_epoch() {
    let cluster = Cluster::start(|_, got| (got[0].values[0] == "invalid").then_some(Reply::Code(87)));
    let transactional = ProducerConfig { transactional_id: Some("tx".into()), ..at_once() };
    let mut producer = cluster.producer(&reactor(), transactional);
    producer.init_transactions(DEADLINE).unwrap();
    for value in ["a", "b"] {
        producer.begin_transaction().unwrap();
        send(&mut producer, 0, value);
        producer.commit_transaction(DEADLINE).unwrap();
    }
    producer.begin_transaction().unwrap();
    send(&mut producer, 0, "invalid");
    assert_eq!(producer.commit_transaction(DEADLINE).unwrap_err().kind, ProducerErrorKind::AbortTransaction);
    producer.abort_transaction(DEADLINE).unwrap();
    producer.begin_transaction().unwrap();
    send(&mut producer, 0, "c");
    producer.commit_transaction(DEADLINE).unwrap();
    let sent: Vec<_> = cluster.got().into_iter().map(|got| (got.epoch, got.sequence, got.values.concat())).collect();
    let expected = [(0, 0, "a"), (0, 1, "b"), (0, 2, "invalid"), (1, 0, "c")];
    assert_eq!(sent, expected.map(|(epoch, sequence, value)| (epoch, sequence, value.to_owned())));
    let counts = [ApiKey::AddPartitionsToTxn, ApiKey::EndTxn, ApiKey::InitProducerId].map(|key| cluster.asked(key));
    assert_eq!(counts, [4, 4, 2]);
}
