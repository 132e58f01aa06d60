use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::ApiKey;

use super::{Call, Refusal, VersionRange, compact_length, compact_text, millis};
use crate::ClientError;
use crate::wire::{Reader, WireError};

/// Appends record batches, one per partition, and waits for all replicas in sync.
///
/// `ADDS` says that the broker itself adds the partitions to the transaction (KIP-890): versions from 12 on.
pub(crate) struct Produce<const ADDS: bool> {
    pub(crate) transactional_id: Option<Arc<str>>,
    pub(crate) timeout: std::time::Duration,
    /// By topic, each topic once.
    pub(crate) topics: Vec<(Arc<str>, Vec<PartitionBatch>)>,
}

pub(crate) struct PartitionBatch {
    pub(crate) partition: i32,
    /// One whole record batch.
    pub(crate) batch: Bytes,
}

/// What became of the batches, in the order of the request.
pub(crate) struct Produced {
    pub(crate) partitions: Vec<ProducedPartition>,
    /// How long the broker wants to be left alone.
    pub(crate) throttle_millis: i32,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ProducedPartition {
    pub(crate) code: i16,
    /// Offset of the first record; -1 where the broker does not say.
    pub(crate) base_offset: i64,
    pub(crate) message: Option<String>,
}

impl<const ADDS: bool> Call for Produce<ADDS> {
    const KEY: ApiKey = ApiKey::Produce;
    const NAME: &'static str = "Produce";
    const VERSIONS: VersionRange =
        if ADDS { VersionRange { min: 12, max: 12 } } else { VersionRange { min: 9, max: 11 } };
    type Answer = Produced;

    /// By hand: the codec crate would copy the batches once more while its buffer grows.
    fn encode(&self, _version: i16, buffer: &mut BytesMut) -> Result<(), ClientError> {
        let batches: usize =
            self.topics.iter().flat_map(|(_, batches)| batches).map(|batch| batch.batch.len() + 16).sum();
        let names: usize = self.topics.iter().map(|(name, _)| name.len() + 16).sum();
        buffer.reserve(batches + names + self.transactional_id.as_ref().map_or(0, |id| id.len()) + 32);
        compact_text(self.transactional_id.as_deref(), buffer);
        buffer.put_i16(-1); // acks: all
        buffer.put_i32(millis(self.timeout));
        compact_length(self.topics.len(), buffer);
        for (name, batches) in &self.topics {
            compact_text(Some(name), buffer);
            compact_length(batches.len(), buffer);
            for batch in batches {
                buffer.put_i32(batch.partition);
                compact_length(batch.batch.len(), buffer);
                buffer.put_slice(&batch.batch);
                buffer.put_u8(0); // tags
            }
            buffer.put_u8(0); // tags
        }
        buffer.put_u8(0); // tags
        Ok(())
    }

    fn decode(&self, _version: i16, body: &mut Reader) -> Result<Result<Self::Answer, Refusal>, WireError> {
        let answered = body.compact_array(|topic| {
            let name = topic.compact_string()?;
            let partitions = topic.compact_array(partition)?;
            topic.tags()?;
            Ok((name, partitions))
        })?;
        let throttle_millis = body.i32()?;
        body.tags()?;
        let partitions = self.in_order(&answered).ok_or(WireError("an answer to Produce lacks a partition"))?;
        Ok(Ok(Produced { partitions, throttle_millis }))
    }
}

impl<const ADDS: bool> Produce<ADDS> {
    /// The answers in the order of the request, which is nearly always their own.
    fn in_order(&self, answered: &[(String, Vec<(i32, ProducedPartition)>)]) -> Option<Vec<ProducedPartition>> {
        let mut in_order = Vec::new();
        for (place, (name, batches)) in self.topics.iter().enumerate() {
            let same = |(answered, _): &&(String, _)| **answered == **name;
            let (_, partitions) = answered.get(place).filter(same).or_else(|| answered.iter().find(same))?;
            for (place, batch) in batches.iter().enumerate() {
                let same = |(answered, _): &&(i32, _)| *answered == batch.partition;
                let (_, told) = partitions.get(place).filter(same).or_else(|| partitions.iter().find(same))?;
                in_order.push(told.clone());
            }
        }
        Some(in_order)
    }
}

fn partition(partition: &mut Reader) -> Result<(i32, ProducedPartition), WireError> {
    let index = partition.i32()?;
    let code = partition.i16()?;
    let base_offset = partition.i64()?;
    partition.i64()?; // log append time
    partition.i64()?; // log start offset
    partition.compact_array(|record| {
        record.i32()?; // place in the batch
        record.compact_nullable_string()?; // message
        record.tags()
    })?;
    let message = partition.compact_nullable_string()?;
    partition.tags()?;
    Ok((index, ProducedPartition { code, base_offset, message }))
}
