use super::errors::{from_client, from_producer};
use crate::broker::{BrokerError, Delivery, Producer, SendGate};
use crate::record::{HeaderIter, HeadersBuilder, OutputBatch, OutputRecordRef, TopicPartition};
use hashbrown::HashMap;
use kafka_client::group::{CommittedOffset, MemberIdentity};
use kafka_client::producer::{self, Appender, Full, ProducerConfig, TopicId};
use kafka_client::records::EncodedHeaders;
use kafka_client::{ClientConfig, Reactor};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Writes records with the native client: from the task's output straight into the batch that is sent.
#[derive(Debug)]
pub struct NativeProducer {
    client: producer::Producer,
    max_block: Duration,
    topics: HashMap<Arc<str>, TopicId>,
    /// The topics of the batch being sent, by its own numbers.
    of_batch: Vec<TopicId>,
    deliveries: Vec<producer::Delivery>,
}

impl NativeProducer {
    pub(super) fn start(reactor: &Reactor, client: ClientConfig, config: ProducerConfig) -> Result<Self, BrokerError> {
        let max_block = config.max_block;
        let client = producer::Producer::start(reactor, client, config)
            .map_err(|error| from_client(&error, "producer configuration"))?;
        Ok(Self { client, max_block, topics: HashMap::new(), of_batch: Vec::new(), deliveries: Vec::new() })
    }

    fn look_up_topics(&mut self, batch: &OutputBatch) {
        self.of_batch.clear();
        for name in batch.topic_names() {
            let id = match self.topics.get(name) {
                Some(id) => *id,
                None => {
                    let id = self.client.topic(name);
                    self.topics.insert(Arc::clone(name), id);
                    id
                }
            };
            self.of_batch.push(id);
        }
    }

    /// Takes over the records from number `first` on, as far as there is room; answers the number of the first that had none.
    fn take_over(&mut self, batch: &OutputBatch, first: usize) -> Result<usize, BrokerError> {
        let mut appender = self.client.appender().map_err(|error| from_producer(&error, "producing"))?;
        for index in first..batch.len() {
            let record = batch.get(index);
            if append(&mut appender, self.of_batch[record.topic_index], &record).is_err() {
                return Ok(index);
            }
        }
        Ok(batch.len())
    }
}

fn append(appender: &mut Appender<'_>, topic: TopicId, record: &OutputRecordRef<'_>) -> Result<(), Full> {
    let (partition, record) = (record.partition, &record.record);
    match EncodedHeaders::new(record.headers) {
        Ok(headers) => appender.append(topic, partition, record.timestamp, record.key, record.value, headers),
        // What does not parse ends the headers, as it does for whoever reads them here.
        Err(_) => {
            let mut readable = HeadersBuilder::default();
            HeaderIter::over(record.headers).for_each(|(name, value)| readable.push(name, value));
            let readable = readable.build();
            let headers = EncodedHeaders::new(readable.as_encoded()).unwrap_or(EncodedHeaders::NONE);
            appender.append(topic, partition, record.timestamp, record.key, record.value, headers)
        }
    }
}

fn delivery(told: producer::Delivery) -> Delivery {
    match told {
        producer::Delivery::Acknowledged { topic, partition, offset } => {
            Delivery::Acknowledged { partition: TopicPartition { topic, partition }, offset }
        }
        producer::Delivery::Failed { topic, partition, error, records } => {
            let partition = TopicPartition { topic, partition };
            let error = from_client(&error, format_args!("producing {records} records to {partition}"));
            Delivery::Failed { partition, error }
        }
    }
}

impl Producer for NativeProducer {
    fn set_gate(&mut self, gate: SendGate) {
        self.client.set_gate(gate);
    }

    fn set_idle(&mut self, idle: bool) {
        self.client.set_idle(idle);
    }

    fn send(&mut self, batch: &mut OutputBatch) -> Result<(), BrokerError> {
        self.look_up_topics(batch);
        let (mut taken, mut deadline) = (0, None);
        loop {
            taken = match self.take_over(batch, taken) {
                Ok(taken) if taken == batch.len() => break,
                Ok(taken) => taken,
                Err(error) => {
                    batch.drop_first(taken);
                    return Err(error);
                }
            };
            let end = *deadline.get_or_insert_with(|| Instant::now() + self.max_block);
            let left = end.saturating_duration_since(Instant::now());
            if let Err(error) = self.client.wait_for_room(Some(left)) {
                batch.drop_first(taken);
                let context = format!(
                    "producing; {} records are not taken over: no room for max.block.ms; is the broker slow, or buffer.memory small?",
                    batch.len()
                );
                return Err(from_producer(&error, context));
            }
        }
        batch.clear();
        Ok(())
    }

    fn flush(&mut self, timeout: Duration) -> Result<(), BrokerError> {
        self.client.flush(timeout).map_err(|error| {
            let left = self.client.outstanding();
            from_producer(&error, format_args!("flushing; {left} records are not acknowledged yet"))
        })
    }

    fn mark(&mut self) {
        self.client.mark();
    }

    fn reach_mark(&mut self, timeout: Duration, deliveries: &mut Vec<Delivery>) -> Result<bool, BrokerError> {
        let is_reached = self.client.reach_mark(timeout, &mut self.deliveries);
        deliveries.extend(self.deliveries.drain(..).map(delivery));
        Ok(is_reached)
    }

    fn deliveries(&mut self, deliveries: &mut Vec<Delivery>) {
        self.client.deliveries(&mut self.deliveries);
        deliveries.extend(self.deliveries.drain(..).map(delivery));
    }

    fn outstanding(&self) -> usize {
        self.client.outstanding()
    }

    fn init_transactions(&mut self, timeout: Duration) -> Result<(), BrokerError> {
        self.client.init_transactions(timeout).map_err(|error| from_producer(&error, "initializing transactions"))
    }

    fn begin_transaction(&mut self) -> Result<(), BrokerError> {
        self.client.begin_transaction().map_err(|error| from_producer(&error, "beginning a transaction"))
    }

    fn send_offsets_to_transaction(
        &mut self,
        offsets: &[CommittedOffset],
        member: &MemberIdentity,
        timeout: Duration,
    ) -> Result<(), BrokerError> {
        let sent = self.client.send_offsets(offsets, member, timeout);
        sent.map_err(|error| {
            from_producer(&error, format_args!("adding offsets of group {} to the transaction", member.group_id))
        })
    }

    fn commit_transaction(&mut self, timeout: Duration) -> Result<(), BrokerError> {
        self.client.commit_transaction(timeout).map_err(|error| from_producer(&error, "committing the transaction"))
    }

    fn abort_transaction(&mut self, timeout: Duration) -> Result<(), BrokerError> {
        self.client.abort_transaction(timeout).map_err(|error| from_producer(&error, "aborting the transaction"))
    }
}
