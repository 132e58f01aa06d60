//! Co-grouped streams, record by record as Kafka Streams answered: see `time/README.md`.

#[path = "common/answers.rs"]
mod answers;
#[path = "common/case.rs"]
mod case;

use answers::{Text, check};
use case::{Case, Setting};
use std::time::Duration;
use streams_dsl::windows::{SessionWindows, SlidingWindows, TimeWindows};
use streams_dsl::*;

type Bytes = Option<Vec<u8>>;
type Cogrouped = CogroupedKStream<Text, Text>;

fn text(value: Option<String>) -> String {
    value.unwrap_or_else(|| "-".to_owned())
}

fn add(aggregate: Text, sign: &str, value: Text) -> Text {
    (value.as_deref() != Some("delete")).then(|| format!("{}{sign}{}", text(aggregate), text(value)))
}

fn begin() -> Text {
    Some("0".to_owned())
}

fn is_rekeyed(case: &Case, topic: &str) -> bool {
    ["all", topic].contains(&case.word("rekeyed", "none"))
}

fn grouped(case: &Case, builder: &StreamsBuilder, topic: &str) -> KGroupedStream<Text, Text> {
    let stream = builder.stream::<Text, Text>(topic);
    if is_rekeyed(case, topic) {
        let name = Grouped::named(format!("by-letter-{topic}"));
        let name = name.with_key_serde(serde::OptionSerde::new(serde::StringSerde));
        let name = name.with_value_serde(serde::OptionSerde::new(serde::StringSerde));
        stream.group_by_with(|_, value| value.as_ref().map(|value| value[..1].to_owned()), name)
    } else {
        stream.group_by_key()
    }
}

/// The second stream has values of another type.
fn grouped_bytes(case: &Case, builder: &StreamsBuilder, topic: &str) -> KGroupedStream<Text, Bytes> {
    let stream = builder.stream::<Text, Bytes>(topic);
    if is_rekeyed(case, topic) {
        let name = Grouped::named(format!("by-letter-{topic}"));
        let name = name.with_key_serde(serde::OptionSerde::new(serde::StringSerde));
        let name = name.with_value_serde(serde::OptionSerde::new(serde::ByteVecSerde));
        stream.group_by_with(|_, value| value.as_ref().map(|value| char::from(value[0]).to_string()), name)
    } else {
        stream.group_by_key()
    }
}

fn cogrouped(case: &Case, builder: &StreamsBuilder) -> Cogrouped {
    let inputs: usize = case.word("inputs", "").parse().unwrap();
    let mut all = grouped(case, builder, "one").cogroup(|_, value, aggregate| add(aggregate, "+", value));
    if inputs > 1 {
        all = all.cogroup(&grouped_bytes(case, builder, "two"), |_, value, aggregate| {
            add(aggregate, "*", value.map(|value| String::from_utf8(value).unwrap()))
        });
    }
    if inputs > 2 {
        let failing = |_: &Text, value, aggregate| Ok::<_, std::fmt::Error>(add(aggregate, "/", value));
        all = all.try_cogroup(&grouped(case, builder, "three"), failing);
    }
    all
}

fn store(case: &Case) -> Materialized<Text, Text> {
    let store = Materialized::named("store").with_value_serde(serde::OptionSerde::new(serde::StringSerde));
    let store = if case.word("cache", "off") == "on" { store } else { store.with_caching_disabled() };
    let store = match case.settings.get("retention") {
        Some(retention) => store.with_retention(Duration::from_millis(retention.word.parse().unwrap())),
        None => store,
    };
    if case.word("store", "rocksdb") == "in-memory" { store.in_memory() } else { store }
}

fn without_windows(case: &Case, builder: &StreamsBuilder) {
    let table = cogrouped(case, builder).aggregate_with(begin, store(case));
    let table: KTable<Text, String> = match case.word("then", "nothing") {
        "nothing" => return drop(table.to_stream().map(|key, row| (text(key), row.flatten())).to("out")),
        "filter" => table.filter(|_, row| row.as_ref().is_some_and(|row| row.chars().count() > 3)).map_values(text),
        "join" => {
            table.join(&builder.table::<Text, String>("right-again"), |row, right| format!("{}+{right}", text(row)))
        }
        "group" => {
            let grouped = table.group_by(|_, row| (Some(text(row.clone())[..1].to_owned()), text(row)));
            let serde = store(case).with_name("aggregated");
            let rows = grouped.aggregate_with(
                begin,
                |_, row, rows| add(rows, "+", Some(row)),
                |_, row, rows| add(rows, "-", Some(row)),
                serde,
            );
            rows.map_values(text)
        }
        other => panic!("{}: then: {other}", case.name),
    };
    table.to_stream().map(|key, row| (text(key), row)).to("out");
}

fn millis(setting: &Setting, option: &str) -> Duration {
    Duration::from_millis(setting.number(option).unwrap_or_else(|| panic!("no {option}")))
}

fn results<W: Window>(case: &Case, table: KTable<Windowed<Text, W>, Text>) {
    let table = match case.word("suppress", "none") {
        "none" => table,
        _ => table.suppress(Suppressed::until_window_closes(BufferConfig::unbounded())),
    };
    let key = |key: Windowed<Text, W>| format!("{}@{}..{}", text(key.key.clone()), key.start(), key.end());
    table.to_stream().map(move |windowed, row| (key(windowed), row.flatten())).to("out");
}

fn in_windows(case: &Case, builder: &StreamsBuilder) {
    let streams = cogrouped(case, builder);
    let window = case.setting("window");
    match window.word.as_str() {
        "tumbling" | "hopping" => {
            let windows = TimeWindows::of_size_and_grace(millis(&window, "size"), millis(&window, "grace"));
            let windows = match window.number("advance") {
                Some(advance) => windows.advance_by(Duration::from_millis(advance)),
                None => windows,
            };
            results(case, streams.windowed_by(windows).aggregate_with(begin, store(case)));
        }
        "sliding" => {
            let windows =
                SlidingWindows::of_time_difference_and_grace(millis(&window, "difference"), millis(&window, "grace"));
            results(case, streams.windowed_by(windows).aggregate_with(begin, store(case)));
        }
        "session" => {
            let windows = SessionWindows::of_inactivity_gap_and_grace(millis(&window, "gap"), millis(&window, "grace"));
            let merge = |_: &Text, one, other| Some(format!("({}|{})", text(one), text(other)));
            results(case, streams.windowed_by(windows).aggregate_with(begin, merge, store(case)));
        }
        other => panic!("{}: window: {other}", case.name),
    }
}

fn cases(wanted: impl Fn(&Case) -> bool) -> Vec<Case> {
    let mut cases = Case::read_all(&["cogroup/cases"], |_| true);
    cases.retain(wanted);
    cases
}

/// Kafka Streams gives the initial aggregate as the row before a key's first (where no cache holds changes back), so that it is subtracted though it was never
/// added. We say that there was no row.
fn without_initial_rows(mut case: Case) -> Case {
    if case.word("java", "") == "wrong" {
        let lines = case.rows.iter_mut().flat_map(|row| &mut row.expected);
        lines.for_each(|line| *line = line.replace("-0+0", "+0"));
    }
    case
}

#[test]
fn streams_without_windows() {
    let cases = cases(|case| !case.settings.contains_key("window"));
    check(&cases.into_iter().map(without_initial_rows).collect::<Vec<_>>(), without_windows);
}

#[test]
fn streams_in_windows() {
    check(&cases(|case| case.settings.contains_key("window")), in_windows);
}
