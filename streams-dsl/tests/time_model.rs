//! Windows against a model of their definition, on random records: late ones, equal times, null keys and values.

#[path = "time_model/model.rs"]
mod model;

use model::{Input, Kind, Model, Records, Results, Window};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;
use streams_dsl::test_driver::{TestDriverConfig, TopologyTestDriver};
use streams_dsl::windows::{SessionWindows, SlidingWindows, TimeWindows};
use streams_dsl::{
    EmitStrategy, KGroupedStream, KStream, KTable, Materialized, StreamsBuilder, TimeDivision, TimeWindowedKStream,
    Windowed, WindowedBy,
};

type Key = Option<String>;
type Value = Option<String>;

/// How a topology keeps and sends its results.
#[derive(Debug, Clone, Copy)]
struct Setup {
    on_close: bool,
    caching: bool,
    in_memory: bool,
    /// Whether windows are kept for ever, or just as long as they may change.
    keeps: bool,
}

impl Setup {
    fn materialized(self) -> Materialized<Key, String> {
        let materialized = Materialized::named("results").with_value_serde(streams_dsl::serde::StringSerde);
        let materialized = if self.in_memory { materialized.in_memory() } else { materialized };
        let materialized = if self.caching { materialized } else { materialized.with_caching_disabled() };
        if self.keeps { materialized.with_retention(FOR_EVER) } else { materialized }
    }

    fn strategy(self) -> EmitStrategy {
        if self.on_close { EmitStrategy::OnWindowClose } else { EmitStrategy::OnWindowUpdate }
    }
}

const FOR_EVER: Duration = Duration::from_secs(1 << 40);

fn millis(time: i64) -> Duration {
    Duration::from_millis(time as u64)
}

fn aggregate(_: &Key, value: Value, aggregate: String) -> String {
    format!("{aggregate} {}", value.as_deref().unwrap_or("-"))
}

fn merge(_: &Key, one: String, other: String) -> String {
    format!("{one} {other}")
}

fn windowed<W>(grouped: &KGroupedStream<Key, Value>, windows: W, setup: Setup) -> KStream<String, Option<String>>
where
    W: WindowedBy<Key, Value, Stream = TimeWindowedKStream<Key, Value, W>> + TimeDivision,
{
    let stream = grouped.windowed_by(windows).emit_strategy(setup.strategy());
    results(&stream.aggregate_with(String::new, aggregate, setup.materialized()))
}

fn results<W: streams_dsl::Window>(table: &KTable<Windowed<Key, W>, String>) -> KStream<String, Option<String>> {
    table.to_stream().map(|key, value| {
        (format!("{} {} {}", key.key.as_deref().unwrap_or("-"), key.window.start(), key.window.end()), value)
    })
}

fn topology(kind: Kind, grace: i64, setup: Setup) -> streams_dsl::Topology {
    let builder = StreamsBuilder::new();
    let grouped = builder.stream::<Key, Value>("in").group_by_key();
    let grace = millis(grace);
    let stream = match kind {
        Kind::Hopping { size, advance } => {
            let windows = TimeWindows::of_size_and_grace(millis(size), grace).advance_by(millis(advance));
            windowed(&grouped, windows, setup)
        }
        Kind::Sliding { difference } => {
            windowed(&grouped, SlidingWindows::of_time_difference_and_grace(millis(difference), grace), setup)
        }
        Kind::Session { gap, .. } => {
            let windows = SessionWindows::of_inactivity_gap_and_grace(millis(gap), grace);
            let stream = grouped.windowed_by(windows).emit_strategy(setup.strategy());
            results(&stream.aggregate_with(String::new, aggregate, merge, setup.materialized()))
        }
    };
    stream.to("out");
    builder.build().unwrap()
}

/// What comes of the records, and how often something is dropped. With `on_close` the results are lists of all that was sent; otherwise
/// the last of each window.
fn run(kind: Kind, grace: i64, setup: Setup, inputs: &[Input]) -> (Vec<(Window, Option<Records>)>, u64) {
    let mut config = TestDriverConfig { caching: setup.caching, ..TestDriverConfig::default() };
    config.settings.emit_interval = Duration::ZERO;
    let driver = TopologyTestDriver::with_config(&topology(kind, grace, setup), config);
    let topic = driver.create_input_topic::<Key, Value>("in");
    for input in inputs {
        let value = input.value.map(|value| value.to_string());
        topic.pipe_input_at(input.key.clone(), value, input.timestamp).unwrap();
    }
    let out = driver.create_output_topic::<String, Option<String>>("out").read_key_values_to_list().unwrap();
    let out = out.into_iter().map(|(key, value)| (window(&key), value.map(|value| records(&value))));
    (out.collect(), driver.dropped_records())
}

fn window(key: &str) -> Window {
    let parts: Vec<&str> = key.split(' ').collect();
    (parts[0].to_owned(), parts[1].parse().unwrap(), parts[2].parse().unwrap())
}

fn records(value: &str) -> Records {
    value.split_whitespace().map(str::to_owned).collect()
}

/// The records of a session come in the order in which sessions were joined: only which they are matters.
fn ordered(kind: Kind, mut records: Records) -> Records {
    if matches!(kind, Kind::Session { .. }) {
        records.sort();
    }
    records
}

fn check(kind: Kind, grace: i64, setup: Setup, inputs: &[Input]) -> Result<(), TestCaseError> {
    let model = Model::run(kind, grace, inputs);
    let (sent, dropped) = run(kind, grace, setup, inputs);
    if model.partly_late {
        return check_partly_late(kind, inputs, &model, sent);
    }
    if setup.on_close {
        let mut sent: Vec<_> =
            sent.into_iter().map(|(window, records)| (window, ordered(kind, records.unwrap()))).collect();
        sent.sort();
        let expected = model.closed.iter().map(|(window, records)| (window.clone(), ordered(kind, records.clone())));
        prop_assert_eq!(sent, expected.collect::<Vec<_>>());
    } else {
        prop_assert_eq!(last_of_each(kind, sent), all_of(kind, &model));
    }
    prop_assert_eq!(dropped, model.dropped, "dropped");
    Ok(())
}

/// After a record that was late for some sliding windows and not for others, windows may be missing, lack records, or have some from before their
/// start (see `TimeWindowedKStream`). But there is none that should not be, and none has a record from after its end or of another key, or
/// has one twice.
fn check_partly_late(
    kind: Kind,
    inputs: &[Input],
    model: &Results,
    sent: Vec<(Window, Option<Records>)>,
) -> Result<(), TestCaseError> {
    for (window, records) in last_of_each(kind, sent) {
        let (key, _, end) = &window;
        let whole = model.table.get(&window);
        prop_assert!(whole.is_some(), "no window {:?}", window);
        let mut seen = std::collections::BTreeSet::new();
        for record in &records {
            let input = &inputs[record.parse::<usize>().unwrap()];
            let belongs = input.key.as_ref() == Some(key) && input.timestamp <= *end;
            prop_assert!(belongs && seen.insert(record), "{:?} has {:?} of {:?}", window, record, records);
        }
    }
    Ok(())
}

fn last_of_each(kind: Kind, sent: Vec<(Window, Option<Records>)>) -> BTreeMap<Window, Records> {
    let mut table = BTreeMap::new();
    for (window, records) in sent {
        match records {
            Some(records) => table.insert(window, ordered(kind, records)),
            None => table.remove(&window),
        };
    }
    table
}

fn all_of(kind: Kind, model: &Results) -> BTreeMap<Window, Records> {
    model.table.iter().map(|(window, records)| (window.clone(), ordered(kind, records.clone()))).collect()
}

/// Records that come in the order of time more or less; the last one closes all that was before.
fn inputs(unit: i64) -> impl Strategy<Value = Vec<Input>> {
    let key = prop_oneof![8 => Just(Some("a")), 4 => Just(Some("ab")), 1 => Just(None)];
    let value = prop_oneof![9 => Just(true), 1 => Just(false)];
    let record = (key, value, 0..4_i64, 0..14_i64);
    proptest::collection::vec(record, 1..40).prop_map(move |records| {
        let mut time = 0;
        let mut inputs = Vec::new();
        for (number, (key, value, step, back)) in records.into_iter().enumerate() {
            time += step * step / 2;
            let timestamp = (time + 3 - back).max(0) * unit;
            inputs.push(Input { key: key.map(str::to_owned), value: value.then_some(number), timestamp });
        }
        let end = (time + 1_000) * unit;
        inputs.push(Input { key: Some("end".to_owned()), value: Some(inputs.len()), timestamp: end });
        inputs
    })
}

/// A unit of time, by which all times are multiplied, so that windows also lie in different segments of the stores; and a grace.
fn times() -> impl Strategy<Value = (i64, i64)> {
    (prop_oneof![Just(1_i64), Just(3), Just(15_000)], 0..30_i64).prop_map(|(unit, grace)| (unit, unit * grace))
}

fn setup() -> impl Strategy<Value = Setup> {
    (any::<bool>(), any::<bool>(), prop_oneof![3 => Just(true), 1 => Just(false)], any::<bool>())
        .prop_map(|(on_close, caching, in_memory, keeps)| Setup { on_close, caching, in_memory, keeps })
}

/// Windows, grace, setup and records.
fn case(kind: impl Strategy<Value = Kind>) -> impl Strategy<Value = (Kind, i64, Setup, Vec<Input>)> {
    (kind, times(), setup()).prop_flat_map(|(kind, (unit, grace), setup)| {
        let kind = match kind {
            Kind::Hopping { size, advance } => Kind::Hopping { size: size * unit, advance: advance * unit },
            Kind::Sliding { difference } => Kind::Sliding { difference: difference * unit },
            Kind::Session { gap, .. } => Kind::Session { gap: gap * unit, remembers: setup.keeps },
        };
        (Just(kind), Just(grace), Just(setup), inputs(unit))
    })
}

#[test]
fn a_record_just_in_time_finds_the_one_before_it() {
    let input = |(number, (key, timestamp)): (usize, (&str, i64))| Input {
        key: Some(key.to_owned()),
        value: Some(number),
        timestamp,
    };
    let inputs: Vec<Input> =
        [("a", 5), ("b", 9), ("b", 10), ("a", 7), ("end", 100)].into_iter().enumerate().map(input).collect();
    for on_close in [false, true] {
        let setup = Setup { on_close, caching: false, in_memory: false, keeps: false };
        let kind = Kind::Sliding { difference: 2 };
        assert_eq!(Model::run(kind, 3, &inputs).table[&("a".to_owned(), 5, 7)], ["0", "3"]);
        check(kind, 3, setup, &inputs).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn tumbling((kind, grace, setup, inputs) in case((1..12_i64).prop_map(|size| Kind::Hopping { size, advance: size }))) {
        check(kind, grace, setup, &inputs)?;
    }

    #[test]
    fn hopping((kind, grace, setup, inputs) in case(
        (1..12_i64, 1..12_i64).prop_map(|(one, other)| Kind::Hopping { size: one.max(other), advance: one.min(other) })
    )) {
        check(kind, grace, setup, &inputs)?;
    }

    #[test]
    fn sliding((kind, grace, setup, inputs) in case((1..12_i64).prop_map(|difference| Kind::Sliding { difference }))) {
        check(kind, grace, setup, &inputs)?;
    }

    #[test]
    fn sessions((kind, grace, setup, inputs) in case((0..8_i64).prop_map(|gap| Kind::Session { gap, remembers: false }))) {
        check(kind, grace, setup, &inputs)?;
    }
}
