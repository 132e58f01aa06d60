use super::{Downstream, RecordContext, TaskContext};
use crate::error::{DeserializationExceptionHandler, StreamsError};
use crate::record::{Headers, Record, RecordRef};
use crate::serde::{Payload, SerdeError, SerdeRef};
use bytes::Bytes;
use std::rc::Rc;
use std::sync::Arc;

/// A decoded input record, as a [`TimestampExtractor`] sees it.
pub struct TimestampedRecord<'a, K, V> {
    /// The key.
    pub key: &'a K,
    /// The value.
    pub value: &'a V,
    /// The record's own timestamp in milliseconds; -1 where it has none.
    pub timestamp: i64,
    /// The record's headers.
    pub headers: &'a Headers,
    /// Where it comes from.
    pub context: &'a RecordContext,
    /// Wall-clock time in milliseconds since the epoch.
    pub wall_time: i64,
}

/// Finds the event time of an input record (milliseconds since the epoch).
pub trait TimestampExtractor<K, V>: Send + Sync + 'static {
    /// The event time. A negative one drops the record, which is counted. `partition_time` is the largest timestamp
    /// seen so far in the record's partition, -1 before the first.
    ///
    /// # Errors
    /// Stops the task, as with Kafka Streams' `FailOnInvalidTimestamp`.
    fn extract(&self, record: &TimestampedRecord<'_, K, V>, partition_time: i64) -> Result<i64, StreamsError>;
}

/// What the head of a partition's buffer turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// A record with this event time; [`SourceReader::process`] forwards it.
    Record(i64),
    /// Nothing to process: undecodable or without valid timestamp, counted as dropped.
    Dropped,
}

/// Decodes the records of one input partition and forwards them into the graph, one at a time.
pub trait SourceReader {
    /// Decodes `record`, whose bytes are slices of `buffer`, and keeps it until [`process`](Self::process).
    ///
    /// # Errors
    /// Where the deserialization exception handler or the timestamp extractor says to fail.
    fn load(
        &mut self,
        context: &mut TaskContext,
        origin: &RecordContext,
        record: RecordRef<'_>,
        buffer: &Bytes,
        partition_time: i64,
    ) -> Result<Head, StreamsError>;

    /// Forwards the loaded record.
    ///
    /// # Errors
    /// As [`Node::process`](super::Node::process).
    fn process(&mut self, context: &mut TaskContext) -> Result<(), StreamsError>;
}

/// The start of a stream: how records of its topics are decoded, and where they go.
pub struct SourceNode<K, V> {
    /// Decodes keys.
    pub key_serde: SerdeRef<K>,
    /// Decodes values.
    pub value_serde: SerdeRef<V>,
    /// Finds event time.
    pub timestamp_extractor: Arc<dyn TimestampExtractor<K, V>>,
    /// Asked about records that cannot be decoded.
    pub deserialization_handler: Arc<dyn DeserializationExceptionHandler>,
    /// Where decoded records go.
    pub downstream: Downstream<K, V>,
}

impl<K: Clone + 'static, V: Clone + 'static> SourceNode<K, V> {
    /// A reader for one of the source's partitions.
    pub fn reader(self: &Rc<Self>) -> Box<dyn SourceReader> {
        Box::new(Reader { source: Rc::clone(self), head: None })
    }

    #[cold]
    fn undecodable(
        &self,
        context: &mut TaskContext,
        origin: &RecordContext,
        part: &'static str,
        error: SerdeError,
    ) -> Result<Head, StreamsError> {
        context.record = origin.clone();
        if self.deserialization_handler.handle(&context.error_context("source"), &error).is_continue() {
            context.drop_record(&format!("its {part} cannot be decoded: {error}"));
            return Ok(Head::Dropped);
        }
        Err(StreamsError::Deserialization {
            topic: origin.topic.to_string(),
            partition: origin.partition,
            offset: origin.offset,
            part,
            error,
        })
    }
}

struct Reader<K, V> {
    source: Rc<SourceNode<K, V>>,
    head: Option<Record<K, V>>,
}

impl<K: Clone + 'static, V: Clone + 'static> SourceReader for Reader<K, V> {
    fn load(
        &mut self,
        context: &mut TaskContext,
        origin: &RecordContext,
        record: RecordRef<'_>,
        buffer: &Bytes,
        partition_time: i64,
    ) -> Result<Head, StreamsError> {
        let source = &*self.source;
        let key = record.key.map(|key| Payload::in_buffer(key, buffer));
        let key = match source.key_serde.deserialize(&origin.topic, key) {
            Ok(key) => key,
            Err(error) => return source.undecodable(context, origin, "key", error),
        };
        let value = record.value.map(|value| Payload::in_buffer(value, buffer));
        let value = match source.value_serde.deserialize(&origin.topic, value) {
            Ok(value) => value,
            Err(error) => return source.undecodable(context, origin, "value", error),
        };
        let headers = match record.headers {
            [] => Headers::default(),
            encoded => Headers::from_encoded(buffer.slice_ref(encoded)),
        };
        let view = TimestampedRecord {
            key: &key,
            value: &value,
            timestamp: record.timestamp,
            headers: &headers,
            context: origin,
            wall_time: context.wall_time,
        };
        let timestamp = source.timestamp_extractor.extract(&view, partition_time)?;
        if timestamp < 0 {
            context.record = origin.clone();
            context.drop_record(&format!("its timestamp is negative ({timestamp})"));
            return Ok(Head::Dropped);
        }
        self.head = Some(Record { key, value, timestamp, headers });
        Ok(Head::Record(timestamp))
    }

    #[inline]
    fn process(&mut self, context: &mut TaskContext) -> Result<(), StreamsError> {
        match self.head.take() {
            Some(record) => self.source.downstream.forward(context, record),
            None => Ok(()),
        }
    }
}
