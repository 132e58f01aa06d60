//! Consumers of a broker with a log in memory, which goes wrong as each test says.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_client::consumer::{Assignment, Consumer, ConsumerConfig, Event};
use kafka_client::records::{BatchWriter, Compression, Compressor, EncodedHeaders, ProducerStamp};
use kafka_client::{ClientError, Reactor};
use kafka_protocol::messages::fetch_request::FetchPartition;
use kafka_protocol::messages::fetch_response::{EpochEndOffset, FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{ApiKey, FetchRequest, FetchResponse, MetadataResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::support::*;

const DEADLINE: Duration = Duration::from_secs(20);
const NOT_LEADER: i16 = 6;
const SESSION_NOT_FOUND: i16 = 70;
/// Records of each batch of a [`Log`].
const BATCH: i64 = 10;

/// A topic `t` whose partitions have so many batches each.
struct Log {
    id: u8,
    batches: Vec<usize>,
}

impl Log {
    fn new(batches: &[usize]) -> Self {
        Self { id: 1, batches: batches.to_vec() }
    }

    fn metadata(&self, brokers: &[u16], leader: usize) -> MetadataResponse {
        let partitions = (0..self.batches.len()).map(|index| {
            MetadataResponsePartition::default()
                .with_partition_index(index as i32)
                .with_leader_id((leader as i32).into())
                .with_leader_epoch(leader as i32)
        });
        let topic = MetadataResponseTopic::default()
            .with_name(Some(TopicName(StrBytes::from_static_str("t"))))
            .with_topic_id(Uuid::from_bytes([self.id; 16]))
            .with_partitions(partitions.collect());
        let brokers = brokers.iter().enumerate().map(|(node, port)| {
            MetadataResponseBroker::default()
                .with_node_id((node as i32).into())
                .with_host(StrBytes::from_static_str("127.0.0.1"))
                .with_port(i32::from(*port))
        });
        MetadataResponse::default().with_brokers(brokers.collect()).with_topics(vec![topic])
    }

    /// One batch from the position of each partition on.
    fn answer(&self, wanted: &[FetchPartition]) -> FetchResponse {
        let partitions = wanted.iter().map(|wanted| self.partition(wanted)).collect();
        self.with_partitions(partitions)
    }

    fn with_partitions(&self, partitions: Vec<PartitionData>) -> FetchResponse {
        let topic = FetchableTopicResponse::default()
            .with_topic_id(Uuid::from_bytes([self.id; 16]))
            .with_partitions(partitions);
        FetchResponse::default().with_responses(vec![topic])
    }

    fn partition(&self, wanted: &FetchPartition) -> PartitionData {
        let end = self.batches[wanted.partition as usize] as i64 * BATCH;
        let base = wanted.fetch_offset / BATCH * BATCH;
        let records = if base < end { batch(base) } else { Bytes::new() };
        PartitionData::default()
            .with_partition_index(wanted.partition)
            .with_high_watermark(end)
            .with_last_stable_offset(end)
            .with_records(Some(records))
    }
}

/// A batch whose records have their offsets as keys.
fn batch(base: i64) -> Bytes {
    let mut writer = BatchWriter::new(1024);
    for offset in base..base + BATCH {
        writer.append(offset, Some(offset.to_string().as_bytes()), Some(b"value"), EncodedHeaders::NONE).unwrap();
    }
    let mut compressor = Compressor::new(Compression::None, None).unwrap();
    let mut bytes = writer.finish(&mut compressor, &ProducerStamp::NONE).unwrap().to_vec();
    bytes[..8].copy_from_slice(&base.to_be_bytes());
    bytes.into()
}

/// The partitions of a request without session.
fn wanted(received: &Received) -> Vec<FetchPartition> {
    let request: FetchRequest = received.read();
    request.topics.into_iter().flat_map(|topic| topic.partitions).collect()
}

/// A broker with this log; `special` may answer fetches in another way.
fn broker(log: Log, special: impl Fn(&Log, &Received) -> Option<Step> + Send + Sync + 'static) -> Broker {
    Broker::start_with_port(move |received, port| match received.key {
        ApiKey::ApiVersions => answer(received, &versions(&[(ApiKey::Metadata, 0, 13), (ApiKey::Fetch, 4, 18)])),
        ApiKey::Metadata => answer(received, &log.metadata(&[port], 0)),
        ApiKey::Fetch => special(&log, received).or_else(|| answer(received, &log.answer(&wanted(received)))),
        _ => None,
    })
}

/// A consumer, and what wakes its user.
struct Reader {
    consumer: Consumer,
    woken: Arc<(Mutex<bool>, Condvar)>,
    events: Vec<(Assignment, Event)>,
}

impl Reader {
    fn new(broker: &Broker, settings: ConsumerConfig) -> Self {
        let reactor = Reactor::start("test").unwrap();
        let woken = Arc::new((Mutex::new(false), Condvar::new()));
        let wake = Arc::clone(&woken);
        let notify = move || {
            *wake.0.lock().unwrap() = true;
            wake.1.notify_all();
        };
        let mut client = config(broker);
        client.topic_metadata_propagation_max = Duration::from_millis(50);
        let consumer = Consumer::start(&reactor, client, settings, notify).unwrap();
        Self { consumer, woken, events: Vec::new() }
    }

    fn assign(&mut self, partition: i32, offset: i64) -> Assignment {
        self.consumer.assign(&"t".into(), partition, offset)
    }

    /// Polls until `done` says so of all that has come.
    fn until(&mut self, what: &str, done: impl Fn(&[(Assignment, Event)]) -> bool) -> &[(Assignment, Event)] {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let before = self.events.len();
            let mut fresh = Vec::new();
            self.consumer.poll(&mut fresh);
            self.events.append(&mut fresh);
            if done(&self.events) {
                return &self.events;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "not within {DEADLINE:?}: {what}; {} events came", self.events.len());
            if self.events.len() == before {
                let woken = self.woken.0.lock().unwrap();
                let waited = self.woken.1.wait_timeout_while(woken, left, |woken| !*woken);
                *waited.unwrap().0 = false;
            }
        }
    }

    /// Reads so many records of an assignment; they must be those from `from` on, each once.
    fn read(&mut self, assignment: Assignment, from: i64, count: usize) {
        let events = self.until("all records", |events| offsets(events, assignment).len() >= count);
        let expected: Vec<i64> = (from..from + count as i64).collect();
        assert_eq!(offsets(events, assignment), expected);
    }
}

/// Offsets of the records of an assignment, which must be in their keys as well.
fn offsets(events: &[(Assignment, Event)], assignment: Assignment) -> Vec<i64> {
    let mut offsets = Vec::new();
    for (_, event) in events.iter().filter(|(other, _)| *other == assignment) {
        let Event::Records(records) = event else { continue };
        for record in records.iter() {
            assert_eq!(record.key, Some(record.offset.to_string().as_bytes()));
            offsets.push(record.offset);
        }
    }
    offsets
}

fn is_over(events: &[(Assignment, Event)]) -> bool {
    events.iter().any(|(_, event)| !matches!(event, Event::Records(_)))
}

#[test]
fn records_come_in_order_from_where_each_partition_is_assigned() {
    let broker = broker(Log::new(&[3, 2]), |_, _| None);
    let mut reader = Reader::new(&broker, ConsumerConfig { max_poll_records: 7, ..ConsumerConfig::default() });
    let (first, second) = (reader.assign(0, 4), reader.assign(1, 0));
    reader.read(first, 4, 26);
    reader.read(second, 0, 20);
    assert_eq!(reader.consumer.position(first), Some(30));
    assert_eq!(reader.consumer.end_offset(second), Some(20));
    let most = reader.events.iter().map(|(_, event)| match event {
        Event::Records(records) => records.spans.len(),
        _ => 0,
    });
    assert!(most.max() <= Some(7));
}

#[test]
fn a_partition_is_fetched_while_the_broker_waits_for_news_of_another() {
    let broker = broker(Log::new(&[0, 1]), |_, received| {
        wanted(received).iter().all(|wanted| wanted.partition == 0).then_some(Step::Silence)
    });
    let mut reader = Reader::new(&broker, ConsumerConfig::default());
    reader.assign(0, 0);
    let deadline = Instant::now() + DEADLINE;
    while broker.accepted.load(Ordering::SeqCst) < 2 {
        assert!(Instant::now() < deadline, "the quiet partition is fetched");
        std::thread::yield_now();
    }
    let second = reader.assign(1, 0);
    reader.read(second, 0, 10);
}

#[test]
fn a_broken_connection_and_an_answer_cut_off_lose_and_repeat_nothing() {
    let count = AtomicUsize::new(0);
    let broker = broker(Log::new(&[6]), move |log, received| match count.fetch_add(1, Ordering::SeqCst) {
        1 => Some(Step::Close),
        3 => match answer(received, &log.answer(&wanted(received))) {
            Some(Step::Answer(body)) => Some(Step::Cut(body, 50)),
            _ => None,
        },
        _ => None,
    });
    let mut reader = Reader::new(&broker, ConsumerConfig::default());
    let assignment = reader.assign(0, 0);
    reader.read(assignment, 0, 60);
}

#[test]
fn a_moved_leader_is_followed() {
    let moved = Arc::new(AtomicBool::new(false));
    let knows = Arc::clone(&moved);
    let log = Log::new(&[5]);
    let new_leader = Broker::start(move |received| match received.key {
        ApiKey::ApiVersions => answer(received, &versions(&[(ApiKey::Metadata, 0, 13), (ApiKey::Fetch, 4, 18)])),
        ApiKey::Fetch => answer(received, &log.answer(&wanted(received))),
        // Only the old leader knows who leads.
        _ => Some(Step::Close),
    });
    let new_port = new_leader.port;
    let log = Log::new(&[5]);
    let old_leader = Broker::start_with_port(move |received, port| match received.key {
        ApiKey::ApiVersions => answer(received, &versions(&[(ApiKey::Metadata, 0, 13), (ApiKey::Fetch, 4, 18)])),
        ApiKey::Metadata => {
            answer(received, &log.metadata(&[port, new_port], usize::from(knows.load(Ordering::SeqCst))))
        }
        ApiKey::Fetch => {
            let wanted = wanted(received);
            if wanted[0].fetch_offset < 20 {
                return answer(received, &log.answer(&wanted));
            }
            knows.store(true, Ordering::SeqCst);
            let refused = PartitionData::default().with_error_code(NOT_LEADER);
            answer(received, &log.with_partitions(vec![refused]))
        }
        _ => None,
    });
    let mut reader = Reader::new(&old_leader, ConsumerConfig::default());
    let assignment = reader.assign(0, 0);
    reader.read(assignment, 0, 50);
    assert!(moved.load(Ordering::SeqCst));
}

#[test]
fn a_session_that_the_broker_forgot_is_started_anew() {
    let count = AtomicUsize::new(0);
    let broker = broker(Log::new(&[4, 1]), move |log, received| {
        let request: FetchRequest = received.read();
        let step = count.fetch_add(1, Ordering::SeqCst);
        if request.session_id != 0 && step % 3 == 2 {
            return answer(received, &FetchResponse::default().with_error_code(SESSION_NOT_FOUND));
        }
        assert_eq!(request.session_epoch == 0, request.session_id == 0, "a new session or one that goes on");
        answer(received, &log.answer(&wanted(received)).with_session_id(9))
    });
    let mut reader = Reader::new(&broker, ConsumerConfig::default());
    let assignment = reader.assign(0, 0);
    reader.read(assignment, 0, 40);
}

#[test]
fn corrupt_bytes_are_an_error_behind_the_records_before_them() {
    let broker = broker(Log::new(&[3]), |log, received| {
        let wanted = wanted(received);
        (wanted[0].fetch_offset == 10).then(|| {
            let mut bytes = batch(10).to_vec();
            *bytes.last_mut().unwrap() ^= 1;
            let whole = [&batch(0)[..0], &bytes].concat();
            let partition = log.partition(&wanted[0]).with_records(Some(whole.into()));
            answer(received, &log.with_partitions(vec![partition]))
        })?
    });
    let mut reader = Reader::new(&broker, ConsumerConfig::default());
    let assignment = reader.assign(0, 0);
    let events = reader.until("the error", is_over);
    assert_eq!(offsets(events, assignment), (0..10).collect::<Vec<_>>());
    let Some((_, Event::Failed(ClientError::Malformed(problem)))) = events.last() else { panic!("{events:?}") };
    assert!(problem.contains("t-0") && problem.contains("10"), "{problem}");
    assert_eq!(reader.consumer.position(assignment), Some(10));
}

#[test]
fn a_log_that_was_cut_off_is_told_with_its_new_end() {
    let broker = broker(Log::new(&[3]), |log, received| {
        let wanted = wanted(received);
        (wanted[0].fetch_offset == 20).then(|| {
            let diverging = EpochEndOffset::default().with_epoch(0).with_end_offset(15);
            let partition = log.partition(&wanted[0]).with_records(None).with_diverging_epoch(diverging);
            answer(received, &log.with_partitions(vec![partition]))
        })?
    });
    let mut reader = Reader::new(&broker, ConsumerConfig::default());
    reader.assign(0, 0);
    let events = reader.until("the truncation", is_over);
    assert!(matches!(events.last(), Some((_, Event::Truncated { position: 20, end: 15 }))), "{events:?}");
}

#[test]
fn a_topic_made_anew_puts_the_position_out_of_range() {
    let anew = Arc::new(AtomicBool::new(false));
    let (log, other) = (Log::new(&[2]), Log { id: 2, batches: vec![9] });
    let broker = Broker::start_with_port(move |received, port| match received.key {
        ApiKey::ApiVersions => answer(received, &versions(&[(ApiKey::Metadata, 0, 13), (ApiKey::Fetch, 4, 18)])),
        ApiKey::Metadata if anew.load(Ordering::SeqCst) => answer(received, &other.metadata(&[port], 0)),
        ApiKey::Metadata => answer(received, &log.metadata(&[port], 0)),
        ApiKey::Fetch => {
            let wanted = wanted(received);
            if wanted[0].fetch_offset < 20 {
                return answer(received, &log.answer(&wanted));
            }
            anew.store(true, Ordering::SeqCst);
            let unknown_id = PartitionData::default().with_error_code(100);
            answer(received, &log.with_partitions(vec![unknown_id]))
        }
        _ => None,
    });
    let mut reader = Reader::new(&broker, ConsumerConfig::default());
    reader.assign(0, 0);
    let events = reader.until("that the position is gone", is_over);
    assert!(matches!(events.last(), Some((_, Event::OutOfRange { position: 20 }))), "{events:?}");
}

#[test]
fn what_waits_of_paused_partitions_gives_way_and_comes_again() {
    let broker = broker(Log::new(&[2, 40]), |_, _| None);
    // Room for hardly more than one batch.
    let tight = ConsumerConfig { buffer_memory: 200, ..ConsumerConfig::default() };
    let mut reader = Reader::new(&broker, tight);
    let (paused, busy) = (reader.assign(0, 0), reader.assign(1, 0));
    reader.consumer.set_paused(paused, true);
    reader.read(busy, 0, 400);
    assert_eq!(offsets(&reader.events, paused), [0i64; 0]);
    reader.consumer.set_paused(paused, false);
    reader.read(paused, 0, 20);
}

#[test]
fn nothing_comes_of_what_was_unassigned_and_an_unknown_topic_fails() {
    let broker = broker(Log::new(&[5]), |_, _| None);
    let mut reader = Reader::new(&broker, ConsumerConfig { max_poll_records: 3, ..ConsumerConfig::default() });
    let first = reader.assign(0, 0);
    reader.read(first, 0, 3);
    reader.consumer.unassign(first);
    reader.events.clear();
    let again = reader.assign(0, 40);
    reader.read(again, 40, 10);
    assert!(reader.events.iter().all(|(assignment, _)| *assignment == again));
    let beyond = reader.assign(7, 0);
    let events = reader.until("the error", is_over);
    let refused = |event: &Event| matches!(event, Event::Failed(ClientError::Refused { code: 3, .. }));
    assert!(events.iter().any(|(assignment, event)| *assignment == beyond && refused(event)), "{events:?}");
}
