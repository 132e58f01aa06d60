//! Every request as the reference codec reads it, every answer as the reference codec writes it, and answers that are none.

use bytes::Bytes;
use kafka_protocol::messages as reference;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{GroupId, TopicName};
use kafka_protocol::protocol::Decodable;
use proptest::prelude::*;

use super::*;
use crate::config::Address;
use crate::group::*;

mod damaged;
mod producer;

fn member() -> MemberIdentity {
    MemberIdentity { group_id: "g".into(), generation: 4, member_id: "m".into(), group_instance_id: Some("i".into()) }
}

fn join() -> JoinGroup {
    JoinGroup {
        group_id: "g".into(),
        member_id: "m".into(),
        group_instance_id: None,
        session_timeout: Duration::from_secs(6),
        rebalance_timeout: Duration::from_secs(60),
        protocols: vec![GroupProtocol { name: "p".into(), metadata: Bytes::from_static(b"meta") }],
        reason: Some("why".into()),
    }
}

fn sync() -> SyncGroup {
    SyncGroup {
        member: member(),
        protocol_name: "p".into(),
        assignments: vec![("m".into(), Bytes::from_static(b"mine"))],
    }
}

fn commit() -> CommitOffsets {
    let offset = |topic: &str, partition, leader_epoch| CommittedOffset {
        topic: topic.into(),
        partition,
        offset: 7,
        leader_epoch,
        metadata: "note".into(),
    };
    CommitOffsets {
        member: member(),
        offsets: vec![offset("a", 0, Some(3)), offset("b", 1, None), offset("a", 2, None)],
    }
}

fn fetch() -> FetchOffsets {
    FetchOffsets {
        group_id: "g".into(),
        member: Some(member()),
        partitions: vec![("a".into(), 0), ("b".into(), 1), ("a".into(), 2)],
        require_stable: true,
    }
}

/// What the reference codec reads from a request written here, to the last byte.
pub(super) fn written<C: Call, R: Decodable>(call: &C, version: i16) -> R {
    let mut buffer = BytesMut::new();
    call.encode(version, &mut buffer).unwrap();
    let mut bytes = buffer.freeze();
    let read = R::decode(&mut bytes, version).unwrap();
    assert!(bytes.is_empty());
    read
}

pub(super) fn bytes_of(answer: &impl Encodable, version: i16) -> Bytes {
    let mut buffer = BytesMut::new();
    answer.encode(&mut buffer, version).unwrap();
    buffer.freeze()
}

/// What is read here from an answer that the reference codec wrote. Cut short anywhere, it must be refused.
pub(super) fn read<C: Call>(call: &C, answer: &impl Encodable, version: i16) -> Result<C::Answer, Refusal> {
    let bytes = bytes_of(answer, version);
    for length in 0..bytes.len() - 1 {
        assert!(call.decode(version, &mut Reader::new(bytes.slice(..length))).is_err(), "{length}");
    }
    call.decode(version, &mut Reader::new(bytes)).unwrap()
}

#[test]
fn join_travels_whole() {
    let request: reference::JoinGroupRequest = written(&join(), 9);
    assert_eq!(request.group_id, GroupId("g".into()));
    assert_eq!((request.session_timeout_ms, request.rebalance_timeout_ms), (6000, 60_000));
    assert_eq!((&*request.member_id, request.group_instance_id), ("m", None));
    assert_eq!(&*request.protocol_type, "consumer");
    assert_eq!((&*request.protocols[0].name, &request.protocols[0].metadata[..]), ("p", &b"meta"[..]));
    assert_eq!(request.reason.as_deref(), Some("why"));

    let member = JoinGroupResponseMember::default()
        .with_member_id("m".into())
        .with_group_instance_id(Some("i".into()))
        .with_metadata(Bytes::from_static(b"meta"));
    let answer = reference::JoinGroupResponse::default()
        .with_generation_id(5)
        .with_protocol_type(Some("consumer".into()))
        .with_protocol_name(Some("p".into()))
        .with_leader("l".into())
        .with_skip_assignment(true)
        .with_member_id("m".into())
        .with_members(vec![member]);
    let joined = read(&join(), &answer, 9).unwrap();
    assert_eq!((joined.generation, &*joined.member_id, &*joined.leader_id), (5, "m", "l"));
    assert_eq!((joined.protocol_name.as_deref(), joined.skip_assignment), (Some("p"), true));
    let member = &joined.members[0];
    assert_eq!((&*member.member_id, member.group_instance_id.as_deref()), ("m", Some("i")));
    assert_eq!(&member.metadata[..], b"meta");
}

#[test]
fn a_refused_join_carries_the_member_id() {
    let answer = reference::JoinGroupResponse::default().with_error_code(79).with_member_id("new".into());
    let error = GroupError::from(read(&join(), &answer, 9).unwrap_err());
    assert_eq!(error, GroupError::MemberIdRequired("new".into()));
}

#[test]
fn sync_travels_whole() {
    let request: reference::SyncGroupRequest = written(&sync(), 5);
    assert_eq!((request.generation_id, &*request.member_id), (4, "m"));
    assert_eq!(request.group_instance_id.as_deref(), Some("i"));
    assert_eq!((request.protocol_type.as_deref(), request.protocol_name.as_deref()), (Some("consumer"), Some("p")));
    assert_eq!(&request.assignments[0].assignment[..], b"mine");
    let answer = reference::SyncGroupResponse::default().with_assignment(Bytes::from_static(b"mine"));
    assert_eq!(&read(&sync(), &answer, 5).unwrap().assignment[..], b"mine");
    let answer = reference::SyncGroupResponse::default().with_error_code(27);
    assert_eq!(GroupError::from(read(&sync(), &answer, 5).unwrap_err()), GroupError::RebalanceInProgress);
}

#[test]
fn heartbeat_and_leave_travel_whole() {
    let heartbeat = Heartbeat { member: member() };
    let request: reference::HeartbeatRequest = written(&heartbeat, 4);
    assert_eq!((request.generation_id, &*request.member_id), (4, "m"));
    assert_eq!(request.group_instance_id.as_deref(), Some("i"));
    assert_eq!(read(&heartbeat, &reference::HeartbeatResponse::default(), 4), Ok(()));
    let answer = reference::HeartbeatResponse::default().with_error_code(82);
    assert_eq!(GroupError::from(read(&heartbeat, &answer, 4).unwrap_err()), GroupError::FencedInstanceId);

    let leave = LeaveGroup { member: member(), reason: Some("done".into()) };
    let request: reference::LeaveGroupRequest = written(&leave, 5);
    assert_eq!((&*request.members[0].member_id, request.members[0].reason.as_deref()), ("m", Some("done")));
    assert_eq!(read(&leave, &reference::LeaveGroupResponse::default(), 5), Ok(()));
    let member = MemberResponse::default().with_member_id("m".into()).with_error_code(25);
    let answer = reference::LeaveGroupResponse::default().with_members(vec![member]);
    assert_eq!(GroupError::from(read(&leave, &answer, 5).unwrap_err()), GroupError::UnknownMemberId);
}

#[test]
fn commits_travel_whole_and_name_the_partition_that_failed() {
    for version in 8..=9 {
        let request: reference::OffsetCommitRequest = written(&commit(), version);
        assert_eq!((request.generation_id_or_member_epoch, &*request.member_id), (4, "m"));
        assert_eq!(request.topics.len(), 2);
        let partitions = request.topics[0].partitions.iter();
        let read_back: Vec<_> =
            partitions.map(|p| (p.partition_index, p.committed_offset, p.committed_leader_epoch)).collect();
        assert_eq!(read_back, [(0, 7, 3), (2, 7, -1)]);

        let partition =
            |index, code| OffsetCommitResponsePartition::default().with_partition_index(index).with_error_code(code);
        let topic = OffsetCommitResponseTopic::default()
            .with_name(TopicName("a".into()))
            .with_partitions(vec![partition(0, 0), partition(2, 12)]);
        let answer = reference::OffsetCommitResponse::default().with_topics(vec![topic]);
        let refusal = read(&commit(), &answer, version).unwrap_err();
        assert_eq!(refusal, Refusal { code: 12, context: "committing a-2 for group g".into() });
    }
}

fn fetched(codes: [i16; 3], group_code: i16) -> reference::OffsetFetchResponse {
    let partition = |index, offset, code| {
        OffsetFetchResponsePartitions::default()
            .with_partition_index(index)
            .with_committed_offset(offset)
            .with_metadata(Some("note".into()))
            .with_error_code(code)
    };
    let topic = |name: &'static str, partitions| {
        OffsetFetchResponseTopics::default().with_name(TopicName(name.into())).with_partitions(partitions)
    };
    let group = OffsetFetchResponseGroup::default()
        .with_group_id(GroupId("g".into()))
        .with_error_code(group_code)
        .with_topics(vec![
            topic("b", vec![partition(1, -1, codes[1])]),
            topic("a", vec![partition(2, 9, codes[2]), partition(0, 8, codes[0])]),
        ]);
    reference::OffsetFetchResponse::default().with_groups(vec![group])
}

#[test]
fn fetched_offsets_come_in_the_order_asked_for() {
    for version in 8..=9 {
        let request: reference::OffsetFetchRequest = written(&fetch(), version);
        assert!(request.require_stable);
        let group = &request.groups[0];
        assert_eq!(group.member_id.as_deref(), (version == 9).then_some("m"));
        assert_eq!(group.member_epoch, if version == 9 { 4 } else { -1 });
        assert_eq!(group.topics.as_ref().unwrap()[0].partition_indexes, [0, 2]);

        let offsets = read(&fetch(), &fetched([0; 3], 0), version).unwrap();
        let offsets: Vec<_> =
            offsets.iter().map(|o| (&*o.topic, o.partition, o.offset, o.leader_epoch, &*o.metadata)).collect();
        let note = "note";
        assert_eq!(offsets, [("a", 0, Some(8), None, note), ("b", 1, None, None, note), ("a", 2, Some(9), None, note)]);
    }
}

#[test]
fn failed_and_missing_offsets_are_errors() {
    let refusal = read(&fetch(), &fetched([0, 88, 0], 0), 9).unwrap_err();
    assert_eq!(GroupError::from(refusal), GroupError::UnstableOffsetCommit);
    let refusal = read(&fetch(), &fetched([0; 3], 30), 9).unwrap_err();
    assert!(matches!(GroupError::from(refusal), GroupError::GroupAuthorizationFailed(_)));
    let mut more = fetch();
    more.partitions.push(("c".into(), 0));
    assert!(more.decode(9, &mut Reader::new(bytes_of(&fetched([0; 3], 0), 9))).is_err());
    let none = reference::OffsetFetchResponse::default();
    assert!(fetch().decode(9, &mut Reader::new(bytes_of(&none, 9))).is_err());
}

#[test]
fn coordinators_are_found() {
    let call = FindCoordinator { kind: Coordinates::Group, key: "g".into() };
    let request: reference::FindCoordinatorRequest = written(&call, 4);
    assert_eq!((request.key_type, &*request.coordinator_keys[0]), (0, "g"));
    let coordinator = Coordinator::default().with_key("g".into()).with_host("h".into()).with_port(9092);
    let answer = |coordinator| reference::FindCoordinatorResponse::default().with_coordinators(vec![coordinator]);
    let found = read(&call, &answer(coordinator.clone()), 4);
    assert_eq!(found, Ok(Address { host: "h".into(), port: 9092 }));
    let refused = read(&call, &answer(coordinator.clone().with_error_code(15)), 4);
    assert_eq!(GroupError::from(refused.unwrap_err()), GroupError::Disconnected);
    for port in [-1, 0, 65_536] {
        let bytes = bytes_of(&answer(coordinator.clone().with_port(port)), 4);
        assert!(call.decode(4, &mut Reader::new(bytes)).is_err(), "{port}");
    }
}

#[test]
fn the_highest_common_version_is_chosen() {
    let ours = VersionRange { min: 8, max: 9 };
    let common = |min, max| ours.highest_common(VersionRange { min, max });
    assert_eq!(common(0, 8), Some(8));
    assert_eq!(common(2, 10), Some(9));
    assert_eq!(common(9, 9), Some(9));
    assert_eq!(common(0, 7), None);
    assert_eq!(common(10, 11), None);
    assert_eq!(common(9, 8), None);
}

fn decode_all(bytes: &Bytes) {
    fn decode<C: Call>(call: &C, bytes: &Bytes) {
        // Only that it returns: any answer or error will do.
        for version in C::VERSIONS.min..=C::VERSIONS.max {
            let _ = call.decode(version, &mut Reader::new(bytes.clone()));
        }
    }
    decode(&ApiVersions, bytes);
    decode(&FindCoordinator { kind: Coordinates::Group, key: "g".into() }, bytes);
    decode(&join(), bytes);
    decode(&sync(), bytes);
    decode(&Heartbeat { member: member() }, bytes);
    decode(&LeaveGroup { member: member(), reason: None }, bytes);
    decode(&commit(), bytes);
    decode(&fetch(), bytes);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        decode_all(&Bytes::from(bytes));
    }

    #[test]
    fn damaged_answers_are_read_or_refused(at: prop::sample::Index, value: u8) {
        let mut bytes = bytes_of(&fetched([0; 3], 0), 9).to_vec();
        let at = at.index(bytes.len());
        bytes[at] = value;
        decode_all(&Bytes::from(bytes));
    }
}
