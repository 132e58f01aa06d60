use crate::processor::{FailOnInvalidTimestamp, SourceNode, TimestampExtractor};
use crate::serde::{DefaultSerde, Serde, SerdeRef};
use crate::topology::{AutoOffsetReset, BuiltNode, NodeFactory, NodeKind, SourceTopics};
use regex::Regex;
use std::sync::Arc;

/// What a source reads, and how.
///
/// A topic that has records with null key is read with `Option<K>` as key type, one that has null values with `Option<V>` as value type.
pub struct Source<K, V> {
    topics: SourceTopics,
    key_serde: SerdeRef<K>,
    value_serde: SerdeRef<V>,
    extractor: Arc<dyn TimestampExtractor<K, V>>,
    reset: Option<AutoOffsetReset>,
}

impl<K: Clone + 'static, V: Clone + 'static> Source<K, V> {
    /// One topic, with the default serdes of the types.
    pub fn topic(topic: impl Into<String>) -> Self
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        Self::topics([topic])
    }

    /// Several topics, with the default serdes of the types.
    pub fn topics<T: Into<String>>(topics: impl IntoIterator<Item = T>) -> Self
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        Self::topics_with(topics, K::Serde::default(), V::Serde::default())
    }

    /// One topic or several, with these serdes.
    pub fn topics_with<T: Into<String>>(
        topics: impl IntoIterator<Item = T>,
        key_serde: impl Serde<K>,
        value_serde: impl Serde<V>,
    ) -> Self {
        Self::new(SourceTopics::Names(topics.into_iter().map(Into::into).collect()), key_serde, value_serde)
    }

    /// All topics whose whole names match the pattern, also those that come later, with the default serdes of the types.
    pub fn pattern(pattern: Regex) -> Self
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        Self::pattern_with(pattern, K::Serde::default(), V::Serde::default())
    }

    /// All topics whose whole names match the pattern, also those that come later, with these serdes.
    pub fn pattern_with(pattern: Regex, key_serde: impl Serde<K>, value_serde: impl Serde<V>) -> Self {
        Self::new(SourceTopics::Pattern(pattern), key_serde, value_serde)
    }

    fn new(topics: SourceTopics, key_serde: impl Serde<K>, value_serde: impl Serde<V>) -> Self {
        Self {
            topics,
            key_serde: Arc::new(key_serde),
            value_serde: Arc::new(value_serde),
            extractor: Arc::new(FailOnInvalidTimestamp),
            reset: None,
        }
    }

    /// Sets where event time comes from; [`FailOnInvalidTimestamp`] if not set.
    #[must_use]
    pub fn with_timestamp_extractor(mut self, extractor: impl TimestampExtractor<K, V>) -> Self {
        self.extractor = Arc::new(extractor);
        self
    }

    /// Sets where to start in a partition without committed offset; `auto.offset.reset` of the configuration if not set.
    #[must_use]
    pub fn with_offset_reset_policy(mut self, policy: AutoOffsetReset) -> Self {
        self.reset = Some(policy);
        self
    }

    /// The topic, where it is one, by name.
    pub(super) fn only_topic(&self) -> Option<&str> {
        match &self.topics {
            SourceTopics::Names(names) => names.first().filter(|_| names.len() == 1).map(String::as_str),
            SourceTopics::Pattern(_) => None,
        }
    }

    pub(super) fn kind(&self) -> NodeKind {
        NodeKind::Source { topics: self.topics.clone(), reset: self.reset }
    }

    pub(super) fn factory(self) -> NodeFactory {
        let Self { key_serde, value_serde, extractor, .. } = self;
        Arc::new(move |build, children| {
            Ok(BuiltNode::source::<K, V>(SourceNode {
                key_serde: Arc::clone(&key_serde),
                value_serde: Arc::clone(&value_serde),
                timestamp_extractor: Arc::clone(&extractor),
                deserialization_handler: build.deserialization_handler(),
                downstream: children.downstream()?,
            }))
        })
    }
}

impl<K, V> From<&str> for Source<K, V>
where
    K: Clone + DefaultSerde,
    V: Clone + DefaultSerde,
{
    fn from(topic: &str) -> Self {
        Self::topic(topic)
    }
}
