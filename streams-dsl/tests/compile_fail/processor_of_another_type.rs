use streams_dsl::processor_api::{Processor, ProcessorContext, ProcessorResult};
use streams_dsl::{Record, StreamsBuilder};

struct Pass;

impl Processor<String, String, String, String> for Pass {
    fn process(
        &mut self,
        context: &mut ProcessorContext<'_, String, String>,
        record: Record<String, String>,
    ) -> ProcessorResult {
        Ok(context.forward(record)?)
    }
}

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, i64>("in").process(|| Pass, ()).to("out");
}
