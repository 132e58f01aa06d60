//! A broker that takes batches, and what tests say to it.

use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kafka_client::producer::{Delivery, Producer, ProducerConfig};
use kafka_client::records::{EncodedHeaders, RecordsReader};
use kafka_client::{ClientError, Reactor};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::*;

use crate::support::{Broker, Received, Step, answer, config, coordinator_at};

pub const DEADLINE: Duration = Duration::from_secs(20);

/// One partition's batch as the broker got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Got {
    pub connection: usize,
    /// Number of the request among all.
    pub request: usize,
    pub partition: i32,
    pub epoch: u16,
    pub sequence: u32,
    pub values: Vec<String>,
}

/// A broker that leads three partitions of every topic, and remembers what is produced.
pub struct Cluster {
    pub broker: Broker,
    got: Arc<Mutex<Vec<Got>>>,
    asked: Arc<Mutex<Vec<ApiKey>>>,
}

/// What a test says of the batches of one request; none is success.
pub type Say = dyn Fn(&Received, &[Got]) -> Option<Reply> + Send + Sync;

pub enum Reply {
    /// The same error code for every batch.
    Code(i16),
    Throttle(i32),
    Step(Step),
}

impl Cluster {
    pub fn start(say: impl Fn(&Received, &[Got]) -> Option<Reply> + Send + Sync + 'static) -> Self {
        Self::start_with(|_| None, say)
    }

    /// Where `first` says nothing, it answers as usual.
    pub fn start_with(
        first: impl Fn(&Received) -> Option<Step> + Send + Sync + 'static,
        say: impl Fn(&Received, &[Got]) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        let (got, asked) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let (port, requests) = (Arc::new(AtomicU16::new(0)), AtomicUsize::new(0));
        let say: Box<Say> = Box::new(say);
        let (remembered, asked_of, known_port) = (Arc::clone(&got), Arc::clone(&asked), Arc::clone(&port));
        let broker = Broker::start(move |received| {
            asked_of.lock().unwrap().push(received.key);
            let port = known_port.load(Ordering::SeqCst);
            if let Some(step) = first(received) {
                return Some(step);
            }
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

    pub fn producer(&self, reactor: &Reactor, producer: ProducerConfig) -> Producer {
        Producer::start(reactor, config(&self.broker), producer).unwrap()
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    pub fn asked(&self, key: ApiKey) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| **asked == key).count()
    }
}

pub fn versions() -> ApiVersionsResponse {
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

pub fn metadata(received: &Received, port: u16) -> MetadataResponse {
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

pub fn read(received: &Received, number: usize) -> Vec<Got> {
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

pub fn produced(received: &Received, code: i16, throttle: i32) -> ProduceResponse {
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

pub fn at_once() -> ProducerConfig {
    ProducerConfig { linger: Duration::ZERO, ..ProducerConfig::default() }
}

pub fn reactor() -> Reactor {
    Reactor::start("test").unwrap()
}

pub fn append(producer: &mut Producer, partition: i32, value: &str) {
    let topic = producer.topic("t");
    let mut appender = producer.appender().unwrap();
    appender.append(topic, partition, 1, None, Some(value.as_bytes()), EncodedHeaders::NONE).unwrap();
}

pub fn send(producer: &mut Producer, partition: i32, value: &str) {
    append(producer, partition, value);
    producer.flush(DEADLINE).unwrap();
}

pub fn failures(producer: &mut Producer) -> Vec<(i32, ClientError, u32)> {
    let mut deliveries = Vec::new();
    producer.deliveries(&mut deliveries);
    let failed = |delivery| match delivery {
        Delivery::Failed { partition, error, records, .. } => Some((partition, error, records)),
        Delivery::Acknowledged { .. } => None,
    };
    deliveries.into_iter().filter_map(failed).collect()
}

pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not within {DEADLINE:?}");
        std::thread::yield_now();
    }
}
