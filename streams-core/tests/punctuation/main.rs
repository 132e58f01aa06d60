//! Punctuation by stream time and by wall clock, and what nodes keep beside the offsets.

mod nodes;
mod restart;
mod table;

use nodes::{Script, topology};
use streams_core::error::{LogAndContinue, StreamsError};
use streams_core::test_driver::{TestDriverConfig, TopologyTestDriver};

/// Pipes a record of each event into a topology with this script.
fn run(script: Script, config: TestDriverConfig, records: &[(&str, i64)]) -> (Result<(), StreamsError>, Vec<String>) {
    let calls = script.calls.clone();
    let driver = TopologyTestDriver::with_config(&topology(script), config);
    let input = driver.create_input_topic::<String, String>("in");
    let piped = records.iter().try_for_each(|(value, time)| input.pipe_input_at("k".into(), (*value).into(), *time));
    let calls = calls.lock().unwrap().clone();
    (piped, calls)
}

fn continuing() -> TestDriverConfig {
    let mut config = TestDriverConfig::default();
    config.settings.processing_handler = std::sync::Arc::new(LogAndContinue);
    config
}

#[test]
fn what_a_punctuation_forwards_reaches_the_sink_with_its_own_time() {
    let topology = topology(Script { init: "S100", ..Script::default() });
    let driver = TopologyTestDriver::new(&topology);
    let input = driver.create_input_topic::<String, String>("in");
    let output = driver.create_output_topic::<String, String>("out");
    for time in [0, 50, 120] {
        input.pipe_input_at("k".into(), "r".into(), time).unwrap();
    }
    let records = output.read_records_to_list().unwrap();
    let seen: Vec<_> = records.iter().map(|record| (record.value.as_str(), record.timestamp)).collect();
    assert_eq!(seen, [("0@0", 0), ("0@120", 120)]);
    assert!(records.iter().all(|record| record.key == "call"));
}

#[test]
fn an_error_of_a_punctuation_stops_the_task_and_names_the_node() {
    let script = Script { init: "S100", fail_at: Some(100), ..Script::default() };
    let (done, calls) = run(script, TestDriverConfig::default(), &[("r", 0), ("r", 100), ("r", 200)]);
    let error = done.unwrap_err().to_string();
    assert_eq!(
        error,
        "processing failed at node p of task 0_0, outside of a record (initialization or punctuation): told to fail"
    );
    assert_eq!(calls, ["0@0", "0@100"]);
}

#[test]
fn a_handler_lets_an_error_of_a_punctuation_pass_and_the_schedule_goes_on() {
    let script = Script { init: "S100", fail_at: Some(100), ..Script::default() };
    let (done, calls) = run(script, continuing(), &[("r", 0), ("r", 100), ("r", 200)]);
    done.unwrap();
    assert_eq!(calls, ["0@0", "0@100", "0@200"]);
}

#[test]
fn dropped_punctuations_are_counted() {
    let topology = topology(Script { init: "S100", fail_at: Some(100), ..Script::default() });
    let driver = TopologyTestDriver::with_config(&topology, continuing());
    let input = driver.create_input_topic::<String, String>("in");
    for time in [0, 100, 200] {
        input.pipe_input_at("k".into(), "r".into(), time).unwrap();
    }
    assert_eq!(driver.dropped_records(), 1);
}

#[test]
fn an_impossible_schedule_is_an_error_that_says_so() {
    for (init, part) in [("S0", "a punctuation every 0ns is not possible"), ("W@-5/10", "cannot start at -5")] {
        let script = Script { init, ..Script::default() };
        let (done, _) = run(script, continuing(), &[("r", 0)]);
        let error = done.unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("node p of task 0_0"), "{error}");
    }
}

#[test]
fn a_node_that_schedules_anew_in_each_call_does_not_hang_the_task() {
    let script = Script { init: "S100^", ..Script::default() };
    let (done, calls) = run(script, TestDriverConfig::default(), &[("r", 0), ("r", 1), ("r", 2)]);
    done.unwrap();
    assert_eq!(calls, ["0@0", "1@1", "2@2"]);
}
