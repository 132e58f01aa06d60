//! The latest reading of each sensor: a stream as a table.

use examples::{Example, Sample};
use std::process::ExitCode;
use streams_dsl::{Materialized, StreamsBuilder, StreamsError, Topology};

const EXAMPLE: Example = Example {
    name: "sensors",
    input: "readings",
    output: "latest-readings",
    sample: Sample::Timed(&[
        (1767225600000, "sensor-1", "20.0"),
        (1767225601000, "sensor-2", "-3.5"),
        (1767225602000, "sensor-1", "20.5"),
        (1767225603000, "sensor-3", "7.25"),
        (1767225604000, "sensor-1", "21.0"),
        (1767225605000, "sensor-2", "-4.0"),
    ]),
    topology,
    ..Example::DEFAULT
};

/// The store `latest-readings-store` can be queried.
fn topology(input: &str, output: &str) -> Result<Topology, StreamsError> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>(input)
        .to_table_with(Materialized::named("latest-readings-store"))
        .to_stream()
        .to(output);
    builder.build()
}

fn main() -> ExitCode {
    EXAMPLE.main()
}
