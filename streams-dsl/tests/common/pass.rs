//! A processor that does nothing, for topologies that are looked at.

use streams_dsl::Record;
use streams_dsl::processor_api::{
    FixedKeyProcessor, FixedKeyProcessorContext, FixedKeyRecord, Processor, ProcessorContext, ProcessorResult,
};

/// Forwards what comes.
pub struct Pass;

impl Processor<String, String, String, String> for Pass {
    fn process(
        &mut self,
        context: &mut ProcessorContext<'_, String, String>,
        record: Record<String, String>,
    ) -> ProcessorResult {
        Ok(context.forward(record)?)
    }
}

impl FixedKeyProcessor<String, String, String> for Pass {
    fn process(
        &mut self,
        context: &mut FixedKeyProcessorContext<'_, String, String>,
        record: FixedKeyRecord<String, String>,
    ) -> ProcessorResult {
        Ok(context.forward(record)?)
    }
}
