//! What the idle timeout has closed stays closed over a restart.

use super::windowed::{Windows, table};
use crate::{BufferConfig, KafkaStreams, StreamsBuilder, StreamsConfig, Suppressed, Topology};
use std::time::{Duration, Instant};
use streams_core::broker::embedded::{EmbeddedBroker, Isolation};

fn topology() -> Topology {
    let builder = StreamsBuilder::new();
    let windows = Windows { size: 10, advance: 10, grace: 5, count: false, initial_is_old: true };
    let suppressed = Suppressed::until_window_closes(BufferConfig::unbounded());
    table(&builder, windows)
        .suppress(suppressed.with_idle_timeout(Duration::from_millis(50)))
        .to_stream()
        .map(|key, value| (format!("{}@{}", key.key, key.start()), value))
        .to("out");
    builder.build().unwrap()
}

/// Waits until the output has so many records, and answers their keys.
fn output(broker: &EmbeddedBroker, count: usize) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let records = broker.read_all("out", Isolation::ReadCommitted).unwrap();
        if records.len() >= count || Instant::now() > deadline {
            let key = |key: Option<&[u8]>| String::from_utf8(key.unwrap().to_vec()).unwrap();
            return records.iter().map(|record| key(record.key.as_deref())).collect();
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_final_result_is_not_followed_by_another_after_a_restart() {
    let broker = EmbeddedBroker::new();
    broker.create_topic("in", 1).unwrap();
    broker.create_topic("out", 1).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let start = |instance: &str| {
        let config = StreamsConfig::new("app", "embedded")
            .set("state.dir", directory.path().join(instance).display())
            .set("commit.interval.ms", 20)
            .set("poll.ms", 10);
        let streams = KafkaStreams::with_broker(topology(), config, broker.clone()).unwrap();
        streams.start().unwrap();
        streams
    };
    let produce = |key: &str, timestamp| broker.produce("in", 0, Some(key.as_bytes()), Some(b"x"), timestamp).unwrap();
    produce("a", 3);
    let streams = start("one");
    assert_eq!(output(&broker, 1), ["a@0"]);
    assert!(streams.close());
    // The aggregation of this test starts anew, and takes it. If the suppression took it too, it would come before the other.
    produce("a", 4);
    produce("b", 10_000_000);
    let streams = start("two");
    assert_eq!(output(&broker, 2), ["a@0", "b@10000000"]);
    assert!(streams.close());
}
