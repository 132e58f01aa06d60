//! Requests over a plain connection, by the reference codec: nothing of the client under test.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::{BufMut, Bytes, BytesMut};
use kafka_client::records::{AbortedTransaction, DecodeOptions, RecordsReader};
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes, encode_request_header_into_buffer};

pub const DEADLINE: Duration = Duration::from_secs(30);

pub fn bootstrap_servers() -> String {
    std::env::var("KAFKA_BOOTSTRAP_SERVERS")
        .expect("set KAFKA_BOOTSTRAP_SERVERS to the host:port of a running broker to run these tests")
}

/// A name that no other test and no earlier run has used.
pub fn unique(prefix: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    format!("{prefix}-{}-{nanos}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst))
}

/// A plain connection to the broker.
pub struct Raw(TcpStream);

impl Raw {
    pub fn connect() -> Self {
        let servers = bootstrap_servers();
        Self(TcpStream::connect(servers.split(',').next().unwrap()).expect("the broker can be reached"))
    }

    pub fn ask<R: Decodable>(&mut self, key: ApiKey, version: i16, request: &impl Encodable) -> R {
        let header = RequestHeader::default()
            .with_request_api_key(key as i16)
            .with_request_api_version(version)
            .with_client_id(Some("test".into()));
        let mut frame = BytesMut::new();
        frame.put_i32(0);
        encode_request_header_into_buffer(&mut frame, &header).unwrap();
        request.encode(&mut frame, version).unwrap();
        let length = frame.len() as u32 - 4;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        self.0.write_all(&frame).unwrap();
        let mut length = [0; 4];
        self.0.read_exact(&mut length).unwrap();
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut answer).unwrap();
        let mut answer = Bytes::from(answer);
        ResponseHeader::decode(&mut answer, key.response_header_version(version)).unwrap();
        R::decode(&mut answer, version).unwrap()
    }
}

/// Creates a topic and waits until each partition has a leader that answers.
pub fn create_topic(partitions: i32, configs: &[(&'static str, &'static str)]) -> String {
    let name = unique("producer");
    let configs = configs.iter().map(|(name, value)| {
        CreatableTopicConfig::default().with_name((*name).into()).with_value(Some((*value).into()))
    });
    let topic = CreatableTopic::default()
        .with_name(TopicName(StrBytes::from_string(name.clone())))
        .with_num_partitions(partitions)
        .with_replication_factor(-1)
        .with_configs(configs.collect());
    let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(20_000);
    let mut raw = Raw::connect();
    let answer: CreateTopicsResponse = raw.ask(ApiKey::CreateTopics, 5, &request);
    assert_eq!(answer.topics[0].error_code, 0, "{:?}", answer.topics[0].error_message);
    let deadline = Instant::now() + DEADLINE;
    for partition in 0..partitions {
        while fetch(&mut raw, &name, partition, 0, false).is_err() {
            assert!(Instant::now() < deadline, "the broker does not lead the topic it created");
        }
    }
    name
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRecord {
    pub offset: i64,
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<u8>,
}

pub struct Fetched {
    pub records: Vec<ReadRecord>,
    pub next_offset: i64,
    /// Highest offset that readers of this isolation may see, plus one.
    pub end: i64,
}

/// One fetch; the error is the broker's code.
pub fn fetch(raw: &mut Raw, topic: &str, partition: i32, from: i64, committed: bool) -> Result<Fetched, i16> {
    let wanted = FetchPartition::default()
        .with_partition(partition)
        .with_fetch_offset(from)
        .with_partition_max_bytes(8 << 20)
        .with_current_leader_epoch(-1)
        .with_last_fetched_epoch(-1);
    let topic = FetchTopic::default()
        .with_topic(TopicName(StrBytes::from_string(topic.to_owned())))
        .with_partitions(vec![wanted]);
    let request = FetchRequest::default()
        .with_max_wait_ms(10)
        .with_min_bytes(1)
        .with_max_bytes(16 << 20)
        .with_isolation_level(i8::from(committed))
        .with_session_epoch(-1)
        .with_topics(vec![topic]);
    let answer: FetchResponse = raw.ask(ApiKey::Fetch, 12, &request);
    let fetched = &answer.responses[0].partitions[0];
    if fetched.error_code != 0 {
        return Err(fetched.error_code);
    }
    let aborted: Vec<_> = fetched
        .aborted_transactions
        .iter()
        .flatten()
        .map(|one| AbortedTransaction { producer_id: one.producer_id.0, first_offset: one.first_offset })
        .collect();
    let options = DecodeOptions { from, aborted: &aborted, ..DecodeOptions::default() };
    let mut batches = Vec::new();
    let bytes = fetched.records.clone().unwrap_or_default();
    let decoded = RecordsReader::new().decode(bytes, &options, &mut batches).unwrap();
    let records = batches.iter().flat_map(|batch| batch.iter()).map(|record| ReadRecord {
        offset: record.offset,
        timestamp: record.timestamp,
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.map(<[u8]>::to_vec),
        headers: record.headers.to_vec(),
    });
    let end = if committed { fetched.last_stable_offset } else { fetched.high_watermark };
    Ok(Fetched { records: records.collect(), next_offset: decoded.next_offset, end })
}

/// All that readers may see now.
pub fn read(topic: &str, partition: i32, committed: bool) -> Vec<ReadRecord> {
    let (mut raw, mut from, mut records) = (Raw::connect(), 0, Vec::new());
    let deadline = Instant::now() + DEADLINE;
    loop {
        let fetched = fetch(&mut raw, topic, partition, from, committed).unwrap();
        records.extend(fetched.records);
        from = fetched.next_offset;
        if from >= fetched.end {
            return records;
        }
        assert!(Instant::now() < deadline, "offset {} of {topic}-{partition} was not reached", fetched.end);
    }
}

/// The values of all that readers may see.
pub fn values(topic: &str, partition: i32, committed: bool) -> Vec<String> {
    let records = read(topic, partition, committed);
    records.into_iter().map(|record| String::from_utf8(record.value.unwrap()).unwrap()).collect()
}

/// Asks until it is so.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {DEADLINE:?}");
        std::thread::yield_now();
    }
}
