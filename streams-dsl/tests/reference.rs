//! Tables and aggregations without windows, record by record as Kafka Streams answered: see `time/README.md`.

#[path = "common/answers.rs"]
mod answers;
#[path = "common/case.rs"]
mod case;

use answers::{Text, check};
use case::Case;
use streams_dsl::*;

fn materialized<K: 'static, V: 'static>(case: &Case) -> Materialized<K, V> {
    let materialized = Materialized::new();
    let materialized = match case.word("materialized", "no") {
        "yes" => materialized.with_name("store"),
        _ => materialized,
    };
    match case.word("cache", "off") {
        "on" => materialized,
        _ => materialized.with_caching_disabled(),
    }
}

/// The aggregates of the cases: `0` and what is added, each behind a `+`.
fn append(aggregate: &str, value: &str) -> Text {
    (value != "delete").then(|| format!("{aggregate}+{value}"))
}

fn declare(case: &Case, builder: &StreamsBuilder) {
    match case.word("program", "") {
        "stream-aggregate" => {
            let grouped = builder.stream::<Text, Text>("in").group_by_key();
            aggregate(case, &grouped).to("out");
        }
        "to-table" => {
            // Only a stream whose type says so has null keys.
            let stream = builder.stream::<Text, Text>("in");
            let rows = materialized(case).with_value_serde(serde::StringSerde);
            let table: KTable<Text, String> = stream.to_table_deleting_none_with(rows);
            table.to_stream().map(|key, value| (key.unwrap_or_default(), value)).to("out");
        }
        "table-aggregate" => {
            let rows = builder.table::<String, String>("in");
            table_aggregate(case, &rows.group_by(|_, value| (value[..1].to_owned(), value))).to("out");
        }
        program => drop(table(case, builder, program).to_stream().to("out")),
    }
}

fn texts(case: &Case) -> Materialized<String, String> {
    materialized(case).with_key_serde(serde::StringSerde).with_value_serde(serde::StringSerde)
}

fn table(case: &Case, builder: &StreamsBuilder, program: &str) -> KTable<String, String> {
    let long = |_: &String, value: &String| value.chars().count() > 1;
    let consumed = || Consumed::with(serde::StringSerde, serde::StringSerde);
    let rows = builder.table_with("in", consumed(), if program == "table" { texts(case) } else { Materialized::new() });
    match program {
        "table" => rows,
        "table-filter" => rows.filter_with(long, texts(case)),
        "table-filter-not" => rows.filter_not_with(long, texts(case)),
        "table-map-values" => rows.map_values_with(|value| value + "!", texts(case)),
        other => panic!("{}: program: {other}", case.name),
    }
}

fn aggregate(case: &Case, grouped: &KGroupedStream<Text, Text>) -> KStream<String, Text> {
    let keyed = |key: Text| key.unwrap_or_default();
    match case.word("aggregate", "") {
        "count" => {
            let counts = grouped.count_with(materialized(case));
            counts.to_stream().map(move |key, count| (keyed(key), count.map(|count| count.to_string())))
        }
        "reduce" => {
            let reduced = grouped.reduce_with(
                |one: Text, other: Text| append(&one.unwrap_or_default(), &other.unwrap_or_default()),
                materialized(case),
            );
            reduced.to_stream().map(move |key, value| (keyed(key), value.flatten()))
        }
        _ => {
            let aggregates = materialized(case).with_value_serde(serde::OptionSerde::new(serde::StringSerde));
            let aggregated = grouped.aggregate_with(
                || Some("0".to_owned()),
                |_, value: Text, aggregate: Text| append(&aggregate.unwrap_or_default(), &value.unwrap_or_default()),
                aggregates,
            );
            aggregated.to_stream().map(move |key, value| (keyed(key), value.flatten()))
        }
    }
}

fn table_aggregate(case: &Case, grouped: &KGroupedTable<String, String>) -> KStream<String, Text> {
    let subtract = |aggregate: &str, value: &str| format!("{aggregate}-{value}");
    match case.word("aggregate", "") {
        "count" => {
            let counts = grouped.count_with(materialized(case));
            counts.to_stream().map_values(|count| count.map(|count| count.to_string()))
        }
        "reduce" => {
            let add = |reduced: String, value: String| append(&reduced, &value).unwrap();
            let reduced =
                grouped.reduce_with(add, move |reduced, value| subtract(&reduced, &value), materialized(case));
            reduced.to_stream()
        }
        _ => {
            let aggregated = grouped.aggregate_with(
                || "0".to_owned(),
                |_, value, aggregate| append(&aggregate, &value).unwrap(),
                move |_, value, aggregate| subtract(&aggregate, &value),
                materialized(case).with_value_serde(serde::StringSerde),
            );
            aggregated.to_stream()
        }
    }
}

/// Programs that suppress tables are other tests'.
fn cases(wanted: impl Fn(&str) -> bool) -> Vec<Case> {
    let mut cases = Case::read_all(&["reference/cases"], |_| true);
    cases.retain(|case| wanted(case.word("program", "")) && !case.settings.contains_key("suppress"));
    cases
}

#[test]
fn aggregations_of_streams() {
    check(&cases(|program| program == "stream-aggregate"), declare);
}

#[test]
fn aggregations_of_tables() {
    check(&cases(|program| program == "table-aggregate"), declare);
}

#[test]
fn tables_and_their_rows() {
    let programs = ["table", "table-filter", "table-filter-not", "table-map-values", "to-table"];
    check(&cases(|program| programs.contains(&program)), declare);
}
