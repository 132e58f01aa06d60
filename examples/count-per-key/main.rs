//! Counts the records of each key, by an aggregation that shows every step.

use examples::{Example, Sample};
use std::process::ExitCode;
use streams_dsl::{Materialized, StreamsBuilder, StreamsError, Topology};

const EXAMPLE: Example = Example {
    name: "count-per-key",
    input: "input-topic",
    output: "aggregated-topic",
    sample: Sample::Keyed(&[("a", "1"), ("b", "1"), ("a", "2")]),
    topology,
    ..Example::DEFAULT
};

fn topology(input: &str, output: &str) -> Result<Topology, StreamsError> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>(input)
        .group_by_key()
        .aggregate_with(
            || 0,
            |_key, _value, count: i64| count + 1,
            // Without a cache every record shows its count.
            Materialized::named("aggregated-store").with_caching_disabled(),
        )
        .to_stream()
        .map_values(|count| count.unwrap_or_default().to_string())
        .to(output);
    builder.build()
}

fn main() -> ExitCode {
    EXAMPLE.main()
}
