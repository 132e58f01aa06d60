//! Topics and their offsets on a real broker, whose address is in `KAFKA_BOOTSTRAP_SERVERS`.
//!
//! Topics have names of their own, so the tests may run at once and again on the same broker.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use kafka_client::admin::{Admin, NewTopic, OffsetSpec};
use kafka_client::{ClientConfig, ClientError, Reactor};
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, HeaderVersion, Request, encode_request_header_into_buffer};
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};

const DEADLINE: Duration = Duration::from_secs(30);
const NO_PRODUCER: (i64, i16) = (-1, -1);

fn bootstrap_servers() -> String {
    std::env::var("KAFKA_BOOTSTRAP_SERVERS")
        .expect("set KAFKA_BOOTSTRAP_SERVERS to the host:port of a running broker to run these tests")
}

/// Topics that do not appear within half a second do not exist.
fn admin() -> Admin {
    let mut config = ClientConfig::new(bootstrap_servers().split(','), "real-admin");
    config.topic_metadata_propagation_max = Duration::from_millis(500);
    Admin::start(&Reactor::start("real-admin").unwrap(), config).unwrap()
}

/// A name that no other test and no earlier run has used.
fn unique(prefix: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    format!("{prefix}-{}-{nanos}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst))
}

fn create(admin: &Admin, prefix: &str, partitions: i32) -> String {
    let name = unique(prefix);
    let results = admin.create_topics(&[NewTopic::new(&name, partitions)], DEADLINE).unwrap();
    assert_eq!(results, [Ok(())]);
    name
}

/// Sends a request by the reference codec, over a connection of its own.
fn send<R: Request>(request: &R, version: i16) -> R::Response {
    let header = RequestHeader::default().with_request_api_key(R::KEY).with_request_api_version(version);
    let mut frame = BytesMut::from(&[0; 4][..]);
    encode_request_header_into_buffer(&mut frame, &header).unwrap();
    request.encode(&mut frame, version).unwrap();
    let length = frame.len() as u32 - 4;
    frame[..4].copy_from_slice(&length.to_be_bytes());

    let servers = bootstrap_servers();
    let mut stream = TcpStream::connect(servers.split(',').next().unwrap()).expect("the broker can be reached");
    stream.write_all(&frame).unwrap();
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer).unwrap();
    let mut answer = Bytes::from(answer);
    ResponseHeader::decode(&mut answer, R::Response::header_version(version)).unwrap();
    R::Response::decode(&mut answer, version).unwrap()
}

/// Appends one record to partition 0 for each timestamp, inside a transaction where a producer's id and epoch are given.
fn produce(topic: &str, timestamps: &[i64], transaction: Option<(&str, (i64, i16))>) {
    let (producer_id, producer_epoch) = transaction.map_or(NO_PRODUCER, |(_, producer)| producer);
    let records: Vec<_> = timestamps
        .iter()
        .enumerate()
        .map(|(index, timestamp)| Record {
            transactional: transaction.is_some(),
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id,
            producer_epoch,
            timestamp_type: TimestampType::Creation,
            offset: index as i64,
            // Without a producer a batch has the sequence -1, from which its records count on.
            sequence: index as i32 - i32::from(transaction.is_none()),
            timestamp: *timestamp,
            key: None,
            value: Some(Bytes::from_static(b"v")),
            headers: Default::default(),
        })
        .collect();
    let mut batch = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    RecordBatchEncoder::encode(&mut batch, &records, &options).unwrap();
    let partition = PartitionProduceData::default().with_index(0).with_records(Some(batch.freeze()));
    let data =
        TopicProduceData::default().with_name(TopicName(topic.to_owned().into())).with_partition_data(vec![partition]);
    let request = ProduceRequest::default()
        .with_transactional_id(transaction.map(|(id, _)| TransactionalId(id.to_owned().into())))
        .with_acks(-1)
        .with_timeout_ms(10_000)
        .with_topic_data(vec![data]);
    let deadline = Instant::now() + DEADLINE;
    loop {
        let answer = send(&request, 9);
        match answer.responses[0].partition_responses[0].error_code {
            0 => return,
            // A broker shows itself as the leader a moment before it knows that it leads.
            3 | 5 | 6 if Instant::now() < deadline => {}
            code => panic!("producing to {topic} was answered {code}"),
        }
    }
}

/// Leaves a record of an open transaction behind.
fn open_transaction(topic: &str) {
    let id = unique("transaction");
    let transactional_id = || TransactionalId(id.clone().into());
    let find = FindCoordinatorRequest::default().with_key_type(1).with_coordinator_keys(vec![id.clone().into()]);
    let init = InitProducerIdRequest::default()
        .with_transactional_id(Some(transactional_id()))
        .with_transaction_timeout_ms(60_000);
    let deadline = Instant::now() + DEADLINE;
    let producer = loop {
        // The first question makes the coordinator's topic.
        send(&find, 4);
        let answer = send(&init, 4);
        if answer.error_code == 0 {
            break (*answer.producer_id, answer.producer_epoch);
        }
        assert!(Instant::now() < deadline, "the transaction's coordinator answers {}", answer.error_code);
    };
    let partitions =
        AddPartitionsToTxnTopic::default().with_name(TopicName(topic.to_owned().into())).with_partitions(vec![0]);
    let add = AddPartitionsToTxnRequest::default()
        .with_v3_and_below_transactional_id(transactional_id())
        .with_v3_and_below_producer_id(producer.0.into())
        .with_v3_and_below_producer_epoch(producer.1)
        .with_v3_and_below_topics(vec![partitions]);
    let added = send(&add, 3);
    assert_eq!(added.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code, 0);
    produce(topic, &[500], Some((&id, producer)));
}

fn code<T: std::fmt::Debug>(result: Result<T, ClientError>) -> (Option<i16>, String) {
    let error = result.unwrap_err();
    (error.code(), error.to_string())
}

#[test]
fn topics_are_created_described_and_deleted() {
    let admin = admin();
    let (one, three) = (create(&admin, "one", 1), create(&admin, "three", 3));
    let missing = unique("missing");
    let names = [three.as_str(), &missing, &one, "no/such name", &three];
    let mut described = admin.describe_topics(Some(&names), DEADLINE).unwrap();
    described.sort_by(|a, b| a.name.cmp(&b.name));
    let seen: Vec<_> = described.iter().map(|topic| (topic.name.as_str(), topic.partitions, topic.internal)).collect();
    assert_eq!(seen, [(one.as_str(), 1, false), (three.as_str(), 3, false)]);
    let all = admin.describe_topics(None, DEADLINE).unwrap();
    assert!(all.iter().any(|topic| topic.name == three && topic.partitions == 3));

    admin.delete_topics(&[&one, &missing, &three, &one], DEADLINE).unwrap();
    assert_eq!(admin.describe_topics(Some(&[&one, &three]), DEADLINE), Ok(vec![]));
    admin.delete_topics(&[&one], DEADLINE).unwrap();
    let again = admin.create_topics(&[NewTopic::new(&one, 2)], DEADLINE).unwrap();
    assert_eq!(again, [Ok(())]);
    assert_eq!(admin.describe_topics(Some(&[&one]), DEADLINE).unwrap()[0].partitions, 2);
}

#[test]
fn each_topic_that_cannot_be_is_refused_by_itself() {
    let admin = admin();
    let existing = create(&admin, "existing", 1);
    let with = |key: &str, value: &str| {
        let mut topic = NewTopic::new(unique("bad"), 1);
        topic.config.insert(key.into(), value.into());
        topic
    };
    let good = NewTopic::new(unique("good"), 1);
    let topics = [
        NewTopic::new(&existing, 1),
        good.clone(),
        NewTopic::new("no such/name", 1),
        NewTopic::new(unique("zero"), 0),
        with("no.such.key", "1"),
        with("cleanup.policy", "shred"),
        NewTopic { replication_factor: 30_000, ..NewTopic::new(unique("replicas"), 1) },
    ];
    let results = admin.create_topics(&topics, DEADLINE).unwrap();
    let codes: Vec<_> = results.iter().map(|result| result.as_ref().err().and_then(ClientError::code)).collect();
    assert_eq!(codes, [Some(36), None, Some(17), Some(37), Some(40), Some(40), Some(38)]);
    let said = results[4].as_ref().unwrap_err().to_string();
    assert!(said.contains(&topics[4].name) && said.contains("no.such.key"), "{said}");
    let names: Vec<_> = topics[1..].iter().map(|topic| topic.name.as_str()).collect();
    let described = admin.describe_topics(Some(&names), DEADLINE).unwrap();
    assert_eq!(described.iter().map(|topic| &topic.name).collect::<Vec<_>>(), [&good.name]);
}

#[test]
fn a_configuration_shows_what_was_set_and_the_defaults() {
    let admin = admin();
    let mut topic = NewTopic::new(unique("config"), 1);
    topic.config.insert("cleanup.policy".into(), "compact".into());
    assert_eq!(admin.create_topics(&[topic.clone()], DEADLINE).unwrap(), [Ok(())]);
    let config = admin.topic_config(&topic.name, DEADLINE).unwrap();
    assert_eq!(config["cleanup.policy"], "compact");
    assert_eq!(config["message.timestamp.type"], "CreateTime");
    let missing = unique("missing");
    let (code, said) = code(admin.topic_config(&missing, DEADLINE));
    assert!(code == Some(3) && said.contains(&missing), "{said}");
}

#[test]
fn all_kinds_of_offsets_are_listed() {
    let admin = admin();
    let topic = create(&admin, "offsets", 2);
    let list = |spec| admin.list_offsets(&[(&topic, 0, spec)], DEADLINE).unwrap()[0];
    produce(&topic, &[100, 300, 200, 400], None);
    open_transaction(&topic);
    admin.delete_records(&[(&topic, 0, 1)], DEADLINE).unwrap();
    assert_eq!(list(OffsetSpec::Earliest), 1);
    assert_eq!(list(OffsetSpec::Latest), 5);
    assert_eq!(list(OffsetSpec::LatestStable), 4);
    for (timestamp, offset) in [(-5, 1), (150, 1), (300, 1), (301, 3), (400, 3), (5_000, 5)] {
        assert_eq!(list(OffsetSpec::Timestamp(timestamp)), offset, "of {timestamp}");
    }
    // The same partition several times in one call, and others beside it.
    let specs = [OffsetSpec::Latest, OffsetSpec::Earliest, OffsetSpec::LatestStable, OffsetSpec::Timestamp(301)];
    let mut partitions: Vec<_> = specs.iter().map(|spec| (topic.as_str(), 0, *spec)).collect();
    partitions.extend(specs.iter().map(|spec| (topic.as_str(), 1, *spec)));
    assert_eq!(admin.list_offsets(&partitions, DEADLINE), Ok(vec![5, 1, 4, 3, 0, 0, 0, 0]));
}

#[test]
fn what_does_not_exist_is_named_after_the_time_it_has_to_appear() {
    let admin = admin();
    let (topic, missing) = (create(&admin, "few", 1), unique("missing"));
    for (topic, partition) in [(&topic, 1), (&missing, 0)] {
        let started = Instant::now();
        let named = format!("{topic}-{partition}");
        let (listed, said) = code(admin.list_offsets(&[(topic, partition, OffsetSpec::Latest)], DEADLINE));
        assert!(listed == Some(3) && said.contains(&named), "{said}");
        let (deleted, said) = code(admin.delete_records(&[(topic, partition, 0)], DEADLINE));
        assert!(deleted == Some(3) && said.contains(&named), "{said}");
        assert!(started.elapsed() < DEADLINE / 2, "{:?}", started.elapsed());
    }
    // A topic that was missing is found when it is there.
    assert_eq!(admin.create_topics(&[NewTopic::new(&missing, 1)], DEADLINE).unwrap(), [Ok(())]);
    assert_eq!(admin.list_offsets(&[(&missing, 0, OffsetSpec::Latest)], DEADLINE), Ok(vec![0]));
    // And one that is deleted and made anew has its records no more, and all its partitions.
    produce(&topic, &[1, 2], None);
    assert_eq!(admin.list_offsets(&[(&topic, 0, OffsetSpec::Latest)], DEADLINE), Ok(vec![2]));
    admin.delete_topics(&[&topic], DEADLINE).unwrap();
    assert_eq!(admin.create_topics(&[NewTopic::new(&topic, 2)], DEADLINE).unwrap(), [Ok(())]);
    let both = [(topic.as_str(), 0, OffsetSpec::Latest), (&topic, 1, OffsetSpec::Latest)];
    assert_eq!(admin.list_offsets(&both, DEADLINE), Ok(vec![0, 0]));
}

#[test]
fn records_are_deleted_up_to_the_end_at_most() {
    let admin = admin();
    let topic = create(&admin, "delete", 2);
    let start = |partition| admin.list_offsets(&[(&topic, partition, OffsetSpec::Earliest)], DEADLINE).unwrap()[0];
    produce(&topic, &[1, 2, 3], None);
    admin.delete_records(&[(&topic, 0, 2), (&topic, 1, 0)], DEADLINE).unwrap();
    assert_eq!((start(0), start(1)), (2, 0));
    admin.delete_records(&[(&topic, 0, 1)], DEADLINE).unwrap();
    assert_eq!(start(0), 2);
    admin.delete_records(&[(&topic, 0, 1_000), (&topic, 1, 1_000)], DEADLINE).unwrap();
    assert_eq!((start(0), start(1)), (3, 0));
    produce(&topic, &[4], None);
    admin.delete_records(&[(&topic, 0, -1)], DEADLINE).unwrap();
    assert_eq!(start(0), 4);
}

#[test]
fn a_cluster_that_is_not_there_ends_in_the_timeout() {
    // A port that was free a moment ago and that nobody listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = ClientConfig::new([format!("127.0.0.1:{port}")], "nobody");
    let admin = Admin::start(&Reactor::start("nobody").unwrap(), config).unwrap();
    let timeout = Duration::from_millis(300);
    let started = Instant::now();
    let errors = [
        admin.describe_topics(None, timeout).unwrap_err(),
        admin.create_topics(&[NewTopic::new("t", 1)], timeout).unwrap_err(),
        admin.delete_topics(&["t"], timeout).unwrap_err(),
        admin.list_offsets(&[("t", 0, OffsetSpec::Latest)], timeout).unwrap_err(),
        admin.delete_records(&[("t", 0, 0)], timeout).unwrap_err(),
    ];
    assert!(errors.iter().all(ClientError::is_retriable), "{errors:?}");
    assert!(started.elapsed() < DEADLINE / 3, "{:?}", started.elapsed());
}
