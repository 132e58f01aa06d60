//! Joins of two streams against their definition, on random records in random order: whatever comes in time is joined, once; nobody without
//! partner is lost, and nobody goes on alone who had a partner in time.

#[path = "common/join_input.rs"]
mod join_input;

use join_input::{Input, Kind};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;
use streams_dsl::test_driver::{TestDriverConfig, TopologyTestDriver};
use streams_dsl::windows::JoinWindows;
use streams_dsl::{StreamJoined, StreamsBuilder};

type Text = Option<String>;

#[derive(Debug, Clone, Copy)]
struct Setup {
    kind: Kind,
    before: i64,
    after: i64,
    grace: i64,
    in_memory: bool,
}

/// Left and right record, by number, with the timestamp of their result.
type Results = BTreeMap<(Option<usize>, Option<usize>), Vec<i64>>;

impl Setup {
    /// How much later than a record its partner may be.
    fn reach(&self, is_left: bool) -> i64 {
        if is_left { self.after } else { self.before }
    }

    fn goes_alone(&self, is_left: bool) -> bool {
        match self.kind {
            Kind::Inner => false,
            Kind::Left => is_left,
            Kind::Outer => true,
        }
    }

    fn are_partners(&self, left: &Input, right: &Input) -> bool {
        let is_whole = |input: &Input| input.has_value && input.key.is_some();
        let apart = right.timestamp - left.timestamp;
        is_whole(left) && is_whole(right) && left.key == right.key && -self.before <= apart && apart <= self.after
    }
}

fn run(setup: Setup, inputs: &[Input]) -> (Results, u64) {
    let builder = StreamsBuilder::new();
    let (left, right) = (builder.stream::<Text, Text>("left"), builder.stream::<Text, Text>("right"));
    let duration = |millis: i64| Duration::from_millis(millis as u64);
    let windows = JoinWindows::of_time_difference_and_grace(duration(setup.before), duration(setup.grace));
    let windows = windows.after(duration(setup.after));
    let joined = if setup.in_memory { StreamJoined::new().in_memory() } else { StreamJoined::new() };
    let text = |value: Option<&Text>| value.map_or("-", |value| value.as_deref().unwrap()).to_owned();
    let result = move |left: Option<&Text>, right: Option<&Text>| format!("{} {}", text(left), text(right));
    let results = match setup.kind {
        Kind::Inner => left.join_with(&right, move |l, r| result(Some(l), Some(r)), windows, joined),
        Kind::Left => left.left_join_with(&right, move |l, r| result(Some(l), r), windows, joined),
        Kind::Outer => left.outer_join_with(&right, result, windows, joined),
    };
    results.to("out");
    let config = TestDriverConfig { caching: false, ..TestDriverConfig::default() };
    let driver = TopologyTestDriver::with_config(&builder.build().unwrap(), config);
    for (number, input) in inputs.iter().enumerate() {
        let topic = driver.create_input_topic::<Text, Text>(if input.is_left { "left" } else { "right" });
        let value = input.has_value.then(|| number.to_string());
        topic.pipe_input_at(input.key.clone(), value, input.timestamp).unwrap();
    }
    let mut found = Results::new();
    for record in driver.create_output_topic::<Text, String>("out").read_records_to_list().unwrap() {
        let (left, right) = record.value.split_once(' ').unwrap();
        found.entry((left.parse().ok(), right.parse().ok())).or_default().push(record.timestamp);
    }
    (found, driver.dropped_records())
}

fn check(setup: Setup, inputs: &[Input]) -> Result<(), TestCaseError> {
    let (mut found, dropped) = run(setup, inputs);
    let mut in_time = vec![false; inputs.len()];
    let mut joined = vec![false; inputs.len()];
    // Who finds no partner and comes when its window has ended goes on at once, also within the grace: as in Kafka Streams.
    let mut at_once = vec![false; inputs.len()];
    let mut stream_time = i64::MIN;
    for (second, input) in inputs.iter().enumerate() {
        stream_time = stream_time.max(input.timestamp);
        for (first, other) in inputs[..second].iter().enumerate().filter(|(_, other)| other.is_left != input.is_left) {
            let pair = if input.is_left { (second, first) } else { (first, second) };
            if !setup.are_partners(&inputs[pair.0], &inputs[pair.1]) {
                continue;
            }
            let results = found.remove(&(Some(pair.0), Some(pair.1))).unwrap_or_default();
            let is_in_time = stream_time <= other.timestamp + setup.reach(other.is_left) + setup.grace;
            prop_assert!(
                results.len() == 1 || !is_in_time && results.is_empty(),
                "{:?} {}: {:?}",
                pair,
                is_in_time,
                results
            );
            for at in [first, second] {
                in_time[at] |= is_in_time;
                joined[at] |= !results.is_empty();
            }
            prop_assert!(results.iter().all(|&time| time == input.timestamp.max(other.timestamp)), "{:?}", pair);
        }
        at_once[second] = !joined[second] && input.timestamp + setup.reach(input.is_left) < stream_time;
    }
    for (number, input) in inputs.iter().enumerate().filter(|(_, input)| input.key.as_deref() != Some("end")) {
        let alone = if input.is_left { (Some(number), None) } else { (None, Some(number)) };
        let results = found.remove(&alone).unwrap_or_default();
        prop_assert!(results.len() <= 1 && results.iter().all(|&time| time == input.timestamp), "{:?}", alone);
        if !input.has_value || !setup.goes_alone(input.is_left) || in_time[number] && !at_once[number] {
            prop_assert!(results.is_empty(), "{:?} is not to go alone", alone);
        } else if at_once[number] {
            prop_assert!(results.len() == 1, "{:?} goes at once", alone);
        } else {
            prop_assert!(joined[number] || results.len() == 1, "{:?} is lost", alone);
        }
    }
    found.retain(|pair, _| {
        [pair.0, pair.1].iter().flatten().all(|&number| inputs[number].key.as_deref() != Some("end"))
    });
    prop_assert!(found.is_empty(), "not to come: {:?}", found);
    let unusable = |input: &&Input| !input.has_value || input.key.is_none() && !setup.goes_alone(input.is_left);
    let unusable = inputs.iter().filter(unusable).count() as u64;
    prop_assert!(dropped >= unusable, "dropped {} of {}", dropped, unusable);
    Ok(())
}

/// Records that come in the order of time more or less; the last ones close all windows before.
fn inputs(unit: i64) -> impl Strategy<Value = Vec<Input>> {
    let key = prop_oneof![8 => Just(Some("a")), 4 => Just(Some("ab")), 1 => Just(None)];
    let record = (any::<bool>(), key, prop_oneof![9 => Just(true), 1 => Just(false)], 0..4_i64, 0..16_i64);
    proptest::collection::vec(record, 1..50).prop_map(move |records| {
        let mut time = 0;
        let mut inputs = Vec::new();
        for (is_left, key, has_value, step, back) in records {
            time += step * step / 2;
            let timestamp = (time + 3 - back).max(0) * unit;
            inputs.push(Input { is_left, key: key.map(str::to_owned), has_value, timestamp });
        }
        for (is_left, later) in [(true, 1_000), (false, 3_000)] {
            let (key, timestamp) = (Some("end".to_owned()), (time + later) * unit);
            inputs.push(Input { is_left, key, has_value: true, timestamp });
        }
        inputs
    })
}

/// Times are multiplied by a unit, so that rows also lie in different segments of the stores.
fn case() -> impl Strategy<Value = (Setup, Vec<Input>)> {
    let kind = prop_oneof![Just(Kind::Inner), Just(Kind::Left), Just(Kind::Outer)];
    let unit = prop_oneof![Just(1_i64), Just(3), Just(15_000)];
    (kind, unit, 0..9_i64, 0..9_i64, prop_oneof![Just(0), 0..30_i64], any::<bool>()).prop_flat_map(
        |(kind, unit, before, after, grace, in_memory)| {
            let [before, after, grace] = [before, after, grace].map(|length| length * unit);
            (Just(Setup { kind, before, after, grace, in_memory }), inputs(unit))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn joins_are_what_their_definition_says((setup, inputs) in case()) {
        check(setup, &inputs)?;
    }
}
