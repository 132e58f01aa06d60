use super::{SerdeChoice, common_options};
use std::sync::Arc;
use streams_core::processor::StreamPartitioner;

/// How a topic is written.
pub struct Produced<K, V> {
    pub(crate) name: Option<String>,
    pub(crate) key: SerdeChoice<K>,
    pub(crate) value: SerdeChoice<V>,
    pub(crate) partitioner: Option<Arc<dyn StreamPartitioner<K, V>>>,
}

common_options!(Produced, "the sink's", { partitioner: None });

impl<K: 'static, V: 'static> Produced<K, V> {
    /// Sets what chooses the partition of each record; if not set, Kafka's default partitioner: by murmur2 of the key's bytes.
    ///
    /// A closure takes topic, key, value and the number of partitions: `|topic: &str, key: &K, value: &V, partitions: i32|`.
    #[must_use]
    pub fn with_stream_partitioner(mut self, partitioner: impl StreamPartitioner<K, V>) -> Self {
        self.partitioner = Some(Arc::new(partitioner));
        self
    }
}
