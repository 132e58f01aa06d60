//! The idle timeout of suppressions: windows close though the input has stopped, and what has closed stays closed.

use std::time::{Duration, Instant};
use streams_dsl::broker::embedded::{EmbeddedBroker, Isolation};
use streams_dsl::test_driver::TopologyTestDriver;
use streams_dsl::windows::TimeWindows;
use streams_dsl::{
    BufferConfig, KafkaStreams, Materialized, StreamsBuilder, StreamsConfig, Suppressed, Topology, Window, Windowed,
};

const MS: Duration = Duration::from_millis(1);

/// Appends values to `0` in windows of `size` and `grace` milliseconds; without cache, so that each record is a change.
fn topology(size: u32, grace: u32, suppressed: Suppressed<Windowed<Option<String>>>) -> Topology {
    let builder = StreamsBuilder::new();
    let windows = TimeWindows::of_size_and_grace(MS * size, MS * grace);
    let rows = Materialized::new().with_caching_disabled().with_value_serde(streams_dsl::serde::StringSerde);
    builder
        .stream::<Option<String>, String>("in")
        .group_by_key()
        .windowed_by(windows)
        .aggregate_with(|| "0".to_owned(), |_, value, text| format!("{text}+{value}"), rows)
        .suppress(suppressed)
        .to_stream()
        .map(|key, value| (format!("{}@{}", key.key.unwrap_or_default(), key.window.start()), value))
        .to("out");
    builder.build().unwrap()
}

fn closing(idle: u32) -> Suppressed<Windowed<Option<String>>> {
    Suppressed::until_window_closes(BufferConfig::unbounded()).with_idle_timeout(MS * idle)
}

struct Run(TopologyTestDriver);

impl Run {
    fn new(size: u32, grace: u32, suppressed: Suppressed<Windowed<Option<String>>>) -> Self {
        Self(TopologyTestDriver::new(&topology(size, grace, suppressed)))
    }

    fn closing(size: u32, grace: u32, idle: u32) -> Self {
        Self::new(size, grace, closing(idle))
    }

    /// Pipes a record of value `x`, and answers what came out.
    fn pipe(&self, key: &str, timestamp: i64) -> Vec<String> {
        let topic = self.0.create_input_topic::<Option<String>, String>("in");
        topic.pipe_input_at(Some(key.to_owned()), "x".to_owned(), timestamp).unwrap();
        self.output()
    }

    /// Lets time pass, and answers what came out.
    fn wait(&self, milliseconds: u32) -> Vec<String> {
        self.0.advance_wall_clock_time(MS * milliseconds).unwrap();
        self.output()
    }

    fn output(&self) -> Vec<String> {
        let topic = self.0.create_output_topic::<String, Option<String>>("out");
        let records = topic.read_records_to_list().unwrap();
        let line = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        records
            .into_iter()
            .map(|record| format!("{}={}@{}", record.key, line(record.value), record.timestamp))
            .collect()
    }
}

#[test]
fn windows_close_when_the_input_has_stopped() {
    let run = Run::closing(10, 5, 100);
    assert_eq!(run.pipe("a", 3), [""; 0]);
    assert_eq!(run.pipe("b", 4), [""; 0]);
    assert_eq!(run.wait(99), [""; 0]);
    assert_eq!(run.wait(1), ["a@0=0+x@3", "b@0=0+x@4"]);
    assert_eq!(run.wait(10_000), [""; 0]);
}

#[test]
fn a_window_closes_at_its_time_even_if_the_timeout_is_long_over() {
    let run = Run::closing(1000, 50, 100);
    assert_eq!(run.pipe("a", 3), [""; 0]);
    // The end and the grace are 1047 ms away.
    for step in [100, 1, 899, 46] {
        assert_eq!(run.wait(step), [""; 0]);
    }
    assert_eq!(run.wait(1), ["a@0=0+x@3"]);
}

#[test]
fn each_change_starts_the_pause_anew() {
    let run = Run::closing(10, 0, 100);
    for (step, timestamp) in [(0, 1), (60, 2), (60, 2), (99, 1)] {
        assert_eq!(run.wait(step), [""; 0]);
        assert_eq!(run.pipe("a", timestamp), [""; 0]);
    }
    assert_eq!(run.wait(99), [""; 0]);
    assert_eq!(run.wait(1), ["a@0=0+x+x+x+x@2"]);
}

#[test]
fn several_windows_close_one_after_the_other() {
    let run = Run::closing(100, 0, 10);
    for (key, timestamp) in [("b", 5), ("a", 5), ("a", 99)] {
        assert_eq!(run.pipe(key, timestamp), [""; 0]);
    }
    assert_eq!(run.pipe("a", 100), ["a@0=0+x+x@99", "b@0=0+x@5"]);
    assert_eq!(run.pipe("c", 205), ["a@100=0+x@100"]);
    assert_eq!(run.wait(94), [""; 0]);
    assert_eq!(run.wait(1), ["c@200=0+x@205"]);
    // All at once, where the clock jumps.
    assert_eq!(run.pipe("d", 310), [""; 0]);
    assert_eq!(run.wait(1_000_000), ["d@300=0+x@310"]);
}

#[test]
fn what_comes_after_its_window_was_closed_by_the_clock_is_dropped() {
    let run = Run::closing(10, 5, 100);
    assert_eq!(run.pipe("a", 3), [""; 0]);
    assert_eq!(run.wait(100), ["a@0=0+x@3"]);
    // Time is 103 here. To the aggregation it is 3: it takes both.
    assert_eq!(run.pipe("a", 4), [""; 0]);
    assert_eq!(run.pipe("b", 89), [""; 0]);
    assert_eq!(run.0.dropped_records(), 2);
    // A window that is still open by the clock: its end and the grace are 105.
    assert_eq!(run.pipe("b", 90), [""; 0]);
    assert_eq!(run.0.dropped_records(), 2);
    assert_eq!(run.wait(100), ["b@90=0+x@90"]);
}

#[test]
fn where_no_window_was_closed_by_the_clock_nothing_is_dropped() {
    let run = Run::closing(1000, 0, 10);
    assert_eq!(run.pipe("a", 3), [""; 0]);
    assert_eq!(run.wait(500), [""; 0]);
    assert_eq!(run.pipe("a", 4), [""; 0]);
    assert_eq!(run.pipe("a", 1000), ["a@0=0+x+x@4"]);
    assert_eq!(run.0.dropped_records(), 0);
}

#[test]
fn without_it_the_clock_closes_nothing() {
    let run = Run::new(10, 0, Suppressed::until_window_closes(BufferConfig::unbounded()));
    assert_eq!(run.pipe("a", 3), [""; 0]);
    assert_eq!(run.wait(1_000_000), [""; 0]);
    assert_eq!(run.pipe("a", 10), ["a@0=0+x@3"]);
}

#[test]
fn a_time_limit_is_over_in_a_pause_too_and_drops_nothing() {
    let limit = Suppressed::until_time_limit(MS * 200, BufferConfig::unbounded()).with_idle_timeout(MS * 50);
    let run = Run::new(1000, 0, limit);
    assert_eq!(run.pipe("a", 10), [""; 0]);
    assert_eq!(run.pipe("b", 30), [""; 0]);
    assert_eq!(run.wait(179), [""; 0]);
    assert_eq!(run.wait(1), ["a@0=0+x@10"]);
    assert_eq!(run.wait(20), ["b@0=0+x@30"]);
    // Time is 230 by now.
    assert_eq!(run.pipe("a", 20), ["a@0=0+x+x@20"]);
    assert_eq!(run.pipe("a", 40), [""; 0]);
    assert_eq!(run.0.dropped_records(), 0);
}

/// Waits until the output has so many records, and answers their keys.
fn output(broker: &EmbeddedBroker, count: usize) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let records = broker.read_all("out", Isolation::ReadCommitted).unwrap();
        if records.len() >= count || Instant::now() > deadline {
            let key = |key: Option<&[u8]>| String::from_utf8(key.unwrap().to_vec()).unwrap();
            return records.iter().map(|record| key(record.key.as_deref())).collect();
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_final_result_is_not_followed_by_another_after_a_restart() {
    let broker = EmbeddedBroker::new();
    broker.create_topic("in", 1).unwrap();
    broker.create_topic("out", 1).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let start = |instance: &str| {
        let config = StreamsConfig::new("app", "embedded")
            .set("state.dir", directory.path().join(instance).display())
            .set("commit.interval.ms", 20)
            .set("poll.ms", 10);
        let streams = KafkaStreams::with_broker(topology(10, 5, closing(50)), config, broker.clone()).unwrap();
        streams.start().unwrap();
        streams
    };
    let produce = |key: &str, timestamp| broker.produce("in", 0, Some(key.as_bytes()), Some(b"x"), timestamp).unwrap();
    produce("a", 3);
    let streams = start("one");
    assert_eq!(output(&broker, 1), ["a@0"]);
    assert!(streams.close());
    // The aggregation, whose time is 3, takes this. If the suppression took it too, it would come before the other.
    produce("a", 4);
    produce("b", 10_000_000);
    let streams = start("two");
    assert_eq!(output(&broker, 2), ["a@0", "b@10000000"]);
    assert!(streams.close());
}
