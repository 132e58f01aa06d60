//! What only this broker has: a clock to be moved, faults, limits, compaction on demand. The rest is in the contract suite.

mod compaction;
mod faults;
mod limits;
mod time;

use super::{EmbeddedBroker, EmbeddedProducer, Isolation};
use crate::broker::{Broker, Producer, Properties};
use crate::record::{OutputBatch, TopicPartition};
use bytes::Bytes;
use kafka_client::group::{
    GroupCoordinator, GroupError, GroupProtocol, Heartbeat, JoinGroup, JoinedGroup, MemberIdentity, SyncGroup,
};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(10);

fn partition(topic: &str) -> TopicPartition {
    TopicPartition::new(topic, 0)
}

fn properties(pairs: &[(&str, &str)]) -> Properties {
    pairs.iter().copied().collect()
}

fn texts(broker: &EmbeddedBroker, topic: &str, isolation: Isolation) -> Vec<String> {
    let records = broker.read_all(topic, isolation).unwrap();
    records.iter().map(|record| String::from_utf8_lossy(record.value.as_deref().unwrap_or(b"-")).into_owned()).collect()
}

fn send(producer: &mut EmbeddedProducer, topic: &str, value: &str) {
    let mut batch = OutputBatch::default();
    let index = batch.topic_index(topic);
    batch.push(index, 0, 1, Some(b"k"), Some(value.as_bytes()), &[]);
    producer.send(&mut batch).unwrap();
}

/// A registered producer with an open transaction of one record.
fn open_transaction(broker: &EmbeddedBroker, id: &str, topic: &str, value: &str) -> EmbeddedProducer {
    let mut producer = broker.producer(&properties(&[("transactional.id", id)])).unwrap();
    producer.init_transactions(TIMEOUT).unwrap();
    producer.begin_transaction().unwrap();
    send(&mut producer, topic, value);
    producer
}

/// A member of group `g`, driven by hand.
struct Member {
    coordinator: Arc<dyn GroupCoordinator>,
    identity: MemberIdentity,
    session_timeout: Duration,
    rebalance_timeout: Duration,
}

impl Member {
    fn new(broker: &EmbeddedBroker) -> Self {
        let identity =
            MemberIdentity { group_id: "g".into(), generation: -1, member_id: String::new(), group_instance_id: None };
        let coordinator = broker.group_coordinator(&Properties::new()).unwrap();
        let (session_timeout, rebalance_timeout) = (Duration::from_secs(10), Duration::from_secs(30));
        Self { coordinator, identity, session_timeout, rebalance_timeout }
    }

    fn send_join(&self) -> Receiver<Result<JoinedGroup, GroupError>> {
        let (sender, receiver) = channel();
        let request = JoinGroup {
            group_id: self.identity.group_id.clone(),
            member_id: self.identity.member_id.clone(),
            group_instance_id: None,
            session_timeout: self.session_timeout,
            rebalance_timeout: self.rebalance_timeout,
            protocols: vec![GroupProtocol { name: "p".into(), metadata: Bytes::new() }],
            reason: None,
        };
        self.coordinator.join(request, Box::new(move |result| drop(sender.send(result))));
        receiver
    }

    /// Takes an id and joins with it; the answer may still have to come.
    fn start_joining(&mut self) -> Receiver<Result<JoinedGroup, GroupError>> {
        match self.send_join().try_recv().unwrap() {
            Err(GroupError::MemberIdRequired(id)) => self.identity.member_id = id,
            other => panic!("{other:?}"),
        }
        self.send_join()
    }

    fn joined(&mut self, joined: &JoinedGroup) {
        self.identity.generation = joined.generation;
    }

    fn send_sync(&self) -> Receiver<Result<(), GroupError>> {
        let (sender, receiver) = channel();
        let request = SyncGroup { member: self.identity.clone(), protocol_name: "p".into(), assignments: Vec::new() };
        self.coordinator.sync(request, Box::new(move |result| drop(sender.send(result.map(|_| ())))));
        receiver
    }

    fn join_alone(&mut self) {
        let joined = self.start_joining().try_recv().unwrap().unwrap();
        self.joined(&joined);
        self.send_sync().try_recv().unwrap().unwrap();
    }

    fn heartbeat(&self) -> Result<(), GroupError> {
        let (sender, receiver) = channel();
        let request = Heartbeat { member: self.identity.clone() };
        self.coordinator.heartbeat(request, Box::new(move |result| drop(sender.send(result))));
        receiver.try_recv().unwrap()
    }
}
