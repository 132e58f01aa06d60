//! Four joins of two topics of text, the second of which is named as the first with `-right` behind: `joining JOIN [OPTIONS]`, options as those of the
//! examples. The counterpart of `bench.Joining`; `./dev bench joins` runs both.

use examples::Example;
use std::process::ExitCode;
use std::time::Duration;
use streams_dsl::serde::SharedStr;
use streams_dsl::windows::JoinWindows;
use streams_dsl::{KStream, KTable, StreamsBuilder, StreamsError, Topology};

/// Records of two streams that lie no further apart are partners.
const WINDOW: Duration = Duration::from_secs(10);
const GRACE: Duration = Duration::from_secs(600);

type Build = fn(&str, &str) -> Result<Topology, StreamsError>;

const JOINS: [(&str, Build); 4] = [
    ("stream-stream", stream_stream),
    ("stream-table", stream_table),
    ("table-table", table_table),
    ("foreign-key", foreign_key),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let named = arguments.next().unwrap_or_default();
    match JOINS.into_iter().find(|(name, _)| *name == named) {
        Some((name, topology)) => Example { name, topology, ..Example::DEFAULT }.main_with(arguments),
        None => {
            eprintln!("usage: joining JOIN [OPTIONS]; joins: {}", JOINS.map(|(name, _)| name).join(", "));
            ExitCode::from(2)
        }
    }
}

fn stream_stream(input: &str, output: &str) -> Result<Topology, StreamsError> {
    let builder = StreamsBuilder::new();
    let [left, right]: [KStream<SharedStr, SharedStr>; 2] = topics(input).map(|topic| builder.stream(&topic));
    let windows = JoinWindows::of_time_difference_and_grace(WINDOW, GRACE);
    left.join(&right, |left, right| joined(left, right), windows).to(output);
    builder.build()
}

fn stream_table(input: &str, output: &str) -> Result<Topology, StreamsError> {
    let builder = StreamsBuilder::new();
    let [left, right] = topics(input);
    let table = builder.table::<SharedStr, SharedStr>(&right);
    builder.stream::<SharedStr, SharedStr>(&left).join_table(&table, |left, right| joined(&left, &right)).to(output);
    builder.build()
}

fn table_table(input: &str, output: &str) -> Result<Topology, StreamsError> {
    let builder = StreamsBuilder::new();
    let [left, right]: [KTable<SharedStr, SharedStr>; 2] = topics(input).map(|topic| builder.table(&topic));
    left.join(&right, |left, right| joined(&left, &right)).to_stream().to(output);
    builder.build()
}

/// The first word of a row is the key of the other one.
fn foreign_key(input: &str, output: &str) -> Result<Topology, StreamsError> {
    let builder = StreamsBuilder::new();
    let [left, right]: [KTable<SharedStr, SharedStr>; 2] = topics(input).map(|topic| builder.table(&topic));
    let key = |_: &SharedStr, row: &SharedStr| row.split_once(' ').map(|(key, _)| row.slice_ref(key));
    left.join_on_foreign_key(&right, key, |left, right| joined(&left, &right)).to_stream().to(output);
    builder.build()
}

fn topics(input: &str) -> [String; 2] {
    [input.to_owned(), format!("{input}-right")]
}

fn joined(left: &str, right: &str) -> String {
    [left, "+", right].concat()
}
