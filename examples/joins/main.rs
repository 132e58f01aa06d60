//! What each kind of join gives, over one topic of records of two sides.

use examples::{Example, Sample};
use std::process::ExitCode;
use std::time::Duration;
use streams_dsl::windows::JoinWindows;
use streams_dsl::{GlobalKTable, KStream, KTable, Materialized, StreamsBuilder, StreamsError, Topology};

/// Records of both sides that lie no further apart are partners.
const WINDOW: Duration = Duration::from_secs(1);
/// For how long the rows of the past are known to the join as of each record's time.
const HISTORY: Duration = Duration::from_secs(3600);

const EXAMPLE: Example = Example {
    name: "joins",
    input: "sides",
    output: "joined",
    // All of one key, and so of one partition: read in this order.
    sample: Sample::Timed(&[
        (1767225600000, "k", "left a"),
        (1767225600500, "k", "right x"),
        (1767225600900, "k", "left b"),
        (1767225602000, "k", "right"),
        (1767225604000, "k", "left c"),
        (1767225606000, "k", "right z"),
        (1767225608000, "k", "left d@k"),
    ]),
    tables: &[("{input}-titles", Sample::Keyed(&[("k", "king")]))],
    topology,
    // Records without partner are looked for after each record, and not once a second, so that so few show them.
    config: |config| config.set("__emit.interval.ms.kstreams.windowed.aggregation__", 0),
    ..Example::DEFAULT
};

/// A record is `left` or `right`, a space and a text; without the text it deletes its side's row. What stands behind an `@` in a text is a foreign key.
/// Each result says which join it is of.
fn topology(input: &str, output: &str) -> Result<Topology, StreamsError> {
    let builder = StreamsBuilder::new();
    let sides = builder.stream::<String, String>(input);
    let [left, right] = ["left", "right"].map(|side| records_of(&sides, side));
    let [left_table, right_table] =
        [(&left, "left-rows"), (&right, "right-rows")].map(|(side, store)| rows_of(side, store));
    join_tables(&left_table, &right_table, output);
    join_on_foreign_key(&left_table, &right_table, output);
    let versions = Materialized::persistent_versioned_key_value_store("right-versions", HISTORY);
    let right_versions = right.to_table_deleting_none_with(versions);
    let [left, right] = [left, right].map(|side| side.flat_map_values(|text| text));
    join_with_table(&left, &right_table, output);
    write(
        left.join_as_of(&right_versions, Duration::ZERO, |left, right| both(Some(&left), Some(&right))),
        "as of",
        output,
    );
    join_with_global_table(&left, &builder.global_table(format!("{input}-titles")), output);
    join_streams(&left, &right, output);
    builder.build()
}

/// Texts of one side; `None` deletes.
fn records_of(sides: &KStream<String, String>, side: &'static str) -> KStream<String, Option<String>> {
    let of_side = sides.filter(move |_, record| record.split(' ').next() == Some(side));
    of_side.map_values(|record| record.split_once(' ').map(|(_, text)| text.to_owned()))
}

fn rows_of(side: &KStream<String, Option<String>>, store: &str) -> KTable<String, String> {
    side.to_table_deleting_none_with(Materialized::named(store))
}

fn join_tables(left: &KTable<String, String>, right: &KTable<String, String>, output: &str) {
    let inner = left.join(right, |left, right| both(Some(&left), Some(&right)));
    let one = left.left_join(right, |left, right| both(Some(&left), right.as_ref()));
    let outer = left.outer_join(right, |left, right| both(left.as_ref(), right.as_ref()));
    for (name, joined) in [("tables", inner), ("tables left", one), ("tables outer", outer)] {
        joined.to_stream().map(move |key, row| (format!("{name} {key}"), row)).to(output);
    }
}

fn join_on_foreign_key(left: &KTable<String, String>, right: &KTable<String, String>, output: &str) {
    let key = |_: &String, text: &String| foreign_key(text);
    let inner = left.join_on_foreign_key(right, key, |left, right| both(Some(&left), Some(&right)));
    let one = left.left_join_on_foreign_key(right, key, |left, right| both(Some(&left), right.as_ref()));
    for (name, joined) in [("foreign", inner), ("foreign left", one)] {
        joined.to_stream().map(move |key, row| (format!("{name} {key}"), row)).to(output);
    }
}

fn foreign_key(text: &str) -> Option<String> {
    text.split_once('@').map(|(_, key)| key.to_owned())
}

fn join_with_global_table(left: &KStream<String, String>, titles: &GlobalKTable<Option<String>, String>, output: &str) {
    let key = |_: &String, text: &String| foreign_key(text);
    let inner = left.join_global_table(titles, key, |left, title| both(Some(&left), Some(&title)));
    let one = left.left_join_global_table(titles, key, |left, title: Option<String>| both(Some(&left), title.as_ref()));
    write(inner, "global", output);
    write(one, "global left", output);
}

fn join_with_table(left: &KStream<String, String>, right: &KTable<String, String>, output: &str) {
    write(left.join_table(right, |left, right| both(Some(&left), Some(&right))), "table", output);
    write(left.left_join_table(right, |left, right| both(Some(&left), right.as_ref())), "table left", output);
}

fn join_streams(left: &KStream<String, String>, right: &KStream<String, String>, output: &str) {
    let windows = || JoinWindows::of_time_difference_with_no_grace(WINDOW);
    write(left.join(right, |left, right| both(Some(left), Some(right)), windows()), "streams", output);
    write(left.left_join(right, |left, right| both(Some(left), right), windows()), "streams left", output);
    write(left.outer_join(right, both, windows()), "streams outer", output);
}

fn write(joined: KStream<String, String>, name: &'static str, output: &str) {
    joined.map(move |key, text| (format!("{name} {key}"), text)).to(output);
}

fn both(left: Option<&String>, right: Option<&String>) -> String {
    let text = |side: Option<&String>| side.map_or("-", String::as_str).to_owned();
    format!("{}+{}", text(left), text(right))
}

fn main() -> ExitCode {
    EXAMPLE.main()
}
