use super::Setup;
use bytes::Bytes;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use streams_core::broker::{Admin, Broker, BrokerError, Consumer, Delivery, Fetched, NewTopic, Producer, Properties};
use streams_core::record::{Headers, OutputBatch, TopicPartition};

/// How long a scenario waits for anything.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Tries until `attempt` gives something.
///
/// # Panics
/// Where it does not within [`DEADLINE`]; says what was waited for.
pub fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// One run of one scenario: its names, its clients, and what it has to clean up.
pub struct Scenario<'a, B: Broker> {
    setup: &'a Setup<B>,
    /// Unique to this run.
    pub id: String,
    /// An admin client.
    pub admin: B::Admin,
    topics: RefCell<Vec<String>>,
}

/// A record as a consumer handed it over.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadRecord {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its timestamp.
    pub timestamp: i64,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value.
    pub value: Option<Bytes>,
    /// Its headers.
    pub headers: Headers,
}

impl ReadRecord {
    /// The value as text; empty for null.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.value.as_deref().unwrap_or_default()).into_owned()
    }
}

impl<'a, B: Broker> Scenario<'a, B> {
    /// Names of its own, begun with `name`.
    pub fn new(setup: &'a Setup<B>, name: &str) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let count = COUNT.fetch_add(1, Ordering::SeqCst);
        let id = format!("contract-{name}-{:x}-{}-{count}", since_epoch.as_micros(), std::process::id());
        let admin = setup.broker.admin(&setup.properties).expect("an admin client");
        Self { setup, id, admin, topics: RefCell::default() }
    }

    /// A new topic of one partition.
    pub fn topic(&self) -> String {
        self.topic_with(1, &[])
    }

    /// A new topic.
    pub fn topic_with(&self, partitions: i32, config: &[(&str, &str)]) -> String {
        let name = format!("{}-t{}", self.id, self.topics.borrow().len());
        let config = config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        self.create(&name, partitions, config).expect("the topic is created");
        name
    }

    /// Creates a topic that is deleted at the end.
    pub fn create(&self, name: &str, partitions: i32, config: BTreeMap<String, String>) -> Result<(), BrokerError> {
        self.topics.borrow_mut().push(name.to_owned());
        let topic = NewTopic { name: name.to_owned(), partitions, replication_factor: -1, config };
        self.admin.create_topics(&[topic], DEADLINE).expect("an answer").remove(0)
    }

    /// The properties of a client, with some of its own.
    pub fn properties(&self, own: &[(&str, &str)]) -> Properties {
        let mut properties = self.setup.properties.clone();
        for (key, value) in own {
            properties.set(*key, *value);
        }
        properties
    }

    /// The broker under test.
    pub fn broker(&self) -> &B {
        &self.setup.broker
    }

    /// The setup under test.
    pub fn setup(&self) -> &Setup<B> {
        self.setup
    }

    /// A producer without transactions.
    pub fn producer(&self) -> TestProducer<B> {
        self.producer_with(&[])
    }

    /// A registered producer with a transactional id that ends in `slot`.
    pub fn transactional(&self, slot: &str) -> TestProducer<B> {
        let mut producer = self.unregistered(slot);
        producer.client.init_transactions(DEADLINE).expect("the producer registers");
        producer
    }

    /// A producer with a transactional id that ends in `slot`, not yet registered.
    pub fn unregistered(&self, slot: &str) -> TestProducer<B> {
        self.producer_with(&[("transactional.id", &format!("{}-{slot}", self.id))])
    }

    /// A producer with these properties of its own.
    pub fn producer_with(&self, own: &[(&str, &str)]) -> TestProducer<B> {
        let client = self.broker().producer(&self.properties(own)).expect("a producer");
        TestProducer { client, batch: OutputBatch::default() }
    }

    /// A consumer of all records, assigned to partition 0 of `topic` from its beginning.
    pub fn reader(&self, topic: &str) -> B::Consumer {
        self.consumer(&[("isolation.level", "read_uncommitted")], &[(topic, 0, 0)])
    }

    /// The same for committed records.
    pub fn committed_reader(&self, topic: &str) -> B::Consumer {
        self.consumer(&[("isolation.level", "read_committed")], &[(topic, 0, 0)])
    }

    /// A consumer with properties and assignment.
    pub fn consumer(&self, own: &[(&str, &str)], assigned: &[(&str, i32, i64)]) -> B::Consumer {
        let mut consumer = self.broker().consumer(&self.properties(own)).expect("a consumer");
        let assigned: Vec<_> = assigned
            .iter()
            .map(|(topic, partition, offset)| (TopicPartition::new(*topic, *partition), *offset))
            .collect();
        consumer.assign(&assigned).expect("the assignment is taken");
        consumer
    }
}

impl<B: Broker> Drop for Scenario<'_, B> {
    fn drop(&mut self) {
        let topics = self.topics.borrow();
        let names: Vec<_> = topics.iter().map(String::as_str).collect();
        // What a failed scenario cannot clean up must not hide why it failed.
        let _ = self.admin.delete_topics(&names, DEADLINE);
    }
}

/// A producer with a batch of its own.
pub struct TestProducer<B: Broker> {
    /// The client.
    pub client: B::Producer,
    /// What [`send`](Self::send) sends.
    pub batch: OutputBatch,
}

impl<B: Broker> TestProducer<B> {
    /// Adds a record to the batch.
    pub fn add(&mut self, topic: &str, partition: i32, key: Option<&[u8]>, value: Option<&[u8]>, timestamp: i64) {
        let index = self.batch.topic_index(topic);
        self.batch.push(index, partition, timestamp, key, value, &[]);
    }

    /// Sends the batch; returns what was told once all of it has been told.
    pub fn send(&mut self) -> Vec<Delivery> {
        self.client.send(&mut self.batch).expect("the batch is taken over");
        assert!(self.batch.is_empty(), "a batch that was taken over is cleared");
        let mut deliveries = Vec::new();
        // What failed may fail the flush too, where the client says so by it; the deliveries tell.
        let _ = self.client.flush(DEADLINE);
        self.client.deliveries(&mut deliveries);
        deliveries
    }

    /// Sends texts as values to partition 0 of `topic`, with key `k`.
    ///
    /// # Panics
    /// Where one fails.
    pub fn texts(&mut self, topic: &str, values: &[&str]) {
        for value in values {
            self.add(topic, 0, Some(b"k"), Some(value.as_bytes()), 1_000);
        }
        for delivery in self.send() {
            assert!(matches!(delivery, Delivery::Acknowledged { .. }), "{delivery:?}");
        }
    }

    /// A transaction of these texts, begun but not ended.
    pub fn open(&mut self, topic: &str, values: &[&str]) {
        self.client.begin_transaction().expect("a transaction begins");
        self.texts(topic, values);
    }

    /// A committed transaction of these texts.
    pub fn committed(&mut self, topic: &str, values: &[&str]) {
        self.open(topic, values);
        self.client.commit_transaction(DEADLINE).expect("the transaction commits");
    }

    /// An aborted transaction of these texts.
    pub fn aborted(&mut self, topic: &str, values: &[&str]) {
        self.open(topic, values);
        self.client.abort_transaction(DEADLINE).expect("the transaction aborts");
    }
}

/// Polls until `count` records have come.
///
/// # Panics
/// On a failed partition, or where they do not come in time; where more come, too.
pub fn read<C: Consumer>(consumer: &mut C, count: usize) -> Vec<ReadRecord> {
    let mut records = Vec::new();
    poll_until(consumer, &mut records, |records, _| records.len() >= count);
    assert_eq!(records.len(), count, "{records:?}");
    records
}

/// Polls until the position of partition 0 of `topic` is `position` or past it (the marker of a transaction that has just been committed
/// may not have been appended when its end was asked for); returns what came.
pub fn read_to<C: Consumer>(consumer: &mut C, topic: &str, position: i64) -> Vec<ReadRecord> {
    let partition = TopicPartition::new(topic, 0);
    let mut records = Vec::new();
    poll_until(consumer, &mut records, |_, consumer| consumer.position(&partition) >= Some(position));
    records
}

/// The values of partition 0 of `topic` that a consumer of committed records sees up to `position`.
pub fn texts(records: &[ReadRecord]) -> Vec<String> {
    records.iter().map(ReadRecord::text).collect()
}

/// Polls until `done`.
pub fn poll_until<C: Consumer>(
    consumer: &mut C,
    records: &mut Vec<ReadRecord>,
    done: impl Fn(&[ReadRecord], &C) -> bool,
) {
    let deadline = Instant::now() + DEADLINE;
    while !done(records, consumer) {
        assert!(Instant::now() < deadline, "only {} records came within {DEADLINE:?}", records.len());
        let mut fetched = Vec::new();
        consumer.poll(Duration::from_millis(100), &mut fetched).expect("a poll");
        for found in fetched {
            let Fetched::Batch(batch) = found else { panic!("{found:?}") };
            take(&batch, records);
        }
    }
}

/// Polls until something other than records comes.
pub fn poll_failure<C: Consumer>(consumer: &mut C) -> Fetched {
    eventually("a failure of a partition", || {
        let mut fetched = Vec::new();
        consumer.poll(Duration::from_millis(100), &mut fetched).expect("a poll");
        fetched.into_iter().find(|found| !matches!(found, Fetched::Batch(_)))
    })
}

fn take(batch: &streams_core::record::RecordBatch, records: &mut Vec<ReadRecord>) {
    let slice = |bytes: &[u8]| Bytes::copy_from_slice(bytes);
    for record in batch.iter() {
        records.push(ReadRecord {
            partition: batch.topic_partition().partition,
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key.map(slice),
            value: record.value.map(slice),
            headers: Headers::from_encoded(slice(record.headers)),
        });
    }
}

/// A partition of `topic`.
pub fn partition(topic: &str, number: i32) -> TopicPartition {
    TopicPartition::new(Arc::<str>::from(topic), number)
}
