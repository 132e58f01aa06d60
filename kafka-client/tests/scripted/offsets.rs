//! Committing and reading offsets.

use std::time::Duration;

use kafka_client::group::{CommitOffsets, GroupCoordinator};
use kafka_client::{GroupClient, GroupError};
use kafka_protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{ApiKey, GroupId, OffsetCommitResponse, OffsetFetchResponse, TopicName};

use crate::support::*;

fn offset_answer(received: &Received, code: i16) -> Option<Step> {
    let partition = OffsetFetchResponsePartitions::default().with_committed_offset(42).with_error_code(code);
    let topic = OffsetFetchResponseTopics::default().with_name(TopicName("t".into())).with_partitions(vec![partition]);
    let group = OffsetFetchResponseGroup::default().with_group_id(GroupId("g".into())).with_topics(vec![topic]);
    answer(received, &OffsetFetchResponse::default().with_groups(vec![group]))
}

#[test]
fn unstable_offsets_are_waited_for() {
    let unstable = First::new(4);
    let broker = Broker::start(move |received| match received.key {
        ApiKey::OffsetFetch => offset_answer(received, if unstable.take() { 88 } else { 0 }),
        _ => None,
    });
    let client = client(&broker);
    assert_eq!(fetch(&client, true).wait().unwrap()[0].offset, Some(42));
}

#[test]
fn offsets_that_stay_unstable_are_said_to_be() {
    let broker = Broker::start(move |received| match received.key {
        ApiKey::OffsetFetch => offset_answer(received, 88),
        _ => None,
    });
    let mut config = config(&broker);
    config.request_timeout = Duration::from_millis(200);
    let client = GroupClient::connect(config).unwrap();
    assert_eq!(fetch(&client, true).wait(), Err(GroupError::UnstableOffsetCommit));
}

#[test]
fn the_first_partition_that_failed_is_the_commits_error() {
    let broker =
        Broker::start(|received| match received.key {
            ApiKey::OffsetCommit => {
                let partition = |index, code| {
                    OffsetCommitResponsePartition::default().with_partition_index(index).with_error_code(code)
                };
                let topic = OffsetCommitResponseTopic::default()
                    .with_name(TopicName("t".into()))
                    .with_partitions(vec![partition(0, 0), partition(1, 12), partition(2, 3)]);
                answer(received, &OffsetCommitResponse::default().with_topics(vec![topic]))
            }
            _ => None,
        });
    let client = client(&broker);
    let commit = CommitOffsets { member: member(), offsets: vec![] };
    let error = ask(|reply| client.commit_offsets(commit, reply)).wait().unwrap_err();
    assert!(matches!(&error, GroupError::Other { code: 12, .. }), "{error}");
    assert!(error.to_string().contains("t-1"), "{error}");
}
