//! Clicks per URL, running.

use examples::{Example, Sample};
use std::process::ExitCode;
use streams_dsl::{Materialized, StreamsBuilder, StreamsError, Topology};

const EXAMPLE: Example = Example {
    name: "clicks",
    input: "clicks",
    output: "dashboard",
    sample: Sample::Keyed(&[
        ("user-1", "https://example.com/"),
        ("user-2", "https://example.com/pricing"),
        ("user-1", "https://example.com/pricing"),
        ("user-3", "https://example.com/"),
        ("user-2", "https://example.com/docs"),
        ("user-3", "https://example.com/pricing"),
    ]),
    topology,
    ..Example::DEFAULT
};

/// The key of a click is the user, its value the URL.
fn topology(input: &str, output: &str) -> Result<Topology, StreamsError> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<Option<String>, String>(input)
        .group_by(|_, url| url.clone())
        .count_with(Materialized::named("clicks-per-url"))
        .to_stream()
        .map_values(|count| count.unwrap_or_default().to_string())
        .to(output);
    builder.build()
}

fn main() -> ExitCode {
    EXAMPLE.main()
}
