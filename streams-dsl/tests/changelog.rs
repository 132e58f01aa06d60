//! What the stores of windowed aggregations append to their changelogs, and what they hold in the end, byte by byte as Kafka Streams: see
//! `time/README.md`.

#[path = "common/case.rs"]
mod case;

use case::{Case, Input, Row, WALL_START};
use std::time::Duration;
use streams_dsl::record::{Headers, Record};
use streams_dsl::serde::{ByteVecSerde, DefaultSerde, OptionSerde, StringSerde};
use streams_dsl::test_driver::{TestDriverConfig, TopologyTestDriver};
use streams_dsl::windows::{TimeWindows, Windows};
use streams_dsl::*;

type Text = Option<String>;

fn millis(case: &Case, option: &str) -> Duration {
    Duration::from_millis(case.setting("window").number(option).unwrap_or_else(|| panic!("no {option}")))
}

fn materialized<A: DefaultSerde + 'static>(case: &Case) -> Materialized<String, A> {
    let retention = Duration::from_millis(case.word("retention", "").parse().unwrap());
    Materialized::named("store").with_caching_disabled().with_retention(retention)
}

fn aggregate<W: Windows>(case: &Case, grouped: &KGroupedStream<String, String>, windows: W) {
    let stream = grouped.windowed_by(windows);
    match case.word("aggregate", "") {
        "count" => {
            stream.count_with(materialized(case));
        }
        "aggregate" => {
            let materialized = materialized(case).with_value_serde(OptionSerde::new(StringSerde));
            stream.aggregate_with(
                || Some("0".to_owned()),
                |_, value, aggregate: Text| append(aggregate, &value),
                materialized,
            );
        }
        other => panic!("{}: aggregate: {other}", case.name),
    }
}

fn append(aggregate: Text, value: &str) -> Text {
    (value != "delete").then(|| format!("{}+{value}", aggregate.unwrap_or_default()))
}

fn driver(case: &Case) -> TopologyTestDriver {
    let builder = StreamsBuilder::new();
    let grouped = builder.stream::<String, String>("in").group_by_key();
    let windows = TimeWindows::of_size_and_grace(millis(case, "size"), millis(case, "grace"));
    match case.setting("window").word.as_str() {
        "tumbling" => aggregate(case, &grouped, windows),
        "hopping" => aggregate(case, &grouped, windows.advance_by(millis(case, "advance"))),
        other => panic!("{}: window: {other}", case.name),
    }
    let config =
        TestDriverConfig { caching: false, initial_wall_clock_time: WALL_START, ..TestDriverConfig::default() };
    TopologyTestDriver::with_config(&builder.build().unwrap(), config)
}

fn pipe(driver: &TopologyTestDriver, row: &Row) {
    let Input::Record { key, value, timestamp, .. } = &row.input else { panic!("only records are fed here") };
    let headers = Headers::default();
    let record = Record { key: key.clone().unwrap(), value: value.clone().unwrap(), timestamp: *timestamp, headers };
    driver.create_input_topic::<String, String>("in").pipe_record(record).unwrap();
}

fn hex(bytes: Option<&[u8]>) -> String {
    bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What was appended since the last call.
fn logged(driver: &TopologyTestDriver) -> Vec<String> {
    let changelog = "test-application-store-changelog";
    let topic = driver.create_output_topic_with(changelog, ByteVecSerde, OptionSerde::new(ByteVecSerde));
    let records = topic.read_records_to_list().unwrap();
    let line = |record: &Record<Vec<u8>, Option<Vec<u8>>>| {
        assert!(record.headers.is_empty());
        format!("logged {} {} {}", hex(Some(&record.key)), hex(record.value.as_deref()), record.timestamp)
    };
    records.iter().map(line).collect()
}

/// All rows of the store. Each is read once more by its key.
fn stored<A: 'static>(driver: &TopologyTestDriver, text: impl Fn(A) -> String) -> Vec<String> {
    let store = driver.window_store::<String, A>("store").unwrap();
    let line = |(key, value): (Windowed<String>, A)| {
        let (_, timestamp) = store.fetch_with_timestamp(&key.key, key.start()).unwrap().unwrap();
        format!("stored {}@{}..{} {} {timestamp}", key.key, key.start(), key.end(), text(value))
    };
    store.all().unwrap().into_iter().map(line).collect()
}

#[test]
fn changelogs_and_rows_of_windows_are_kafka_streams() {
    let cases = Case::read_all(&["changelog/cases"], |_| true);
    let of_time = |case: &&Case| ["tumbling", "hopping"].contains(&case.setting("window").word.as_str());
    let cases: Vec<_> = cases.iter().filter(of_time).collect();
    assert_eq!(cases.len(), 2);
    for case in cases {
        let driver = driver(case);
        let lines_of = |row: &Row, kind: &str| -> Vec<String> {
            row.expected.iter().filter(|line| line.starts_with(kind)).cloned().collect()
        };
        for row in &case.rows {
            pipe(&driver, row);
            assert_eq!(logged(&driver), lines_of(row, "logged "), "{}: {:?}", case.name, row.input);
        }
        let stored = match case.word("aggregate", "") {
            "count" => stored::<i64>(&driver, |count| count.to_string()),
            _ => stored::<Text>(&driver, Option::unwrap_or_default),
        };
        let expected = lines_of(case.rows.last().unwrap(), "stored ");
        assert!(!expected.is_empty());
        assert_eq!(stored, expected, "{}", case.name);
    }
}

#[test]
fn stores_are_asked_for_by_their_kind() {
    let cases = Case::read_all(&["changelog/cases"], |name| name == "changelog-tumbling-count");
    let driver = driver(&cases[0]);
    let refused = [
        (
            driver.key_value_store::<String, i64>("store").err(),
            "a window store, not a key-value store: use window_store()",
        ),
        (driver.session_store::<String, i64>("store").err(), "a window store, not a session store: use window_store()"),
        (driver.window_store::<String, String>("store").err(), "values of type i64"),
        (driver.window_store::<String, i64>("stor").err(), "there is no store stor; the topology has: store"),
    ];
    for (error, part) in refused {
        let error = error.unwrap().to_string();
        assert!(error.contains(part), "{error}");
    }
    let store = driver.window_store::<String, i64>("store").unwrap();
    assert_eq!(store.fetch(&"a".to_owned(), 0).unwrap(), None);
    cases[0].rows[..3].iter().for_each(|row| pipe(&driver, row));
    let a = "a".to_owned();
    assert_eq!(store.fetch(&a, 0).unwrap(), Some(1));
    let starts = |rows: Vec<(Windowed<String>, i64)>| rows.iter().map(|(key, _)| key.to_string()).collect::<Vec<_>>();
    assert_eq!(starts(store.fetch_between(&a, 0, 60_000).unwrap()), ["[a@0/60000]", "[a@60000/120000]"]);
    assert_eq!(starts(store.fetch_between(&a, 1, 60_000).unwrap()), ["[a@60000/120000]"]);
    assert_eq!(starts(store.fetch_all(0, 59_999).unwrap()), ["[a@0/60000]", "[b@0/60000]"]);
}
