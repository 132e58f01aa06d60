use super::errors::from_client;
use crate::broker::{BrokerError, Consumer, Fetched, Waker};
use crate::record::{RecordBatch, TopicPartition};
use hashbrown::HashMap;
use kafka_client::consumer::{self, Assignment, ConsumerConfig, Event};
use kafka_client::{ClientConfig, Reactor};
use std::time::Duration;

/// Reads partitions with the native client: batches stay the bytes that the broker sent.
pub struct NativeConsumer {
    client: consumer::Consumer,
    waker: Waker,
    assigned: HashMap<TopicPartition, Assigned>,
    names: HashMap<Assignment, TopicPartition>,
    events: Vec<(Assignment, Event)>,
}

struct Assigned {
    assignment: Assignment,
    paused: bool,
}

/// Longest single wait; `Duration::MAX` would overflow the clock.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

impl NativeConsumer {
    pub(super) fn start(reactor: &Reactor, client: ClientConfig, config: ConsumerConfig) -> Result<Self, BrokerError> {
        let waker = Waker::default();
        let arrived = waker.clone();
        let client = consumer::Consumer::start(reactor, client, config, move || arrived.wake())
            .map_err(|error| from_client(&error, "consumer configuration"))?;
        Ok(Self { client, waker, assigned: HashMap::new(), names: HashMap::new(), events: Vec::new() })
    }

    fn set_paused(&mut self, partitions: &[TopicPartition], paused: bool) {
        for partition in partitions {
            if let Some(assigned) = self.assigned.get_mut(partition) {
                assigned.paused = paused;
                self.client.set_paused(assigned.assignment, paused);
            }
        }
    }

    /// Hands out what has arrived; says whether that was anything.
    fn take(&mut self, fetched: &mut Vec<Fetched>) -> bool {
        self.client.poll(&mut self.events);
        let before = fetched.len();
        for (assignment, event) in self.events.drain(..) {
            let Some(partition) = self.names.get(&assignment).cloned() else { continue };
            fetched.push(match event {
                Event::Records(records) => Fetched::Batch(RecordBatch::from_records(partition, records)),
                Event::OutOfRange { position } => Fetched::OutOfRange { partition, position },
                Event::Truncated { position, end } => Fetched::Truncated { partition, position, end },
                Event::Failed(error) => {
                    let error = from_client(&error, format_args!("reading {partition}"));
                    Fetched::Failed { partition, error }
                }
            });
        }
        fetched.len() > before
    }
}

impl Consumer for NativeConsumer {
    fn assign(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        for (partition, offset) in partitions {
            let paused = self.assigned.get(partition).is_some_and(|assigned| assigned.paused);
            self.unassign(std::slice::from_ref(partition))?;
            let assignment = self.client.assign(&partition.topic, partition.partition, *offset);
            self.client.set_paused(assignment, paused);
            self.names.insert(assignment, partition.clone());
            self.assigned.insert(partition.clone(), Assigned { assignment, paused });
        }
        Ok(())
    }

    fn unassign(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        for partition in partitions {
            if let Some(Assigned { assignment, .. }) = self.assigned.remove(partition) {
                self.client.unassign(assignment);
                self.names.remove(&assignment);
            }
        }
        Ok(())
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        self.set_paused(partitions, true);
        Ok(())
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        self.set_paused(partitions, false);
        Ok(())
    }

    fn poll(&mut self, timeout: Duration, fetched: &mut Vec<Fetched>) -> Result<(), BrokerError> {
        if !self.take(fetched) && self.waker.wait(timeout.min(LONGEST_WAIT)) {
            self.take(fetched);
        }
        Ok(())
    }

    fn position(&self, partition: &TopicPartition) -> Option<i64> {
        self.assigned.get(partition).and_then(|assigned| self.client.position(assigned.assignment))
    }

    fn end_offset(&self, partition: &TopicPartition) -> Option<i64> {
        self.assigned.get(partition).and_then(|assigned| self.client.end_offset(assigned.assignment))
    }

    fn held_bytes(&self) -> usize {
        self.client.held_bytes()
    }

    fn waker(&self) -> Waker {
        self.waker.clone()
    }
}
