//! Suppression of a table's changes, with Kafka Streams' answers. Those of windowed tables are tested beside the operator.

#[path = "common/case.rs"]
mod case;

use case::{Case, Input};
use std::time::Duration;
use streams_dsl::test_driver::{TestDriverConfig, TopologyTestDriver};
use streams_dsl::{
    BufferConfig, Consumed, Headers, KTable, Materialized, Record, StreamsBuilder, StreamsError, Suppressed, Topology,
};

type Text = Option<String>;

#[test]
fn every_case_file_is_readable() {
    let cases = Case::read_all(&["time/cases", "reference/cases"], |_| true);
    assert!(cases.iter().all(|case| case.refused.len() == 1 || !case.rows.is_empty()));
    assert!(cases.iter().any(|case| case.rows.iter().any(|row| !row.expected.is_empty())));
}

#[test]
fn tables_are_suppressed_as_in_kafka_streams() {
    let cases = Case::read_all(&["reference/cases"], |name| name.starts_with("table-suppress"));
    // What waits for windows is refused by the compiler.
    let cases: Vec<_> = cases.into_iter().filter(|case| case.refused.is_empty()).collect();
    assert_eq!(cases.len(), 2);
    for case in cases {
        let wait = Duration::from_millis(case.setting("suppress").number("ms").unwrap());
        let config = TestDriverConfig { caching: case.word("cache", "") == "on", ..TestDriverConfig::default() };
        let topology = topology(|table| table.suppress(Suppressed::until_time_limit(wait, BufferConfig::unbounded())));
        let driver = TopologyTestDriver::with_config(&topology, config);
        for row in &case.rows {
            feed(&driver, &row.input).unwrap();
            assert_eq!(output(&driver), row.expected, "{}: {:?}", case.name, row.input);
        }
    }
}

/// The topology from `in` to `out`, with a store named `rows`.
fn topology(suppress: impl FnOnce(KTable<String, String>) -> KTable<String, String>) -> Topology {
    let builder = StreamsBuilder::new();
    let table = builder.table_with::<String, String>("in", Consumed::named("in"), Materialized::named("rows"));
    suppress(table).to_stream().to("out");
    builder.build().unwrap()
}

fn feed(driver: &TopologyTestDriver, input: &Input) -> Result<(), StreamsError> {
    let Input::Record { key, value, timestamp, headers } = input else { panic!("no record: {input:?}") };
    let headers: Headers = headers.iter().map(|(name, text)| (name.as_str(), Some(text.as_bytes()))).collect();
    let (key, value, timestamp) = (key.clone(), value.clone(), *timestamp);
    driver.create_input_topic::<Text, Text>("in").pipe_record(Record { key, value, timestamp, headers })
}

fn output(driver: &TopologyTestDriver) -> Vec<String> {
    let records = driver.create_output_topic::<String, Text>("out").read_records_to_list().unwrap();
    let line = |record: Record<String, Text>| {
        assert!(record.headers.is_empty());
        format!("{} {} {}", record.key, record.value.as_deref().unwrap_or("-"), record.timestamp)
    };
    records.into_iter().map(line).collect()
}

fn pipe(driver: &TopologyTestDriver, records: &[(&str, &str, i64)]) {
    let topic = driver.create_input_topic::<String, String>("in");
    records.iter().for_each(|(key, value, timestamp)| {
        topic.pipe_input_at((*key).to_owned(), (*value).to_owned(), *timestamp).unwrap();
    });
}

/// What Kafka Streams 4.3.1 wrote to the changelog of the same suppression, for the same input.
const CHANGELOG: [(&str, &str); 10] = [
    (
        "k",
        "000000000000000500000000000000000000000174000000000000000200000001680000000131000000016effffffffffffffffffffffff00000001410000000000000005",
    ),
    ("k", "0000000000000006000000000000000100000001740000000000000000ffffffff000000014100000001420000000000000005"),
    ("k", "0000000000000007000000000000000200000001740000000000000000ffffffff000000014200000001430000000000000005"),
    ("k", "0000000000000008000000000000000300000001740000000000000000ffffffff0000000143ffffffff0000000000000005"),
    ("z", "0000000000000009000000000000000400000001740000000000000000ffffffffffffffff00000001440000000000000009"),
    ("k", "-"),
    ("z", "-"),
    ("z", "00000000000000650000000000000006000000017400000000000000000000000145fffffffe00000001440000000000000065"),
    ("z", "00000000000000660000000000000007000000017400000000000000000000000145000000014400000001450000000000000065"),
    ("z", "00000000000000670000000000000008000000017400000000000000000000000145fffffffe00000001440000000000000065"),
];

#[test]
fn the_changelog_is_that_of_kafka_streams() {
    let limit = Suppressed::until_time_limit(Duration::from_millis(10), BufferConfig::max_records(1));
    let builder = StreamsBuilder::new();
    builder.table::<String, String>("t").suppress(limit.with_name("calm"));
    let driver = TopologyTestDriver::new(&builder.build().unwrap());
    let input = driver.create_input_topic::<String, Option<String>>("t");
    let headers: Headers = [("h", Some(&b"1"[..])), ("n", None)].into_iter().collect();
    input.pipe_record(Record { headers, ..Record::new("k".to_owned(), Some("A".to_owned()), 5) }).unwrap();
    let records = [("k", "B", 6), ("k", "C", 7), ("k", "-", 8), ("z", "D", 9), ("z", "E", 99)];
    for (key, value, timestamp) in records.into_iter().chain([("z", "D", 101), ("z", "E", 102), ("z", "D", 103)]) {
        input.pipe_input_at(key.to_owned(), (value != "-").then(|| value.to_owned()), timestamp).unwrap();
    }
    let changelog = driver.create_output_topic::<String, Option<Vec<u8>>>("test-application-calm-store-changelog");
    let rows = changelog.read_records_to_list().unwrap().into_iter().map(|row| {
        let headers: &[_] = if row.value.is_some() { &[("v", Some(&[3u8][..]))] } else { &[] };
        assert_eq!(row.headers.iter().collect::<Vec<_>>(), headers);
        let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        (row.key, row.value.map_or("-".to_owned(), hex))
    });
    assert_eq!(rows.collect::<Vec<_>>(), CHANGELOG.map(|(key, row)| (key.to_owned(), row.to_owned())));
}

#[test]
fn what_comes_and_goes_between_commits_leaves_no_trace_in_the_changelog() {
    let suppressed = Suppressed::until_time_limit(Duration::ZERO, BufferConfig::unbounded()).with_name("calm");
    let driver = TopologyTestDriver::new(&topology(|table| table.suppress(suppressed)));
    pipe(&driver, &[("a", "1", 1), ("a", "2", 2)]);
    assert_eq!(output(&driver), ["a 1 1", "a 2 2"]);
    let topics = driver.produced_topic_names();
    assert!(!topics.iter().any(|topic| topic.contains("calm")), "{topics:?}");
}

#[test]
fn a_full_buffer_says_which_and_how_full() {
    let limits = BufferConfig::max_records(1).with_max_bytes(99).shut_down_when_full();
    let suppressed = Suppressed::until_time_limit(Duration::from_millis(10), limits).with_name("calm");
    let driver = TopologyTestDriver::new(&topology(|table| table.suppress(suppressed)));
    pipe(&driver, &[("a", "1", 1), ("a", "2", 2)]);
    let topic = driver.create_input_topic::<String, String>("in");
    let error = topic.pipe_input_at("b".to_owned(), "1".to_owned(), 3).unwrap_err();
    assert!(matches!(error, StreamsError::InvalidState(_)), "{error:?}");
    let error = error.to_string();
    for part in ["calm-store", "2 of at most 1 records", "65 of at most 99 bytes"] {
        assert!(error.contains(part), "no {part} in: {error}");
    }
}

#[test]
fn a_full_buffer_gives_the_oldest_early() {
    let suppressed = Suppressed::until_time_limit(Duration::from_millis(100), BufferConfig::max_records(2));
    let driver = TopologyTestDriver::new(&topology(|table| table.suppress(suppressed)));
    pipe(&driver, &[("c", "1", 1), ("b", "2", 2), ("c", "3", 3)]);
    assert_eq!(output(&driver), [""; 0]);
    pipe(&driver, &[("a", "4", 0)]);
    assert_eq!(output(&driver), ["a 4 0"]);
    pipe(&driver, &[("a", "5", 4)]);
    assert_eq!(output(&driver), ["c 3 3"]);
}
