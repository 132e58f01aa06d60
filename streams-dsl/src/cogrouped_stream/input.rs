use crate::KGroupedStream;
use crate::data::Data;
use crate::graph::{GraphId, Handle, Processor};
use crate::nulls::NullCheck;
use crate::operators::cogroup::{CogroupInput, Input};
use std::cell::Cell;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::serde::SerdeRef;
use streams_core::topology::{BuiltNode, NodeFactory};

/// One of the streams of a co-grouping, whatever the type of its values.
pub(super) trait DeclaresInput<K, A> {
    fn key_serde(&self) -> Option<&SerdeRef<K>>;

    /// Whether it has a repartition topic that is named after the store.
    fn repartitions_without_name(&self) -> bool;

    /// What is aggregated in `store`: the stream, or its repartition topic.
    fn partitioned(&self, store: &str, key: &SerdeRef<K>) -> Handle;

    /// The node of the input, without stores.
    fn processor(&self, store: &str, drops_null_values: bool) -> Processor;
}

/// A grouped stream with its aggregator.
pub(super) struct GroupedInput<K, V, F> {
    grouped: KGroupedStream<K, V>,
    /// Shared by all aggregations of the co-grouping.
    repartition: Cell<Option<GraphId>>,
    aggregator: Arc<F>,
}

impl<K, V, F> GroupedInput<K, V, F> {
    pub(super) fn new(grouped: &KGroupedStream<K, V>, aggregator: F) -> Self {
        Self { grouped: grouped.clone(), repartition: Cell::default(), aggregator: Arc::new(aggregator) }
    }
}

impl<K, V, A, F> DeclaresInput<K, A> for GroupedInput<K, V, F>
where
    K: Data,
    V: Data,
    A: Data,
    F: Fn(&K, V, A) -> Result<A, StreamsError> + Send + Sync + 'static,
{
    fn key_serde(&self) -> Option<&SerdeRef<K>> {
        self.grouped.key_serde.as_ref()
    }

    fn repartitions_without_name(&self) -> bool {
        self.grouped.repartitions_without_name()
    }

    fn partitioned(&self, store: &str, key: &SerdeRef<K>) -> Handle {
        self.grouped.partitioned(store, key, &self.repartition)
    }

    fn processor(&self, store: &str, drops_null_values: bool) -> Processor {
        let values = self.grouped.value_serde.clone().filter(|_| drops_null_values);
        let (store, aggregator) = (store.to_owned(), Arc::clone(&self.aggregator));
        let factory: NodeFactory = Arc::new(move |build, children| {
            let nulls = NullCheck::new(values.as_ref(), &build.store(&store)?.serde_topic());
            let node = CogroupInput::<K, V, A, F>::new(Arc::clone(&aggregator), nulls, children.downstream()?);
            Ok(BuiltNode::node::<K, V>(node))
        });
        Processor::new::<K, V, K, Input<K, A>>(move || Arc::clone(&factory))
    }
}
