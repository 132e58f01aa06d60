use streams_dsl::processor_api::{Processor, ProcessorContext, ProcessorResult};
use streams_dsl::{Record, TopologyBuilder};

struct Lengths;

impl Processor<String, String, String, i64> for Lengths {
    fn process(
        &mut self,
        context: &mut ProcessorContext<'_, String, i64>,
        record: Record<String, String>,
    ) -> ProcessorResult {
        let length = record.value.len() as i64;
        Ok(context.forward(record.with_value(length))?)
    }
}

fn main() {
    let mut topology = TopologyBuilder::new();
    let lines = topology.add_source::<String, String>("source", "in").unwrap();
    let lengths = topology.add_processor("lengths", || Lengths, &lines).unwrap();
    topology.add_processor("again", || Lengths, &lengths).unwrap();
}
