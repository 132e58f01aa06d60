//! The logins of each user in the last minute, anew every ten seconds: hopping windows.

use examples::{Example, Sample, read};
use std::process::ExitCode;
use std::time::Duration;
use streams_dsl::serde::{NumberSerde, StringSerde};
use streams_dsl::windows::TimeWindows;
use streams_dsl::{Materialized, StreamsBuilder, StreamsError, TimeWindowedSerde, Topology};

const SIZE: Duration = Duration::from_secs(60);
const ADVANCE: Duration = Duration::from_secs(10);

const EXAMPLE: Example = Example {
    name: "logins",
    input: "user-login-topic",
    output: "login-counts-topic",
    sample: Sample::Timed(&[(125_000, "alice", "login"), (128_000, "bob", "login"), (131_000, "alice", "login")]),
    topology,
    row: |key, value| {
        let user = read(TimeWindowedSerde::new(StringSerde, SIZE), key)?;
        Ok((user.to_string(), read(NumberSerde::<i64>::default(), value)?.to_string()))
    },
    ..Example::DEFAULT
};

fn topology(input: &str, output: &str) -> Result<Topology, StreamsError> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>(input)
        .group_by_key()
        .windowed_by(TimeWindows::of_size_with_no_grace(SIZE).advance_by(ADVANCE))
        .count_with(Materialized::named("login-counts-store"))
        .to_stream()
        .to(output);
    builder.build()
}

fn main() -> ExitCode {
    EXAMPLE.main()
}
