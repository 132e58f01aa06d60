use streams_dsl::processor_api::{Processor, ProcessorContext, ProcessorResult};
use streams_dsl::Record;

struct Lengths;

impl Processor<String, String, String, i64> for Lengths {
    fn process(
        &mut self,
        context: &mut ProcessorContext<'_, String, i64>,
        record: Record<String, String>,
    ) -> ProcessorResult {
        Ok(context.forward(record)?)
    }
}

fn main() {}
