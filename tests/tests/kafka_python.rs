//! What clients in Python (kafka-python and aiokafka) write is read by the native client, and what that writes they read: key, value, headers,
//! timestamp and offset, in every compression, with transactions of which some are aborted. `python/peer.py` is the other side.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kafka_client::admin::{Admin, NewTopic};
use kafka_client::consumer::{Consumer, ConsumerConfig, Event};
use kafka_client::producer::{Producer, ProducerConfig};
use kafka_client::records::{Compression, EncodedHeaders, RecordView};
use kafka_client::{ClientConfig, Reactor};
use tests::kafka::environment::{bootstrap_servers, python, unique};

const PATIENCE: Duration = Duration::from_secs(60);
const CLIENTS: [&str; 2] = ["kafka-python", "aiokafka"];
/// Partition by partition.
const COMPRESSIONS: [(Compression, &str); 5] = [
    (Compression::None, "none"),
    (Compression::Gzip, "gzip"),
    (Compression::Snappy, "snappy"),
    (Compression::Lz4, "lz4"),
    (Compression::Zstd, "zstd"),
];
/// Of `peer.py`, as well: records outside of transactions, transactions, and records in each.
const PLAIN: usize = 400;
const TRANSACTIONS: usize = 12;
const IN_TRANSACTION: usize = 40;

/// Records as lines of text, of transactions that were committed (or of none) and aborted.
#[derive(Default)]
struct Written {
    committed: Vec<String>,
    aborted: Vec<String>,
}

impl Written {
    /// What a reader of uncommitted records sees.
    fn all(&self) -> Vec<String> {
        self.committed.iter().chain(&self.aborted).cloned().collect()
    }
}

fn client() -> ClientConfig {
    ClientConfig::new(bootstrap_servers().split(','), "python-interop")
}

/// A new topic with a partition for each compression.
fn create_topic(name: &str) -> String {
    let name = unique(name);
    let admin = Admin::start(&Reactor::start("interop-admin").unwrap(), client()).unwrap();
    for created in admin.create_topics(&[NewTopic::new(&*name, COMPRESSIONS.len() as i32)], PATIENCE).unwrap() {
        created.unwrap();
    }
    name
}

/// The lines that a client prints.
fn peer(client: &str, what: &str, topic: &str, rest: &[&str]) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/peer.py");
    let mut command = Command::new(python());
    command.arg(script).args([client, what, &bootstrap_servers(), topic]).args(rest);
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn read_by_peer(client: &str, topic: &str, isolation: &str) -> Vec<String> {
    peer(client, "read", topic, &[&COMPRESSIONS.len().to_string(), isolation])
}

/// What the native client reads up to the end.
fn read(topic: &str, read_committed: bool, wanted: usize) -> Vec<String> {
    let user = std::thread::current();
    let config = ConsumerConfig { read_committed, max_partition_fetch_bytes: 10_000, ..ConsumerConfig::default() };
    let reactor = Reactor::start("interop-consumer").unwrap();
    let mut consumer = Consumer::start(&reactor, client(), config, move || user.unpark()).unwrap();
    let name: Arc<str> = topic.into();
    let assignments: Vec<_> = (0..COMPRESSIONS.len()).map(|index| consumer.assign(&name, index as i32, 0)).collect();
    let at_end = |consumer: &Consumer| {
        assignments.iter().all(|id| consumer.end_offset(*id).is_some_and(|end| consumer.position(*id) == Some(end)))
    };
    let (start, mut events, mut lines) = (Instant::now(), Vec::new(), Vec::new());
    while lines.len() < wanted || !at_end(&consumer) {
        assert!(start.elapsed() < PATIENCE, "{} of {wanted} records", lines.len());
        consumer.poll(&mut events);
        if events.is_empty() {
            std::thread::park_timeout(Duration::from_millis(50));
        }
        for (assignment, event) in events.drain(..) {
            let Event::Records(records) = event else { panic!("{event:?}") };
            let partition = assignments.iter().position(|known| *known == assignment).unwrap();
            lines.extend(records.iter().map(|record| line("committed", partition, &record)));
        }
    }
    lines
}

/// Plain records, then transactions of which every third is aborted, in each compression.
fn write(topic: &str) -> Written {
    let (reactor, mut written) = (Reactor::start("interop-producer").unwrap(), Written::default());
    for (partition, (compression, _)) in COMPRESSIONS.into_iter().enumerate() {
        let start = |transactional_id| {
            let config =
                ProducerConfig { compression, batch_size: 4000, transactional_id, ..ProducerConfig::default() };
            Producer::start(&reactor, client(), config).unwrap()
        };
        let (mut plain, mut transactional) = (start(None), start(Some(format!("{topic}-{partition}"))));
        transactional.init_transactions(PATIENCE).unwrap();
        let mut offset = 0;
        let lines = (0..PLAIN).map(|number| append(&mut plain, topic, partition, number, &mut offset));
        written.committed.extend(lines);
        plain.flush(PATIENCE).unwrap();
        for transaction in 0..TRANSACTIONS {
            let aborted = transaction % 3 == 1;
            let first = PLAIN + transaction * IN_TRANSACTION;
            transactional.begin_transaction().unwrap();
            let lines = (first..first + IN_TRANSACTION)
                .map(|number| append(&mut transactional, topic, partition, number, &mut offset));
            if aborted {
                written.aborted.extend(lines);
            } else {
                written.committed.extend(lines);
            }
            transactional.flush(PATIENCE).unwrap();
            let ended = match aborted {
                true => transactional.abort_transaction(PATIENCE),
                false => transactional.commit_transaction(PATIENCE),
            };
            ended.unwrap();
            // The marker's.
            offset += 1;
        }
    }
    written
}

/// Appends a record, which will get this offset; its line.
fn append(producer: &mut Producer, topic: &str, partition: usize, number: usize, offset: &mut i64) -> String {
    let key =
        if number.is_multiple_of(13) { Some(Vec::new()) } else { Some(format!("key-{}", number % 50).into_bytes()) };
    let key = key.filter(|_| !number.is_multiple_of(7));
    let value = (!number.is_multiple_of(11)).then(|| "a value for Python, ".repeat(number % 5).into_bytes());
    let mut headers = Vec::new();
    if number.is_multiple_of(5) {
        let name = format!("n{}", number % 3);
        for (name, value) in [(name.as_str(), Some(&b"\x00\xff"[..])), ("null", None), (name.as_str(), Some(b""))] {
            // Lengths below 64 take one byte, twice their value; null is -1.
            headers.push(name.len() as u8 * 2);
            headers.extend_from_slice(name.as_bytes());
            headers.push(value.map_or(1, |value| value.len() as u8 * 2));
            headers.extend_from_slice(value.unwrap_or_default());
        }
    }
    let timestamp = if number.is_multiple_of(17) { 0 } else { 1_700_000_000_000 + (number * 37 % 101) as i64 };
    let (key, value, id) = (key.as_deref(), value.as_deref(), producer.topic(topic));
    let encoded = EncodedHeaders::new(&headers).unwrap();
    let mut appender = producer.appender().unwrap();
    appender.append(id, partition as i32, timestamp, key, value, encoded).expect("there is room");
    let line = line("committed", partition, &RecordView { offset: *offset, timestamp, key, value, headers: &headers });
    *offset += 1;
    line
}

/// A record as `peer.py` prints it.
fn line(fate: &str, partition: usize, record: &RecordView<'_>) -> String {
    let RecordView { offset, timestamp, key, value, mut headers } = *record;
    let mut line = format!("{fate} {partition} {offset} {timestamp} {} {}", hex(key), hex(value));
    while !headers.is_empty() {
        let name = field(&mut headers);
        let value = field(&mut headers);
        write!(line, " {}={}", hex(name), hex(value)).unwrap();
    }
    line
}

/// A length as `append` has it, and so many bytes.
fn field<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first().unwrap();
    assert!(*length < 128, "a long header");
    let (field, rest) = rest.split_at(if *length == 1 { 0 } else { usize::from(*length / 2) });
    *bytes = rest;
    (*length != 1).then_some(field)
}

fn hex(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else { return "-".to_owned() };
    bytes.iter().fold("x".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The same records, each once; of each partition in the order of their offsets.
fn assert_same(what: &str, found: &[String], expected: &[String]) {
    let (unique, expected): (BTreeSet<_>, BTreeSet<_>) = (found.iter().collect(), expected.iter().collect());
    assert_eq!(unique.len(), found.len(), "{what}: something came twice");
    let missing: Vec<_> = expected.difference(&unique).take(3).collect();
    let surplus: Vec<_> = unique.difference(&expected).take(3).collect();
    assert!(missing.is_empty() && surplus.is_empty(), "{what}: missing {missing:#?}, surplus {surplus:#?}");
    let place = |line: &str| -> (usize, i64) {
        let mut fields = line.split(' ').skip(1);
        (fields.next().unwrap().parse().unwrap(), fields.next().unwrap().parse().unwrap())
    };
    let mut places: Vec<_> = found.iter().map(|line| place(line)).collect();
    places.sort_by_key(|(partition, _)| *partition);
    assert!(places.is_sorted(), "{what}: the order is not that of the offsets");
}

#[test]
fn what_python_clients_write_is_read() {
    for client in CLIENTS {
        let topic = create_topic(&format!("from-{client}"));
        let lines = peer(client, "write", &topic, &COMPRESSIONS.map(|(_, name)| name));
        let (committed, aborted) = lines.into_iter().partition(|line| line.starts_with("committed "));
        let mut written: Written = Written { committed, aborted };
        let of_each = PLAIN + 8 * IN_TRANSACTION + TRANSACTIONS * 3 + 50;
        assert_eq!((written.committed.len(), written.aborted.len()), (5 * of_each, 5 * 4 * IN_TRANSACTION), "{client}");
        for line in &mut written.aborted {
            *line = line.replacen("aborted", "committed", 1);
        }
        assert_same(client, &read(&topic, true, written.committed.len()), &written.committed);
        let all = written.all();
        assert_same(client, &read(&topic, false, all.len()), &all);
    }
}

#[test]
fn python_clients_read_what_is_written() {
    let topic = create_topic("to-python");
    let written = write(&topic);
    // Here as well, so that a difference can be told from one of the reader.
    assert_same("native", &read(&topic, true, written.committed.len()), &written.committed);
    for client in CLIENTS {
        assert_same(client, &read_by_peer(client, &topic, "read_committed"), &written.committed);
        assert_same(client, &read_by_peer(client, &topic, "read_uncommitted"), &written.all());
    }
}
