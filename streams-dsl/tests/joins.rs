//! Joins, record by record as Kafka Streams answered: see `time/README.md`.

#[path = "common/answers.rs"]
mod answers;
#[path = "common/case.rs"]
mod case;
#[path = "foreign_key/join.rs"]
mod foreign_key;

use answers::{Text, check};
use case::Case;
use streams_dsl::serde::DefaultSerde;
use streams_dsl::*;

type Rows<K> = KTable<K, String>;

fn kept<K: Data + DefaultSerde, V: Data + DefaultSerde>(case: &Case, name: &str) -> Materialized<K, V> {
    let materialized = Materialized::named(format!("{name}-store"));
    match case.word("cache", "off") {
        "on" => materialized,
        _ => materialized.with_caching_disabled(),
    }
}

fn text(value: Option<String>) -> String {
    value.unwrap_or_else(|| "-".to_owned())
}

fn joined(left: String, right: String) -> String {
    format!("{left}+{right}")
}

/// The aggregates of the cases: values with `+` between them, deleted by the value `delete`.
fn append(aggregate: &str, value: &str) -> Text {
    (value != "delete").then(|| format!("{aggregate}+{value}"))
}

/// The table that the setting `name` says, out of the topic of this name.
fn side<K: Data + DefaultSerde>(case: &Case, builder: &StreamsBuilder, name: &str) -> Rows<K> {
    let long = |_: &K, value: &String| value.chars().count() > 1;
    let rows = |topic: &str| builder.table::<K, String>(topic);
    match case.word(name, "table") {
        "table" => rows(name),
        "kept" => builder.table_with(name, Consumed::new(), kept(case, name)),
        "filter" => rows(name).filter(long),
        "filter-kept" => rows(name).filter_with(long, kept(case, name)),
        "map" => rows(name).map_values(|value| value + "!"),
        "to-table" => builder.stream::<K, Text>(name).to_table_deleting_none(),
        "reduce" => {
            let grouped = builder.stream::<K, Text>(name).group_by_key();
            let reduced = grouped.reduce_with(|one, other| append(&text(one), &text(other)), kept(case, name));
            reduced.map_values(text)
        }
        "joined" => {
            let other = rows(&format!("{name}-2"));
            rows(name).outer_join(&other, |left, right| joined(text(left), text(right)))
        }
        other => panic!("{}: {name}: {other}", case.name),
    }
}

fn table_join(case: &Case, builder: &StreamsBuilder) -> Rows<Text> {
    let left = side(case, builder, "left");
    let right = side(case, builder, "right");
    let store = (case.word("materialized", "no") == "yes").then(|| kept(case, "joined"));
    match (case.word("join", ""), store) {
        ("inner", None) => left.join(&right, joined),
        ("inner", Some(store)) => left.join_with(&right, joined, store),
        ("left", None) => left.left_join(&right, |left, right| joined(left, text(right))),
        ("left", Some(store)) => left.left_join_with(&right, |left, right| joined(left, text(right)), store),
        ("outer", None) => left.outer_join(&right, |left, right| joined(text(left), text(right))),
        ("outer", Some(store)) => left.outer_join_with(&right, |left, right| joined(text(left), text(right)), store),
        (other, _) => panic!("{}: join: {other}", case.name),
    }
}

fn tables(case: &Case, builder: &StreamsBuilder) {
    then(case, builder, table_join(case, builder));
}

fn then(case: &Case, builder: &StreamsBuilder, result: Rows<Text>) {
    let result = match case.word("then", "nothing") {
        "nothing" => result,
        "filter" => result.filter(|_, value| value.chars().count() > 3),
        "join" => result.join(&side(case, builder, "right-again"), joined),
        "group" => {
            let grouped = result.group_by(|_, value| (value[..1].to_owned(), value));
            let aggregated = grouped.aggregate_with(
                || "0".to_owned(),
                |_, value, aggregate| joined(aggregate, value),
                |_, value, aggregate| format!("{aggregate}-{value}"),
                kept(case, "aggregated"),
            );
            aggregated.to_stream().to("out");
            return;
        }
        other => panic!("{}: then: {other}", case.name),
    };
    result.to_stream().map(|key, value| (text(key), value)).to("out");
}

fn stream_with_table(case: &Case, builder: &StreamsBuilder) {
    let left = builder.stream::<Text, Text>("left");
    let right = side(case, builder, "right");
    let result = match case.word("join", "") {
        "inner" => left.join_table(&right, |left, right| joined(text(left), right)),
        "left" => left.left_join_table(&right, |left, right| joined(text(left), text(right))),
        other => panic!("{}: join: {other}", case.name),
    };
    result.map(|key, value| (key.unwrap_or_else(|| "null".to_owned()), value)).to("out");
}

fn stream_with_global_table(case: &Case, builder: &StreamsBuilder) {
    let left = builder.stream::<Text, Text>("left");
    let right = builder.global_table::<Text, String>("right");
    let key =
        |_: &Text, value: &Text| value.as_ref().filter(|value| *value != "none").map(|value| value[..1].to_owned());
    let result = match case.word("join", "") {
        "inner" => left.join_global_table(&right, key, |left, right| joined(text(left), right)),
        "left" => left.left_join_global_table(&right, key, |left, right| joined(text(left), text(right))),
        other => panic!("{}: join: {other}", case.name),
    };
    result.map(|key, value| (key.unwrap_or_else(|| "null".to_owned()), value)).to("out");
}

fn cases(program: &str, wanted: impl Fn(&Case) -> bool) -> Vec<Case> {
    let mut cases = Case::read_all(&["joins/cases"], |_| true);
    cases.retain(|case| case.word("program", "") == program && wanted(case));
    cases
}

#[test]
fn tables_with_tables() {
    check(&cases("table-join", |_| true), tables);
}

#[test]
fn streams_with_tables() {
    check(&cases("stream-table-join", |_| true), stream_with_table);
}

#[test]
fn streams_with_global_tables() {
    check(&cases("stream-global-table-join", |_| true), stream_with_global_table);
}
