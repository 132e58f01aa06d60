//! The last records of each key.

mod common;

use common::run;
use streams_dsl::windows::CountWindows;
use streams_dsl::{CountWindowedKStream, StreamsBuilder};

fn last(builder: &StreamsBuilder, records: usize) -> CountWindowedKStream<String, String> {
    builder.stream::<String, String>("in").group_by_key().windowed_by(CountWindows::last(records))
}

const LINES: [&str; 6] = ["in a=1@5", "in a=2@3", "in b=x@4", "in a=3@9", "in a=4@1", "in b=y@4"];

#[test]
fn results_are_of_the_last_few() {
    let joined =
        run(|b| drop(last(b, 2).aggregate(String::new, |text, value| text + &value).to_stream().to("out")), &LINES);
    assert_eq!(joined, ["a=1@5", "a=12@5", "b=x@4", "a=23@9", "a=34@9", "b=xy@4"]);
}

#[test]
fn a_window_of_one_is_the_last_value() {
    let values = run(|b| drop(last(b, 1).values().map_values(|values| values.concat()).to_stream().to("out")), &LINES);
    assert_eq!(values, ["a=1@5", "a=2@5", "b=x@4", "a=3@9", "a=4@9", "b=y@4"]);
}

#[test]
fn a_window_of_nothing_is_a_mistake() {
    let builder = StreamsBuilder::new();
    last(&builder, 0).values();
    assert!(builder.build().err().unwrap().to_string().contains("one at least"));
}
