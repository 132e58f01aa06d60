use super::{NodeHandle, Parents, Sink, Source};
use crate::error::StreamsError;
use crate::processor_api::{
    FixedKeyProcessor, KeyValueStore, Names, Processor, StoreBuilder, StoreRef, fixed_key_processor_factory,
    processor_factory,
};
use crate::topology::{FlowType, NodeFactory, NodeKind, TopologyBuilder};

/// Topologies of processors, put together node by node. Each method says at once what is wrong with what it adds.
impl TopologyBuilder {
    /// Adds a source: a topic's name, for the default serdes of the types, or a [`Source`].
    ///
    /// # Errors
    /// The name is taken or not allowed, or one of the topics has a source already.
    pub fn add_source<K: Clone + 'static, V: Clone + 'static>(
        &mut self,
        name: &str,
        source: impl Into<Source<K, V>>,
    ) -> Result<NodeHandle<K, V>, StreamsError> {
        let source = source.into();
        let output = Some(FlowType::of::<K, V>());
        self.add_node(name, source.kind(), &[], None, output, source.factory())?;
        Ok(NodeHandle::new(name))
    }

    /// Adds a processor below `parents`. `supplier` makes one for each task.
    ///
    /// # Errors
    /// The name is taken or not allowed, a parent does not exist, or forwards other types.
    pub fn add_processor<KIn, VIn, KOut, VOut, P>(
        &mut self,
        name: &str,
        supplier: impl Fn() -> P + Send + Sync + 'static,
        parents: impl Parents<KIn, VIn>,
    ) -> Result<NodeHandle<KOut, VOut>, StreamsError>
    where
        KIn: 'static,
        VIn: 'static,
        KOut: Clone + 'static,
        VOut: Clone + 'static,
        P: Processor<KIn, VIn, KOut, VOut>,
    {
        let (input, output) = (FlowType::of::<KIn, VIn>(), FlowType::of::<KOut, VOut>());
        self.add_below(
            name,
            NodeKind::Processor,
            &parents.parents(),
            input,
            Some(output),
            processor_factory(supplier),
        )?;
        Ok(NodeHandle::new(name))
    }

    /// Adds a fixed-key processor below `parents`. `supplier` makes one for each task.
    ///
    /// # Errors
    /// As [`add_processor`](Self::add_processor).
    pub fn add_fixed_key_processor<K, VIn, VOut, P>(
        &mut self,
        name: &str,
        supplier: impl Fn() -> P + Send + Sync + 'static,
        parents: impl Parents<K, VIn>,
    ) -> Result<NodeHandle<K, VOut>, StreamsError>
    where
        K: Clone + 'static,
        VIn: 'static,
        VOut: Clone + 'static,
        P: FixedKeyProcessor<K, VIn, VOut>,
    {
        let (input, output) = (FlowType::of::<K, VIn>(), FlowType::of::<K, VOut>());
        let factory = fixed_key_processor_factory(supplier);
        self.add_below(name, NodeKind::Processor, &parents.parents(), input, Some(output), factory)?;
        Ok(NodeHandle::new(name))
    }

    /// Adds a sink below `parents`: a topic's name, for the default serdes of the types, or a [`Sink`].
    ///
    /// # Errors
    /// As [`add_processor`](Self::add_processor).
    pub fn add_sink<K: 'static, V: 'static>(
        &mut self,
        name: &str,
        sink: impl Into<Sink<K, V>>,
        parents: impl Parents<K, V>,
    ) -> Result<(), StreamsError> {
        let sink = sink.into();
        self.add_below(name, sink.kind(), &parents.parents(), FlowType::of::<K, V>(), None, sink.factory())
    }

    /// Adds a store and connects it to `processors`; `()` for none yet.
    ///
    /// # Errors
    /// The name is taken or not allowed, the store cannot be as declared, or a processor does not exist.
    pub fn add_state_store<S>(
        &mut self,
        store: StoreBuilder<S>,
        processors: impl Names,
    ) -> Result<StoreRef<S>, StreamsError> {
        let reference = store.reference();
        self.add_store(store.build().map_err(StreamsError::Topology)?, &[])?;
        self.connect_processor_and_state_stores(processors, &reference)?;
        Ok(reference)
    }

    /// Connects each of the stores to each of the processors: what shares a store is in one task.
    ///
    /// # Errors
    /// One of them does not exist, or is not a processor.
    pub fn connect_processor_and_state_stores(
        &mut self,
        processors: impl Names,
        stores: impl Names,
    ) -> Result<(), StreamsError> {
        let stores = stores.names();
        for processor in processors.names() {
            for store in &stores {
                if self.node(&processor).is_some_and(|node| !matches!(node.kind, NodeKind::Processor)) {
                    let message = format!("store {store} is connected to {processor}, which is not a processor");
                    return Err(StreamsError::Topology(message));
                }
                self.connect(&processor, store)?;
            }
        }
        Ok(())
    }

    /// Adds a key-value store whose changelog is an input topic (KIP-813): a source of that topic, a processor below it that writes each
    /// record to the store, and the store, which others may be connected to and should only read. There is no other changelog: a task that
    /// starts without state restores the topic's records, up to those that the processor has yet to see, as they are. So the topic is compacted, its serdes
    /// are the store's, and the processor writes what it gets.
    ///
    /// # Errors
    /// As [`add_source`](Self::add_source), [`add_processor`](Self::add_processor) and [`add_state_store`](Self::add_state_store); the source is not one topic.
    pub fn add_read_only_state_store<KIn, VIn, K, V, P>(
        &mut self,
        store: StoreBuilder<KeyValueStore<K, V>>,
        source_name: &str,
        source: impl Into<Source<KIn, VIn>>,
        processor_name: &str,
        supplier: impl Fn() -> P + Send + Sync + 'static,
    ) -> Result<StoreRef<KeyValueStore<K, V>>, StreamsError>
    where
        KIn: Clone + 'static,
        VIn: Clone + 'static,
        P: Processor<KIn, VIn, (), ()>,
    {
        let source = source.into();
        let Some(topic) = source.only_topic().map(str::to_owned) else {
            let message = format!(
                "store {} is to be restored from its source {source_name}: that must be one topic",
                store.name()
            );
            return Err(StreamsError::Topology(message));
        };
        let source = self.add_source(source_name, source)?;
        self.add_processor(processor_name, supplier, &source)?;
        let reference = store.reference();
        let store = store.with_logging_disabled().build().map_err(StreamsError::Topology)?;
        self.add_store_of_topic(store, processor_name, &topic)?;
        Ok(reference)
    }

    fn add_below(
        &mut self,
        name: &str,
        kind: NodeKind,
        parents: &[String],
        input: FlowType,
        output: Option<FlowType>,
        factory: NodeFactory,
    ) -> Result<(), StreamsError> {
        if parents.is_empty() {
            return Err(StreamsError::Topology(format!("{name} has no parents, so it would get no records")));
        }
        let parents: Vec<&str> = parents.iter().map(String::as_str).collect();
        self.add_node(name, kind, &parents, Some(input), output, factory).map(|_| ())
    }
}
