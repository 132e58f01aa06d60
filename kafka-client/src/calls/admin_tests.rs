//! Requests about topics, offsets and users as the reference codec reads them, answers as it writes them, and answers that are none.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use kafka_protocol::messages::delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult};
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::{self as reference, TopicName};
use proptest::prelude::*;

use super::tests::{bytes_of, read, written};
use super::*;
use crate::admin::NewTopic;

const TIMEOUT: Duration = Duration::from_millis(1500);

fn name(name: &'static str) -> TopicName {
    TopicName(name.into())
}

fn asked() -> Vec<Asked> {
    let asked =
        |topic: &str, partition, value| Asked { topic: topic.into(), partition, leader_epoch: 5 + partition, value };
    vec![asked("a", 0, 7), asked("b", 1, -1), asked("a", 2, 9)]
}

fn answered(code: i16, offset: i64, leader_epoch: i32) -> Answered {
    Answered { code, offset, leader_epoch }
}

fn create() -> CreateTopics {
    let mut compacted = NewTopic::new("a", 3);
    compacted.config.insert("cleanup.policy".into(), "compact".into());
    let replicated = NewTopic { replication_factor: 2, ..NewTopic::new("b", 1) };
    CreateTopics { topics: vec![compacted, replicated], timeout: TIMEOUT }
}

fn created(code: i16) -> reference::CreateTopicsResponse {
    let config = CreatableTopicConfigs::default().with_name("cleanup.policy".into()).with_value(Some("compact".into()));
    let topics = vec![
        CreatableTopicResult::default()
            .with_name(name("b"))
            .with_error_code(code)
            .with_error_message(Some("why".into())),
        CreatableTopicResult::default().with_name(name("a")).with_configs(Some(vec![config])),
    ];
    reference::CreateTopicsResponse::default().with_topics(topics)
}

#[test]
fn new_topics_travel_whole_and_each_has_its_answer() {
    let request: reference::CreateTopicsRequest = written(&create(), 7);
    assert_eq!((request.timeout_ms, request.validate_only), (1500, false));
    let topics: Vec<_> =
        request.topics.iter().map(|topic| (&**topic.name, topic.num_partitions, topic.replication_factor)).collect();
    assert_eq!(topics, [("a", 3, -1), ("b", 1, 2)]);
    let config = &request.topics[0].configs[0];
    assert_eq!((&*config.name, config.value.as_deref()), ("cleanup.policy", Some("compact")));

    let refused = Refusal { code: 36, context: "creating topic b (why)".into() };
    assert_eq!(read(&create(), &created(36), 7), Ok(vec![Ok(()), Err(refused)]));
    let mut other = created(0);
    other.topics[0].name = name("c");
    assert!(create().decode(7, &mut Reader::new(bytes_of(&other, 7))).is_err());
}

#[test]
fn deleted_topics_have_the_ids_they_had() {
    let call = DeleteTopics { names: vec!["a".into(), "b".into()], timeout: TIMEOUT };
    let request: reference::DeleteTopicsRequest = written(&call, 6);
    let names: Vec<_> = request.topics.iter().map(|topic| topic.name.as_ref().map(|name| &***name)).collect();
    assert_eq!((names, request.timeout_ms), (vec![Some("a"), Some("b")], 1500));

    let result = |topic, code| DeletableTopicResult::default().with_name(Some(name(topic))).with_error_code(code);
    let mut deleted = result("a", 0);
    deleted.topic_id = "00000000-0000-0000-0000-000000000007".parse().unwrap();
    let answer = reference::DeleteTopicsResponse::default().with_responses(vec![result("b", 3), deleted]);
    let refused = Refusal { code: 3, context: "deleting topic b".into() };
    let mut id = [0; 16];
    id[15] = 7;
    assert_eq!(read(&call, &answer, 6), Ok(vec![Ok(id), Err(refused)]));
}

#[test]
fn a_configuration_lacks_only_what_is_secret() {
    let call = DescribeTopicConfig { topic: "a".into() };
    let request: reference::DescribeConfigsRequest = written(&call, 4);
    let resource = &request.resources[0];
    assert_eq!((resource.resource_type, &*resource.resource_name), (2, "a"));
    assert!(resource.configuration_keys.is_none() && !request.include_synonyms && !request.include_documentation);

    let entry = |key: &'static str, value: Option<&'static str>| {
        let synonym = DescribeConfigsSynonym::default().with_name("log.x".into()).with_value(Some("y".into()));
        DescribeConfigsResourceResult::default()
            .with_name(key.into())
            .with_value(value.map(Into::into))
            .with_synonyms(vec![synonym])
            .with_documentation(Some("text".into()))
    };
    let answer = |code| {
        let configs = vec![entry("retention.ms", Some("5")), entry("secret", None)];
        let result = DescribeConfigsResult::default().with_error_code(code).with_resource_type(2).with_configs(configs);
        reference::DescribeConfigsResponse::default().with_results(vec![result])
    };
    let config = read(&call, &answer(0), 4).unwrap();
    assert_eq!(config.into_iter().collect::<Vec<_>>(), [("retention.ms".to_owned(), "5".to_owned())]);
    assert_eq!(read(&call, &answer(29), 4).unwrap_err().code, 29);
}

fn listed() -> reference::ListOffsetsResponse {
    let partition = |index, code, offset| {
        let partition = ListOffsetsPartitionResponse::default().with_partition_index(index).with_error_code(code);
        partition.with_offset(offset).with_timestamp(3).with_leader_epoch(8)
    };
    let topic =
        |topic, partitions| ListOffsetsTopicResponse::default().with_name(name(topic)).with_partitions(partitions);
    let topics =
        vec![topic("b", vec![partition(1, 6, -1)]), topic("a", vec![partition(2, 0, 22), partition(0, 0, 11)])];
    reference::ListOffsetsResponse::default().with_topics(topics)
}

#[test]
fn offsets_come_in_the_order_asked_for() {
    let call = ListOffsets { partitions: asked(), read_committed: true };
    let request: reference::ListOffsetsRequest = written(&call, 7);
    assert_eq!((*request.replica_id, request.isolation_level, request.topics.len()), (-1, 1, 2));
    let partitions = request.topics[0].partitions.iter();
    let partitions: Vec<_> = partitions.map(|p| (p.partition_index, p.current_leader_epoch, p.timestamp)).collect();
    assert_eq!(partitions, [(0, 5, 7), (2, 7, 9)]);
    assert_eq!(read(&call, &listed(), 7), Ok(vec![answered(0, 11, 8), answered(6, -1, 8), answered(0, 22, 8)]));
    let mut fewer = listed();
    fewer.topics[1].partitions.pop();
    assert!(call.decode(7, &mut Reader::new(bytes_of(&fewer, 7))).is_err());
}

#[test]
fn deleted_records_tell_the_first_offset_left() {
    let call = DeleteRecords { partitions: asked(), timeout: TIMEOUT };
    let request: reference::DeleteRecordsRequest = written(&call, 2);
    let partitions = request.topics[0].partitions.iter();
    assert_eq!(partitions.map(|p| (p.partition_index, p.offset)).collect::<Vec<_>>(), [(0, 7), (2, 9)]);
    assert_eq!(request.timeout_ms, 1500);

    let partition = |index, code, offset| {
        let partition = DeleteRecordsPartitionResult::default().with_partition_index(index);
        partition.with_error_code(code).with_low_watermark(offset)
    };
    let topic =
        |topic, partitions| DeleteRecordsTopicResult::default().with_name(name(topic)).with_partitions(partitions);
    let topics = vec![topic("a", vec![partition(0, 0, 7), partition(2, 1, -1)]), topic("b", vec![partition(1, 0, 4)])];
    let answer = reference::DeleteRecordsResponse::default().with_topics(topics);
    assert_eq!(read(&call, &answer, 2), Ok(vec![answered(0, 7, -1), answered(0, 4, -1), answered(1, -1, -1)]));
}

#[test]
fn authentication_travels_whole_and_says_why_it_failed() {
    let call = SaslHandshake { mechanism: "SCRAM-SHA-256" };
    let request: reference::SaslHandshakeRequest = written(&call, 1);
    assert_eq!(&*request.mechanism, "SCRAM-SHA-256");
    let answer = |code| {
        let mechanisms = vec!["PLAIN".into(), "GSSAPI".into()];
        reference::SaslHandshakeResponse::default().with_error_code(code).with_mechanisms(mechanisms)
    };
    let whole = |code| call.decode(1, &mut Reader::new(bytes_of(&answer(code), 1))).unwrap();
    assert_eq!(whole(0), Ok(()));
    assert!(whole(33).unwrap_err().context.contains("PLAIN, GSSAPI"));
    assert!(whole(34).unwrap_err().context.contains("security.protocol"));

    let call = SaslAuthenticate { message: Bytes::from_static(b"hidden") };
    let request: reference::SaslAuthenticateRequest = written(&call, 2);
    assert_eq!(&request.auth_bytes[..], b"hidden");
    let answer = reference::SaslAuthenticateResponse::default().with_auth_bytes(Bytes::from_static(b"yes"));
    for (millis, lifetime) in [(0, None), (-1, None), (1500, Some(TIMEOUT))] {
        let Ok(read) = read(&call, &answer.clone().with_session_lifetime_ms(millis), 2) else { panic!("refused") };
        assert_eq!((&read.message[..], read.lifetime), (&b"yes"[..], lifetime));
    }
    let failed = answer.with_error_code(58).with_error_message(Some("no".into()));
    assert_eq!(read(&call, &failed, 2).err(), Some(Refusal { code: 58, context: "no".into() }));
}

fn decode_all(bytes: &Bytes) {
    fn decode<C: Call>(call: &C, bytes: &Bytes) {
        // Only that it returns: any answer or error will do.
        for version in C::VERSIONS.min..=C::VERSIONS.max {
            let _ = call.decode(version, &mut Reader::new(bytes.clone()));
        }
    }
    decode(&create(), bytes);
    decode(&DeleteTopics { names: vec!["a".into()], timeout: TIMEOUT }, bytes);
    decode(&DescribeTopicConfig { topic: "a".into() }, bytes);
    decode(&ListOffsets { partitions: asked(), read_committed: false }, bytes);
    decode(&DeleteRecords { partitions: asked(), timeout: TIMEOUT }, bytes);
    decode(&SaslHandshake { mechanism: "PLAIN" }, bytes);
    decode(&SaslAuthenticate { message: Bytes::new() }, bytes);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        decode_all(&Bytes::from(bytes));
    }

    #[test]
    fn damaged_answers_are_read_or_refused(at: prop::sample::Index, value: u8, listing: bool) {
        let bytes = if listing { bytes_of(&listed(), 7) } else { bytes_of(&created(36), 7) };
        let mut bytes = bytes.to_vec();
        let at = at.index(bytes.len());
        bytes[at] = value;
        decode_all(&Bytes::from(bytes));
    }
}
