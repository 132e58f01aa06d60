//! Small whole programs: what goes in, and what comes out.

use streams_dsl::test_driver::TopologyTestDriver;
use streams_dsl::{KTable, Materialized, StreamsBuilder, Topology};

fn word_count() -> Topology {
    let builder = StreamsBuilder::new();
    builder
        .stream::<Option<String>, String>("text-input")
        .flat_map_values(|line| {
            let lower = line.to_lowercase();
            lower.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect::<Vec<_>>()
        })
        .filter(|_, word| !word.is_empty())
        .group_by(|_, word| word.clone())
        .count_with(Materialized::named("word-count-store"))
        .to_stream()
        .map_values(|count| count.map(|count| count.to_string()))
        .to("word-counts");
    builder.build().unwrap()
}

#[test]
fn word_count_counts_words_over_all_lines() {
    type Case = (&'static [&'static str], &'static [(&'static str, i64)]);
    let cases: [Case; 2] = [
        (
            &[
                "hello world",
                "hello kafka streams",
                "kafka streams is powerful",
                "hello world of streaming",
                "streams processing with kafka",
            ],
            &[
                ("hello", 3),
                ("is", 1),
                ("kafka", 3),
                ("of", 1),
                ("powerful", 1),
                ("processing", 1),
                ("streaming", 1),
                ("streams", 3),
                ("with", 1),
                ("world", 2),
            ],
        ),
        (
            &["Hello Kafka Streams", "Kafka Streams is awesome"],
            &[("awesome", 1), ("hello", 1), ("is", 1), ("kafka", 2), ("streams", 2)],
        ),
    ];
    for (lines, expected) in cases {
        let driver = TopologyTestDriver::new(&word_count());
        let input = driver.create_input_topic::<Option<String>, String>("text-input");
        let output = driver.create_output_topic::<String, String>("word-counts");
        input.pipe_values(lines.iter().map(|line| (*line).to_owned())).unwrap();
        let counts = output.read_key_values_to_map().unwrap();
        let counts: Vec<_> = counts.iter().map(|(word, count)| (word.as_str(), count.parse().unwrap())).collect();
        assert_eq!(counts, expected);
        let store = driver.key_value_store::<String, i64>("word-count-store").unwrap();
        let rows = store.all().unwrap();
        let rows: Vec<_> = rows.iter().map(|(word, count)| (word.as_str(), *count)).collect();
        assert_eq!(rows, expected);
        let topics: Vec<_> = driver.produced_topic_names().into_iter().collect();
        assert_eq!(
            topics,
            [
                "test-application-word-count-store-changelog",
                "test-application-word-count-store-repartition",
                "word-counts"
            ]
        );
    }
}

#[test]
fn every_word_shows_each_of_its_counts() {
    let driver = TopologyTestDriver::new(&word_count());
    let input = driver.create_input_topic::<Option<String>, String>("text-input");
    let output = driver.create_output_topic::<String, String>("word-counts");
    input.pipe_value("to be, or not to be".into()).unwrap();
    let updates = output.read_key_values_to_list().unwrap();
    let updates: Vec<_> = updates.iter().map(|(word, count)| format!("{word} {count}")).collect();
    assert_eq!(updates, ["to 1", "be 1", "or 1", "not 1", "to 2", "be 2"]);
}

#[test]
fn filter_and_transform() {
    let builder = StreamsBuilder::new();
    let messages = builder.stream::<Option<String>, String>("input-topic");
    messages.filter(|_, text| text.contains("important")).map_values(|text| text.to_uppercase()).to("output-topic");
    let driver = TopologyTestDriver::new(&builder.build().unwrap());
    let input = driver.create_input_topic::<Option<String>, String>("input-topic");
    let output = driver.create_output_topic::<Option<String>, String>("output-topic");
    input.pipe_value("very important msg".into()).unwrap();
    assert_eq!(output.read_value().unwrap(), "VERY IMPORTANT MSG");
    input.pipe_value("hello".into()).unwrap();
    assert!(output.is_empty());
}

#[test]
fn count_per_key() {
    let builder = StreamsBuilder::new();
    let records = builder.stream::<String, String>("input-topic");
    let counts: KTable<String, i64> =
        records.group_by_key().aggregate_with(|| 0, |_, _, count| count + 1, Materialized::named("aggregated-store"));
    counts.to_stream().to("aggregated-topic");
    let driver = TopologyTestDriver::new(&builder.build().unwrap());
    let input = driver.create_input_topic::<String, String>("input-topic");
    let output = driver.create_output_topic::<String, i64>("aggregated-topic");
    input.pipe_key_values(["a", "b", "a"].map(|key| (key.to_owned(), "x".to_owned()))).unwrap();
    let counts = output.read_key_values_to_list().unwrap();
    assert_eq!(counts, [("a".to_owned(), 1), ("b".to_owned(), 1), ("a".to_owned(), 2)]);
}

#[test]
fn latest_reading_per_sensor() {
    let builder = StreamsBuilder::new();
    let readings = builder.stream::<String, f64>("readings");
    readings.to_table_with(Materialized::named("latest")).to_stream().to("latest-readings");
    let driver = TopologyTestDriver::new(&builder.build().unwrap());
    let input = driver.create_input_topic::<String, f64>("readings");
    let output = driver.create_output_topic::<String, f64>("latest-readings");
    for (sensor, reading, time) in [("s1", 20.5, 10), ("s2", 7.0, 20), ("s1", 21.0, 30)] {
        input.pipe_input_at(sensor.to_owned(), reading, time).unwrap();
    }
    let latest = driver.key_value_store::<String, f64>("latest").unwrap();
    assert_eq!(latest.all().unwrap(), [("s1".to_owned(), 21.0), ("s2".to_owned(), 7.0)]);
    assert_eq!(latest.get_with_timestamp(&"s1".to_owned()).unwrap(), Some((21.0, 30)));
    assert_eq!(latest.get(&"s3".to_owned()).unwrap(), None);
    assert_eq!(output.queue_size(), 3);
}
