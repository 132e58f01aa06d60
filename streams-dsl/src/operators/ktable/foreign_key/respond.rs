use crate::data::Data;
use bytes::{BufMut, Bytes, BytesMut};
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Partitioning, StreamPartitioner, TaskContext};
use streams_core::record::{Record, Written};
use streams_core::serde::{Payload, SerdeRef};
use streams_core::store::SubscriptionResponse;

/// Sends responses to the left side: of keys and rows as bytes, so that a row is encoded once for all who are subscribed to it.
pub(crate) struct Responder<K, VO> {
    rows: SerdeRef<VO>,
    partitioner: Option<ResponsePartitioner<K>>,
    /// The name of the responses' topic.
    topic: Arc<str>,
    encoded: Vec<u8>,
    /// Where keys and rows lie until they are written; used again once they are.
    buffer: BytesMut,
    downstream: Downstream<Bytes, SubscriptionResponse<Bytes>>,
}

/// The user's partitioner of the left table.
pub(crate) struct ResponsePartitioner<K> {
    pub partitioner: Arc<dyn StreamPartitioner<K, ()>>,
    pub keys: SerdeRef<K>,
}

impl<K: Data, VO: Data> Responder<K, VO> {
    pub(crate) fn new(
        rows: SerdeRef<VO>,
        partitioner: Option<ResponsePartitioner<K>>,
        topic: Arc<str>,
        downstream: Downstream<Bytes, SubscriptionResponse<Bytes>>,
    ) -> Self {
        Self { rows, partitioner, topic, encoded: Vec::new(), buffer: BytesMut::new(), downstream }
    }

    /// The bytes of a right row; none where there is none.
    pub(crate) fn encode(&mut self, row: Option<&VO>) -> Result<Option<Bytes>, StreamsError> {
        let Some(row) = row else { return Ok(None) };
        self.encoded.clear();
        match self.rows.serialize(&self.topic, row, &mut self.encoded) {
            Ok(Written::Bytes) => Ok(Some(keep(&mut self.buffer, &self.encoded))),
            Ok(Written::Null) => Ok(None),
            Err(error) => Err(StreamsError::Serialization { topic: self.topic.to_string(), part: "value", error }),
        }
    }

    /// The bytes of a key, as [`respond`](Self::respond) takes them.
    pub(crate) fn key(&mut self, key: &[u8]) -> Bytes {
        keep(&mut self.buffer, key)
    }

    /// Sends a response to the row that has the key.
    pub(crate) fn respond(
        &self,
        context: &mut TaskContext,
        mut record: Record<Bytes, SubscriptionResponse<Bytes>>,
    ) -> Result<(), StreamsError> {
        if let Some(partitioner) = &self.partitioner {
            record.value.partition = partitioner.partition(context, &self.topic, &record.key)?;
        }
        self.downstream.forward(context, record)
    }
}

fn keep(buffer: &mut BytesMut, bytes: &[u8]) -> Bytes {
    const CAPACITY: usize = 4096;
    if buffer.capacity() - buffer.len() < bytes.len() {
        buffer.reserve(bytes.len().max(CAPACITY));
    }
    buffer.put_slice(bytes);
    buffer.split().freeze()
}

impl<K: Data> ResponsePartitioner<K> {
    /// The partition of the left row that has the key; none where it is that of the key's bytes.
    fn partition(&self, context: &TaskContext, topic: &Arc<str>, key: &Bytes) -> Result<Option<i32>, StreamsError> {
        let unknown = || StreamsError::UnknownSinkTopic { topic: topic.to_string() };
        let partitions = context.topics.get(topic).ok_or_else(unknown)?;
        let key = self.keys.deserialize(topic, Some(Payload::in_buffer(key, key)));
        let key = key.map_err(|error| StreamsError::Serialization { topic: topic.to_string(), part: "key", error })?;
        single(self.partitioner.partition(topic, &key, &(), partitions))
    }
}

/// The partition that a partitioner chose; none where it leaves that to the key's bytes.
pub(crate) fn single(partitioning: Partitioning) -> Result<Option<i32>, StreamsError> {
    match partitioning {
        Partitioning::Default => Ok(None),
        Partitioning::To(partition) => Ok(Some(partition)),
        Partitioning::Multicast(partitions) => match partitions[..] {
            [partition] => Ok(Some(partition)),
            _ => Err(StreamsError::user(format!(
                "the partitioner of a foreign-key join chose {} partitions; a key of a table is in one",
                partitions.len()
            ))),
        },
    }
}
