//! Joins with tables against their definition, on random changes in random order: after each change the result is what the rows that are there now make.

#[path = "common/join_input.rs"]
mod join_input;

use join_input::{Input, Kind};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;
use streams_dsl::test_driver::{TestDriverConfig, TopologyTestDriver};
use streams_dsl::{Consumed, Joined, KTable, Materialized, StreamsBuilder, Topology};

type Text = Option<String>;
type Rows = BTreeMap<String, String>;

/// What is known of a side: each change of a key with its time, in the order of their coming.
#[derive(Default)]
struct Side {
    changes: BTreeMap<String, Vec<(i64, Text)>>,
}

impl Side {
    fn change(&mut self, key: &str, timestamp: i64, value: Text) {
        self.changes.entry(key.to_owned()).or_default().push((timestamp, value));
    }

    /// The row that came last.
    fn last(&self, key: &str) -> Text {
        self.changes.get(key)?.last()?.1.clone()
    }

    /// The row of this time: the last to come of the latest until then.
    fn as_of(&self, key: &str, time: i64) -> Text {
        let until_then = self.changes.get(key)?.iter().filter(|(timestamp, _)| *timestamp <= time);
        until_then.max_by_key(|(timestamp, _)| *timestamp)?.1.clone()
    }

    /// Whether this deletion takes the place of the latest row, of the same time. As in Kafka Streams it may be as if neither had ever been, so
    /// that an earlier row which comes later holds; no such deletions are put into versioned tables here.
    fn leaves_no_trace(&self, number: usize, input: &Input) -> bool {
        let Some(changes) = input.key.as_ref().and_then(|key| self.changes.get(key)) else { return false };
        let latest = changes.iter().map(|(timestamp, _)| *timestamp).max();
        value(number, input).is_none() && latest == Some(input.timestamp)
    }

    fn row(&self, key: &str, versioned: bool) -> Text {
        if versioned { self.as_of(key, i64::MAX) } else { self.last(key) }
    }
}

/// The joined row, where the kind of join has one.
fn joined(kind: Kind, left: Text, right: Text) -> Text {
    let there = match kind {
        Kind::Inner => left.is_some() && right.is_some(),
        Kind::Left => left.is_some(),
        Kind::Outer => left.is_some() || right.is_some(),
    };
    let text = |side: Text| side.unwrap_or_else(|| "-".to_owned());
    there.then(|| format!("{}+{}", text(left), text(right)))
}

fn both(left: String, right: String) -> String {
    joined(Kind::Inner, Some(left), Some(right)).unwrap()
}

fn perhaps(left: String, right: Text) -> String {
    joined(Kind::Left, Some(left), right).unwrap()
}

fn table(builder: &StreamsBuilder, topic: &str, versioned: bool) -> KTable<String, String> {
    let history = Duration::from_secs(3600);
    match versioned {
        true => {
            let store = Materialized::persistent_versioned_key_value_store(topic, history);
            builder.table_with(topic, Consumed::new(), store)
        }
        false => builder.table(topic),
    }
}

fn driver(topology: &Topology) -> TopologyTestDriver {
    TopologyTestDriver::with_config(topology, TestDriverConfig { caching: false, ..TestDriverConfig::default() })
}

fn pipe(driver: &TopologyTestDriver, number: usize, input: &Input) {
    let topic = driver.create_input_topic::<Text, Text>(if input.is_left { "left" } else { "right" });
    topic.pipe_input_at(input.key.clone(), value(number, input), input.timestamp).unwrap();
}

fn value(number: usize, input: &Input) -> Text {
    input.has_value.then(|| number.to_string())
}

fn check_tables(kind: Kind, versioned: [bool; 2], inputs: &[Input]) -> Result<(), TestCaseError> {
    let builder = StreamsBuilder::new();
    let (left, right) = (table(&builder, "left", versioned[0]), table(&builder, "right", versioned[1]));
    let results = match kind {
        Kind::Inner => left.join(&right, both),
        Kind::Left => left.left_join(&right, perhaps),
        Kind::Outer => left.outer_join(&right, |left, right| joined(Kind::Outer, left, right).unwrap()),
    };
    results.to_stream().to("out");
    let driver = driver(&builder.build().unwrap());
    let output = driver.create_output_topic::<String, Text>("out");
    let (mut sides, mut found) = ([Side::default(), Side::default()], Rows::new());
    for (number, input) in inputs.iter().enumerate() {
        let side = usize::from(!input.is_left);
        if versioned[side] && sides[side].leaves_no_trace(number, input) {
            continue;
        }
        pipe(&driver, number, input);
        for record in output.read_records_to_list().unwrap() {
            match record.value {
                Some(row) => drop(found.insert(record.key, row)),
                None => drop(found.remove(&record.key)),
            }
        }
        let Some(key) = &input.key else { continue };
        sides[side].change(key, input.timestamp, value(number, input));
        let expected = joined(kind, sides[0].row(key, versioned[0]), sides[1].row(key, versioned[1]));
        prop_assert_eq!(found.get(key), expected.as_ref(), "after record {}", number);
    }
    Ok(())
}

/// Each record of the stream meets the row that is there now, or that was there at its time.
fn check_stream_with_table(left_join: bool, versioned: bool, inputs: &[Input]) -> Result<(), TestCaseError> {
    let builder = StreamsBuilder::new();
    let rows = table(&builder, "right", versioned);
    let stream = builder.stream::<String, Text>("left").flat_map_values(|value| value);
    match left_join {
        true => stream.left_join_table(&rows, perhaps).to("out"),
        false => stream.join_table(&rows, both).to("out"),
    };
    let driver = driver(&builder.build().unwrap());
    let output = driver.create_output_topic::<String, String>("out");
    let mut side = Side::default();
    for (number, input) in inputs.iter().enumerate().filter(|(_, input)| input.key.is_some()) {
        if versioned && !input.is_left && side.leaves_no_trace(number, input) {
            continue;
        }
        pipe(&driver, number, input);
        let key = input.key.as_deref().unwrap();
        let value = value(number, input);
        let expected = if input.is_left {
            let row = if versioned { side.as_of(key, input.timestamp) } else { side.last(key) };
            joined(if left_join { Kind::Left } else { Kind::Inner }, value, row)
        } else {
            side.change(key, input.timestamp, value);
            None
        };
        let found: Vec<_> = output.read_records_to_list().unwrap();
        let found: Vec<_> = found.into_iter().map(|record| (record.key, record.value, record.timestamp)).collect();
        let expected: Vec<_> = expected.map(|row| (key.to_owned(), row, input.timestamp)).into_iter().collect();
        prop_assert_eq!(found, expected, "after record {}", number);
    }
    Ok(())
}

/// With a grace, a record of the stream waits for so long, and meets what is known then of its time.
fn check_grace(grace: i64, inputs: &[Input]) -> Result<(), TestCaseError> {
    let builder = StreamsBuilder::new();
    let rows = table(&builder, "right", true);
    let options = Joined::new().with_grace_period(Duration::from_millis(grace as u64));
    let stream = builder.stream::<String, String>("left");
    stream.left_join_table_with(&rows, |_, left, right| perhaps(left, right), options).to("out");
    let driver = driver(&builder.build().unwrap());
    let output = driver.create_output_topic::<String, String>("out");
    let (mut side, mut waiting, mut now) = (Side::default(), Vec::new(), i64::MIN);
    let usable = |input: &Input| input.key.is_some() && (input.has_value || !input.is_left);
    for (number, input) in inputs.iter().enumerate().filter(|(_, input)| usable(input)) {
        if !input.is_left && side.leaves_no_trace(number, input) {
            continue;
        }
        pipe(&driver, number, input);
        let key = input.key.as_deref().unwrap();
        let (value, time) = (value(number, input), input.timestamp);
        let mut expected = Vec::new();
        if input.is_left {
            now = now.max(time);
            waiting.push((time, key.to_owned(), value.unwrap()));
            // Those of one time in the order of their keys, and then of their coming.
            waiting.sort_by_key(|(time, key, _): &(i64, String, String)| (*time, key.clone()));
            let first = waiting.partition_point(|(time, _, _)| *time <= now - grace);
            let result = |(time, key, value): (i64, String, String)| {
                let row = side.as_of(&key, time);
                (key, perhaps(value, row), time)
            };
            expected.extend(waiting.drain(..first).map(result));
        } else {
            side.change(key, time, value);
        }
        let found = output.read_records_to_list().unwrap();
        let found: Vec<_> = found.into_iter().map(|record| (record.key, record.value, record.timestamp)).collect();
        prop_assert_eq!(found, expected, "after record {}", number);
    }
    Ok(())
}

/// The key of the global table's row is the last digit of the record's value.
fn check_global(left_join: bool, inputs: &[Input]) -> Result<(), TestCaseError> {
    let builder = StreamsBuilder::new();
    let rows = builder.global_table::<Text, String>("right");
    let stream = builder.stream::<Text, Text>("left").flat_map_values(|value| value);
    let key = |_: &Text, value: &String| named(value);
    match left_join {
        true => stream.left_join_global_table(&rows, key, perhaps).to("out"),
        false => stream.join_global_table(&rows, key, both).to("out"),
    };
    let driver = driver(&builder.build().unwrap());
    let output = driver.create_output_topic::<Text, String>("out");
    let mut side = Side::default();
    for (number, input) in inputs.iter().enumerate() {
        pipe(&driver, number, input);
        let value = value(number, input);
        let expected = match (&input.key, input.is_left) {
            (_, true) => {
                let row = value.as_deref().and_then(named).and_then(|key| side.last(&key));
                joined(if left_join { Kind::Left } else { Kind::Inner }, value, row)
            }
            (Some(key), false) => {
                side.change(key, input.timestamp, value);
                None
            }
            (None, false) => None,
        };
        let found = output.read_values_to_list().unwrap();
        prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "after record {}", number);
    }
    Ok(())
}

/// One of the keys, or none.
fn named(value: &str) -> Text {
    ["a", "b", "c"].get(value.parse::<usize>().unwrap() % 4).map(|key| (*key).to_owned())
}

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    let key = prop_oneof![1 => Just(None), 12 => "[abc]".prop_map(Some)];
    let input = (any::<bool>(), key, prop::bool::weighted(0.75), 0i64..40);
    let input = input.prop_map(|(is_left, key, has_value, timestamp)| Input { is_left, key, has_value, timestamp });
    prop::collection::vec(input, 0..60)
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Inner), Just(Kind::Left), Just(Kind::Outer)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tables_joined_are_the_join_of_their_rows(kind in kind(), versioned in any::<[bool; 2]>(), inputs in inputs()) {
        check_tables(kind, versioned, &inputs)?;
    }

    #[test]
    fn a_record_of_a_stream_meets_the_row_of_the_moment_or_of_its_time(
        left_join in any::<bool>(),
        versioned in any::<bool>(),
        inputs in inputs(),
    ) {
        check_stream_with_table(left_join, versioned, &inputs)?;
    }

    #[test]
    fn with_a_grace_it_meets_what_is_known_after_that(grace in 1i64..20, inputs in inputs()) {
        check_grace(grace, &inputs)?;
    }

    #[test]
    fn a_record_of_a_stream_meets_the_row_that_it_names_in_a_global_table(left_join in any::<bool>(), inputs in inputs()) {
        check_global(left_join, &inputs)?;
    }
}
