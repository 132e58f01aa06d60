//! Suppression of tables, record by record as Kafka Streams answered (see `time/README.md`), and its limits and changelog.

#[path = "common/answers.rs"]
mod answers;
#[path = "common/case.rs"]
mod case;

use answers::{Text, check};
use case::{Case, Setting};
use std::time::Duration;
use streams_dsl::test_driver::TopologyTestDriver;
use streams_dsl::windows::{TimeWindows, UnlimitedWindows, Windows};
use streams_dsl::*;

fn cases(folder: &str, wanted: impl Fn(&Case) -> bool) -> Vec<Case> {
    let mut cases = Case::read_all(&[folder], |_| true);
    cases.retain(|case| case.settings.contains_key("suppress") && wanted(case));
    cases
}

#[test]
fn tables() {
    // What waits for windows is refused by the compiler.
    let cases = cases("reference/cases", |case| case.word("suppress", "") != "until-window-closes");
    check(&cases, |case, builder| {
        let rows = builder.table_with::<String, String>(
            "in",
            Consumed::new().with_key_serde(serde::StringSerde).with_value_serde(serde::StringSerde),
            rows(case).with_name("rows"),
        );
        rows.suppress(until_time_limit(case)).to_stream().to("out");
    });
}

#[test]
fn windows_of_time() {
    let kinds = ["tumbling", "hopping", "unlimited"];
    // The first row of a window has none before it here. To Kafka Streams the initial value is that, and counts: its buffer is full earlier.
    let other_sizes = ["limit-emit-early-bytes", "suppress-shutdown-bytes"];
    let cases = cases("time/cases", |case| {
        kinds.contains(&case.word("window", "")) && !other_sizes.contains(&case.name.as_str())
    });
    assert!(cases.len() > 30, "only {} cases", cases.len());
    check(&cases, |case, builder| {
        let window = case.setting("window");
        let millis = |option| Duration::from_millis(window.number(option).unwrap());
        let time_windows = || TimeWindows::of_size_and_grace(millis("size"), millis("grace"));
        match window.word.as_str() {
            "tumbling" => aggregate(case, builder, time_windows()),
            "hopping" => aggregate(case, builder, time_windows().advance_by(millis("advance"))),
            _ => aggregate(case, builder, UnlimitedWindows::of().start_on(window.number("start").unwrap() as i64)),
        }
    });
}

fn rows<K: 'static, V: 'static>(case: &Case) -> Materialized<K, V> {
    match case.word("cache", "off") {
        "on" => Materialized::new(),
        _ => Materialized::new().with_caching_disabled(),
    }
}

fn aggregate(case: &Case, builder: &StreamsBuilder, windows: impl Windows) {
    let emit = match case.word("emit", "update") {
        "close" => EmitStrategy::OnWindowClose,
        _ => EmitStrategy::OnWindowUpdate,
    };
    let windowed = builder.stream::<Text, Text>("in").group_by_key().windowed_by(windows).emit_strategy(emit);
    match case.word("aggregate", "") {
        "count" => results(case, &windowed.count_with(rows(case)), |count| Some(count.to_string())),
        "aggregate" => {
            let add = |_: &Text, value: Text, aggregate: Text| {
                let value = value.unwrap_or_else(|| "-".to_owned());
                (value != "delete").then(|| format!("{}+{value}", aggregate.unwrap_or_default()))
            };
            let rows = rows(case).with_value_serde(serde::OptionSerde::new(serde::StringSerde));
            results(case, &windowed.aggregate_with(|| Some("0".to_owned()), add, rows), |text| text);
        }
        other => panic!("{}: aggregate: {other}", case.name),
    }
}

fn results<V: Clone + 'static>(
    case: &Case,
    table: &KTable<Windowed<Text>, V>,
    text: impl Fn(V) -> Text + Send + Sync + 'static,
) {
    let suppressed = match case.word("suppress", "") {
        "until-window-closes" => Suppressed::until_window_closes(strict(&case.setting("suppress"))),
        _ => until_time_limit(case),
    };
    let line = move |key: Windowed<Text>, value: Option<V>| {
        let end = if key.end() == i64::MAX { "max".to_owned() } else { key.end().to_string() };
        (format!("{}@{}..{end}", key.key.unwrap_or_default(), key.window.start()), value.and_then(&text))
    };
    table.suppress(suppressed).to_stream().map(line).to("out");
}

fn until_time_limit<K: Clone + 'static>(case: &Case) -> Suppressed<K> {
    let setting = case.setting("suppress");
    let wait = Duration::from_millis(setting.number("ms").unwrap());
    match setting.text("full", "") {
        "emit-early" => Suppressed::until_time_limit(wait, limits(&setting)),
        _ => Suppressed::until_time_limit(wait, strict(&setting)),
    }
}

fn strict(setting: &Setting) -> StrictBufferConfig {
    match setting.text("full", "") {
        "unbounded" => BufferConfig::unbounded(),
        "shutdown" => limits(setting).shut_down_when_full(),
        other => panic!("full={other}"),
    }
}

fn limits(setting: &Setting) -> BufferConfig {
    let unbounded = BufferConfig::unbounded().emit_early_when_full();
    let limits = setting.number("max-records").into_iter().fold(unbounded, BufferConfig::with_max_records);
    setting.number("max-bytes").into_iter().fold(limits, BufferConfig::with_max_bytes)
}

/// The topology from `in` to `out`, with a store named `rows`.
fn topology(suppress: impl FnOnce(KTable<String, String>) -> KTable<String, String>) -> Topology {
    let builder = StreamsBuilder::new();
    let table = builder.table_with::<String, String>("in", Consumed::named("in"), Materialized::named("rows"));
    suppress(table).to_stream().to("out");
    builder.build().unwrap()
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
