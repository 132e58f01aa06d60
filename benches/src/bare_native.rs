//! The same as `bare`, through the native client: what the least work on it costs.

use crate::bare::Bare;
use crate::cluster::{PARTITIONS, TIMEOUT};
use crate::failure::{Context, Failure, Result};
use crate::interrupt::Interrupt;
use kafka_client::consumer::{Assignment, Consumer, ConsumerConfig, Event};
use kafka_client::group::{CommitOffsets, CommittedOffset, GroupCoordinator, MemberIdentity};
use kafka_client::producer::{Delivery, Producer, ProducerConfig, TopicId};
use kafka_client::records::{EncodedHeaders, Records};
use kafka_client::{ClientConfig, GroupClient, Reactor};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel, sync_channel};
use std::time::{Duration, Instant};

/// The loop, with all that it needs.
struct Loop {
    consumer: Consumer,
    producer: Producer,
    output: TopicId,
    partitions: Vec<Assignment>,
    /// Something has arrived.
    woken: Receiver<()>,
    group: GroupClient,
}

impl Bare {
    /// Runs until SIGTERM.
    pub fn run_native(&self, interrupt: &Interrupt) -> Result<()> {
        let interval: u64 = self.commit_interval_ms.parse().context(|| "the commit interval".to_owned())?;
        let mut running = self.open()?;
        let mut committed = Instant::now();
        while !interrupt.requested() {
            running.round()?;
            if committed.elapsed() >= Duration::from_millis(interval) {
                running.commit(self)?;
                committed = Instant::now();
            }
        }
        running.commit(self)
    }

    fn open(&self) -> Result<Loop> {
        let reactor = Reactor::start("kafka-data").context(|| "no thread".to_owned())?;
        let client = ClientConfig::new(self.servers.split(','), "bare");
        let (wake, woken) = sync_channel(1);
        let config = ConsumerConfig { max_poll_records: usize::MAX >> 1, ..ConsumerConfig::default() };
        let arrived = move || {
            // One that is full wakes as well.
            let _ = wake.try_send(());
        };
        let mut consumer =
            Consumer::start(&reactor, client.clone(), config, arrived).context(|| "no consumer".to_owned())?;
        let mut producer = Producer::start(&reactor, client.clone(), ProducerConfig::default())
            .context(|| "no producer".to_owned())?;
        let input: Arc<str> = self.input.as_str().into();
        let partitions = (0..PARTITIONS).map(|partition| consumer.assign(&input, partition, 0)).collect();
        let group = GroupClient::connect(client).context(|| "no group".to_owned())?;
        let output = producer.topic(&self.output);
        Ok(Loop { consumer, producer, output, partitions, woken, group })
    }
}

impl Loop {
    fn round(&mut self) -> Result<()> {
        let mut events = Vec::new();
        self.consumer.poll(&mut events);
        if events.is_empty() {
            return match self.woken.recv_timeout(Duration::from_millis(100)) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => Ok(()),
                Err(RecvTimeoutError::Disconnected) => Err(Failure::new("the client's thread has ended")),
            };
        }
        for (assignment, event) in events {
            let Event::Records(records) = event else { return Err(Failure::new(format!("{event:?}"))) };
            let partition = self.partitions.iter().position(|other| *other == assignment).unwrap_or_default();
            self.send(partition as i32, &records)?;
        }
        Ok(())
    }

    fn send(&mut self, partition: i32, records: &Records) -> Result<()> {
        let mut records = records.iter().peekable();
        while records.peek().is_some() {
            let mut appender = self.producer.appender().context(|| "producing".to_owned())?;
            while let Some(record) = records.peek() {
                let headers = EncodedHeaders::new(record.headers).unwrap_or_default();
                let (key, value) = (record.key, record.value);
                if appender.append(self.output, partition, record.timestamp, key, value, headers).is_err() {
                    break;
                }
                records.next();
            }
            drop(appender);
            if records.peek().is_some() {
                self.producer.wait_for_room(None).context(|| "producing".to_owned())?;
            }
        }
        Ok(())
    }

    fn commit(&mut self, bare: &Bare) -> Result<()> {
        self.producer.flush(TIMEOUT).context(|| "flushing".to_owned())?;
        let mut deliveries = Vec::new();
        self.producer.deliveries(&mut deliveries);
        if let Some(failed) = deliveries.iter().find(|delivery| matches!(delivery, Delivery::Failed { .. })) {
            return Err(Failure::new(format!("{failed:?}")));
        }
        let offsets = self.partitions.iter().zip(0..).map(|(assignment, partition)| CommittedOffset {
            topic: bare.input.clone(),
            partition,
            offset: self.consumer.position(*assignment).unwrap_or_default(),
            leader_epoch: None,
            metadata: String::new(),
        });
        let outsider = MemberIdentity {
            group_id: bare.group.clone(),
            generation: -1,
            member_id: String::new(),
            group_instance_id: None,
        };
        let request = CommitOffsets { member: outsider, offsets: offsets.collect() };
        let (sender, receiver) = channel();
        self.group.commit_offsets(request, Box::new(move |result| drop(sender.send(result))));
        let committed = receiver.recv().context(|| "no answer about offsets".to_owned())?;
        committed.context(|| "offsets could not be committed".to_owned())
    }
}
