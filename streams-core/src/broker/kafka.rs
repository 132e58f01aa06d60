use super::librdkafka::{Librdkafka, LibrdkafkaAdmin, LibrdkafkaConsumer, LibrdkafkaProducer};
use super::native::{Native, NativeAdmin, NativeConsumer, NativeProducer};
use super::{
    Admin, Broker, BrokerError, BrokerErrorKind, Consumer, Delivery, Fetched, NewTopic, OffsetSpec, Producer,
    Properties, SendGate, TopicDescription, Waker,
};
use crate::record::{OutputBatch, TopicPartition};
use kafka_client::group::{CommittedOffset, GroupCoordinator, MemberIdentity};
use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// The client that data go through; `client.implementation` names it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ClientImplementation {
    /// Our own client, on whole record batches. The default.
    #[default]
    Native,
    /// librdkafka.
    Librdkafka,
}

impl FromStr for ClientImplementation {
    type Err = BrokerError;

    fn from_str(name: &str) -> Result<Self, BrokerError> {
        match name {
            "native" => Ok(Self::Native),
            "librdkafka" => Ok(Self::Librdkafka),
            _ => Err(BrokerError::new(
                BrokerErrorKind::InvalidConfig,
                format_args!("client.implementation={name}"),
                "there are native and librdkafka",
            )),
        }
    }
}

/// A Kafka cluster, reached through the client that the application chooses. One decision per batch, none per record.
#[derive(Debug, Clone)]
pub enum Kafka {
    /// Through our own client.
    Native(Native),
    /// Through librdkafka.
    Librdkafka(Librdkafka),
}

impl Kafka {
    /// The cluster behind these brokers: `host:port`, separated by commas. Connects to none of them yet.
    ///
    /// # Errors
    /// Fatal where the system gives no thread.
    pub fn new(
        implementation: ClientImplementation,
        bootstrap_servers: impl Into<Arc<str>>,
    ) -> Result<Self, BrokerError> {
        match implementation {
            ClientImplementation::Native => {
                let native = Native::new(bootstrap_servers);
                let failed = |error| BrokerError::new(BrokerErrorKind::Fatal, "starting the client's thread", error);
                native.map(Self::Native).map_err(failed)
            }
            ClientImplementation::Librdkafka => Ok(Self::Librdkafka(Librdkafka::new(bootstrap_servers))),
        }
    }
}

/// Either client's part.
pub enum EitherClient<N, L> {
    /// Our own client's.
    Native(N),
    /// librdkafka's.
    Librdkafka(L),
}

/// Calls the same method on whichever client it is.
macro_rules! either {
    ($this:expr, $client:ident => $call:expr) => {
        match $this {
            EitherClient::Native($client) => $call,
            EitherClient::Librdkafka($client) => $call,
        }
    };
}

/// Makes the same part of whichever client it is.
macro_rules! make {
    ($this:expr, $broker:ident => $call:expr) => {
        match $this {
            Kafka::Native($broker) => $call.map(EitherClient::Native),
            Kafka::Librdkafka($broker) => $call.map(EitherClient::Librdkafka),
        }
    };
}

impl Broker for Kafka {
    type Consumer = EitherClient<NativeConsumer, LibrdkafkaConsumer>;
    type Producer = EitherClient<NativeProducer, LibrdkafkaProducer>;
    type Admin = EitherClient<NativeAdmin, LibrdkafkaAdmin>;

    fn consumer(&self, properties: &Properties) -> Result<Self::Consumer, BrokerError> {
        make!(self, broker => broker.consumer(properties))
    }

    fn producer(&self, properties: &Properties) -> Result<Self::Producer, BrokerError> {
        make!(self, broker => broker.producer(properties))
    }

    fn admin(&self, properties: &Properties) -> Result<Self::Admin, BrokerError> {
        make!(self, broker => broker.admin(properties))
    }

    fn group_coordinator(&self, properties: &Properties) -> Result<Arc<dyn GroupCoordinator>, BrokerError> {
        match self {
            Self::Native(broker) => broker.group_coordinator(properties),
            Self::Librdkafka(broker) => broker.group_coordinator(properties),
        }
    }
}

impl<N: Consumer, L: Consumer> Consumer for EitherClient<N, L> {
    fn assign(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        either!(self, client => client.assign(partitions))
    }

    fn unassign(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        either!(self, client => client.unassign(partitions))
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        either!(self, client => client.pause(partitions))
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        either!(self, client => client.resume(partitions))
    }

    fn poll(&mut self, timeout: Duration, fetched: &mut Vec<Fetched>) -> Result<(), BrokerError> {
        either!(self, client => client.poll(timeout, fetched))
    }

    fn position(&self, partition: &TopicPartition) -> Option<i64> {
        either!(self, client => client.position(partition))
    }

    fn end_offset(&self, partition: &TopicPartition) -> Option<i64> {
        either!(self, client => client.end_offset(partition))
    }

    fn held_bytes(&self) -> usize {
        either!(self, client => client.held_bytes())
    }

    fn waker(&self) -> Waker {
        either!(self, client => client.waker())
    }
}

impl<N: Producer, L: Producer> Producer for EitherClient<N, L> {
    fn set_gate(&mut self, gate: SendGate) {
        either!(self, client => client.set_gate(gate))
    }

    fn set_idle(&mut self, idle: bool) {
        either!(self, client => client.set_idle(idle))
    }

    fn send(&mut self, batch: &mut OutputBatch) -> Result<(), BrokerError> {
        either!(self, client => client.send(batch))
    }

    fn flush(&mut self, timeout: Duration) -> Result<(), BrokerError> {
        either!(self, client => client.flush(timeout))
    }

    fn mark(&mut self) {
        either!(self, client => client.mark())
    }

    fn reach_mark(&mut self, timeout: Duration, deliveries: &mut Vec<Delivery>) -> Result<bool, BrokerError> {
        either!(self, client => client.reach_mark(timeout, deliveries))
    }

    fn deliveries(&mut self, deliveries: &mut Vec<Delivery>) {
        either!(self, client => client.deliveries(deliveries))
    }

    fn outstanding(&self) -> usize {
        either!(self, client => client.outstanding())
    }

    fn init_transactions(&mut self, timeout: Duration) -> Result<(), BrokerError> {
        either!(self, client => client.init_transactions(timeout))
    }

    fn begin_transaction(&mut self) -> Result<(), BrokerError> {
        either!(self, client => client.begin_transaction())
    }

    fn send_offsets_to_transaction(
        &mut self,
        offsets: &[CommittedOffset],
        member: &MemberIdentity,
        timeout: Duration,
    ) -> Result<(), BrokerError> {
        either!(self, client => client.send_offsets_to_transaction(offsets, member, timeout))
    }

    fn commit_transaction(&mut self, timeout: Duration) -> Result<(), BrokerError> {
        either!(self, client => client.commit_transaction(timeout))
    }

    fn abort_transaction(&mut self, timeout: Duration) -> Result<(), BrokerError> {
        either!(self, client => client.abort_transaction(timeout))
    }
}

impl<N: Admin, L: Admin> Admin for EitherClient<N, L> {
    fn describe_topics(&self, names: Option<&[&str]>, timeout: Duration) -> Result<Vec<TopicDescription>, BrokerError> {
        either!(self, client => client.describe_topics(names, timeout))
    }

    fn create_topics(
        &self,
        topics: &[NewTopic],
        timeout: Duration,
    ) -> Result<Vec<Result<(), BrokerError>>, BrokerError> {
        either!(self, client => client.create_topics(topics, timeout))
    }

    fn delete_topics(&self, names: &[&str], timeout: Duration) -> Result<(), BrokerError> {
        either!(self, client => client.delete_topics(names, timeout))
    }

    fn topic_config(&self, name: &str, timeout: Duration) -> Result<BTreeMap<String, String>, BrokerError> {
        either!(self, client => client.topic_config(name, timeout))
    }

    fn list_offsets(
        &self,
        partitions: &[(TopicPartition, OffsetSpec)],
        timeout: Duration,
    ) -> Result<Vec<i64>, BrokerError> {
        either!(self, client => client.list_offsets(partitions, timeout))
    }

    fn delete_records(&self, before: &[(TopicPartition, i64)], timeout: Duration) -> Result<(), BrokerError> {
        either!(self, client => client.delete_records(before, timeout))
    }
}
