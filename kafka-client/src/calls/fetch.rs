use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::fetch_request::{FetchPartition as WirePartition, FetchTopic, ForgottenTopic};
use kafka_protocol::messages::{ApiKey, BrokerId, FetchRequest};
use uuid::Uuid;

use super::{Call, Refusal, VersionRange, millis, write};
use crate::ClientError;
use crate::records::AbortedTransaction;
use crate::wire::{Reader, WireError};

/// Asks the leader of partitions for records, within a fetch session (KIP-227) or without.
#[derive(Debug, Default)]
pub(crate) struct Fetch {
    /// How long the broker may wait for `min_bytes`.
    pub(crate) max_wait: Duration,
    pub(crate) min_bytes: i32,
    /// Limit of the whole answer; the first batch comes whole, whatever its size.
    pub(crate) max_bytes: i32,
    /// Limit of each partition's part.
    pub(crate) partition_max_bytes: i32,
    pub(crate) read_committed: bool,
    pub(crate) session_id: i32,
    /// 0 asks for a new session, -1 for none.
    pub(crate) session_epoch: i32,
    /// All partitions, or within a session those that are new or have moved.
    pub(crate) partitions: Vec<FetchPartition>,
    /// Partitions that leave the session.
    pub(crate) forgotten: Vec<PartitionKey>,
}

/// A partition by its topic's id, as fetches name it.
pub(crate) type PartitionKey = ([u8; 16], i32);

/// From where a partition is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FetchPartition {
    pub(crate) key: PartitionKey,
    /// Epoch of the leader that is asked, as known here; -1 for none.
    pub(crate) leader_epoch: i32,
    pub(crate) offset: i64,
    /// Epoch of the batch before `offset`, so that the leader can tell that its log is another (KIP-595); -1 for none.
    pub(crate) last_epoch: i32,
}

/// The answer as a whole.
#[derive(Debug)]
pub(crate) struct FetchAnswer {
    pub(crate) throttle: Duration,
    /// 0: no session.
    pub(crate) session_id: i32,
    pub(crate) partitions: Vec<FetchedPartition>,
}

/// What came of one partition.
#[derive(Debug)]
pub(crate) struct FetchedPartition {
    pub(crate) key: PartitionKey,
    pub(crate) code: i16,
    pub(crate) high_watermark: i64,
    pub(crate) last_stable: i64,
    /// Aborted transactions among the records.
    pub(crate) aborted: Vec<AbortedTransaction>,
    /// The largest offset up to which the leader's log is the one that was read before; -1 where it is the same.
    pub(crate) diverging_end: i64,
    pub(crate) records: Bytes,
}

/// Tag of the field of a partition that tells where its log diverges.
const DIVERGING_EPOCH: u32 = 0;
/// From this version on the replica's id is a tagged field, whose default is a consumer's.
const TAGGED_REPLICA: i16 = 15;

impl Call for Fetch {
    const KEY: ApiKey = ApiKey::Fetch;
    const NAME: &'static str = "Fetch";
    const VERSIONS: VersionRange = VersionRange { min: 13, max: 16 };
    type Answer = FetchAnswer;

    fn encode(&self, version: i16, buffer: &mut BytesMut) -> Result<(), ClientError> {
        let topics = grouped(self.partitions.iter().map(|partition| (partition.key.0, partition)));
        let topics = topics.into_iter().map(|(id, partitions)| {
            let partitions = partitions.into_iter().map(|partition| self.wire_partition(partition)).collect();
            FetchTopic::default().with_topic_id(Uuid::from_bytes(id)).with_partitions(partitions)
        });
        let forgotten = grouped(self.forgotten.iter().copied()).into_iter();
        let forgotten = forgotten.map(|(id, partitions)| {
            ForgottenTopic::default().with_topic_id(Uuid::from_bytes(id)).with_partitions(partitions)
        });
        let mut request = FetchRequest::default()
            .with_max_wait_ms(millis(self.max_wait))
            .with_min_bytes(self.min_bytes)
            .with_max_bytes(self.max_bytes)
            .with_isolation_level(i8::from(self.read_committed))
            .with_session_id(self.session_id)
            .with_session_epoch(self.session_epoch)
            .with_topics(topics.collect())
            .with_forgotten_topics_data(forgotten.collect());
        if version < TAGGED_REPLICA {
            request = request.with_replica_id(BrokerId(-1));
        }
        write(&request, version, buffer)
    }

    fn decode(&self, _version: i16, body: &mut Reader) -> Result<Result<Self::Answer, Refusal>, WireError> {
        let throttle = Duration::from_millis(body.i32()?.max(0) as u64);
        let code = body.i16()?;
        let session_id = body.i32()?;
        let mut partitions = Vec::new();
        body.compact_array(|topic| {
            let id = topic.uuid()?;
            topic.compact_array(|partition| {
                partitions.push(fetched_partition(id, partition)?);
                Ok(())
            })?;
            topic.tags()
        })?;
        body.tags()?;
        let checked = Refusal::check(code, || "fetching".to_owned());
        Ok(checked.map(|()| FetchAnswer { throttle, session_id, partitions }))
    }
}

impl Fetch {
    fn wire_partition(&self, partition: &FetchPartition) -> WirePartition {
        WirePartition::default()
            .with_partition(partition.key.1)
            .with_current_leader_epoch(partition.leader_epoch)
            .with_fetch_offset(partition.offset)
            .with_last_fetched_epoch(partition.last_epoch)
            .with_log_start_offset(-1)
            .with_partition_max_bytes(self.partition_max_bytes)
    }
}

fn fetched_partition(id: [u8; 16], partition: &mut Reader) -> Result<FetchedPartition, WireError> {
    let index = partition.i32()?;
    let code = partition.i16()?;
    let high_watermark = partition.i64()?;
    let last_stable = partition.i64()?;
    partition.i64()?; // log start offset
    let aborted = partition.compact_array(|transaction| {
        let aborted = AbortedTransaction { producer_id: transaction.i64()?, first_offset: transaction.i64()? };
        transaction.tags()?;
        Ok(aborted)
    })?;
    partition.i32()?; // preferred read replica: none, as no rack is told
    let records = partition.compact_nullable_bytes()?.unwrap_or_default();
    let mut diverging_end = -1;
    partition.tags_with(|tag, mut field| {
        if tag == DIVERGING_EPOCH {
            field.i32()?; // epoch
            diverging_end = field.i64()?;
        }
        Ok(())
    })?;
    let key = (id, index);
    Ok(FetchedPartition { key, code, high_watermark, last_stable, aborted, diverging_end, records })
}

/// Puts what belongs to the same topic together. Topics are few.
fn grouped<T>(items: impl Iterator<Item = ([u8; 16], T)>) -> Vec<([u8; 16], Vec<T>)> {
    let mut topics: Vec<([u8; 16], Vec<T>)> = Vec::new();
    for (id, item) in items {
        match topics.iter_mut().find(|(known, _)| *known == id) {
            Some((_, items)) => items.push(item),
            None => topics.push((id, vec![item])),
        }
    }
    topics
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::FetchResponse;
    use kafka_protocol::messages::fetch_response::{
        AbortedTransaction, EpochEndOffset, FetchableTopicResponse, PartitionData,
    };
    use kafka_protocol::protocol::{Decodable, Encodable};
    use proptest::prelude::*;

    use super::*;

    fn decode(version: i16, bytes: Bytes) -> Result<Result<FetchAnswer, Refusal>, WireError> {
        Fetch::default().decode(version, &mut Reader::new(bytes))
    }

    fn answer(code: i16) -> FetchResponse {
        let partition = PartitionData::default()
            .with_partition_index(2)
            .with_high_watermark(9)
            .with_last_stable_offset(8)
            .with_aborted_transactions(Some(vec![
                AbortedTransaction::default().with_producer_id(5.into()).with_first_offset(6),
            ]))
            .with_diverging_epoch(EpochEndOffset::default().with_epoch(3).with_end_offset(4))
            .with_records(Some(Bytes::from_static(b"abc")));
        let topic =
            FetchableTopicResponse::default().with_topic_id(Uuid::from_bytes([7; 16])).with_partitions(vec![partition]);
        FetchResponse::default()
            .with_throttle_time_ms(11)
            .with_error_code(code)
            .with_session_id(12)
            .with_responses(vec![topic])
    }

    #[test]
    fn requests_are_what_the_reference_codec_reads() {
        let partition =
            |topic, index| FetchPartition { key: ([topic; 16], index), leader_epoch: 1, offset: 42, last_epoch: 3 };
        let fetch = Fetch {
            max_wait: Duration::from_millis(500),
            min_bytes: 1,
            max_bytes: 1000,
            partition_max_bytes: 100,
            read_committed: true,
            session_id: 5,
            session_epoch: 6,
            partitions: vec![partition(1, 0), partition(2, 1), partition(1, 2)],
            forgotten: vec![([3; 16], 4)],
        };
        for version in Fetch::VERSIONS.min..=Fetch::VERSIONS.max {
            let mut buffer = BytesMut::new();
            fetch.encode(version, &mut buffer).unwrap();
            let read = FetchRequest::decode(&mut buffer.freeze(), version).unwrap();
            assert_eq!((read.max_bytes, read.isolation_level, read.session_epoch), (1000, 1, 6));
            assert_eq!((read.topics.len(), read.topics[0].partitions.len()), (2, 2));
            let partition = &read.topics[0].partitions[1];
            assert_eq!((partition.partition, partition.fetch_offset, partition.last_fetched_epoch), (2, 42, 3));
            assert_eq!(partition.partition_max_bytes, 100);
            assert_eq!(read.forgotten_topics_data[0].partitions, [4]);
            assert_eq!(read.replica_state.replica_id.0, -1);
        }
    }

    #[test]
    fn answers_of_the_reference_codec_are_read() {
        for version in Fetch::VERSIONS.min..=Fetch::VERSIONS.max {
            let mut buffer = BytesMut::new();
            answer(0).encode(&mut buffer, version).unwrap();
            let read = decode(version, buffer.freeze()).unwrap().unwrap();
            assert_eq!((read.throttle, read.session_id), (Duration::from_millis(11), 12));
            let [partition] = &read.partitions[..] else { panic!("{read:?}") };
            assert_eq!(partition.key, ([7; 16], 2));
            assert_eq!((partition.high_watermark, partition.last_stable, partition.diverging_end), (9, 8, 4));
            let aborted = crate::records::AbortedTransaction { producer_id: 5, first_offset: 6 };
            assert_eq!((&partition.aborted[..], &partition.records[..]), (&[aborted][..], &b"abc"[..]));
        }
        let mut buffer = BytesMut::new();
        answer(71).encode(&mut buffer, 16).unwrap();
        assert_eq!(decode(16, buffer.freeze()).unwrap().unwrap_err().code, 71);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..100) {
            let _ = decode(16, bytes.into());
            let mut buffer = BytesMut::new();
            answer(0).encode(&mut buffer, 16).unwrap();
            let whole = buffer.freeze();
            let cut = cut.min(whole.len() - 1);
            prop_assert!(decode(16, whole.slice(..cut)).is_err());
        }
    }
}
