//! Transformed tables, row by row as Kafka Streams answered: see `time/README.md`.

#[path = "common/answers.rs"]
mod answers;
#[path = "common/case.rs"]
mod case;

use answers::{Text, check};
use case::Case;
use streams_dsl::*;

fn kept(case: &Case, name: &str) -> Materialized<String, String> {
    let materialized = Materialized::named(name);
    if case.word("cache", "off") == "on" { materialized } else { materialized.with_caching_disabled() }
}

/// Transformers that append how often they were asked.
fn transformed(case: &Case, builder: &StreamsBuilder) -> KTable<String, String> {
    let deletes = case.word("deletions", "pass") == "pass";
    let supplier = move || {
        let mut asked = 0;
        move |_: &String, row: Option<String>| -> Text {
            asked += 1;
            match row {
                Some(row) => Some(format!("{row}#{asked}")),
                None if deletes => None,
                None => Some(format!("none#{asked}")),
            }
        }
    };
    let rows = builder.table::<String, String>("in");
    match case.word("materialized", "no") {
        "yes" => rows.transform_values_with(supplier, kept(case, "store")),
        _ => rows.transform_values(supplier),
    }
}

fn declare(case: &Case, builder: &StreamsBuilder) {
    let table = transformed(case, builder);
    let table = match case.word("then", "nothing") {
        "nothing" => table,
        "filter" => table.filter(|_, row| row.chars().count() > 3),
        "join" => table.join(&builder.table("right-again"), |row: String, right: String| format!("{row}+{right}")),
        "group" => table.group_by(|_, row| (row[..1].to_owned(), row)).aggregate_with(
            || "0".to_owned(),
            |_, row, rows| format!("{rows}+{row}"),
            |_, row, rows| format!("{rows}-{row}"),
            kept(case, "aggregated"),
        ),
        other => panic!("{}: then: {other}", case.name),
    };
    table.to_stream().to("out");
}

#[test]
fn tables_and_what_follows() {
    check(&Case::read_all(&["transform_values/cases"], |_| true), declare);
}

/// An error goes to the processing exception handler, under the name of the step.
#[test]
fn a_transformer_may_fail() {
    let builder = StreamsBuilder::new();
    let supplier = || |_: &String, row: Option<String>| row.map(|row| row.parse::<i64>()).transpose();
    let numbers = builder.table::<String, String>("in").try_transform_values(supplier, Materialized::new());
    numbers.named("parse").to_stream().to("out");
    let driver = test_driver::TopologyTestDriver::new(&builder.build().unwrap());
    let input = driver.create_input_topic::<String, Text>("in");
    input.pipe_input("a".to_owned(), Some("7".to_owned())).unwrap();
    let error = input.pipe_input("a".to_owned(), Some("x".to_owned())).unwrap_err().to_string();
    assert!(error.contains("parse") && error.contains("invalid digit"), "{error}");
}
