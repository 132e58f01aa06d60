//! Joins of two streams, record by record as Kafka Streams answered: see `time/README.md`.

#[path = "common/case.rs"]
mod case;
#[path = "stream_join/deviations.rs"]
mod deviations;

use case::{Case, Input, Row, Setting, WALL_START};
use deviations::DEVIATIONS;
use std::time::Duration;
use streams_dsl::record::{Headers, Record};
use streams_dsl::serde::{ByteVecSerde, OptionSerde};
use streams_dsl::test_driver::{TestDriverConfig, TopologyTestDriver};
use streams_dsl::windows::JoinWindows;
use streams_dsl::{StreamJoined, StreamsBuilder, StreamsConfig};

type Text = Option<String>;

fn windows(join: &Setting) -> JoinWindows {
    let millis = |option: &str| -> i64 { join.text(option, "").parse().unwrap() };
    let duration = |millis: i64| Duration::from_millis(millis.unsigned_abs());
    let (before, after) = (millis("before"), millis("after"));
    let windows = JoinWindows::of_time_difference_and_grace(Duration::ZERO, duration(millis("grace")));
    let windows = if before < 0 { windows.at_least_after(duration(before)) } else { windows.before(duration(before)) };
    if after < 0 { windows.at_least_before(duration(after)) } else { windows.after(duration(after)) }
}

fn is_of_itself(case: &Case) -> bool {
    case.word("right", "right") == "left"
}

fn optimization(case: &Case) -> &str {
    case.word("optimization", "none")
}

fn declare(case: &Case, builder: &StreamsBuilder) {
    let join = case.setting("join");
    let left = builder.stream::<Text, Text>("left");
    let right = if is_of_itself(case) { left.clone() } else { builder.stream("right") };
    let joined = StreamJoined::new().with_store_name("store");
    let joined = if case.word("store", "rocksdb") == "in-memory" { joined.in_memory() } else { joined };
    let text = |value: Option<&Text>| value.map_or("-", |value| value.as_deref().unwrap()).to_owned();
    let result = move |left: Option<&Text>, right: Option<&Text>| Some(format!("{}+{}", text(left), text(right)));
    let windows = windows(&join);
    let results = match join.word.as_str() {
        "inner" => left.join_with(&right, move |l, r| result(Some(l), Some(r)), windows, joined),
        "left" => left.left_join_with(&right, move |l, r| result(Some(l), r), windows, joined),
        "outer" => left.outer_join_with(&right, result, windows, joined),
        other => panic!("{}: join: {other}", case.name),
    };
    results.to("out");
}

fn driver(case: &Case) -> TopologyTestDriver {
    let builder = StreamsBuilder::new();
    declare(case, &builder);
    let mut config =
        TestDriverConfig { caching: false, initial_wall_clock_time: WALL_START, ..TestDriverConfig::default() };
    if let Some(interval) = case.setting("emit").number("interval") {
        config.settings.emit_interval = Duration::from_millis(interval);
    }
    let settings = StreamsConfig::new("unused", "unused:9092").set("topology.optimization", optimization(case));
    TopologyTestDriver::with_config(&builder.build_with(&settings).unwrap(), config)
}

fn feed(driver: &TopologyTestDriver, input: &Input) {
    match input {
        Input::Wall(by) => driver.advance_wall_clock_time(Duration::from_millis(*by)).unwrap(),
        Input::Record { topic, key, value, timestamp, headers } => {
            let headers: Headers = headers.iter().map(|(name, text)| (name.as_str(), Some(text.as_bytes()))).collect();
            let record = Record { key: key.clone(), value: value.clone(), timestamp: *timestamp, headers };
            driver.create_input_topic::<Text, Text>(topic).pipe_record(record).unwrap();
        }
    }
}

/// What we answer to a row, as the case files write it.
fn answer(case: &Case, driver: &TopologyTestDriver, row: &Row, dropped: &mut u64) -> Vec<String> {
    feed(driver, &row.input);
    let records = driver.create_output_topic::<Text, Text>("out").read_records_to_list().unwrap();
    let mut answer: Vec<String> = records.iter().map(line).collect();
    if case.word("changelog", "no") == "yes" {
        answer.extend(stores(case).iter().flat_map(|store| logged(driver, store)));
    }
    let now = driver.dropped_records();
    if now > *dropped {
        answer.push(format!("dropped {}", now - *dropped));
    }
    *dropped = now;
    answer
}

fn line(record: &Record<Text, Text>) -> String {
    let (key, value) = (record.key.as_deref().unwrap_or("null"), record.value.as_deref().unwrap());
    let mut line = format!("{key} {value} {}", record.timestamp);
    for (name, value) in record.headers.iter() {
        line.push_str(&format!(" {name}={}", String::from_utf8_lossy(value.unwrap_or_default())));
    }
    line
}

/// The stores of a join, by Kafka Streams' names.
fn stores(case: &Case) -> &'static [&'static str] {
    let stores = stores_of_two(case);
    if is_of_itself(case) && optimization(case) == "all" { &stores[..1] } else { stores }
}

fn stores_of_two(case: &Case) -> &'static [&'static str] {
    match case.setting("join").word.as_str() {
        "inner" => &["store-this-join-store", "store-other-join-store"],
        "left" => &["store-this-join-store", "store-outer-other-join-store", "store-left-shared-join-store"],
        _ => &["store-outer-this-join-store", "store-outer-other-join-store", "store-outer-shared-join-store"],
    }
}

/// What was appended to the changelog of a store since the last call.
fn logged(driver: &TopologyTestDriver, store: &str) -> Vec<String> {
    let changelog = format!("test-application-{store}-changelog");
    let topic = driver.create_output_topic_with(&changelog, ByteVecSerde, OptionSerde::new(ByteVecSerde));
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let line = |record: &Record<Vec<u8>, Option<Vec<u8>>>| {
        assert!(record.headers.is_empty());
        let value = record.value.as_deref().map_or_else(|| "-".to_owned(), hex);
        format!("logged {store} {} {value} {}", hex(&record.key), record.timestamp)
    };
    topic.read_records_to_list().unwrap().iter().map(line).collect()
}

/// The rows to which the answer is not as expected.
fn differences(case: &Case, expected: &[Vec<String>]) -> Vec<String> {
    let driver = driver(case);
    let mut dropped = 0;
    let rows = case.rows.iter().zip(expected).enumerate();
    let differences = rows.filter_map(|(number, (row, expected))| {
        let answer = answer(case, &driver, row, &mut dropped);
        let name = &case.name;
        (answer != *expected).then(|| format!("{name}: row {number}\n  expected {expected:?}\n  answered {answer:?}"))
    });
    differences.collect()
}

fn javas(case: &Case) -> Vec<Vec<String>> {
    assert!(case.refused.is_empty());
    case.rows.iter().map(|row| row.expected.clone()).collect()
}

fn check(kind: &str) {
    let cases = Case::read_all(&["stream_join/cases"], |name| name.ends_with(kind));
    assert!(cases.len() > 20);
    let mut all = Vec::new();
    for case in &cases {
        let mut expected = javas(case);
        for deviation in DEVIATIONS.iter().filter(|deviation| deviation.case == case.name) {
            deviation.apply(&mut expected);
        }
        all.extend(differences(case, &expected));
    }
    assert!(all.is_empty(), "{} rows in {} cases:\n{}", all.len(), cases.len(), all.join("\n"));
}

#[test]
fn inner_joins() {
    check("-inner");
}

#[test]
fn left_joins() {
    check("-left");
}

#[test]
fn outer_joins() {
    check("-outer");
}

#[test]
fn joins_of_a_stream_with_itself() {
    check("-two-stores");
}

#[test]
fn joins_of_a_stream_with_itself_with_one_store() {
    check("-one-store");
}

/// One store instead of two changes nothing about what comes out.
#[test]
fn one_store_makes_the_same_results_as_two() {
    let cases = Case::read_all(&["stream_join/cases"], |name| name.ends_with("-inner-one-store"));
    for case in &cases {
        let mut other = case.clone();
        other.settings.remove("optimization");
        let (one, two) = (driver(case), driver(&other));
        for (number, row) in case.rows.iter().enumerate() {
            let results = |case: &Case, driver: &TopologyTestDriver| {
                let answer = answer(case, driver, row, &mut 0).into_iter();
                answer.filter(|line| !line.starts_with("dropped") && !line.starts_with("logged")).collect::<Vec<_>>()
            };
            assert_eq!(results(case, &one), results(&other, &two), "{}: row {number}", case.name);
        }
    }
}

#[test]
fn every_deviation_is_one() {
    let cases = Case::read_all(&["stream_join/cases"], |_| true);
    for deviation in DEVIATIONS {
        let case = cases.iter().find(|case| case.name == deviation.case);
        let javas = javas(case.unwrap_or_else(|| panic!("{}: no such case", deviation.case)));
        let mut ours = javas.clone();
        deviation.apply(&mut ours);
        assert!(ours != javas, "{}: no deviation", deviation.case);
        assert!(!deviation.reason.is_empty());
    }
}
