//! Topics and offsets in a cluster of two brokers whose leaders and controller move.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kafka_client::admin::{Admin, NewTopic, OffsetSpec};
use kafka_client::{ClientConfig, ClientError, Reactor};
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult};
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::*;

use crate::support::*;

const DEADLINE: Duration = Duration::from_secs(30);
const NOT_LEADER: i16 = 6;

/// What both brokers say of the cluster.
#[derive(Default)]
struct State {
    ports: Mutex<Vec<u16>>,
    /// Of partition 1 of the topic "t"; partition 0 is led by broker 1. Below 0: the topic does not exist.
    leader: AtomicI32,
    controller: AtomicI32,
    /// Requests as broker, partitions asked for.
    log: Mutex<Vec<(i32, Vec<i32>)>>,
}

impl State {
    fn new(leader: i32, controller: i32) -> Arc<Self> {
        let state = Self::default();
        state.leader.store(leader, Ordering::SeqCst);
        state.controller.store(controller, Ordering::SeqCst);
        Arc::new(state)
    }

    fn metadata(&self, received: &Received) -> Option<Step> {
        let brokers = (1..).zip(self.ports.lock().unwrap().clone()).map(|(node, port)| {
            MetadataResponseBroker::default()
                .with_node_id(BrokerId(node))
                .with_host("127.0.0.1".into())
                .with_port(port.into())
        });
        let leader = self.leader.load(Ordering::SeqCst);
        let partition = |index, leader| {
            let partition = MetadataResponsePartition::default().with_partition_index(index);
            partition.with_leader_id(BrokerId(leader)).with_leader_epoch(leader)
        };
        let topic = MetadataResponseTopic::default().with_name(Some(TopicName("t".into())));
        let topic = match leader {
            ..0 => topic.with_error_code(3),
            _ => topic.with_partitions(vec![partition(0, 1), partition(1, leader)]),
        };
        let message = MetadataResponse::default()
            .with_brokers(brokers.collect())
            .with_controller_id(BrokerId(self.controller.load(Ordering::SeqCst)))
            .with_topics(vec![topic]);
        answer(received, &message)
    }

    /// Two brokers and a client of the first.
    fn start(
        self: &Arc<Self>,
        script: impl Fn(&State, i32, &Received) -> Option<Step> + Clone + Send + Sync + 'static,
    ) -> (Admin, Vec<Broker>) {
        let start = |node| {
            let (state, script) = (Arc::clone(self), script.clone());
            Broker::start(move |received| match received.key {
                ApiKey::Metadata => state.metadata(received),
                ApiKey::ApiVersions => {
                    let kinds = [
                        (ApiKey::Metadata, 0, 13),
                        (ApiKey::ListOffsets, 1, 11),
                        (ApiKey::CreateTopics, 2, 7),
                        (ApiKey::DeleteTopics, 1, 6),
                        (ApiKey::DeleteRecords, 0, 2),
                    ];
                    answer(received, &versions(&kinds))
                }
                _ => script(&state, node, received),
            })
        };
        let brokers: Vec<_> = (1..=2).map(start).collect();
        *self.ports.lock().unwrap() = brokers.iter().map(|broker| broker.port).collect();
        let config = ClientConfig { topic_metadata_propagation_max: DEADLINE / 3, ..config(&brokers[0]) };
        (Admin::start(&Reactor::start("admin").unwrap(), config).unwrap(), brokers)
    }
}

/// Answers with offset 10 + partition where the broker leads.
fn list(state: &State, node: i32, received: &Received, leader: impl Fn(i32) -> i32) -> Option<Step> {
    let request: ListOffsetsRequest = received.read();
    let asked: Vec<_> = request.topics[0].partitions.iter().map(|partition| partition.partition_index).collect();
    assert_eq!(asked.iter().collect::<BTreeSet<_>>().len(), asked.len(), "a partition is named once");
    let partitions = asked.iter().map(|&index| {
        let code = if leader(index) == node { 0 } else { NOT_LEADER };
        let partition = ListOffsetsPartitionResponse::default().with_partition_index(index).with_error_code(code);
        partition.with_offset(i64::from(10 + index))
    });
    let topic =
        ListOffsetsTopicResponse::default().with_name(TopicName("t".into())).with_partitions(partitions.collect());
    state.log.lock().unwrap().push((node, asked));
    answer(received, &ListOffsetsResponse::default().with_topics(vec![topic]))
}

#[test]
fn offsets_are_asked_again_where_the_leader_has_moved_to() {
    let state = State::new(1, 1);
    let (admin, _brokers) = state.start(|state, node, received| {
        let step = list(state, node, received, |partition| partition + 1);
        state.leader.store(2, Ordering::SeqCst);
        step
    });
    let partitions = [("t", 1, OffsetSpec::Latest), ("t", 0, OffsetSpec::Latest)];
    assert_eq!(admin.list_offsets(&partitions, DEADLINE), Ok(vec![11, 10]));
    assert_eq!(*state.log.lock().unwrap(), [(1, vec![1, 0]), (2, vec![1])]);
}

#[test]
fn a_partition_asked_for_twice_is_in_two_requests() {
    let state = State::new(2, 1);
    let (admin, _brokers) = state.start(|state, node, received| list(state, node, received, |partition| partition + 1));
    let partitions = [("t", 0, OffsetSpec::Latest), ("t", 0, OffsetSpec::Earliest), ("t", 1, OffsetSpec::LatestStable)];
    assert_eq!(admin.list_offsets(&partitions, DEADLINE), Ok(vec![10, 10, 11]));
    assert_eq!(state.log.lock().unwrap().len(), 3);
}

#[test]
fn a_leader_that_is_never_found_is_the_error_with_the_partition() {
    let state = State::new(1, 1);
    let (admin, _brokers) = state.start(|state, node, received| list(state, node, received, |_| 3));
    let error = admin.list_offsets(&[("t", 1, OffsetSpec::Latest)], SHORT).unwrap_err();
    assert_eq!(error, not_leader());
}

#[test]
fn what_was_answered_last_is_the_error_where_a_later_attempt_is_not_in_time() {
    let state = State::new(1, 1);
    let answers = Arc::new(First::new(1));
    let (admin, _brokers) = state.start(move |state, node, received| match answers.take() {
        true => list(state, node, received, |_| 3),
        false => Some(Step::Silence),
    });
    let error = admin.list_offsets(&[("t", 1, OffsetSpec::Latest)], SHORT).unwrap_err();
    assert_eq!(error, not_leader());
}

/// Long enough for a first answer on a machine that is busy, as calls go on until then that get none that helps.
const SHORT: Duration = Duration::from_secs(1);

fn not_leader() -> ClientError {
    ClientError::Refused { code: NOT_LEADER, context: "listing the offset of t-1".into() }
}

#[test]
fn a_lost_answer_is_asked_for_again() {
    let state = State::new(2, 1);
    let (lost, above_the_end) = (Arc::new(First::new(2)), Arc::new(First::new(1)));
    let (admin, _brokers) = state.start(move |_, _, received| {
        if lost.take() {
            return Some(Step::Close);
        }
        let request: DeleteRecordsRequest = received.read();
        let asked = &request.topics[0].partitions[0];
        let code = if above_the_end.take() { 1 } else { 0 };
        assert_eq!(asked.offset, if code == 1 { 99 } else { -1 }, "what lies above the end is all");
        let partition = DeleteRecordsPartitionResult::default().with_partition_index(1).with_error_code(code);
        let topic =
            DeleteRecordsTopicResult::default().with_name(TopicName("t".into())).with_partitions(vec![partition]);
        answer(received, &DeleteRecordsResponse::default().with_topics(vec![topic]))
    });
    assert_eq!(admin.delete_records(&[("t", 1, 99)], DEADLINE), Ok(()));
}

#[test]
fn topics_are_created_by_the_controller_of_the_moment_and_waited_for() {
    let state = State::new(-1, 1);
    let (admin, _brokers) = state.start(|state, node, received| {
        let request: CreateTopicsRequest = received.read();
        let names = request.topics.into_iter().map(|topic| topic.name);
        let code = |name: &TopicName| match (node, &***name) {
            (1, _) => 41,
            (_, "bad") => 37,
            _ => 0,
        };
        let results = names.map(|name| CreatableTopicResult::default().with_error_code(code(&name)).with_name(name));
        let step = answer(received, &CreateTopicsResponse::default().with_topics(results.collect()));
        // The topic has no leader for its second partition until the controller has been asked.
        state.leader.store(if node == 2 { 1 } else { -1 }, Ordering::SeqCst);
        state.controller.store(2, Ordering::SeqCst);
        step
    });
    let results = admin.create_topics(&[NewTopic::new("bad", 0), NewTopic::new("t", 2)], DEADLINE).unwrap();
    assert_eq!(results, [Err(ClientError::Refused { code: 37, context: "creating topic bad".into() }), Ok(())]);
}

#[test]
fn a_topic_that_does_not_appear_is_said_to_have_been_created() {
    let state = State::new(-1, 1);
    let (admin, _brokers) = state.start(|_, _, received| {
        let result = CreatableTopicResult::default().with_name(TopicName("t".into()));
        answer(received, &CreateTopicsResponse::default().with_topics(vec![result]))
    });
    let results = admin.create_topics(&[NewTopic::new("t", 2)], Duration::from_millis(300)).unwrap();
    let error = results[0].as_ref().unwrap_err();
    assert!(error.is_retriable() && error.to_string().contains("topic t, which has been created"), "{error}");
}

#[test]
fn only_topics_that_may_still_be_deleted_are_asked_for_again() {
    let state = State::new(-1, 1);
    let (admin, _brokers) = state.start(|state, node, received| {
        let request: DeleteTopicsRequest = received.read();
        let mut log = state.log.lock().unwrap();
        log.push((node, vec![request.topics.len() as i32]));
        let results = request.topics.into_iter().map(|topic| {
            let code = match &***topic.name.as_ref().unwrap() {
                "slow" if log.len() == 1 => 7,
                "missing" => 3,
                _ => 0,
            };
            DeletableTopicResult::default().with_name(topic.name).with_error_code(code)
        });
        answer(received, &DeleteTopicsResponse::default().with_responses(results.collect()))
    });
    assert_eq!(admin.delete_topics(&["t", "slow", "missing"], DEADLINE), Ok(()));
    assert_eq!(*state.log.lock().unwrap(), [(1, vec![3]), (1, vec![1])]);
}
