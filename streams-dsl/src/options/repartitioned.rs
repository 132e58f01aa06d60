use super::{SerdeChoice, common_options};
use std::sync::Arc;
use streams_core::processor::StreamPartitioner;

/// How a stream is brought into other partitions.
pub struct Repartitioned<K, V> {
    pub(crate) name: Option<String>,
    pub(crate) key: SerdeChoice<K>,
    pub(crate) value: SerdeChoice<V>,
    pub(crate) partitioner: Option<Arc<dyn StreamPartitioner<K, V>>>,
    pub(crate) partitions: Option<i32>,
}

common_options!(Repartitioned, "the topic is called `<application id>-<name>-repartition`", {
    partitioner: None,
    partitions: None,
});

impl<K: 'static, V: 'static> Repartitioned<K, V> {
    /// Sets the number of partitions of the topic; if not set, the largest of the topics that feed it.
    #[must_use]
    pub fn with_number_of_partitions(mut self, partitions: i32) -> Self {
        self.partitions = Some(partitions);
        self
    }

    /// Sets what chooses the partition of each record, as [`Produced::with_stream_partitioner`](super::Produced::with_stream_partitioner).
    #[must_use]
    pub fn with_stream_partitioner(mut self, partitioner: impl StreamPartitioner<K, V>) -> Self {
        self.partitioner = Some(Arc::new(partitioner));
        self
    }
}
