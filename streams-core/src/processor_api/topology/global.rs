use super::Source;
use crate::error::StreamsError;
use crate::processor_api::{GlobalKeyValueStore, KeyValueStore, Processor, StoreBuilder, StoreRef};
use crate::topology::TopologyBuilder;

/// Global stores.
impl TopologyBuilder {
    /// Adds a global store: a source of one topic, a processor below it that sees each of the topic's records and writes the store, and the store. Every instance
    /// has all of it: it reads all partitions, to their ends before the first task begins, and from then on as records come, on a thread of its own.
    /// Every other processor may read the store, as a [`GlobalKeyValueStore`], and need not be connected to it.
    ///
    /// There is no changelog: an instance that starts without the store gives the topic's records to the processor again (Kafka Streams does, too), one that has
    /// it goes on behind the last record whose writes are in it. So the topic keeps what the store is made of; where records
    /// that were read are gone, the instance closes, and rebuilds the store at its next start. The processor forwards nothing, and has no other store. What it fails with ends the
    /// instance, unless `processing.exception.handler.global.enabled` is set: then the processing exception handler is asked. The source's offset reset policy means nothing.
    ///
    /// ```
    /// # use streams_core::processor_api::{GlobalKeyValueStore, KeyValueStore, ProcessorContext, Processor, ProcessorResult, Stores};
    /// # use streams_core::record::Record;
    /// # use streams_core::topology::TopologyBuilder;
    /// /// Keeps the products that cost something, in lower case.
    /// #[derive(Default)]
    /// struct Prices {
    ///     prices: KeyValueStore<String, i64>,
    /// }
    ///
    /// impl Processor<String, Option<i64>, (), ()> for Prices {
    ///     fn init(&mut self, context: &mut ProcessorContext<'_, (), ()>) -> ProcessorResult {
    ///         self.prices = context.state_store("prices")?;
    ///         Ok(())
    ///     }
    ///
    ///     fn process(
    ///         &mut self,
    ///         _: &mut ProcessorContext<'_, (), ()>,
    ///         record: Record<String, Option<i64>>,
    ///     ) -> ProcessorResult {
    ///         let product = record.key.to_lowercase();
    ///         match record.value.filter(|price| *price > 0) {
    ///             Some(price) => self.prices.put(&product, &price)?,
    ///             None => drop(self.prices.delete(&product)?),
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let mut topology = TopologyBuilder::new();
    /// let prices = Stores::key_value_store::<String, i64>("prices");
    /// let prices = topology.add_global_store(prices, "price-source", "product-prices", "keep-prices", Prices::default)?;
    /// assert_eq!(prices.name(), "prices");
    /// # Ok::<(), streams_core::error::StreamsError>(())
    /// ```
    ///
    /// # Errors
    /// As [`add_source`](Self::add_source), [`add_processor`](Self::add_processor) and [`add_state_store`](Self::add_state_store); the source is not one topic.
    pub fn add_global_store<KIn, VIn, K, V, P>(
        &mut self,
        store: StoreBuilder<KeyValueStore<K, V>>,
        source_name: &str,
        source: impl Into<Source<KIn, VIn>>,
        processor_name: &str,
        supplier: impl Fn() -> P + Send + Sync + 'static,
    ) -> Result<StoreRef<GlobalKeyValueStore<K, V>>, StreamsError>
    where
        KIn: Clone + 'static,
        VIn: Clone + 'static,
        P: Processor<KIn, VIn, (), ()>,
    {
        let source = source.into();
        let reference = StoreRef::new(store.name());
        if source.only_topic().is_none() {
            let message = format!(
                "the global store {} is filled from its source {source_name}: that must be one topic",
                store.name()
            );
            return Err(StreamsError::Topology(message));
        }
        let spec = store.build().map_err(StreamsError::Topology)?;
        let source = self.add_source(source_name, source)?;
        self.add_processor(processor_name, supplier, &source)?;
        self.add_global(spec, processor_name)?;
        Ok(reference)
    }
}
