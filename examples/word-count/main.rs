//! Counts words. With `--demo` it shows the counts as they change, and queries the store while it runs.

mod demo;

use examples::{Example, Sample};
use std::process::ExitCode;
use streams_dsl::serde::SharedStr;
use streams_dsl::{Materialized, StreamsBuilder, StreamsError, Topology};

const EXAMPLE: Example = Example {
    name: "word-count",
    input: "text-input",
    output: "word-counts",
    sample: Sample::Values(&[
        "hello world",
        "hello kafka streams",
        "kafka streams is powerful",
        "hello world of streaming",
        "streams processing with kafka",
    ]),
    topology,
    ..Example::DEFAULT
};

pub(crate) fn topology(input: &str, output: &str) -> Result<Topology, StreamsError> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<Option<SharedStr>, SharedStr>(input)
        .flat_map_values(words)
        .filter(|_, word| !word.is_empty())
        .group_by(|_, word| word.clone())
        .count_with(Materialized::named("word-count-store"))
        .to_stream()
        .map_values(|count| count.map(|count| count.to_string()))
        .to(output);
    builder.build()
}

/// The words of a line, in lower case: runs of ASCII letters, digits and underscores, as Java's `\W+` splits them.
fn words(line: SharedStr) -> impl Iterator<Item = SharedStr> {
    line.to_lowercase().into_split(|c| !(c.is_ascii_alphanumeric() || c == '_'))
}

fn main() -> ExitCode {
    match demo::arguments() {
        Some(arguments) => demo::main(&EXAMPLE, arguments),
        None => EXAMPLE.main(),
    }
}
