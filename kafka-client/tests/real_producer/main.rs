//! The producer against a real broker, whose address is in `KAFKA_BOOTSTRAP_SERVERS`.

mod raw;
mod records;
mod transactions;

use kafka_client::producer::{Delivery, Producer, ProducerConfig};
use kafka_client::records::EncodedHeaders;
use kafka_client::{ClientConfig, Reactor};
use raw::{DEADLINE, bootstrap_servers};

fn start(config: ProducerConfig) -> Producer {
    let client = ClientConfig::new(bootstrap_servers().split(','), "producer-test");
    Producer::start(&Reactor::start("kafka-test").unwrap(), client, config).unwrap()
}

/// Appends, waiting for room where there is none.
fn append(producer: &mut Producer, topic: &str, partition: i32, key: Option<&[u8]>, value: Option<&[u8]>) {
    let topic = producer.topic(topic);
    let headers = EncodedHeaders::NONE;
    while producer.appender().unwrap().append(topic, partition, 1_700_000_000_000, key, value, headers).is_err() {
        producer.wait_for_room(Some(DEADLINE)).unwrap();
    }
}

/// What was told, after everything is.
fn delivered(producer: &mut Producer) -> Vec<Delivery> {
    producer.flush(DEADLINE).unwrap();
    assert_eq!(producer.outstanding(), 0);
    let mut deliveries = Vec::new();
    producer.deliveries(&mut deliveries);
    deliveries
}

fn failures(deliveries: &[Delivery]) -> Vec<(i32, Option<i16>, u32)> {
    let failed = |delivery: &Delivery| match delivery {
        Delivery::Failed { partition, error, records, .. } => Some((*partition, error.code(), *records)),
        Delivery::Acknowledged { .. } => None,
    };
    deliveries.iter().filter_map(failed).collect()
}

fn acknowledged(deliveries: &[Delivery]) -> Vec<(i32, i64)> {
    let told = |delivery: &Delivery| match delivery {
        Delivery::Acknowledged { partition, offset, .. } => Some((*partition, *offset)),
        Delivery::Failed { .. } => None,
    };
    let mut told: Vec<_> = deliveries.iter().filter_map(told).collect();
    told.sort_unstable();
    told
}
