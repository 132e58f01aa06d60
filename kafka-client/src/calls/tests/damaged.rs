//! Answers that have been damaged on their way: cut, changed and with bytes too many.

use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsResult};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{BrokerId, ProducerId};

use super::*;

fn metadata() -> reference::MetadataResponse {
    let broker = MetadataResponseBroker::default().with_node_id(BrokerId(1)).with_host("host".into()).with_port(9092);
    let partition = |index| {
        MetadataResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(BrokerId(1))
            .with_replica_nodes(vec![BrokerId(1), BrokerId(2)])
            .with_isr_nodes(vec![BrokerId(1)])
    };
    let topic = MetadataResponseTopic::default()
        .with_name(Some(TopicName("topic".into())))
        .with_partitions(vec![partition(0), partition(1)]);
    reference::MetadataResponse::default().with_brokers(vec![broker.clone(), broker]).with_topics(vec![topic])
}

fn joined() -> reference::JoinGroupResponse {
    let member = JoinGroupResponseMember::default()
        .with_member_id("m".into())
        .with_group_instance_id(Some("i".into()))
        .with_metadata(Bytes::from_static(b"subscription"));
    reference::JoinGroupResponse::default()
        .with_protocol_name(Some("p".into()))
        .with_leader("m".into())
        .with_member_id("m".into())
        .with_members(vec![member.clone(), member])
}

fn versions() -> reference::ApiVersionsResponse {
    let offered = (0..5).map(|key| ApiVersion::default().with_api_key(key).with_max_version(9));
    reference::ApiVersionsResponse::default().with_api_keys(offered.collect())
}

fn configs() -> reference::DescribeConfigsResponse {
    let config = DescribeConfigsResourceResult::default().with_name("name".into()).with_value(Some("value".into()));
    let topic = DescribeConfigsResult::default().with_resource_name("a".into()).with_configs(vec![config]);
    reference::DescribeConfigsResponse::default().with_results(vec![topic])
}

fn whole() -> Vec<Bytes> {
    let identity = reference::InitProducerIdResponse::default().with_producer_id(ProducerId(7));
    let coordinator = Coordinator::default().with_key("g".into()).with_host("host".into()).with_port(1);
    let found = reference::FindCoordinatorResponse::default().with_coordinators(vec![coordinator]);
    vec![
        bytes_of(&metadata(), 12),
        bytes_of(&joined(), 9),
        bytes_of(&versions(), 3),
        bytes_of(&configs(), 4),
        bytes_of(&identity, 4),
        bytes_of(&found, 4),
        bytes_of(&fetched([0; 3], 0), 9),
    ]
}

fn decode_these(bytes: &Bytes) {
    fn decode<C: Call>(call: &C, bytes: &Bytes) {
        for version in C::VERSIONS.min..=C::VERSIONS.max {
            // Only that it returns: any answer or error will do.
            let _ = call.decode(version, &mut Reader::new(bytes.clone()));
        }
    }
    decode(&Metadata { topics: None }, bytes);
    decode(&DescribeTopicConfig { topic: "a".into() }, bytes);
    let current = ProducerIdentity::NONE;
    decode(&InitProducerId { transactional_id: None, transaction_timeout: Duration::from_secs(1), current }, bytes);
    decode_all(bytes);
}

#[test]
fn whole_answers_of_metadata_are_read() {
    let read = Metadata { topics: None }.decode(12, &mut Reader::new(bytes_of(&metadata(), 12))).unwrap().unwrap();
    assert_eq!((read.brokers.len(), read.topics[0].partitions.len()), (2, 2));
}

#[test]
fn an_answer_cut_anywhere_is_refused() {
    let bytes = bytes_of(&metadata(), 12);
    for length in 0..bytes.len() {
        let cut = Metadata { topics: None }.decode(12, &mut Reader::new(bytes.slice(..length)));
        assert!(cut.is_err(), "cut to {length} of {}", bytes.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damage_is_read_or_refused(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..6),
        length in any::<prop::sample::Index>(),
        cut in prop::bool::weighted(0.3),
    ) {
        for bytes in whole() {
            let mut bytes = bytes.to_vec();
            for (at, value, kind) in &damage {
                let at = at.index(bytes.len());
                match kind {
                    0 => bytes[at] = *value,
                    1 => bytes.insert(at, *value),
                    _ => bytes[at] = 0xff,
                }
            }
            if cut {
                bytes.truncate(length.index(bytes.len()));
            }
            decode_these(&Bytes::from(bytes));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        decode_these(&Bytes::from(bytes));
    }
}
