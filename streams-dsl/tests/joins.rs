//! Joins, record by record as Kafka Streams answered: see `time/README.md`.

#[path = "common/answers.rs"]
mod answers;
#[path = "common/case.rs"]
mod case;
#[path = "foreign_key/join.rs"]
mod foreign_key;

use answers::{Text, check};
use case::{Case, Input};
use std::time::Duration;
use streams_dsl::record::Record;
use streams_dsl::serde::DefaultSerde;
use streams_dsl::test_driver::TopologyTestDriver;
use streams_dsl::*;

type Rows<K> = KTable<K, String>;

fn kept<K: Data + DefaultSerde, V: Data + DefaultSerde>(case: &Case, name: &str) -> Materialized<K, V> {
    let materialized = Materialized::named(format!("{name}-store"));
    match case.word("cache", "off") {
        "on" => materialized,
        _ => materialized.with_caching_disabled(),
    }
}

/// A versioned store, with the history that the setting of the side says.
fn versioned<K: Data + DefaultSerde, V: Data + DefaultSerde>(case: &Case, name: &str) -> Materialized<K, V> {
    let history = case.setting(name.trim_end_matches("-source")).number("history").unwrap_or(1000);
    Materialized::persistent_versioned_key_value_store(format!("{name}-store"), Duration::from_millis(history))
}

fn exclaimed(value: String) -> String {
    value + "!"
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
        "versioned" => builder.table_with(name, Consumed::new(), versioned(case, name)),
        "versioned-filter" => builder.table_with(name, Consumed::new(), versioned(case, name)).filter(long),
        "versioned-filter-kept" => {
            let source = builder.table_with(name, Consumed::new(), versioned(case, &format!("{name}-source")));
            source.filter_with(long, kept(case, name))
        }
        "versioned-map" => builder.table_with(name, Consumed::new(), versioned(case, name)).map_values(exclaimed),
        "versioned-map-filter" => {
            let mapped = builder.table_with(name, Consumed::new(), versioned(case, name)).map_values(exclaimed);
            mapped.filter(|_, value| value.chars().count() > 2)
        }
        "versioned-to-table" => builder.stream::<K, Text>(name).to_table_deleting_none_with(versioned(case, name)),
        "filter-versioned" => rows(name).filter_with(long, versioned(case, name)),
        "versioned-map-versioned" => {
            let source = builder.table_with(name, Consumed::new(), versioned(case, &format!("{name}-source")));
            source.map_values_with(exclaimed, versioned(case, name))
        }
        "versioned-transform" => {
            let source = builder.table_with(name, Consumed::new(), versioned(case, name));
            source.transform_values(|| |_: &K, row: Option<String>| row.map(exclaimed))
        }
        "transform-versioned" => {
            rows(name).transform_values_with(|| |_: &K, row: Option<String>| row.map(exclaimed), versioned(case, name))
        }
        "versioned-transform-versioned" => {
            let source = builder.table_with(name, Consumed::new(), versioned(case, &format!("{name}-source")));
            source.transform_values_with(|| |_: &K, row: Option<String>| row.map(exclaimed), versioned(case, name))
        }
        "reduce-versioned" => {
            let grouped = builder.stream::<K, Text>(name).group_by_key();
            let reduced = grouped.reduce_with(|one, other| append(&text(one), &text(other)), versioned(case, name));
            reduced.map_values(text)
        }
        "joined-versioned" => {
            let other = rows(&format!("{name}-2"));
            rows(name).outer_join_with(&other, |left, right| joined(text(left), text(right)), versioned(case, name))
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
    let result = match case.word("program", "") {
        "versioned-table" => side(case, builder, "left"),
        _ => table_join(case, builder),
    };
    then(case, builder, result);
}

fn then(case: &Case, builder: &StreamsBuilder, result: Rows<Text>) {
    let result = match case.word("then", "nothing") {
        "nothing" => result,
        "filter" => result.filter(|_, value| value.chars().count() > 3),
        "map" => result.map_values(|value| value + "?"),
        "suppress" => {
            result.suppress(Suppressed::until_time_limit(Duration::from_millis(10), BufferConfig::unbounded()))
        }
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
    let mut options = Joined::new();
    if let Some(grace) = case.setting("join").number("grace") {
        options = options.with_grace_period(Duration::from_millis(grace));
    }
    let result = match case.word("join", "") {
        "inner" => left.join_table_with(&right, |_, left, right| joined(text(left), right), options),
        "left" => left.left_join_table_with(&right, |_, left, right| joined(text(left), text(right)), options),
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

fn hex(bytes: Option<&[u8]>) -> String {
    bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Bytes as Kafka Streams writes them; `null` is a timestamp that its producer sets.
#[test]
fn changelogs_of_versioned_tables_and_of_what_waits_for_them() {
    let mut cases = Case::read_all(&["changelog/cases"], |_| true);
    cases.retain(|case| case.word("program", "") == "stream-table-join");
    assert_eq!(cases.len(), 2);
    for case in cases {
        let builder = StreamsBuilder::new();
        stream_with_table(&case, &builder);
        let driver = TopologyTestDriver::new(&builder.build().unwrap());
        let topic = format!("test-application-{}-changelog", case.setting("changelog").text("store", ""));
        let mut logged = 0;
        for row in &case.rows {
            let Input::Record { topic: input, key, value, timestamp, headers } = &row.input else {
                panic!("no record")
            };
            let headers = headers.iter().map(|(name, text)| (name.as_str(), Some(text.as_bytes()))).collect();
            let record = Record { key: key.clone(), value: value.clone(), timestamp: *timestamp, headers };
            driver.create_input_topic::<Text, Text>(input.as_str()).pipe_record(record).unwrap();
            let changelog = driver.create_output_topic::<Vec<u8>, Option<Vec<u8>>>(&topic);
            let records = changelog.read_records_to_list().unwrap();
            let expected: Vec<&String> = row.expected.iter().filter(|line| line.starts_with("logged ")).collect();
            assert_eq!(records.len(), expected.len(), "{}: {:?}", case.name, row.input);
            for (record, expected) in records.iter().zip(expected) {
                assert!(record.headers.is_empty());
                let timestamp =
                    if expected.ends_with(" null") { "null".to_owned() } else { record.timestamp.to_string() };
                let line = format!("logged {} {} {timestamp}", hex(Some(&record.key)), hex(record.value.as_deref()));
                assert_eq!(&line, expected, "{}: {:?}", case.name, row.input);
                logged += 1;
            }
        }
        assert!(logged > 5, "{}", case.name);
    }
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
fn versioned_tables() {
    check(&cases("versioned-table", |_| true), tables);
}

#[test]
fn streams_with_tables() {
    check(&cases("stream-table-join", |_| true), stream_with_table);
}

#[test]
fn streams_with_global_tables() {
    check(&cases("stream-global-table-join", |_| true), stream_with_global_table);
}
