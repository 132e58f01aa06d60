//! The producer's requests and answers.

use std::sync::Arc;

use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{ProducerId, TopicName};

use super::*;

const IDENTITY: ProducerIdentity = ProducerIdentity { id: 7, epoch: 3 };

fn produce<const ADDS: bool>() -> Produce<ADDS> {
    let batch = |partition, batch: &'static [u8]| PartitionBatch { partition, batch: Bytes::from_static(batch) };
    Produce {
        transactional_id: ADDS.then(|| Arc::from("tx")),
        timeout: Duration::from_secs(30),
        topics: vec![
            (Arc::from("a"), vec![batch(0, b"one"), batch(2, &[9; 300])]),
            (Arc::from("b"), vec![batch(1, b"")]),
        ],
    }
}

fn produced() -> reference::ProduceResponse {
    let partition = |index, code, offset| {
        let record = BatchIndexAndErrorMessage::default().with_batch_index(1).with_batch_index_error_message(None);
        PartitionProduceResponse::default()
            .with_index(index)
            .with_error_code(code)
            .with_base_offset(offset)
            .with_record_errors(vec![record])
            .with_error_message(Some("why".into()))
    };
    let topic = |name: &'static str, partitions| {
        TopicProduceResponse::default().with_name(TopicName(name.into())).with_partition_responses(partitions)
    };
    // In another order than the request.
    reference::ProduceResponse::default()
        .with_responses(vec![
            topic("b", vec![partition(1, 0, 5)]),
            topic("a", vec![partition(2, 6, -1), partition(0, 0, 9)]),
        ])
        .with_throttle_time_ms(40)
}

fn produce_travels<const ADDS: bool>() {
    let call = produce::<ADDS>();
    for version in Produce::<ADDS>::VERSIONS.min..=Produce::<ADDS>::VERSIONS.max {
        let request: reference::ProduceRequest = written(&call, version);
        assert_eq!(request.transactional_id.as_ref().map(|id| &***id), ADDS.then_some("tx"));
        assert_eq!((request.acks, request.timeout_ms), (-1, 30_000));
        let sent: Vec<_> = request
            .topic_data
            .iter()
            .flat_map(|topic| topic.partition_data.iter().map(|p| (&**topic.name, p.index, p.records.clone().unwrap())))
            .collect();
        let expected = [("a", 0, &b"one"[..]), ("a", 2, &[9; 300][..]), ("b", 1, b"")];
        assert_eq!(sent, expected.map(|(topic, partition, bytes)| (topic, partition, Bytes::copy_from_slice(bytes))));

        let answer = match read(&call, &produced(), version) {
            Ok(answer) => answer,
            Err(refusal) => panic!("{refusal:?}"),
        };
        assert_eq!(answer.throttle_millis, 40);
        let told: Vec<_> = answer.partitions.iter().map(|p| (p.code, p.base_offset, p.message.as_deref())).collect();
        assert_eq!(told, [(0, 9, Some("why")), (6, -1, Some("why")), (0, 5, Some("why"))]);
    }
}

#[test]
fn batches_travel_whole_and_answers_come_in_the_order_asked_for() {
    produce_travels::<false>();
    produce_travels::<true>();
}

#[test]
fn an_answer_that_lacks_a_partition_is_malformed() {
    let mut answer = produced();
    answer.responses[1].partition_responses.pop();
    assert!(produce::<false>().decode(9, &mut Reader::new(bytes_of(&answer, 9))).is_err());
}

fn init(transactional_id: Option<&str>) -> InitProducerId {
    InitProducerId {
        transactional_id: transactional_id.map(str::to_owned),
        transaction_timeout: Duration::from_secs(60),
        current: IDENTITY,
    }
}

#[test]
fn producer_ids_are_asked_for() {
    for version in 4..=5 {
        let request: reference::InitProducerIdRequest = written(&init(Some("tx")), version);
        assert_eq!(request.transactional_id.as_ref().map(|id| &***id), Some("tx"));
        assert_eq!(
            (request.transaction_timeout_ms, request.producer_id, request.producer_epoch),
            (60_000, ProducerId(7), 3)
        );
        let answer =
            reference::InitProducerIdResponse::default().with_producer_id(ProducerId(8)).with_producer_epoch(1);
        assert_eq!(read(&init(None), &answer, version), Ok(ProducerIdentity { id: 8, epoch: 1 }));
        let refused = reference::InitProducerIdResponse::default().with_error_code(51);
        assert_eq!(read(&init(None), &refused, version).unwrap_err().code, 51);
        let negative = answer.with_producer_id(ProducerId(-1));
        assert!(init(None).decode(version, &mut Reader::new(bytes_of(&negative, version))).is_err());
    }
}

fn end<const BUMPS: bool>() -> EndTxn<BUMPS> {
    EndTxn { transactional_id: "tx".into(), identity: IDENTITY, commit: true }
}

#[test]
fn transactions_end_and_may_bring_the_next_epoch() {
    let request: reference::EndTxnRequest = written(&end::<false>(), 3);
    assert_eq!((&**request.transactional_id, request.producer_id, request.producer_epoch), ("tx", ProducerId(7), 3));
    assert!(request.committed);
    assert_eq!(read(&end::<false>(), &reference::EndTxnResponse::default(), 4), Ok(None));
    let answer = reference::EndTxnResponse::default().with_producer_id(ProducerId(7)).with_producer_epoch(4);
    assert_eq!(read(&end::<true>(), &answer, 5), Ok(Some(ProducerIdentity { id: 7, epoch: 4 })));
    assert_eq!(read(&end::<true>(), &answer.with_error_code(90), 5).unwrap_err().code, 90);
}

fn add_partitions() -> AddPartitionsToTxn {
    let partitions = vec![("a".into(), 0), ("b".into(), 1), ("a".into(), 2)];
    AddPartitionsToTxn { transactional_id: "tx".into(), identity: IDENTITY, partitions }
}

#[test]
fn partitions_are_added_and_the_error_that_says_why_is_told() {
    let request: reference::AddPartitionsToTxnRequest = written(&add_partitions(), 3);
    assert_eq!((&**request.v3_and_below_transactional_id, request.v3_and_below_producer_id), ("tx", ProducerId(7)));
    assert_eq!(request.v3_and_below_topics[0].partitions, [0, 2]);
    let answer = |codes: [i16; 2]| {
        let results = codes.iter().enumerate().map(|(index, code)| {
            AddPartitionsToTxnPartitionResult::default()
                .with_partition_index(index as i32)
                .with_partition_error_code(*code)
        });
        let topic = AddPartitionsToTxnTopicResult::default()
            .with_name(TopicName("a".into()))
            .with_results_by_partition(results.collect());
        reference::AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(vec![topic])
    };
    assert_eq!(read(&add_partitions(), &answer([0, 0]), 3), Ok(()));
    let refusal = read(&add_partitions(), &answer([55, 29]), 3).unwrap_err();
    assert_eq!((refusal.code, refusal.context.as_str()), (29, "adding a-1 to the transaction of tx"));
    assert_eq!(read(&add_partitions(), &answer([55, 0]), 3).unwrap_err().code, 55);
}

fn add_offsets() -> AddOffsetsToTxn {
    AddOffsetsToTxn { transactional_id: "tx".into(), identity: IDENTITY, group_id: "g".into() }
}

fn commit_offsets<const ADDS: bool>() -> TxnOffsetCommit<ADDS> {
    let CommitOffsets { member, offsets } = commit();
    TxnOffsetCommit { transactional_id: "tx".into(), identity: IDENTITY, member, offsets }
}

#[test]
fn offsets_are_added_to_a_transaction() {
    for version in 3..=4 {
        let request: reference::AddOffsetsToTxnRequest = written(&add_offsets(), version);
        assert_eq!((&**request.transactional_id, &**request.group_id, request.producer_epoch), ("tx", "g", 3));
        assert_eq!(read(&add_offsets(), &reference::AddOffsetsToTxnResponse::default(), version), Ok(()));
        let refused = reference::AddOffsetsToTxnResponse::default().with_error_code(30);
        assert_eq!(read(&add_offsets(), &refused, version).unwrap_err().code, 30);
    }
    let request: reference::TxnOffsetCommitRequest = written(&commit_offsets::<false>(), 3);
    assert_eq!((&**request.group_id, request.generation_id, &*request.member_id), ("g", 4, "m"));
    assert_eq!(request.group_instance_id.as_deref(), Some("i"));
    let offsets: Vec<_> = request.topics[0]
        .partitions
        .iter()
        .map(|p| (p.partition_index, p.committed_offset, p.committed_leader_epoch, p.committed_metadata.as_deref()))
        .collect();
    assert_eq!(offsets, [(0, 7, 3, Some("note")), (2, 7, -1, Some("note"))]);
    let partition = |code| TxnOffsetCommitResponsePartition::default().with_partition_index(2).with_error_code(code);
    let answer = |code| {
        let topic = TxnOffsetCommitResponseTopic::default()
            .with_name(TopicName("a".into()))
            .with_partitions(vec![partition(0), partition(code)]);
        reference::TxnOffsetCommitResponse::default().with_topics(vec![topic])
    };
    assert_eq!(read(&commit_offsets::<true>(), &answer(0), 5), Ok(()));
    let refusal = read(&commit_offsets::<true>(), &answer(22), 5).unwrap_err();
    assert_eq!((refusal.code, refusal.context.as_str()), (22, "sending offset a-2 of group g to the transaction"));
}

fn decode_all(bytes: &Bytes) {
    fn decode<C: Call>(call: &C, bytes: &Bytes) {
        for version in C::VERSIONS.min..=C::VERSIONS.max {
            let _ = call.decode(version, &mut Reader::new(bytes.clone()));
        }
    }
    decode(&produce::<false>(), bytes);
    decode(&produce::<true>(), bytes);
    decode(&init(Some("tx")), bytes);
    decode(&end::<false>(), bytes);
    decode(&end::<true>(), bytes);
    decode(&add_partitions(), bytes);
    decode(&add_offsets(), bytes);
    decode(&commit_offsets::<true>(), bytes);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        decode_all(&Bytes::from(bytes));
    }

    #[test]
    fn damaged_answers_are_read_or_refused(at: prop::sample::Index, value: u8) {
        let mut bytes = bytes_of(&produced(), 11).to_vec();
        let at = at.index(bytes.len());
        bytes[at] = value;
        decode_all(&Bytes::from(bytes));
    }
}
