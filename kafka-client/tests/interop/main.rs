//! What Kafka's own clients write is read, and what is written here they read: every compression, nulls, headers, transactions with
//! aborts. `Peer.java` beside this file is run by `./dev kafka java`, against the broker in `KAFKA_BOOTSTRAP_SERVERS`.

mod lines;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kafka_client::admin::{Admin, NewTopic};
use kafka_client::consumer::{Consumer, ConsumerConfig, Event};
use kafka_client::producer::{Delivery, Producer, ProducerConfig};
use kafka_client::records::{Compression, EncodedHeaders, RecordView};
use kafka_client::{ClientConfig, Reactor};
use lines::{encode, line};

const PATIENCE: Duration = Duration::from_secs(60);
const COMPRESSIONS: [(Compression, &str); 5] = [
    (Compression::None, "none"),
    (Compression::Gzip, "gzip"),
    (Compression::Snappy, "snappy"),
    (Compression::Lz4, "lz4"),
    (Compression::Zstd, "zstd"),
];

fn servers() -> String {
    std::env::var("KAFKA_BOOTSTRAP_SERVERS")
        .expect("set KAFKA_BOOTSTRAP_SERVERS to the host:port of a running broker to run these tests")
}

fn client() -> ClientConfig {
    ClientConfig::new(servers().split(','), "interop")
}

/// A new topic with a partition for each compression.
fn create_topic(prefix: &str) -> String {
    let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    let name = format!("{prefix}-{}-{nanos}", std::process::id());
    let admin = Admin::start(&Reactor::start("interop-admin").unwrap(), client()).unwrap();
    for created in admin.create_topics(&[NewTopic::new(&*name, COMPRESSIONS.len() as i32)], PATIENCE).unwrap() {
        created.unwrap();
    }
    name
}

/// The lines that Kafka's own client prints.
fn java(arguments: &[&str]) -> Vec<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = std::env::var_os("KAFKA_DEV").map_or_else(|| here.join("../dev"), PathBuf::from);
    let mut command = Command::new(&script);
    command.args(["kafka", "java"]).arg(here.join("tests/interop/Peer.java"));
    command.args([arguments[0], &servers()]).args(&arguments[1..]);
    let output = command.output().unwrap_or_else(|error| panic!("{}: {error}", script.display()));
    assert!(output.status.success(), "Peer {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// What the consumer sees, as lines, until `wanted` records have come; then nothing more may come.
fn read(topic: &str, read_committed: bool, wanted: usize) -> Vec<String> {
    let user = std::thread::current();
    let config = ConsumerConfig { read_committed, max_partition_fetch_bytes: 10_000, ..ConsumerConfig::default() };
    let reactor = Reactor::start("interop-consumer").unwrap();
    let mut consumer = Consumer::start(&reactor, client(), config, move || user.unpark()).unwrap();
    let name: Arc<str> = topic.into();
    let assignments: Vec<_> = (0..COMPRESSIONS.len()).map(|index| consumer.assign(&name, index as i32, 0)).collect();
    let deadline = std::time::Instant::now() + PATIENCE;
    let (mut events, mut lines) = (Vec::new(), Vec::new());
    let at_end = |consumer: &Consumer| {
        assignments.iter().all(|id| consumer.end_offset(*id).is_some_and(|end| consumer.position(*id) == Some(end)))
    };
    while lines.len() < wanted || !at_end(&consumer) {
        assert!(std::time::Instant::now() < deadline, "{} of {wanted} records", lines.len());
        consumer.poll(&mut events);
        if events.is_empty() {
            std::thread::park_timeout(Duration::from_millis(50));
        }
        for (assignment, event) in events.drain(..) {
            let Event::Records(records) = event else { panic!("{event:?}") };
            let partition = assignments.iter().position(|known| *known == assignment).unwrap();
            lines.extend(records.iter().map(|record| line(partition, &record)));
        }
    }
    lines
}

fn assert_same(found: Vec<String>, expected: &[String]) {
    let unique: BTreeSet<&String> = found.iter().collect();
    assert_eq!(unique.len(), found.len(), "something came twice");
    let expected: BTreeSet<&String> = expected.iter().collect();
    let missing: Vec<_> = expected.difference(&unique).take(3).collect();
    let surplus: Vec<_> = unique.difference(&expected).take(3).collect();
    assert!(missing.is_empty() && surplus.is_empty(), "missing: {missing:#?}, surplus: {surplus:#?}");
}

#[test]
fn what_java_writes_is_read() {
    let topic = create_topic("from-java");
    let mut arguments = vec!["write", &topic];
    arguments.extend(COMPRESSIONS.map(|(_, name)| name));
    let written = java(&arguments);
    let (committed, aborted): (Vec<_>, Vec<_>) = written.into_iter().partition(|line| line.starts_with("committed "));
    assert_eq!((committed.len(), aborted.len()), (5 * (450 + 8 * 40 + 9), 5 * 4 * 40));
    assert_same(read(&topic, true, committed.len()), &committed);
    let aborted = aborted.iter().map(|line| line.replacen("aborted", "committed", 1));
    let all: Vec<_> = committed.into_iter().chain(aborted).collect();
    assert_same(read(&topic, false, all.len()), &all);
}

#[test]
fn java_reads_what_is_written() {
    let topic = create_topic("to-java");
    let (mut committed, mut aborted) = (Vec::new(), Vec::new());
    for (partition, (compression, _)) in COMPRESSIONS.into_iter().enumerate() {
        write(&topic, partition, compression, &mut committed, &mut aborted);
    }
    // Here as well, so that a difference can be told from one of the reader.
    assert_same(read(&topic, true, committed.len()), &committed);
    let partitions = COMPRESSIONS.len().to_string();
    assert_same(java(&["read", &topic, &partitions, "read_committed"]), &committed);
    let all: Vec<_> = committed.into_iter().chain(aborted).collect();
    assert_same(java(&["read", &topic, &partitions, "read_uncommitted"]), &all);
}

/// Plain records, then transactions of which every third is aborted.
fn write(
    topic: &str,
    partition: usize,
    compression: Compression,
    committed: &mut Vec<String>,
    aborted: &mut Vec<String>,
) {
    let reactor = Reactor::start("interop-producer").unwrap();
    let start = |transactional_id| {
        let config = ProducerConfig { compression, batch_size: 4000, transactional_id, ..ProducerConfig::default() };
        Producer::start(&reactor, client(), config).unwrap()
    };
    let (mut plain, mut transactional) = (start(None), start(Some(format!("{topic}-{partition}"))));
    transactional.init_transactions(PATIENCE).unwrap();
    let mut offset = 0;
    let mut send = |producer: &mut Producer, from: usize, count: usize, lines: &mut Vec<String>, markers: i64| {
        for number in from..from + count {
            lines.push(append(producer, topic, partition, number, offset));
            offset += 1;
        }
        producer.flush(PATIENCE).unwrap();
        let mut told = Vec::new();
        producer.deliveries(&mut told);
        let is_told =
            |told: &Delivery| matches!(told, Delivery::Acknowledged { offset: last, .. } if *last == offset - 1);
        assert!(told.len() == 1 && is_told(&told[0]), "{told:?}, not up to {}", offset - 1);
        offset += markers;
    };
    send(&mut plain, 0, 400, committed, 0);
    for transaction in 0..12 {
        transactional.begin_transaction().unwrap();
        let from = 400 + transaction * 40;
        // Its marker takes an offset as well; the next transaction waits until it is written.
        if transaction % 3 == 1 {
            send(&mut transactional, from, 40, aborted, 1);
            transactional.abort_transaction(PATIENCE).unwrap();
        } else {
            send(&mut transactional, from, 40, committed, 1);
            transactional.commit_transaction(PATIENCE).unwrap();
        }
    }
    transactional.begin_transaction().unwrap();
    send(&mut transactional, 10_000, 50, committed, 1);
    transactional.commit_transaction(PATIENCE).unwrap();
}

/// Appends a record; its line.
fn append(producer: &mut Producer, topic: &str, partition: usize, number: usize, offset: i64) -> String {
    let key = (!number.is_multiple_of(7)).then(|| format!("key-{}", number % 50).into_bytes());
    let key = if number.is_multiple_of(13) { Some(Vec::new()) } else { key };
    let value = (!number.is_multiple_of(11)).then(|| "a value for Java, ".repeat(number % 5).into_bytes());
    let name = format!("n{}", number % 3);
    let mut headers: Vec<(&str, Option<&[u8]>)> = Vec::new();
    if number.is_multiple_of(5) {
        headers.extend([(name.as_str(), Some(&b"\x00\xff"[..])), ("null", None), (name.as_str(), Some(b""))]);
    }
    let (bytes, id) = (encode(&headers), producer.topic(topic));
    let timestamp = if number.is_multiple_of(17) { 0 } else { 1_700_000_000_000 + (number * 37 % 101) as i64 };
    let (key, value) = (key.as_deref(), value.as_deref());
    let encoded = EncodedHeaders::new(&bytes).unwrap();
    let mut appender = producer.appender().unwrap();
    appender.append(id, partition as i32, timestamp, key, value, encoded).expect("there is room");
    line(partition, &RecordView { offset, timestamp, key, value, headers: &bytes })
}
