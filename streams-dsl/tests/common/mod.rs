//! Tables of input and expected output.

use streams_dsl::test_driver::{TestDriverConfig, TopologyTestDriver};
use streams_dsl::{StreamsBuilder, StreamsError};

/// A record with its key and value as short text: `key=value@timestamp`, `-` for null.
pub type Line<'a> = &'a str;

type Bytes = Option<Vec<u8>>;

/// Declares a topology whose input topics and output topic `out` have text keys and values, pipes the lines (`topic key=value@timestamp`),
/// and answers what came out. A failure ends the list.
pub fn run(declare: impl FnOnce(&StreamsBuilder), lines: &[Line<'_>]) -> Vec<String> {
    run_with(TestDriverConfig::default(), declare, lines)
}

/// [`run`] with a configuration.
pub fn run_with(config: TestDriverConfig, declare: impl FnOnce(&StreamsBuilder), lines: &[Line<'_>]) -> Vec<String> {
    let builder = StreamsBuilder::new();
    declare(&builder);
    let driver = TopologyTestDriver::with_config(&builder.build().unwrap(), config);
    let output = driver.create_output_topic::<Option<Vec<u8>>, Option<Vec<u8>>>("out");
    let piped = pipe(&driver, lines);
    let mut written: Vec<String> = output
        .read_records_to_list()
        .unwrap()
        .into_iter()
        .map(|record| format!("{}={}@{}", text(record.key), text(record.value), record.timestamp))
        .collect();
    if let Err(error) = piped {
        written.push(format!("error: {error}"));
    }
    match driver.dropped_records() {
        0 => {}
        dropped => written.push(format!("dropped: {dropped}")),
    }
    written
}

/// Pipes lines `topic key=value@timestamp`.
pub fn pipe(driver: &TopologyTestDriver, lines: &[Line<'_>]) -> Result<(), StreamsError> {
    for line in lines {
        let (topic, record) = line.split_once(' ').unwrap();
        let (pair, timestamp) = record.rsplit_once('@').unwrap();
        let (key, value) = pair.split_once('=').unwrap();
        let input = driver.create_input_topic::<Bytes, Bytes>(topic);
        input.pipe_input_at(bytes(key), bytes(value), timestamp.parse().unwrap())?;
    }
    Ok(())
}

fn bytes(text: &str) -> Bytes {
    (text != "-").then(|| text.as_bytes().to_vec())
}

/// Text as it is, a count (eight bytes) as its number.
fn text(bytes: Bytes) -> String {
    match bytes {
        None => "-".to_owned(),
        Some(bytes) => match <[u8; 8]>::try_from(bytes.as_slice()) {
            Ok(number) if bytes[0] == 0 => i64::from_be_bytes(number).to_string(),
            _ => String::from_utf8(bytes).unwrap(),
        },
    }
}
