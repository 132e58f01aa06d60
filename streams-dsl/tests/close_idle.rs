//! Windows that are emitted on close, and close by the wall clock when the input pauses.

use std::time::Duration;
use streams_dsl::test_driver::{TestDriverConfig, TopologyTestDriver};
use streams_dsl::windows::{SessionWindows, SlidingWindows, TimeWindows};
use streams_dsl::{EmitStrategy, KGroupedStream, KTable, StreamsBuilder, Window, Windowed};

const MS: Duration = Duration::from_millis(1);
const IDLE: Duration = Duration::from_millis(1000);

struct Run(TopologyTestDriver);

impl Run {
    fn new<W: Window>(count: impl Fn(&KGroupedStream<String, String>) -> KTable<Windowed<String, W>, i64>) -> Self {
        let builder = StreamsBuilder::new();
        let counts = count(&builder.stream::<String, String>("in").group_by_key());
        counts.to_stream().map(|key, count| (key.to_string(), count.unwrap_or(-1))).to("out");
        let mut config = TestDriverConfig::default();
        config.settings.emit_interval = Duration::ZERO;
        Self(TopologyTestDriver::with_config(&builder.build().unwrap(), config))
    }

    fn pipe(&self, key: &str, timestamp: i64) -> Vec<(String, i64)> {
        let input = self.0.create_input_topic::<String, String>("in");
        input.pipe_input_at(key.to_owned(), "x".to_owned(), timestamp).unwrap();
        self.output()
    }

    fn wait(&self, time: Duration) -> Vec<(String, i64)> {
        self.0.advance_wall_clock_time(time).unwrap();
        self.output()
    }

    fn output(&self) -> Vec<(String, i64)> {
        self.0.create_output_topic::<String, i64>("out").read_key_values_to_list().unwrap()
    }
}

fn counted(window: &str, count: i64) -> Vec<(String, i64)> {
    vec![(window.to_owned(), count)]
}

#[test]
fn a_tumbling_window_closes_when_the_input_pauses() {
    let windows = TimeWindows::of_size_and_grace(MS * 100, MS * 10);
    let run = Run::new(|stream| {
        let windowed = stream.windowed_by(windows.clone()).emit_strategy(EmitStrategy::OnWindowClose);
        windowed.with_idle_timeout(IDLE).count()
    });
    assert_eq!(run.pipe("a", 5), []);
    assert_eq!(run.pipe("a", 7), []);
    assert_eq!(run.wait(MS * 999), []);
    assert_eq!(run.wait(MS * 251), counted("[a@0/100]", 2));
    // It stays closed, and time goes on from where the clock has brought it.
    assert_eq!(run.pipe("a", 8), []);
    assert_eq!(run.0.dropped_records(), 1);
    assert_eq!(run.pipe("b", 1300), []);
    assert_eq!(run.pipe("b", 1410), counted("[b@1300/1400]", 1));
}

#[test]
fn time_stands_still_before_the_timeout_and_without_one() {
    let windows = TimeWindows::of_size_with_no_grace(MS * 100);
    let run = Run::new(|stream| {
        let windowed = stream.windowed_by(windows.clone()).emit_strategy(EmitStrategy::OnWindowClose);
        windowed.with_idle_timeout(IDLE).count()
    });
    assert_eq!(run.wait(IDLE * 5), [], "nothing to close before the first record");
    assert_eq!(run.pipe("a", 5), []);
    for timestamp in 6..12 {
        assert_eq!(run.wait(MS * 900), []);
        assert_eq!(run.pipe("a", timestamp), [], "the pause begins anew");
    }
    let without =
        Run::new(|stream| stream.windowed_by(windows.clone()).emit_strategy(EmitStrategy::OnWindowClose).count());
    assert_eq!(without.pipe("a", 5), []);
    assert_eq!(without.wait(IDLE * 100), []);
}

#[test]
fn sliding_windows_and_sessions_close_too() {
    let sliding = Run::new(|stream| {
        let windows = SlidingWindows::of_time_difference_with_no_grace(MS * 10);
        let windowed = stream.windowed_by(windows).emit_strategy(EmitStrategy::OnWindowClose);
        windowed.with_idle_timeout(IDLE).count()
    });
    assert_eq!(sliding.pipe("a", 20), []);
    assert_eq!(sliding.wait(IDLE), counted("[a@10/20]", 1));
    let sessions = Run::new(|stream| {
        let windows = SessionWindows::of_inactivity_gap_with_no_grace(MS * 10);
        let windowed = stream.windowed_by(windows).emit_strategy(EmitStrategy::OnWindowClose);
        windowed.with_idle_timeout(IDLE).count()
    });
    assert_eq!(sessions.pipe("a", 20), []);
    assert_eq!(sessions.pipe("a", 25), []);
    assert_eq!(sessions.wait(IDLE), counted("[a@20/25]", 2));
    assert_eq!(sessions.pipe("a", 30), []);
    assert_eq!(sessions.0.dropped_records(), 1);
}
