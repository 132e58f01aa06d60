//! Topics, records and offsets, through rdkafka: a client that the application under test shares no code with.

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Message, ToBytes};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::HashMap;
use std::future::Future;
use std::time::{Duration, Instant};

const TIMEOUT: Duration = Duration::from_secs(30);

/// A cluster at an address.
#[derive(Debug, Clone)]
pub struct Cluster {
    servers: String,
}

/// The key and value of a record; each may be null.
pub type Pair<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

impl Cluster {
    /// The cluster at `servers`.
    pub fn new(servers: &str) -> Self {
        Self { servers: servers.to_owned() }
    }

    /// Its address.
    pub fn servers(&self) -> &str {
        &self.servers
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.servers);
        config
    }

    fn consumer(&self, group: &str) -> BaseConsumer {
        let mut config = self.client();
        config.set("group.id", group).set("enable.auto.commit", "false").set("enable.partition.eof", "true");
        config.set("fetch.queue.backoff.ms", "5").set("fetch.wait.max.ms", "10");
        config.create().unwrap()
    }

    fn admin<T>(&self, work: impl AsyncFnOnce(&AdminClient<DefaultClientContext>, &AdminOptions) -> T) -> T {
        let admin = self.client().create().unwrap();
        let options = AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT));
        block_on(work(&admin, &options))
    }

    /// Creates a topic.
    ///
    /// # Panics
    /// Where that fails.
    pub fn create_topic(&self, name: &str, partitions: i32) {
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let results = self.admin(async |admin, options| admin.create_topics([&topic], options).await).unwrap();
        results.into_iter().for_each(|result| drop(result.unwrap()));
        super::wait_until("the new topic can be seen", TIMEOUT, || self.partitions(name) == partitions);
    }

    /// Deletes topics; those that do not exist are passed over.
    pub fn delete_topics(&self, names: &[&str]) {
        drop(self.admin(async |admin, options| admin.delete_topics(names, options).await));
    }

    /// Deletes groups without members; those that do not exist are passed over.
    pub fn delete_groups(&self, names: &[&str]) {
        drop(self.admin(async |admin, options| admin.delete_groups(names, options).await));
    }

    /// Gives a topic more partitions.
    ///
    /// # Panics
    /// Where that fails.
    pub fn grow_topic(&self, name: &str, partitions: usize) {
        let new = NewPartitions::new(name, partitions);
        let results = self.admin(async |admin, options| admin.create_partitions([&new], options).await).unwrap();
        results.into_iter().for_each(|result| drop(result.unwrap()));
        super::wait_until("the new partitions can be seen", TIMEOUT, || self.partitions(name) == partitions as i32);
    }

    /// Deletes the records of a partition below `offset`.
    ///
    /// # Panics
    /// Where that fails.
    pub fn delete_records(&self, topic: &str, partition: i32, offset: i64) {
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(topic, partition, Offset::Offset(offset)).unwrap();
        let results = self.admin(async |admin, options| admin.delete_records(&offsets, options).await).unwrap();
        results.elements().iter().for_each(|result| result.error().unwrap());
        super::wait_until("the records are gone", TIMEOUT, || self.extent(topic, partition).0 == offset);
    }

    /// The number of partitions of a topic; 0 where it does not exist.
    ///
    /// # Panics
    /// Where the cluster does not answer.
    pub fn partitions(&self, topic: &str) -> i32 {
        partitions(&self.consumer("none"), topic)
    }

    /// The topics whose names begin so.
    ///
    /// # Panics
    /// Where the cluster does not answer.
    pub fn topics_with_prefix(&self, prefix: &str) -> Vec<String> {
        let metadata = self.consumer("none").fetch_metadata(None, TIMEOUT).unwrap();
        let names = metadata.topics().iter().map(|topic| topic.name());
        names.filter(|name| name.starts_with(prefix)).map(str::to_owned).collect()
    }

    /// First offset and end of a partition.
    ///
    /// # Panics
    /// Where it does not exist.
    pub fn extent(&self, topic: &str, partition: i32) -> (i64, i64) {
        self.consumer("none").fetch_watermarks(topic, partition, TIMEOUT).unwrap()
    }

    /// The end of each partition.
    ///
    /// # Panics
    /// Where the topic does not exist.
    pub fn ends(&self, topic: &str) -> Vec<i64> {
        let consumer = self.consumer("none");
        (0..self.partitions(topic))
            .map(|partition| consumer.fetch_watermarks(topic, partition, TIMEOUT).unwrap().1)
            .collect()
    }

    /// A consumer group of this cluster, seen from outside.
    ///
    /// # Panics
    /// Where the client cannot be made.
    pub fn group(&self, id: &str) -> Group {
        Group { consumer: self.consumer(id) }
    }

    /// Something to write records with.
    ///
    /// # Panics
    /// Where the client cannot be made.
    pub fn producer(&self) -> RecordProducer {
        let mut config = self.client();
        config.set("enable.idempotence", "true").set("linger.ms", "5").set("queue.buffering.max.messages", "100000");
        config.set("partitioner", "murmur2_random");
        RecordProducer { producer: config.create().unwrap() }
    }

    /// Hands every record of a topic to `take`, up to its end as it is now: key, value.
    ///
    /// # Panics
    /// Where it cannot be read to its end within a minute.
    pub fn read(&self, topic: &str, mut take: impl FnMut(Pair<'_>)) {
        let consumer = self.consumer("none");
        let mut left: HashMap<i32, i64> = HashMap::new();
        let mut assigned = TopicPartitionList::new();
        for partition in 0..self.partitions(topic) {
            let (first, end) = consumer.fetch_watermarks(topic, partition, TIMEOUT).unwrap();
            if end > first {
                left.insert(partition, end);
                assigned.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
            }
        }
        consumer.assign(&assigned).unwrap();
        let deadline = Instant::now() + 2 * TIMEOUT;
        while !left.is_empty() {
            assert!(Instant::now() < deadline, "{topic} cannot be read to its end: left are {left:?}");
            match consumer.poll(Duration::from_millis(100)) {
                None => {}
                Some(Ok(message)) => {
                    if message.offset() < left.get(&message.partition()).copied().unwrap_or(0) {
                        take((message.key(), message.payload()));
                    }
                    if left.get(&message.partition()).is_some_and(|&end| message.offset() + 1 >= end) {
                        left.remove(&message.partition());
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => drop(left.remove(&partition)),
                Some(Err(error)) => panic!("{topic}: {error}"),
            }
        }
    }

    /// The last value of each key of a topic, as a compacted topic stands for it.
    ///
    /// # Panics
    /// Where it cannot be read, or has a record without key.
    pub fn table(&self, topic: &str) -> HashMap<Vec<u8>, Vec<u8>> {
        let mut table = HashMap::new();
        self.read(topic, |(key, value)| {
            let key = key.expect("a key").to_owned();
            match value {
                Some(value) => drop(table.insert(key, value.to_owned())),
                None => drop(table.remove(&key)),
            }
        });
        table
    }
}

/// A consumer group, seen from outside.
pub struct Group {
    consumer: BaseConsumer,
}

impl Group {
    /// The offset that it has committed.
    ///
    /// # Panics
    /// Where the cluster does not answer.
    pub fn committed(&self, topic: &str, partition: i32) -> Option<i64> {
        let mut asked = TopicPartitionList::new();
        asked.add_partition(topic, partition);
        let offsets = self.consumer.committed_offsets(asked, TIMEOUT).unwrap();
        match offsets.find_partition(topic, partition).unwrap().offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        }
    }

    /// How far it is behind the end of a topic, over all partitions; none where the topic does not exist.
    ///
    /// # Panics
    /// Where the cluster does not answer.
    pub fn lag(&self, topic: &str) -> Option<i64> {
        let partitions = 0..partitions(&self.consumer, topic);
        if partitions.is_empty() {
            return None;
        }
        let lag = partitions.map(|partition| {
            let (_, end) = self.consumer.fetch_watermarks(topic, partition, TIMEOUT).unwrap();
            end - self.committed(topic, partition).unwrap_or(0)
        });
        Some(lag.sum())
    }
}

fn partitions(consumer: &BaseConsumer, topic: &str) -> i32 {
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT).unwrap();
    metadata.topics().iter().find(|found| found.name() == topic).map_or(0, |found| found.partitions().len() as i32)
}

/// Writes records, idempotently.
pub struct RecordProducer {
    producer: BaseProducer,
}

impl RecordProducer {
    /// Appends a value without key to a partition; waits while the client's buffer is full.
    ///
    /// # Panics
    /// Where the client does not take it.
    pub fn send(&self, topic: &str, partition: i32, value: &[u8]) {
        self.send_record(BaseRecord::<(), [u8]>::to(topic).partition(partition).payload(value));
    }

    /// Appends a record to the partition of its key, as Java's client does.
    ///
    /// # Panics
    /// Where the client does not take it.
    pub fn send_keyed(&self, topic: &str, key: &[u8], value: &[u8]) {
        self.send_record(BaseRecord::to(topic).key(key).payload(value));
    }

    /// Appends a record with this timestamp to the partition of its key, as Java's client does.
    ///
    /// # Panics
    /// Where the client does not take it.
    pub fn send_at(&self, topic: &str, timestamp: i64, key: &[u8], value: &[u8]) {
        self.send_record(BaseRecord::to(topic).key(key).payload(value).timestamp(timestamp));
    }

    /// Appends a record whose key and value are null to a partition, and waits until it is in the log.
    ///
    /// # Panics
    /// Where the client does not take it.
    pub fn send_null(&self, topic: &str, partition: i32) {
        self.send_record(BaseRecord::<(), [u8]>::to(topic).partition(partition));
        self.flush();
    }

    fn send_record<K: ToBytes + ?Sized>(&self, mut record: BaseRecord<'_, K, [u8]>) {
        loop {
            match self.producer.send(record) {
                Ok(()) => return,
                Err((error, again))
                    if error.rdkafka_error_code() == Some(rdkafka::types::RDKafkaErrorCode::QueueFull) =>
                {
                    record = again;
                    self.producer.poll(Duration::from_millis(10));
                }
                Err((error, record)) => panic!("{}: {error}", record.topic),
            }
        }
    }

    /// Waits until everything is in the log.
    ///
    /// # Panics
    /// Where that takes over two minutes.
    pub fn flush(&self) {
        self.producer.flush(4 * TIMEOUT).unwrap();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}
