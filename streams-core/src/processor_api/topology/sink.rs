use crate::processor::{SinkNode, SinkTopic, StreamPartitioner, TopicNameExtractor};
use crate::serde::{DefaultSerde, Serde, SerdeRef};
use crate::topology::{BuiltNode, NodeFactory, NodeKind};
use std::sync::Arc;

/// Where a sink writes to, and how. Topics must exist.
pub struct Sink<K, V> {
    topic: SinkTopic<K, V>,
    key_serde: SerdeRef<K>,
    value_serde: SerdeRef<V>,
    partitioner: Option<Arc<dyn StreamPartitioner<K, V>>>,
}

impl<K: 'static, V: 'static> Sink<K, V> {
    /// To a topic, with the default serdes of the types.
    pub fn topic(topic: impl Into<String>) -> Self
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        Self::topic_with(topic, K::Serde::default(), V::Serde::default())
    }

    /// To a topic, with these serdes.
    pub fn topic_with(topic: impl Into<String>, key_serde: impl Serde<K>, value_serde: impl Serde<V>) -> Self {
        Self::new(SinkTopic::Fixed(topic.into().into()), key_serde, value_serde)
    }

    /// To the topic that the extractor names for each record, with the default serdes of the types. A closure takes key, value and
    /// the origin of the record: `|key: &K, value: &V, context: &RecordContext|`.
    pub fn topic_by(extractor: impl TopicNameExtractor<K, V>) -> Self
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        Self::topic_by_with(extractor, K::Serde::default(), V::Serde::default())
    }

    /// To the topic that the extractor names for each record, with these serdes.
    pub fn topic_by_with(
        extractor: impl TopicNameExtractor<K, V>,
        key_serde: impl Serde<K>,
        value_serde: impl Serde<V>,
    ) -> Self {
        Self::new(SinkTopic::ByRecord(Arc::new(extractor)), key_serde, value_serde)
    }

    fn new(topic: SinkTopic<K, V>, key_serde: impl Serde<K>, value_serde: impl Serde<V>) -> Self {
        Self { topic, key_serde: Arc::new(key_serde), value_serde: Arc::new(value_serde), partitioner: None }
    }

    /// Sets what chooses the partition of each record; if not set, Kafka's default partitioner: by murmur2 of the key's bytes.
    #[must_use]
    pub fn with_stream_partitioner(mut self, partitioner: impl StreamPartitioner<K, V>) -> Self {
        self.partitioner = Some(Arc::new(partitioner));
        self
    }

    pub(super) fn kind(&self) -> NodeKind {
        let topic = match &self.topic {
            SinkTopic::Fixed(topic) => Some(topic.to_string()),
            SinkTopic::ByRecord(_) => None,
        };
        NodeKind::Sink { topic }
    }

    pub(super) fn factory(self) -> NodeFactory {
        let Self { topic, key_serde, value_serde, partitioner } = self;
        Arc::new(move |build, _| {
            let topic = match &topic {
                SinkTopic::Fixed(topic) => SinkTopic::Fixed(build.topic_name(topic)),
                by_record => by_record.clone(),
            };
            let (key, value) = (Arc::clone(&key_serde), Arc::clone(&value_serde));
            Ok(BuiltNode::node::<K, V>(SinkNode::new(topic, key, value, partitioner.clone())))
        })
    }
}

impl<K: DefaultSerde, V: DefaultSerde> From<&str> for Sink<K, V> {
    fn from(topic: &str) -> Self {
        Self::topic(topic)
    }
}
