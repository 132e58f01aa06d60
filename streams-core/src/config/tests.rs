use super::*;
use crate::topology::AutoOffsetReset;
use std::time::Duration;

fn faults(config: StreamsConfig) -> Vec<String> {
    match config.validate() {
        Err(StreamsError::Config(faults)) => faults,
        _ => Vec::new(),
    }
}

#[test]
fn defaults_are_those_of_kafka_streams() {
    let settings = StreamsConfig::new("app", "host:9092").validate().unwrap();
    assert_eq!(settings.commit_interval, Duration::from_secs(30));
    assert_eq!((settings.stream_threads, settings.cache_max_bytes), (1, 10 << 20));
    assert_eq!(settings.auto_offset_reset, AutoOffsetReset::Earliest);
    assert_eq!(settings.task.max_task_idle, Some(Duration::ZERO));
    assert!(settings.state_dir.ends_with("kafka-streams"));
}

#[test]
fn everything_wrong_is_reported_at_once() {
    let config = StreamsConfig::default()
        .set("application.id", "my app")
        .set("num.stream.threads", 0)
        .set("commit.interval.ms", "soon")
        .set("processing.guarantee", "at_most_once")
        .set("consumer.session.timeout.ms", "never")
        .set("auto.offset.reset", "middle");
    let faults = faults(config);
    for part in [
        "bootstrap.servers is required",
        "num.stream.threads=0 is below 1",
        "commit.interval.ms=soon is not a whole number",
        "processing.guarantee=at_most_once is not supported yet",
        "session.timeout.ms=never",
        "auto.offset.reset=middle",
        "application.id=my app",
    ] {
        assert!(faults.iter().any(|fault| fault.contains(part)), "{part} is not among {faults:?}");
    }
    assert_eq!(faults.len(), 7, "{faults:?}");
}

#[test]
fn prefixes_decide_which_client_gets_a_key_and_the_special_one_wins() {
    let config = StreamsConfig::new("app", "host:9092")
        .set("consumer.max.poll.records", 5)
        .set("main.consumer.max.poll.records", 6)
        .set("linger.ms", 7)
        .set("linger.idle.ms", 3)
        .set("producer.compression.type", "lz4")
        .set("consumer.auto.offset.reset", "latest");
    let main = config.client_properties(ClientRole::MainConsumer);
    assert_eq!(main.get("max.poll.records"), Some("6"));
    assert_eq!(main.get("linger.ms"), None);
    let restore = config.client_properties(ClientRole::RestoreConsumer);
    assert_eq!(restore.get("max.poll.records"), Some("5"));
    let producer = config.client_properties(ClientRole::Producer);
    assert_eq!((producer.get("linger.ms"), producer.get("compression.type")), (Some("7"), Some("lz4")));
    assert_eq!((producer.get("acks"), producer.get("linger.idle.ms")), (Some("all"), Some("3")));
    // The restore consumer must never skip state because the application reads its input from the end.
    assert_eq!(restore.get("auto.offset.reset"), Some("none"));
    assert_eq!(config.validate().unwrap().auto_offset_reset, AutoOffsetReset::Latest);
}

#[test]
fn restoring_polls_more_at_a_time_unless_told_otherwise() {
    let config = StreamsConfig::new("app", "host:9092");
    let polled = |role| config.client_properties(role).get("max.poll.records").map(str::to_owned);
    assert_eq!(polled(ClientRole::MainConsumer).as_deref(), Some("1000"));
    assert_eq!(polled(ClientRole::RestoreConsumer).as_deref(), Some("10000"));
}

#[test]
fn former_names_and_class_names_are_understood() {
    let config = StreamsConfig::new("app", "host:9092").set("cache.max.bytes.buffering", 5).set(
        "default.deserialization.exception.handler",
        "org.apache.kafka.streams.errors.LogAndContinueExceptionHandler",
    );
    assert_eq!(config.validate().unwrap().cache_max_bytes, 5);
}
