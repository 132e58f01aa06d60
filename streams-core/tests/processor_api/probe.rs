//! A processor with one store that does with it what a test says.

use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor_api::{
    Processor, ProcessorContext, ProcessorResult, ProcessorStore, StoreBuilder, StoreRef,
};
use streams_core::record::Record;
use streams_core::test_driver::{TestDriverConfig, TopologyTestDriver};
use streams_core::topology::{Topology, TopologyBuilder};

type Action<S> = Arc<dyn Fn(&S, &Record<String, String>) -> ProcessorResult + Send + Sync>;

struct Probe<S> {
    reference: StoreRef<S>,
    store: S,
    action: Action<S>,
}

impl<S: ProcessorStore> Processor<String, String, String, String> for Probe<S> {
    fn init(&mut self, context: &mut ProcessorContext<'_, String, String>) -> ProcessorResult {
        self.store = context.state_store(&self.reference)?;
        Ok(())
    }

    fn process(
        &mut self,
        context: &mut ProcessorContext<'_, String, String>,
        record: Record<String, String>,
    ) -> ProcessorResult {
        (self.action)(&self.store, &record)?;
        context.forward(record)?;
        Ok(())
    }
}

/// Topic `in` to a processor that does `action` with its store, and from there to `out`.
pub fn topology<S: ProcessorStore + Default>(
    store: StoreBuilder<S>,
    action: impl Fn(&S, &Record<String, String>) -> ProcessorResult + Send + Sync + 'static,
) -> Topology {
    let mut topology = TopologyBuilder::new();
    let action: Action<S> = Arc::new(action);
    let source = topology.add_source("source", "in").unwrap();
    let store = topology.add_state_store(store, ()).unwrap();
    let reference = store.clone();
    let supplier = move || Probe { reference: reference.clone(), store: S::default(), action: Arc::clone(&action) };
    let probe = topology.add_processor("probe", supplier, &source).unwrap();
    topology.connect_processor_and_state_stores(&probe, &store).unwrap();
    topology.add_sink("sink", "out", &probe).unwrap();
    topology.build().unwrap()
}

/// Has one call of a processor do something with a store of each kind of keeping: on disk, in memory, with and without cache.
pub fn with_store<S: ProcessorStore + Default>(
    store: impl Fn() -> StoreBuilder<S>,
    action: impl Fn(&S) -> ProcessorResult + Clone + Send + Sync + 'static,
) {
    let forms = [store(), store().with_caching_enabled(), store().in_memory(), store().with_logging_disabled()];
    for form in forms {
        let action = action.clone();
        let topology = topology(form, move |store, _| action(store));
        pipe(&TopologyTestDriver::new(&topology), &[("k", "v", 0)]).unwrap();
    }
}

/// Pipes records of key, value and time into topic `in`.
pub fn pipe(driver: &TopologyTestDriver, records: &[(&str, &str, i64)]) -> Result<(), StreamsError> {
    let input = driver.create_input_topic::<String, String>("in");
    records.iter().try_for_each(|(key, value, time)| input.pipe_input_at((*key).into(), (*value).into(), *time))
}

/// A driver whose handler lets errors of user code pass.
pub fn continuing(topology: &Topology) -> TopologyTestDriver {
    let mut config = TestDriverConfig::default();
    config.settings.processing_handler = Arc::new(streams_core::error::LogAndContinue);
    TopologyTestDriver::with_config(topology, config)
}
