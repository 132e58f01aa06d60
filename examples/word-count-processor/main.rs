//! Counts words with a processor of its own, on a topology put together node by node.

use examples::{Example, Sample};
use std::process::ExitCode;
use streams_dsl::processor_api::{KeyValueStore, Processor, ProcessorContext, ProcessorResult, Stores};
use streams_dsl::{Record, StreamsError, Topology, TopologyBuilder};

const EXAMPLE: Example = Example {
    name: "word-count-processor",
    input: "input-topic",
    output: "output-topic",
    // One key, and so one partition: each task counts for itself.
    sample: Sample::Keyed(&[("text", "Hello Kafka Streams"), ("text", "Kafka Streams is awesome")]),
    topology,
    ..Example::DEFAULT
};

/// Counts the words of each line.
#[derive(Default)]
struct CountWords {
    counts: KeyValueStore<String, i32>,
}

impl Processor<Option<String>, String, String, String> for CountWords {
    fn init(&mut self, context: &mut ProcessorContext<'_, String, String>) -> ProcessorResult {
        self.counts = context.state_store("Counts")?;
        Ok(())
    }

    fn process(
        &mut self,
        context: &mut ProcessorContext<'_, String, String>,
        line: Record<Option<String>, String>,
    ) -> ProcessorResult {
        for word in line.value.to_lowercase().split_whitespace() {
            let word = word.to_owned();
            let count = self.counts.get(&word)?.unwrap_or(0) + 1;
            self.counts.put(&word, &count)?;
            context.forward(Record::new(word, count.to_string(), line.timestamp))?;
        }
        context.commit();
        Ok(())
    }
}

fn topology(input: &str, output: &str) -> Result<Topology, StreamsError> {
    let mut topology = TopologyBuilder::new();
    let lines = topology.add_source("Source", input)?;
    let counts = topology.add_processor("Process", CountWords::default, &lines)?;
    topology.add_state_store(Stores::key_value_store::<String, i32>("Counts"), &counts)?;
    topology.add_sink("Sink", output, &counts)?;
    topology.build()
}

fn main() -> ExitCode {
    EXAMPLE.main()
}
