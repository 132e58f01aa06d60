use std::sync::Arc;
use streams_core::processor::StreamPartitioner;

/// How tables are joined by a foreign key: the join's name, and the partitioners of tables whose topics are not partitioned by murmur2 of
/// the keys' bytes.
///
/// `K` are the keys of the left table, `KO` those of the right one.
pub struct TableJoined<K, KO> {
    pub(crate) name: Option<String>,
    pub(crate) partitioner: Option<Arc<dyn StreamPartitioner<K, ()>>>,
    pub(crate) other_partitioner: Option<Arc<dyn StreamPartitioner<KO, ()>>>,
}

impl<K: 'static, KO: 'static> TableJoined<K, KO> {
    /// Nothing is said: generated names, and Kafka's default partitioner for both.
    pub fn new() -> Self {
        Self { name: None, partitioner: None, other_partitioner: None }
    }

    /// A name: that of the join's nodes, of its two topics and of the store of its subscriptions begins so.
    pub fn named(name: impl Into<String>) -> Self {
        Self::new().with_name(name)
    }

    /// Sets the name: that of the join's nodes, of its two topics and of the store of its subscriptions begins so.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Says how the topic of the left table is partitioned: what chooses a row's partition by its key. It must choose one. If not set, responses go to
    /// the partition that the row came from.
    ///
    /// A closure takes topic, key, nothing (rows have no say) and the number of partitions: `|topic: &str, key: &K, _: &(), partitions: i32|`.
    #[must_use]
    pub fn with_partitioner(mut self, partitioner: impl StreamPartitioner<K, ()>) -> Self {
        self.partitioner = Some(Arc::new(partitioner));
        self
    }

    /// Says how the topic of the right table is partitioned. It must choose one partition. If not set, by murmur2 of the key's bytes.
    #[must_use]
    pub fn with_other_partitioner(mut self, partitioner: impl StreamPartitioner<KO, ()>) -> Self {
        self.other_partitioner = Some(Arc::new(partitioner));
        self
    }
}

impl<K: 'static, KO: 'static> Default for TableJoined<K, KO> {
    fn default() -> Self {
        Self::new()
    }
}
