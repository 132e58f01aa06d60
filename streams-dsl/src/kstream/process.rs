use super::KStream;
use crate::data::Data;
use crate::graph::Processor as ProcessorStep;
use std::sync::Arc;
use streams_core::processor_api::{
    FixedKeyProcessor, Names, Processor, fixed_key_processor_factory, processor_factory,
};

/// Steps written by hand: see [`processor_api`](streams_core::processor_api).
impl<K: Data, V: Data> KStream<K, V> {
    /// Hands each record to a [`Processor`], and goes on with what that forwards. `supplier` makes a processor for each task; `stores` are the stores that it
    /// asks for: declared with [`add_state_store`](crate::StreamsBuilder::add_state_store), or those of tables, by name; `()` for none.
    ///
    /// As keys may have changed, a grouping or a join further down goes through a repartition topic; [`process_values`](Self::process_values) avoids that.
    ///
    /// ```
    /// # use streams_dsl::StreamsBuilder;
    /// # use streams_dsl::processor_api::{KeyValueStore, Processor, ProcessorContext, ProcessorResult, Stores};
    /// # use streams_dsl::Record;
    /// /// Forwards the first record of each key.
    /// #[derive(Default)]
    /// struct First {
    ///     seen: KeyValueStore<String, i64>,
    /// }
    ///
    /// impl Processor<String, String, String, String> for First {
    ///     fn init(&mut self, context: &mut ProcessorContext<'_, String, String>) -> ProcessorResult {
    ///         self.seen = context.state_store("seen")?;
    ///         Ok(())
    ///     }
    ///
    ///     fn process(
    ///         &mut self,
    ///         context: &mut ProcessorContext<'_, String, String>,
    ///         record: Record<String, String>,
    ///     ) -> ProcessorResult {
    ///         if self.seen.put_if_absent(&record.key, &record.timestamp)?.is_none() {
    ///             context.forward(record)?;
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let builder = StreamsBuilder::new();
    /// let seen = builder.add_state_store(Stores::key_value_store::<String, i64>("seen"));
    /// builder.stream::<String, String>("events").process(First::default, &seen).to("first-events");
    /// # builder.build()?;
    /// # Ok::<(), streams_dsl::StreamsError>(())
    /// ```
    pub fn process<KOut: Data, VOut: Data, P>(
        &self,
        supplier: impl Fn() -> P + Send + Sync + 'static,
        stores: impl Names,
    ) -> KStream<KOut, VOut>
    where
        P: Processor<K, V, KOut, VOut>,
    {
        let factory = processor_factory::<K, V, KOut, VOut, P>(supplier);
        let mut step = ProcessorStep::new::<K, V, KOut, VOut>(move || Arc::clone(&factory));
        step.uses = stores.names();
        let generated = self.handle.graph().new_name("KSTREAM-PROCESSOR-");
        KStream::new(self.handle.add_processor(generated, None, step), None, None, true)
    }

    /// Hands each record to a [`FixedKeyProcessor`], which cannot change its key, and goes on with what that forwards. Otherwise as [`process`](Self::process);
    /// records stay in their partitions.
    pub fn process_values<VOut: Data, P>(
        &self,
        supplier: impl Fn() -> P + Send + Sync + 'static,
        stores: impl Names,
    ) -> KStream<K, VOut>
    where
        P: FixedKeyProcessor<K, V, VOut>,
    {
        let factory = fixed_key_processor_factory::<K, V, VOut, P>(supplier);
        let mut step = ProcessorStep::new::<K, V, K, VOut>(move || Arc::clone(&factory));
        step.uses = stores.names();
        let generated = self.handle.graph().new_name("KSTREAM-PROCESSVALUES-");
        self.values(self.handle.add_processor(generated, None, step))
    }
}
