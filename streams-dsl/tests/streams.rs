//! Steps of streams, as tables of input and expected output.

mod common;

use common::{run, run_with};
use std::sync::Arc;
use std::time::Duration;
use streams_dsl::test_driver::{TestDriverConfig, TopologyTestDriver};
use streams_dsl::{
    Branched, Consumed, Headers, KStream, LogAndContinue, LogAndSkipOnInvalidTimestamp, Partitioning, Produced, Record,
    StreamsBuilder, TimestampedRecord, WallclockTimestampExtractor,
};

type Text = KStream<String, String>;

fn input(builder: &StreamsBuilder) -> Text {
    builder.stream("in")
}

const WORDS: [&str; 3] = ["in a=one@1", "in b=three@2", "in a=five@3"];

#[test]
fn mapping() {
    type Case = (&'static str, fn(&Text) -> Text, &'static [&'static str]);
    let cases: [Case; 8] = [
        ("filter_not", |s| s.filter_not(|_, v| v.len() > 3), &["a=one@1"]),
        ("map", |s| s.map(|k, v| (v, k)), &["one=a@1", "three=b@2", "five=a@3"]),
        ("map_values", |s| s.map_values(|v| v + "!"), &["a=one!@1", "b=three!@2", "a=five!@3"]),
        (
            "map_values_with_key",
            |s| s.map_values_with_key(|k, v| format!("{k}-{v}")),
            &["a=a-one@1", "b=b-three@2", "a=a-five@3"],
        ),
        (
            "flat_map",
            |s| s.flat_map(|k, v| v.chars().take(2).map(|c| (c.to_string(), k.clone())).collect::<Vec<_>>()),
            &["o=a@1", "n=a@1", "t=b@2", "h=b@2", "f=a@3", "i=a@3"],
        ),
        (
            "flat_map_values",
            |s| s.flat_map_values(|v| v.split('e').map(str::to_owned).filter(|p| !p.is_empty()).collect::<Vec<_>>()),
            &["a=on@1", "b=thr@2", "a=fiv@3"],
        ),
        ("select_key", |s| s.select_key(|k, v| format!("{k}{}", v.len())), &["a3=one@1", "b5=three@2", "a4=five@3"]),
        ("repartition", |s| s.repartition(), &["a=one@1", "b=three@2", "a=five@3"]),
    ];
    for (name, step, expected) in cases {
        let written = run(
            |b| {
                step(&input(b)).to("out");
            },
            &WORDS,
        );
        assert_eq!(written, expected, "{name}");
    }
}

#[test]
fn branches_take_records_in_their_order() {
    let written = run(
        |b| {
            let branches = input(b)
                .split()
                .branch(|k, _| k == "a", Branched::named("-a"))
                .branch(|_, v| v.len() > 3, Branched::named("-long"))
                .default_branch(Branched::named("-rest"));
            for (name, stream) in &branches {
                let name = name.rsplit('-').next().unwrap().to_owned();
                stream.map_values(move |v| format!("{name}:{v}")).to("out");
            }
        },
        &["in a=longer@1", "in b=longer@2", "in b=no@3"],
    );
    assert_eq!(written, ["a=a:longer@1", "b=long:longer@2", "b=rest:no@3"]);
}

#[test]
fn merged_streams_and_several_topics() {
    let declare = |b: &StreamsBuilder| {
        let both: Text = b.stream(["in", "in2"]);
        let third: Text = b.stream("in3");
        both.merge(&third.map_values(|v| v + "3")).to("out");
    };
    assert_eq!(run(declare, &["in a=x@1", "in2 b=y@2", "in3 c=z@3"]), ["a=x@1", "b=y@2", "c=z3@3"]);
}

#[test]
fn topics_chosen_by_record_and_by_pattern() {
    let builder = StreamsBuilder::new();
    let orders: Text = builder.stream_pattern(regex::Regex::new("orders-.*").unwrap());
    orders.to_by(|_, v, context| format!("{}-{v}", context.topic));
    let driver = TopologyTestDriver::new(&builder.build().unwrap());
    let input = driver.create_input_topic::<String, String>("orders-eu");
    input.pipe_input("k".into(), "paid".into()).unwrap();
    let output = driver.create_output_topic::<String, String>("orders-eu-paid");
    assert_eq!(output.read_key_value().unwrap(), ("k".to_owned(), "paid".to_owned()));
}

#[test]
fn a_partitioner_may_drop_or_refuse() {
    let by_key = |_: &str, key: &String, _: &String, partitions: i32| match key.as_str() {
        "drop" => Partitioning::Multicast(Vec::new()),
        "wrong" => Partitioning::To(partitions),
        _ => Partitioning::To(0),
    };
    let declare = move |b: &StreamsBuilder| {
        input(b).to_with("out", Produced::new().with_stream_partitioner(by_key));
    };
    assert_eq!(run(declare, &["in a=x@1", "in drop=y@2"]), ["a=x@1", "dropped: 1"]);
    let written = run(declare, &["in wrong=x@1"]);
    assert!(written[0].contains("chose partition 1 of out which has 1"), "{written:?}");
}

#[test]
fn event_time() {
    let extractor = |b: &StreamsBuilder, consumed: Consumed<String, String>| {
        b.stream_with("in", consumed).to("out");
    };
    let payload = |record: &TimestampedRecord<'_, String, String>| record.value.parse().unwrap_or(-1);
    let defaults = Consumed::<String, String>::named;
    let lines = ["in k=17@5", "in k=x@6"];
    let written = run(|b| extractor(b, defaults("s").with_timestamp(payload)), &lines);
    assert_eq!(written, ["k=17@17", "dropped: 1"]);
    let written = run(|b| extractor(b, defaults("s")), &["in k=v@-1"]);
    assert!(written[0].contains("record in-0 at offset 0 has timestamp -1"), "{written:?}");
    let skip = |b: &StreamsBuilder| extractor(b, defaults("s").with_timestamp_extractor(LogAndSkipOnInvalidTimestamp));
    assert_eq!(run(skip, &["in k=v@-1", "in k=w@3"]), ["k=w@3", "dropped: 1"]);
    let config = TestDriverConfig { initial_wall_clock_time: 99, ..TestDriverConfig::default() };
    let wall = |b: &StreamsBuilder| extractor(b, defaults("s").with_timestamp_extractor(WallclockTimestampExtractor));
    assert_eq!(run_with(config, wall, &["in k=v@-1"]), ["k=v@99"]);
}

#[test]
fn errors_of_user_functions_stop_the_task_or_are_counted() {
    let declare = |b: &StreamsBuilder| {
        let parsed = input(b).try_map_values(|v| v.parse::<i64>());
        parsed.named("parse").map_values(|n| (n + 1).to_string()).to("out");
    };
    let lines = ["in a=1@1", "in a=x@2", "in a=3@3"];
    let written = run(declare, &lines);
    assert_eq!(written[0], "a=2@1");
    let message = "node parse of task 0_0, input in-0 at offset 1";
    assert!(written[1].contains(message) && written[1].contains("invalid digit"), "{written:?}");
    let mut config = TestDriverConfig::default();
    config.settings.processing_handler = Arc::new(LogAndContinue);
    assert_eq!(run_with(config, declare, &lines), ["a=2@1", "a=4@3", "dropped: 1"]);
}

#[test]
fn undecodable_records_stop_the_task_or_are_counted() {
    let declare = |b: &StreamsBuilder| {
        input(b).to("out");
    };
    let lines = ["in a=1@1", "in -=x@2", "in a=3@3"];
    let written = run(declare, &lines);
    assert!(written[1].contains("cannot decode the key of in-0 at offset 1"), "{written:?}");
    let mut config = TestDriverConfig::default();
    config.settings.deserialization_handler = Arc::new(LogAndContinue);
    assert_eq!(run_with(config, declare, &lines), ["a=1@1", "a=3@3", "dropped: 1"]);
}

#[test]
fn headers_and_time_travel_with_the_record() {
    let builder = StreamsBuilder::new();
    input(&builder).flat_map_values(|v| [v.clone(), v]).select_key(|_, v| v.clone()).repartition().to("out");
    let driver = TopologyTestDriver::new(&builder.build().unwrap());
    let topic = driver.create_input_topic::<String, String>("in");
    let output = driver.create_output_topic::<String, String>("out");
    let headers = Headers::default().with("trace", Some(b"t1"));
    let record = Record { key: "k".to_owned(), value: "v".to_owned(), timestamp: 7, headers: headers.clone() };
    topic.pipe_record(record).unwrap();
    for record in output.read_records_to_list().unwrap() {
        assert_eq!((record.timestamp, &record.headers), (7, &headers));
    }
}

#[test]
fn time_of_an_input_topic_moves_on() {
    let builder = StreamsBuilder::new();
    input(&builder).to("out");
    let driver = TopologyTestDriver::new(&builder.build().unwrap());
    let topic = driver.create_input_topic::<String, String>("in");
    let topic = topic.with_start_timestamp(100).with_auto_advance(Duration::from_millis(10));
    let output = driver.create_output_topic::<String, String>("out");
    topic.pipe_key_values([("a".into(), "1".into()), ("b".into(), "2".into())]).unwrap();
    topic.advance_time(Duration::from_millis(5));
    topic.pipe_input("c".into(), "3".into()).unwrap();
    let times: Vec<_> = output.read_records_to_list().unwrap().iter().map(|record| record.timestamp).collect();
    assert_eq!(times, [100, 110, 125]);
}
