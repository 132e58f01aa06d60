//! A million lines through word count on real Kafka: the counts in the output topic, in the changelog and in the store equal an
//! independent count, and Kafka's own tool sees the group and its lag.

use std::time::Duration;
use streams_dsl::{KafkaStreams, Materialized, StreamsBuilder, StreamsConfig, Topology};
use tests::kafka::{Application, Counts, SOON, tool, words};

const LINES: usize = 1_000_000;

/// The topology of the example, to query its store from here.
fn topology(input: &str, output: &str) -> Topology {
    let builder = StreamsBuilder::new();
    let words = |line: String| line.split(' ').map(str::to_lowercase).collect::<Vec<_>>();
    builder
        .stream::<Option<String>, String>(input)
        .flat_map_values(words)
        .filter(|_, word| !word.is_empty())
        .group_by(|_, word| word.clone())
        .count_with(Materialized::named("word-count-store"))
        .to_stream()
        .map_values(|count| count.map(|count| count.to_string()))
        .to(output);
    builder.build().unwrap()
}

/// The lag of each partition of a topic, as Kafka's tool prints it. Columns: GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG ...
fn lag_by_tool(description: &str, topic: &str) -> Vec<i64> {
    let rows = description.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.get(1) == Some(&topic)).map(|row| row[5].parse().unwrap()).collect()
}

#[test]
fn a_million_lines_are_counted_exactly_in_output_topic_changelog_and_store() {
    let mut application = Application::new("word-count");
    application.produce(LINES);
    let instance = application.setup("a").set("commit.interval.ms", 1000).start();
    instance.wait_until_running(SOON);
    application.drain(Duration::from_secs(180));

    let servers = application.cluster.servers();
    let group = tool(servers, "kafka-consumer-groups", &["--describe", "--group", &application.id]);
    for topic in [&application.input, &application.repartition()] {
        assert_eq!(lag_by_tool(&group, topic), [0, 0, 0], "{group}");
    }
    let state = tool(servers, "kafka-consumer-groups", &["--describe", "--state", "--group", &application.id]);
    assert!(state.contains("Stable"), "{state}");

    let ended = instance.terminate(SOON).cleanly();
    assert_eq!(ended.processed(), 9 * LINES as u64, "lines, and words from the repartition topic");
    application.assert_exact();
    assert_store_is_exact(&application);
}

/// Opens the state that the program has left behind, as the next instance of the application, and queries it.
fn assert_store_is_exact(application: &Application) {
    let config = StreamsConfig::new(application.id.as_str(), application.cluster.servers())
        .set("state.dir", application.state_dir("a").display());
    let streams = KafkaStreams::new(topology(&application.input, &application.output), config).unwrap();
    streams.start().unwrap();
    assert!(streams.wait_until_running(SOON), "{:?} {:?}", streams.state(), streams.last_error());
    let store = streams.store::<String, i64>("word-count-store").unwrap();
    let counts: Counts = store.all().unwrap().collect::<Result<_, _>>().unwrap();
    words::assert_exact("store", &counts, &application.expected);
    let (word, count) = application.expected.iter().next().unwrap();
    assert_eq!(store.get(word).unwrap(), Some(*count));
    assert_eq!(streams.restored_records(), 0, "nothing was lost, so nothing is to be restored");
    assert!(streams.close());
}
