//! What each product has sold for, per hour.

use examples::{Example, Sample, read, text};
use std::process::ExitCode;
use std::time::Duration;
use streams_dsl::serde::{JsonSerde, OptionSerde, StringSerde};
use streams_dsl::windows::TimeWindows;
use streams_dsl::{Consumed, Materialized, Produced, StreamsBuilder, StreamsError, TimeWindowedSerde, Topology};

const HOUR: Duration = Duration::from_secs(60 * 60);

const EXAMPLE: Example = Example {
    name: "sales-per-hour",
    input: "sales",
    output: "sales-per-hour",
    // The first sale is at 2026-01-01 09:00.
    sample: Sample::Timed(&[
        (1767258000000, "p-100", "19.5"),
        (1767258600000, "p-200", "5.25"),
        (1767259800000, "p-100", "20.5"),
        (1767261599999, "p-100", "10.0"),
        (1767261600000, "p-100", "7.0"),
        (1767262200000, "p-200", "4.75"),
        (1767264000000, "p-200", "0.25"),
    ]),
    topology,
    row: |key, value| Ok((read(TimeWindowedSerde::new(StringSerde, HOUR), key)?.to_string(), text(value))),
    ..Example::DEFAULT
};

/// The key of a sale is the product, its value the amount as a JSON number; so is the sum.
fn topology(input: &str, output: &str) -> Result<Topology, StreamsError> {
    let builder = StreamsBuilder::new();
    builder
        .stream_with(input, Consumed::with(StringSerde, JsonSerde::<f64>::new()))
        .group_by_key()
        .windowed_by(TimeWindows::of_size_with_no_grace(HOUR))
        .reduce_with(|sum, amount| sum + amount, Materialized::named("sales-per-hour-store"))
        .to_stream()
        .to_with(output, Produced::with(TimeWindowedSerde::new(StringSerde, HOUR), OptionSerde::new(JsonSerde::new())));
    builder.build()
}

fn main() -> ExitCode {
    EXAMPLE.main()
}
