//! librdkafka and the native client read the same records from topics that either of them wrote: every compression that this build of
//! librdkafka has, nulls, headers, transactions with aborts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kafka_client::admin::{Admin, NewTopic};
use kafka_client::consumer::{Consumer as NativeConsumer, ConsumerConfig, Event};
use kafka_client::producer::{Producer as NativeProducer, ProducerConfig};
use kafka_client::records::{Compression, EncodedHeaders};
use kafka_client::{ClientConfig as NativeConfig, Reactor};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use tests::kafka::environment::{bootstrap_servers, unique};

const PATIENCE: Duration = Duration::from_secs(60);
/// Partition by partition. The one that is missing, zstd, is checked against Java by the native client's own tests.
const COMPRESSIONS: [(Compression, &str); 4] = [
    (Compression::None, "none"),
    (Compression::Gzip, "gzip"),
    (Compression::Snappy, "snappy"),
    (Compression::Lz4, "lz4"),
];
const PLAIN: usize = 300;
const TRANSACTIONS: usize = 9;
const IN_TRANSACTION: usize = 40;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

fn record(number: usize) -> Record {
    let key = if number.is_multiple_of(13) { Some(Vec::new()) } else { Some(format!("k{}", number % 50).into_bytes()) };
    let mut headers = Vec::new();
    if number.is_multiple_of(5) {
        headers.push(("number".to_owned(), Some(number.to_be_bytes().to_vec())));
        headers.push(("null".to_owned(), None));
        headers.push(("number".to_owned(), Some(Vec::new())));
    }
    Record {
        timestamp: 1_700_000_000_000 + (number * 37 % 101) as i64,
        key: key.filter(|_| !number.is_multiple_of(7)),
        value: (!number.is_multiple_of(11)).then(|| "what both have to read, ".repeat(number % 5).into_bytes()),
        headers,
    }
}

fn is_committed(transaction: usize) -> bool {
    transaction % 3 != 1
}

/// What each partition holds, for readers of committed records or for all.
fn expected(committed: bool) -> Vec<Record> {
    let transactions = (0..TRANSACTIONS).filter(|transaction| !committed || is_committed(*transaction));
    let numbers = transactions.flat_map(|transaction| (0..IN_TRANSACTION).map(move |index| number(transaction, index)));
    (0..PLAIN).chain(numbers).map(record).collect()
}

fn number(transaction: usize, index: usize) -> usize {
    PLAIN + transaction * IN_TRANSACTION + index
}

fn native() -> NativeConfig {
    NativeConfig::new(bootstrap_servers().split(','), "interop")
}

fn create_topic(name: &str) -> String {
    let name = unique(name);
    let admin = Admin::start(&Reactor::start("interop-admin").unwrap(), native()).unwrap();
    for created in admin.create_topics(&[NewTopic::new(&*name, COMPRESSIONS.len() as i32)], PATIENCE).unwrap() {
        created.unwrap();
    }
    name
}

/// The records of each transaction, and whether it is committed.
fn transactions() -> impl Iterator<Item = (Vec<Record>, bool)> {
    let records = |transaction| (0..IN_TRANSACTION).map(|index| record(number(transaction, index))).collect();
    (0..TRANSACTIONS).map(move |transaction| (records(transaction), is_committed(transaction)))
}

fn write_by_librdkafka(topic: &str) {
    for (partition, (_, compression)) in COMPRESSIONS.into_iter().enumerate() {
        let producer = |transactional: bool| -> BaseProducer {
            let mut config = ClientConfig::new();
            config.set("bootstrap.servers", bootstrap_servers()).set("compression.type", compression);
            config.set("enable.idempotence", "true").set("linger.ms", "5").set("batch.size", "4000");
            if transactional {
                config.set("transactional.id", format!("{topic}-{partition}"));
            }
            config.create().unwrap()
        };
        let send = |producer: &BaseProducer, record: &Record| {
            let mut headers = OwnedHeaders::new();
            for (key, value) in &record.headers {
                headers = headers.insert(Header { key, value: value.as_ref() });
            }
            let mut message: BaseRecord<'_, [u8], [u8]> =
                BaseRecord::to(topic).partition(partition as i32).timestamp(record.timestamp).headers(headers);
            message.key = record.key.as_deref();
            message.payload = record.value.as_deref();
            producer.send(message).map_err(|(error, _)| error).unwrap();
        };
        let (plain, transactional) = (producer(false), producer(true));
        transactional.init_transactions(PATIENCE).unwrap();
        (0..PLAIN).for_each(|number| send(&plain, &record(number)));
        plain.flush(PATIENCE).unwrap();
        for (records, commit) in transactions() {
            transactional.begin_transaction().unwrap();
            records.iter().for_each(|record| send(&transactional, record));
            transactional.flush(PATIENCE).unwrap();
            let ended = if commit {
                transactional.commit_transaction(PATIENCE)
            } else {
                transactional.abort_transaction(PATIENCE)
            };
            ended.unwrap();
        }
    }
}

fn write_by_native(topic: &str) {
    let reactor = Reactor::start("interop-producer").unwrap();
    for (partition, (compression, _)) in COMPRESSIONS.into_iter().enumerate() {
        let producer = |transactional_id: Option<String>| {
            let config =
                ProducerConfig { compression, batch_size: 4000, transactional_id, ..ProducerConfig::default() };
            NativeProducer::start(&reactor, native(), config).unwrap()
        };
        let send = |producer: &mut NativeProducer, record: &Record| {
            let mut headers = Vec::new();
            for (name, value) in &record.headers {
                // Lengths below 64 take one byte, twice their value; null is -1.
                headers.push(name.len() as u8 * 2);
                headers.extend_from_slice(name.as_bytes());
                headers.push(value.as_ref().map_or(1, |value| value.len() as u8 * 2));
                headers.extend_from_slice(value.as_deref().unwrap_or_default());
            }
            let (id, headers) = (producer.topic(topic), EncodedHeaders::new(&headers).unwrap());
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            let mut appender = producer.appender().unwrap();
            appender.append(id, partition as i32, record.timestamp, key, value, headers).expect("there is room");
        };
        let (mut plain, mut transactional) = (producer(None), producer(Some(format!("{topic}-{partition}"))));
        transactional.init_transactions(PATIENCE).unwrap();
        (0..PLAIN).for_each(|number| send(&mut plain, &record(number)));
        plain.flush(PATIENCE).unwrap();
        for (records, commit) in transactions() {
            transactional.begin_transaction().unwrap();
            records.iter().for_each(|record| send(&mut transactional, record));
            transactional.flush(PATIENCE).unwrap();
            let ended = if commit {
                transactional.commit_transaction(PATIENCE)
            } else {
                transactional.abort_transaction(PATIENCE)
            };
            ended.unwrap();
        }
    }
}

/// Offsets and records by partition.
type Read = Vec<Vec<(i64, Record)>>;

fn is_complete(read: &Read, wanted: usize) -> bool {
    read.iter().all(|records| records.len() >= wanted)
}

fn read_by_librdkafka(topic: &str, committed: bool, wanted: usize) -> Read {
    let isolation = if committed { "read_committed" } else { "read_uncommitted" };
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap_servers()).set("group.id", topic).set("isolation.level", isolation);
    let consumer: BaseConsumer = config.set("enable.auto.commit", "false").create().unwrap();
    let mut partitions = TopicPartitionList::new();
    for partition in 0..COMPRESSIONS.len() {
        partitions.add_partition_offset(topic, partition as i32, Offset::Beginning).unwrap();
    }
    consumer.assign(&partitions).unwrap();
    let (start, mut read) = (Instant::now(), vec![Vec::new(); COMPRESSIONS.len()]);
    while !is_complete(&read, wanted) {
        assert!(
            start.elapsed() < PATIENCE,
            "librdkafka: {:?} of {wanted}",
            read.iter().map(Vec::len).collect::<Vec<_>>()
        );
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        let message = message.unwrap();
        let headers = message.headers().into_iter().flat_map(Headers::iter);
        let record = Record {
            timestamp: message.timestamp().to_millis().unwrap(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers.map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect(),
        };
        read[message.partition() as usize].push((message.offset(), record));
    }
    read
}

fn read_by_native(topic: &str, read_committed: bool, wanted: usize) -> Read {
    let reactor = Reactor::start("interop-consumer").unwrap();
    let user = std::thread::current();
    let config = ConsumerConfig { read_committed, max_partition_fetch_bytes: 10_000, ..ConsumerConfig::default() };
    let mut consumer = NativeConsumer::start(&reactor, native(), config, move || user.unpark()).unwrap();
    let name: Arc<str> = topic.into();
    let assignments: Vec<_> = (0..COMPRESSIONS.len()).map(|index| consumer.assign(&name, index as i32, 0)).collect();
    let (start, mut read, mut events) = (Instant::now(), vec![Vec::new(); COMPRESSIONS.len()], Vec::new());
    while !is_complete(&read, wanted) {
        assert!(start.elapsed() < PATIENCE, "native: {:?} of {wanted}", read.iter().map(Vec::len).collect::<Vec<_>>());
        consumer.poll(&mut events);
        if events.is_empty() {
            std::thread::park_timeout(Duration::from_millis(50));
        }
        for (assignment, event) in events.drain(..) {
            let Event::Records(records) = event else { panic!("{event:?}") };
            let partition = assignments.iter().position(|known| *known == assignment).unwrap();
            for view in records.iter() {
                let record = Record {
                    timestamp: view.timestamp,
                    key: view.key.map(<[u8]>::to_vec),
                    value: view.value.map(<[u8]>::to_vec),
                    headers: headers(view.headers),
                };
                read[partition].push((view.offset, record));
            }
        }
    }
    read
}

fn headers(mut bytes: &[u8]) -> Vec<(String, Option<Vec<u8>>)> {
    let mut field = || {
        let (length, rest) = bytes.split_first()?;
        assert!(*length < 128, "a long header");
        let (field, rest) = rest.split_at(if *length == 1 { 0 } else { usize::from(*length / 2) });
        bytes = rest;
        Some((*length != 1).then(|| field.to_vec()))
    };
    let mut headers = Vec::new();
    while let Some(name) = field() {
        headers.push((String::from_utf8(name.unwrap()).unwrap(), field().unwrap()));
    }
    headers
}

fn check(topic: &str) {
    for committed in [true, false] {
        let expected = expected(committed);
        let librdkafka = read_by_librdkafka(topic, committed, expected.len());
        let native = read_by_native(topic, committed, expected.len());
        for (partition, (_, compression)) in COMPRESSIONS.into_iter().enumerate() {
            assert_eq!(librdkafka[partition], native[partition], "{compression}, committed: {committed}");
            let read: Vec<_> = native[partition].iter().map(|(_, record)| record.clone()).collect();
            assert_eq!(read, expected, "{compression}, committed: {committed}");
        }
    }
}

#[test]
fn what_librdkafka_writes_is_read_by_both() {
    let topic = create_topic("from-librdkafka");
    write_by_librdkafka(&topic);
    check(&topic);
}

#[test]
fn what_the_native_client_writes_is_read_by_both() {
    let topic = create_topic("from-native");
    write_by_native(&topic);
    check(&topic);
}
