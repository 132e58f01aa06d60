//! The idle timeout: windows close though the input has stopped.

use super::windowed::{Key, Windows, table};
use crate::{BufferConfig, StreamsBuilder, Suppressed};
use std::time::Duration;
use streams_core::test_driver::TopologyTestDriver;

const MS: Duration = Duration::from_millis(1);

struct Run(TopologyTestDriver);

impl Run {
    /// Windows of `size` and `grace` milliseconds.
    fn new(size: i64, grace: i64, suppressed: Suppressed<Key>) -> Self {
        let builder = StreamsBuilder::new();
        let windows = Windows { size, advance: size, grace, count: false, initial_is_old: true };
        table(&builder, windows)
            .suppress(suppressed)
            .to_stream()
            .map(|key, value| (format!("{}@{}", key.key, key.start()), value))
            .to("out");
        Self(TopologyTestDriver::new(&builder.build().unwrap()))
    }

    fn closing(size: i64, grace: i64, idle: u32) -> Self {
        Self::new(size, grace, Suppressed::until_window_closes(BufferConfig::unbounded()).with_idle_timeout(MS * idle))
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
        let topic = self.0.create_output_topic::<String, Option<Vec<u8>>>("out");
        let records = topic.read_records_to_list().unwrap();
        let line = |value: Option<Vec<u8>>| value.map_or("-".to_owned(), |value| String::from_utf8(value).unwrap());
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
