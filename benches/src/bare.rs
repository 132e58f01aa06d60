//! The measure of what librdkafka alone costs: consumes the input and produces each record to the output, nothing else.

use crate::cluster::{PARTITIONS, TIMEOUT};
use crate::failure::{Context, Failure, Result};
use crate::interrupt::Interrupt;
use crate::producing::Output;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::BaseRecord;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::time::Duration;

pub struct Bare {
    pub servers: String,
    pub group: String,
    pub input: String,
    pub output: String,
    pub commit_interval_ms: String,
}

impl Bare {
    /// The arguments that `parse` reads, behind the option that names the client.
    pub fn arguments(&self) -> [&str; 5] {
        [&self.servers, &self.group, &self.input, &self.output, &self.commit_interval_ms]
    }

    /// `arguments` without the first.
    pub fn parse(arguments: &[String]) -> Result<Self> {
        match arguments {
            [servers, group, input, output, commit_interval_ms] => Ok(Self {
                servers: servers.clone(),
                group: group.clone(),
                input: input.clone(),
                output: output.clone(),
                commit_interval_ms: commit_interval_ms.clone(),
            }),
            _ => Err(Failure::new("usage: bench --bare|--bare-native SERVERS GROUP INPUT OUTPUT COMMIT_INTERVAL_MS")),
        }
    }

    /// Runs until SIGTERM.
    pub fn run(&self, interrupt: &Interrupt) -> Result<()> {
        let consumer = self.consumer()?;
        let mut output = Output::open(&self.servers)?;
        while !interrupt.requested() {
            let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
            let message = message.context(|| format!("topic {} cannot be read", self.input))?;
            let mut record = BaseRecord::to(&self.output);
            record.key = message.key();
            record.payload = message.payload();
            record.timestamp = message.timestamp().to_millis();
            output.send(record)?;
        }
        output.finish()?;
        match consumer.commit_consumer_state(CommitMode::Sync) {
            Ok(()) | Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => Ok(()),
            Err(error) => Err(Failure::new(format!("offsets could not be committed: {error}"))),
        }
    }

    fn consumer(&self) -> Result<BaseConsumer> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.servers)
            .set("group.id", &self.group)
            .set("auto.commit.interval.ms", &self.commit_interval_ms)
            .set("auto.offset.reset", "earliest")
            // librdkafka rests for a second whenever its queue is full, and fills 64 MiB, unless told otherwise.
            .set("fetch.queue.backoff.ms", "5")
            .set("queued.min.messages", "20000")
            .create()
            .context(|| "no consumer".to_owned())?;
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition_range(&self.input, 0, PARTITIONS - 1);
        partitions.set_all_offsets(Offset::Beginning).context(|| "offsets".to_owned())?;
        consumer.assign(&partitions).context(|| format!("topic {} cannot be assigned", self.input))?;
        consumer.fetch_metadata(Some(&self.input), TIMEOUT).context(|| format!("{} does not answer", self.servers))?;
        Ok(consumer)
    }
}
