//! Our answers to the rows of a case, written as the case files write them.

use super::case::{Case, Input, Row, WALL_START};
use std::time::Duration;
use streams_dsl::record::{Headers, Record};
use streams_dsl::test_driver::{TestDriverConfig, TopologyTestDriver};
use streams_dsl::{StreamsBuilder, StreamsError};

/// A nullable text: keys and values of every case.
pub type Text = Option<String>;

/// Declares the programs of the cases (from topic `in` to topic `out`, whose keys are texts) and feeds them; panics with all that differs.
pub fn check(cases: &[Case], declare: impl Fn(&Case, &StreamsBuilder)) {
    assert!(!cases.is_empty());
    let differences: Vec<_> =
        cases.iter().filter_map(|case| Some(format!("{}: {}", case.name, difference(case, &declare)?))).collect();
    assert!(differences.is_empty(), "{} of {} cases:\n{}", differences.len(), cases.len(), differences.join("\n"));
}

fn difference(case: &Case, declare: impl Fn(&Case, &StreamsBuilder)) -> Option<String> {
    let builder = StreamsBuilder::new();
    declare(case, &builder);
    let topology = match builder.build() {
        Ok(topology) => topology,
        Err(error) if case.refused.is_empty() => return Some(format!("refused: {error}")),
        Err(_) => return None,
    };
    if !case.refused.is_empty() {
        return Some("it was to be refused".to_owned());
    }
    let caching = case.word("cache", "off") == "on";
    let mut config = TestDriverConfig { caching, initial_wall_clock_time: WALL_START, ..TestDriverConfig::default() };
    if let Some(interval) = case.setting("emit").number("interval") {
        config.settings.emit_interval = Duration::from_millis(interval);
    }
    let driver = TopologyTestDriver::with_config(&topology, config);
    let mut dropped = 0;
    for (number, row) in case.rows.iter().enumerate() {
        let answer = answer(case, &driver, row, &mut dropped);
        // What an error says is Java's own.
        let expected: Vec<_> =
            row.expected.iter().map(|line| if line.starts_with("fails: ") { "fails: " } else { line }).collect();
        if answer != expected {
            return Some(format!("row {number} {:?}\n  expected {expected:#?}\n  answered {answer:#?}", row.input));
        }
    }
    None
}

fn answer(case: &Case, driver: &TopologyTestDriver, row: &Row, dropped: &mut u64) -> Vec<String> {
    let fed = feed(driver, &row.input);
    let records = driver.create_output_topic::<String, Text>("out").read_records_to_list().unwrap();
    let mut answer: Vec<String> = records.iter().map(line).collect();
    if case.word("wire", "no") == "yes" {
        answer.extend(written(driver));
    }
    let now = driver.dropped_records();
    if now > *dropped {
        answer.push(format!("dropped {}", now - *dropped));
    }
    *dropped = now;
    if fed.is_err() {
        answer.push("fails: ".to_owned());
    }
    answer
}

fn feed(driver: &TopologyTestDriver, input: &Input) -> Result<(), StreamsError> {
    match input {
        Input::Wall(by) => driver.advance_wall_clock_time(Duration::from_millis(*by)),
        Input::Record { topic, key, value, timestamp, headers } => {
            let headers: Headers = headers.iter().map(|(name, text)| (name.as_str(), Some(text.as_bytes()))).collect();
            let record = Record { key: key.clone(), value: value.clone(), timestamp: *timestamp, headers };
            driver.create_input_topic::<Text, Text>(topic.as_str()).pipe_record(record)
        }
    }
}

/// What was written to the application's own topics since the last call, byte by byte.
fn written(driver: &TopologyTestDriver) -> Vec<String> {
    let mut lines = Vec::new();
    for topic in driver.produced_topic_names() {
        let Some(name) = topic.strip_prefix("test-application-") else { continue };
        let records = driver.create_output_topic::<Option<Vec<u8>>, Option<Vec<u8>>>(&topic).read_records_to_list();
        for Record { key, value, timestamp, headers } in records.unwrap() {
            lines.push(with_headers(format!("wrote {name} {} {} {timestamp}", hex(key), hex(value)), &headers));
        }
    }
    lines
}

fn hex(bytes: Option<Vec<u8>>) -> String {
    bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn line(record: &Record<String, Text>) -> String {
    let line = format!("{} {} {}", record.key, record.value.as_deref().unwrap_or("-"), record.timestamp);
    with_headers(line, &record.headers)
}

fn with_headers(mut line: String, headers: &Headers) -> String {
    for (name, value) in headers.iter() {
        line.push_str(&format!(" {name}={}", String::from_utf8_lossy(value.unwrap_or_default())));
    }
    line
}
