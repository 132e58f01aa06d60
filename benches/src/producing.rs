//! Producing with librdkafka without ever losing a record unnoticed.

use crate::failure::{Context, Failure, Result};
use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, NoCustomPartitioner, Producer, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use std::sync::Mutex;
use std::time::Duration;

const FLUSH_LIMIT: Duration = Duration::from_secs(120);

/// Keeps the first failure.
#[derive(Default)]
pub struct Deliveries(Mutex<Option<String>>);

impl ClientContext for Deliveries {}

impl ProducerContext<NoCustomPartitioner> for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _: ()) {
        if let Err((error, _)) = result {
            let mut first = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            first.get_or_insert_with(|| error.to_string());
        }
    }
}

pub struct Output {
    producer: BaseProducer<Deliveries>,
    sent: u64,
}

impl Output {
    pub fn open(servers: &str) -> Result<Self> {
        Self::open_with(servers, &[])
    }

    pub fn open_with(servers: &str, settings: &[(&str, &str)]) -> Result<Self> {
        let mut config = ClientConfig::new();
        for (key, value) in settings {
            config.set(*key, *value);
        }
        let producer = config
            .set("bootstrap.servers", servers)
            .set("delivery.report.only.error", "true")
            // As Kafka's own clients: a key's partition is the same whoever produces it.
            .set("partitioner", "murmur2_random")
            .create_with_context(Deliveries::default())
            .context(|| "no producer".to_owned())?;
        Ok(Self { producer, sent: 0 })
    }

    pub fn send(&mut self, mut record: BaseRecord<'_, [u8], [u8]>) -> Result<()> {
        while let Err((error, returned)) = self.producer.send(record) {
            match error {
                KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) => {
                    self.producer.poll(Duration::from_millis(10));
                    record = returned;
                }
                error => return Err(Failure::new(format!("record {} could not be produced: {error}", self.sent))),
            }
        }
        self.sent += 1;
        if self.sent.is_multiple_of(1024) {
            self.producer.poll(Duration::ZERO);
        }
        Ok(())
    }

    /// Waits until all records are delivered.
    pub fn finish(self) -> Result<()> {
        self.producer.flush(FLUSH_LIMIT).context(|| format!("{} records not all delivered", self.sent))?;
        let first = self.producer.context().0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        match first {
            Some(error) => Err(Failure::new(format!("not all records were delivered: {error}"))),
            None => Ok(()),
        }
    }
}
