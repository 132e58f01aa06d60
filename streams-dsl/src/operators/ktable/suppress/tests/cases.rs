//! The case files of suppressed windows, with Kafka Streams' answers: those of windows that this module's own aggregation has.

#[path = "../../../../../tests/common/case.rs"]
mod case;

use super::windowed::{Windows, table};
use crate::{BufferConfig, StreamsBuilder, StrictBufferConfig, Suppressed};
use case::{Case, Input, Setting, WALL_START};
use std::time::Duration;
use streams_core::error::StreamsError;
use streams_core::record::{Headers, Record};
use streams_core::test_driver::{TestDriverConfig, TopologyTestDriver};

#[test]
fn suppressed_windows_are_those_of_kafka_streams() {
    let cases = Case::read_all(&["time/cases"], |_| true);
    let mut run = 0;
    for case in cases {
        let kind = case.setting("window");
        let ours = ["tumbling", "hopping"].contains(&kind.word.as_str());
        if ours && case.settings.contains_key("suppress") && case.word("emit", "update") == "update" {
            check(&case);
            run += 1;
        }
    }
    assert!(run > 30, "only {run} cases");
}

fn check(case: &Case) {
    let kind = case.setting("window");
    let number = |name: &str| kind.number(name).unwrap() as i64;
    let windows = Windows {
        size: number("size"),
        advance: kind.number("advance").map_or_else(|| number("size"), |advance| advance as i64),
        grace: number("grace"),
        count: case.word("aggregate", "") == "count",
        initial_is_old: case.word("cache", "") == "off",
    };
    let builder = StreamsBuilder::new();
    table(&builder, windows)
        .suppress(suppressed(&case.setting("suppress")))
        .to_stream()
        .map(move |key, value| {
            let value = value.map(|value| match <[u8; 8]>::try_from(value.as_slice()) {
                Ok(number) if windows.count => i64::from_be_bytes(number).to_string(),
                _ => String::from_utf8(value).unwrap(),
            });
            (format!("{}@{}..{}", key.key, key.start(), key.end()), value)
        })
        .to("out");
    let config = TestDriverConfig { initial_wall_clock_time: WALL_START, ..TestDriverConfig::default() };
    let driver = TopologyTestDriver::with_config(&builder.build().unwrap(), config);
    let mut dropped = 0;
    for row in &case.rows {
        let fed = feed(&driver, &row.input);
        let mut answers: Vec<String> = output(&driver);
        if let Err(error) = fed {
            answers.push(format!("fails: {error}"));
        }
        if driver.dropped_records() > dropped {
            answers.push(format!("dropped {}", driver.dropped_records() - dropped));
            dropped = driver.dropped_records();
        }
        let expected: Vec<String> = row.expected.iter().map(|line| in_our_words(line)).collect();
        assert_eq!(answers, expected, "{}: {:?}", case.name, row.input);
    }
}

fn feed(driver: &TopologyTestDriver, input: &Input) -> Result<(), StreamsError> {
    match input {
        Input::Wall(by) => driver.advance_wall_clock_time(Duration::from_millis(*by)),
        Input::Record { key, value, timestamp, headers } => {
            let headers: Headers = headers.iter().map(|(name, text)| (name.as_str(), Some(text.as_bytes()))).collect();
            let (key, value, timestamp) = (key.clone(), value.clone().unwrap_or_else(|| "-".to_owned()), *timestamp);
            let topic = driver.create_input_topic::<Option<String>, String>("in");
            topic.pipe_record(Record { key, value, timestamp, headers })
        }
    }
}

fn output(driver: &TopologyTestDriver) -> Vec<String> {
    let topic = driver.create_output_topic::<String, Option<String>>("out");
    let records = topic.read_records_to_list().unwrap();
    let line = |record: Record<String, Option<String>>| {
        let headers = record
            .headers
            .iter()
            .map(|(name, value)| format!(" {name}={}", String::from_utf8_lossy(value.unwrap_or_default())));
        let headers: String = headers.collect();
        format!("{} {} {}{headers}", record.key, record.value.unwrap_or_else(|| "-".to_owned()), record.timestamp)
    };
    records.into_iter().map(line).collect()
}

fn suppressed(setting: &Setting) -> Suppressed<super::windowed::Key> {
    match setting.word.as_str() {
        "until-window-closes" => Suppressed::until_window_closes(strict(setting)),
        "until-time-limit" => {
            let wait = Duration::from_millis(setting.number("ms").unwrap());
            match setting.text("full", "") {
                "emit-early" => Suppressed::until_time_limit(wait, limits(setting).emit_early_when_full()),
                _ => Suppressed::until_time_limit(wait, strict(setting)),
            }
        }
        other => panic!("suppress {other}"),
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

/// Kafka Streams' message of a full buffer is `NODE buffer exceeded its max capacity. Currently [3/2] records and [134/99] bytes.`
fn in_our_words(line: &str) -> String {
    let Some(rest) = line.strip_prefix("fails: ") else { return line.to_owned() };
    let numbers: Vec<u64> = rest
        .split(|c: char| !c.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .skip(1)
        .map(|digits| digits.parse().unwrap())
        .collect();
    let [records, max_records, bytes, max_bytes] = numbers[..] else { panic!("no message of a full buffer: {line}") };
    let of = |max: u64| if max == i64::MAX as u64 { "unlimited".to_owned() } else { format!("at most {max}") };
    format!(
        "fails: the suppression buffer KTABLE-SUPPRESS-STATE-STORE-0000000002 is full: {records} of {} records, {bytes} of {} bytes; nothing may \
         leave it before its time. Raise the limits, or let windows close earlier; the task goes on from its last commit",
        of(max_records),
        of(max_bytes)
    )
}
