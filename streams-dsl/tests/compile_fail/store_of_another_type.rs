use streams_dsl::processor_api::{KeyValueStore, Processor, ProcessorContext, ProcessorResult, StoreRef};
use streams_dsl::Record;

struct Count {
    reference: StoreRef<KeyValueStore<String, i64>>,
    counts: KeyValueStore<String, i32>,
}

impl Processor<String, String, (), ()> for Count {
    fn init(&mut self, context: &mut ProcessorContext<'_, (), ()>) -> ProcessorResult {
        self.counts = context.state_store(&self.reference)?;
        Ok(())
    }

    fn process(&mut self, _: &mut ProcessorContext<'_, (), ()>, _: Record<String, String>) -> ProcessorResult {
        Ok(())
    }
}

fn main() {}
