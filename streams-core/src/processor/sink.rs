use super::{Node, Operator, RecordContext, TaskContext};
use crate::error::StreamsError;
use crate::partitioner::partition_for_key;
use crate::record::{OutputWriter, Record};
use crate::serde::{SerdeError, SerdeRef};
use std::sync::Arc;

/// Chooses partitions for the records of a sink, by key and value.
pub trait StreamPartitioner<K, V>: Send + Sync + 'static {
    /// Where the record goes, out of `partitions` partitions of `topic`.
    fn partition(&self, topic: &str, key: &K, value: &V, partitions: i32) -> Partitioning;
}

impl<K, V, F> StreamPartitioner<K, V> for F
where
    F: Fn(&str, &K, &V, i32) -> Partitioning + Send + Sync + 'static,
{
    fn partition(&self, topic: &str, key: &K, value: &V, partitions: i32) -> Partitioning {
        self(topic, key, value, partitions)
    }
}

/// What a partitioner answers (KIP-837).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Partitioning {
    /// As Kafka's default partitioner: murmur2 of the key's bytes.
    Default,
    /// To this partition.
    To(i32),
    /// To each of these partitions; none of them drops the record.
    Multicast(Vec<i32>),
}

/// Chooses the topic of each record of a sink. The topic must exist.
pub trait TopicNameExtractor<K, V>: Send + Sync + 'static {
    /// The topic's name.
    fn extract(&self, key: &K, value: &V, context: &RecordContext) -> String;
}

impl<K, V, F> TopicNameExtractor<K, V> for F
where
    F: Fn(&K, &V, &RecordContext) -> String + Send + Sync + 'static,
{
    fn extract(&self, key: &K, value: &V, context: &RecordContext) -> String {
        self(key, value, context)
    }
}

/// Where a sink writes to.
pub enum SinkTopic<K, V> {
    /// One topic.
    Fixed(Arc<str>),
    /// A topic chosen by record.
    ByRecord(Arc<dyn TopicNameExtractor<K, V>>),
}

impl<K, V> Clone for SinkTopic<K, V> {
    fn clone(&self) -> Self {
        match self {
            Self::Fixed(topic) => Self::Fixed(Arc::clone(topic)),
            Self::ByRecord(extractor) => Self::ByRecord(Arc::clone(extractor)),
        }
    }
}

/// The end of a stream: encodes records into the task's output.
pub struct SinkNode<K, V> {
    topic: SinkTopic<K, V>,
    encoder: Encoder<K, V>,
    partitioner: Option<Arc<dyn StreamPartitioner<K, V>>>,
    destination: Option<Destination>,
}

/// What turns a record into bytes.
struct Encoder<K, V> {
    key_serde: SerdeRef<K>,
    value_serde: SerdeRef<V>,
    /// Partition for records without key; moves on with each of them.
    keyless: i32,
}

/// The topic last written to, looked up once.
struct Destination {
    topic: Arc<str>,
    index: usize,
    partitions: i32,
}

impl<K: 'static, V: 'static> SinkNode<K, V> {
    /// A sink to `topic`.
    pub fn new(
        topic: SinkTopic<K, V>,
        key_serde: SerdeRef<K>,
        value_serde: SerdeRef<V>,
        partitioner: Option<Arc<dyn StreamPartitioner<K, V>>>,
    ) -> Self {
        let encoder = Encoder { key_serde, value_serde, keyless: 0 };
        Self { topic, encoder, partitioner, destination: None }
    }

    /// Where the record goes, if not to where the last one went.
    fn new_destination(
        &self,
        context: &mut TaskContext,
        record: &Record<K, V>,
    ) -> Result<Option<Destination>, StreamsError> {
        let name = match (&self.topic, &self.destination) {
            (SinkTopic::Fixed(_), Some(_)) => return Ok(None),
            (SinkTopic::Fixed(topic), None) => Arc::clone(topic),
            (SinkTopic::ByRecord(extractor), last) => {
                let name = extractor.extract(&record.key, &record.value, &context.record);
                match last {
                    Some(last) if *last.topic == *name => return Ok(None),
                    _ => name.into(),
                }
            }
        };
        let partitions =
            context.topics.get(&name).ok_or_else(|| StreamsError::UnknownSinkTopic { topic: name.to_string() })?;
        let index = context.output.topic_index(&name);
        Ok(Some(Destination { topic: name, index, partitions }))
    }
}

impl<K: 'static, V: 'static> Encoder<K, V> {
    fn write(
        &mut self,
        context: &mut TaskContext,
        record: &Record<K, V>,
        to: &Destination,
        partition: Option<i32>,
    ) -> Result<(), StreamsError> {
        if let Some(partition) = partition.filter(|partition| !(0..to.partitions).contains(partition)) {
            let message =
                format!("the partitioner chose partition {partition} of {} which has {}", to.topic, to.partitions);
            return Err(StreamsError::User(message.into()));
        }
        let mut writer = context.output.begin();
        if let Err((part, error)) = self.encode(&mut writer, record, to) {
            drop(writer);
            return Err(StreamsError::Serialization { topic: to.topic.to_string(), part, error });
        }
        let partition = partition.unwrap_or_else(|| match writer.written_key() {
            Some(key) => partition_for_key(key, to.partitions),
            None => {
                self.keyless = (self.keyless + 1) % to.partitions.max(1);
                self.keyless
            }
        });
        writer.finish(to.index, partition, record.timestamp, record.headers.as_encoded());
        Ok(())
    }

    fn encode(
        &self,
        writer: &mut OutputWriter<'_>,
        record: &Record<K, V>,
        to: &Destination,
    ) -> Result<(), (&'static str, SerdeError)> {
        writer.key(|out| self.key_serde.serialize(&to.topic, &record.key, out)).map_err(|error| ("key", error))?;
        writer.value(|out| self.value_serde.serialize(&to.topic, &record.value, out)).map_err(|error| ("value", error))
    }
}

impl<K: 'static, V: 'static> Operator for SinkNode<K, V> {}

impl<K: 'static, V: 'static> Node<K, V> for SinkNode<K, V> {
    fn process(&mut self, context: &mut TaskContext, record: Record<K, V>) -> Result<(), StreamsError> {
        if let Some(new) = self.new_destination(context, &record)? {
            self.destination = Some(new);
        }
        let Self { encoder, partitioner, destination: Some(to), .. } = self else { return Ok(()) };
        let Some(partitioner) = partitioner else { return encoder.write(context, &record, to, None) };
        match partitioner.partition(&to.topic, &record.key, &record.value, to.partitions) {
            Partitioning::Default => encoder.write(context, &record, to, None),
            Partitioning::To(partition) => encoder.write(context, &record, to, Some(partition)),
            Partitioning::Multicast(partitions) if partitions.is_empty() => {
                context.drop_record("the partitioner chose no partition");
                Ok(())
            }
            Partitioning::Multicast(partitions) => {
                partitions.into_iter().try_for_each(|partition| encoder.write(context, &record, to, Some(partition)))
            }
        }
    }
}
