use streams_dsl::processor_api::{FixedKeyProcessor, FixedKeyProcessorContext, FixedKeyRecord, ProcessorResult};
use streams_dsl::Record;

struct Swap;

impl FixedKeyProcessor<String, String, String> for Swap {
    fn process(
        &mut self,
        context: &mut FixedKeyProcessorContext<'_, String, String>,
        record: FixedKeyRecord<String, String>,
    ) -> ProcessorResult {
        record.clone().with_key("other".to_owned());
        context.forward(Record::new("other".to_owned(), record.value().clone(), record.timestamp()))?;
        Ok(())
    }
}

fn main() {}
