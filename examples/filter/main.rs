//! Lets the important messages pass, in upper case.

use examples::{Example, Sample};
use std::process::ExitCode;
use streams_dsl::serde::SharedStr;
use streams_dsl::{StreamsBuilder, StreamsError, Topology};

const EXAMPLE: Example = Example {
    name: "filter",
    input: "input-topic",
    output: "output-topic",
    sample: Sample::Values(&["very important msg", "hello", "nothing to see", "an important second one"]),
    topology,
    ..Example::DEFAULT
};

pub(crate) fn topology(input: &str, output: &str) -> Result<Topology, StreamsError> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<Option<SharedStr>, SharedStr>(input)
        .filter(|_, message| message.contains("important"))
        .map_values(|message| message.to_uppercase())
        .to(output);
    builder.build()
}

fn main() -> ExitCode {
    EXAMPLE.main()
}
