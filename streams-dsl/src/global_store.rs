use crate::StreamsBuilder;
use crate::builder::stream_source_factory;
use crate::data::Data;
use crate::graph::{Kind, Processor as ProcessorStep, Source, Store, TableSource};
use crate::options::Consumed;
use std::sync::Arc;
use streams_core::processor_api::{
    GlobalKeyValueStore, KeyValueStore, Processor, StoreBuilder, StoreRef, processor_factory,
};
use streams_core::serde::DefaultSerde;
use streams_core::topology::{FlowType, SourceTopics};

/// Global stores.
impl StreamsBuilder {
    /// Adds a store of which every instance has all rows, whatever tasks it has, written by a processor that sees each record of a topic.
    ///
    /// It is filled as a [`GlobalKTable`](crate::GlobalKTable) is: every instance gives the processor the records of all partitions, those up to their ends
    /// before the first task begins, and those that come later on a thread of its own. Where a global table keeps the topic's rows as they are, the processor
    /// decides what it keeps. Every [processor](crate::KStream::process) can read the store, as a [`GlobalKeyValueStore`], without naming it where
    /// it is declared; queries can read it, too.
    ///
    /// There is no changelog, whatever `store` says: an instance that starts without the store gives the processor the topic's records again, one that
    /// has it goes on behind the last record whose writes are in it, also after a crash. So the topic must keep what the store is made of; where
    /// records that were read are gone, the instance closes, and rebuilds the store at its next start. Records with null key or value come to the processor only where `KIn`
    /// or `VIn` is an [`Option`]; they are read with the default serdes of these types. What the processor fails with ends the instance; with
    /// `processing.exception.handler.global.enabled` the processing exception handler is asked first.
    ///
    /// ```
    /// # use streams_dsl::processor_api::{
    /// #     FixedKeyProcessor, FixedKeyProcessorContext, FixedKeyRecord, GlobalKeyValueStore, KeyValueStore, Processor, ProcessorContext,
    /// #     ProcessorResult, Stores,
    /// # };
    /// # use streams_dsl::{Record, StreamsBuilder};
    /// /// Keeps the topic's last value of each key, in upper case.
    /// #[derive(Default)]
    /// struct Keep {
    ///     names: KeyValueStore<String, String>,
    /// }
    ///
    /// impl Processor<String, String, (), ()> for Keep {
    ///     fn init(&mut self, context: &mut ProcessorContext<'_, (), ()>) -> ProcessorResult {
    ///         self.names = context.state_store("names")?;
    ///         Ok(())
    ///     }
    ///
    ///     fn process(&mut self, _: &mut ProcessorContext<'_, (), ()>, record: Record<String, String>) -> ProcessorResult {
    ///         self.names.put(&record.key, &record.value.to_uppercase())?;
    ///         Ok(())
    ///     }
    /// }
    ///
    /// /// Makes of each code its name.
    /// #[derive(Default)]
    /// struct Name {
    ///     names: GlobalKeyValueStore<String, String>,
    /// }
    ///
    /// impl FixedKeyProcessor<String, String, String> for Name {
    ///     fn init(&mut self, context: &mut FixedKeyProcessorContext<'_, String, String>) -> ProcessorResult {
    ///         self.names = context.state_store("names")?;
    ///         Ok(())
    ///     }
    ///
    ///     fn process(
    ///         &mut self,
    ///         context: &mut FixedKeyProcessorContext<'_, String, String>,
    ///         record: FixedKeyRecord<String, String>,
    ///     ) -> ProcessorResult {
    ///         if let Some(name) = self.names.get(record.value())? {
    ///             context.forward(record.with_value(name))?;
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let builder = StreamsBuilder::new();
    /// let names = Stores::key_value_store::<String, String>("names");
    /// builder.add_global_store(names, "country-names", Keep::default);
    /// builder.stream::<String, String>("visits").process_values(Name::default, ()).to("visits-by-country");
    /// # builder.build()?;
    /// # Ok::<(), streams_dsl::StreamsError>(())
    /// ```
    pub fn add_global_store<KIn, VIn, K: 'static, V: 'static, P>(
        &self,
        store: StoreBuilder<KeyValueStore<K, V>>,
        topic: impl Into<String>,
        supplier: impl Fn() -> P + Send + Sync + 'static,
    ) -> StoreRef<GlobalKeyValueStore<K, V>>
    where
        KIn: Data + DefaultSerde,
        VIn: Data + DefaultSerde,
        P: Processor<KIn, VIn, (), ()>,
    {
        self.add_global_store_with(store, topic, Consumed::defaults(), supplier)
    }

    /// [`add_global_store`](Self::add_global_store), reading the topic as `consumed` says. Its offset reset policy means nothing here.
    pub fn add_global_store_with<KIn: Data, VIn: Data, K: 'static, V: 'static, P>(
        &self,
        store: StoreBuilder<KeyValueStore<K, V>>,
        topic: impl Into<String>,
        consumed: Consumed<KIn, VIn>,
        supplier: impl Fn() -> P + Send + Sync + 'static,
    ) -> StoreRef<GlobalKeyValueStore<K, V>>
    where
        P: Processor<KIn, VIn, (), ()>,
    {
        let root = self.root();
        let reference = StoreRef::new(store.name());
        let [source_name, name] = ["KSTREAM-SOURCE-", "KTABLE-SOURCE-"].map(|prefix| root.graph().new_name(prefix));
        let step = format!("global store {}", reference.name());
        let key = root.require(&step, "key", consumed.key.resolve(None));
        let value = root.require(&step, "value", consumed.value.resolve(None));
        let spec = store.build().map_err(|message| root.mistake(message)).ok();
        let (Some(key), Some(value), Some(spec)) = (key, value, spec) else { return reference };
        let factory = processor_factory::<KIn, VIn, (), (), P>(supplier);
        let table = ProcessorStep {
            stores: vec![Store::always(spec)],
            ..ProcessorStep::new::<KIn, VIn, (), ()>(move || Arc::clone(&factory))
        };
        let source = Source {
            topics: SourceTopics::Names(vec![topic.into()]),
            reset: None,
            output: FlowType::of::<KIn, VIn>(),
            factory: stream_source_factory(&consumed, &key, &value),
        };
        let kind = Kind::TableSource(TableSource { source_name, source, table, global: true, reusable: false });
        root.graph().add(name, consumed.name, Vec::new(), kind);
        reference
    }
}
