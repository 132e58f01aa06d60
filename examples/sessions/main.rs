//! The sessions of each user, with the number of their events: what lies no more than half an hour apart belongs together.

use examples::{Example, Sample, read};
use std::process::ExitCode;
use std::time::Duration;
use streams_dsl::serde::{NumberSerde, StringSerde};
use streams_dsl::windows::SessionWindows;
use streams_dsl::{Materialized, SessionWindowedSerde, StreamsBuilder, StreamsError, Topology};

const GAP: Duration = Duration::from_secs(30 * 60);
/// How long a session that has ended waits for late events. Without it, what is gone by cannot be joined with what is now.
const GRACE: Duration = Duration::from_secs(30 * 60);

const EXAMPLE: Example = Example {
    name: "sessions",
    input: "user-activity-topic",
    output: "session-durations-topic",
    sample: Sample::Timed(&[
        (60_000, "alice", "login"),
        (300_000, "bob", "login"),
        (600_000, "alice", "click"),
        (1_500_000, "alice", "logout"),
        // 45 minutes after the first one: another session, ...
        (3_000_000, "bob", "logout"),
        // ... until this comes late, less than half an hour from both, and makes them one.
        (1_800_000, "bob", "click"),
        (3_900_000, "alice", "login"),
    ]),
    topology,
    row: |key, value| {
        let session = read(SessionWindowedSerde::new(StringSerde), key)?;
        Ok((session.to_string(), read(NumberSerde::<i64>::default(), value)?.to_string()))
    },
    ..Example::DEFAULT
};

fn topology(input: &str, output: &str) -> Result<Topology, StreamsError> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>(input)
        .group_by_key()
        .windowed_by(SessionWindows::of_inactivity_gap_and_grace(GAP, GRACE))
        .count_with(Materialized::named("session-durations-store"))
        .to_stream()
        .to(output);
    builder.build()
}

fn main() -> ExitCode {
    EXAMPLE.main()
}
