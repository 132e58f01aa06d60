//! Kafka's configuration keys, as librdkafka wants them.

use crate::broker::properties::{JAVA_ONLY, OURS, warn_unused};
use crate::broker::{BrokerError, BrokerErrorKind, Properties};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What a configuration is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Consumer,
    Producer,
    Admin,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Consumer => "consumer configuration",
            Self::Producer => "producer configuration",
            Self::Admin => "admin configuration",
        })
    }
}

/// Set before the caller's own, which win.
const CONSUMER_DEFAULTS: &[(&str, &str)] = &[
    // Kafka's default; librdkafka's is read_committed.
    ("isolation.level", "read_uncommitted"),
    // A full queue pauses fetching for so long; librdkafka's second starves a fast reader.
    ("fetch.queue.backoff.ms", "5"),
    // Both bound the consumer's one queue, whatever the number of partitions; a fetch under way may exceed it by its size.
    ("queued.min.messages", "20000"),
    ("queued.max.messages.kbytes", "16384"),
    ("fetch.max.bytes", "4194304"),
    // How long a topic that metadata does not show may still be on its way.
    ("topic.metadata.propagation.max.ms", "5000"),
    // A consumer of librdkafka has a group; this one never joins it nor commits.
    ("group.id", "kafka-streams-unjoined"),
];

const PRODUCER_DEFAULTS: &[(&str, &str)] = &[
    ("linger.ms", "100"),
    ("acks", "all"),
    ("queue.buffering.max.kbytes", "32768"),
    ("topic.metadata.propagation.max.ms", "5000"),
];

/// Set after the caller's own: what this client rests on.
const CONSUMER_FIXED: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    // Makes a position outside of the log an error instead of a jump.
    ("auto.offset.reset", "error"),
    ("enable.partition.eof", "true"),
    ("allow.auto.create.topics", "false"),
];

const PRODUCER_FIXED: &[(&str, &str)] =
    &[("enable.idempotence", "true"), ("allow.auto.create.topics", "false"), ("delivery.report.only.error", "false")];

const ADMIN_FIXED: &[(&str, &str)] = &[("allow.auto.create.topics", "false")];

/// Other names for the same thing.
const RENAMED: &[(&str, &str)] = &[
    ("fetch.max.wait.ms", "fetch.wait.max.ms"),
    ("max.request.size", "message.max.bytes"),
    ("metadata.max.age.ms", "topic.metadata.refresh.interval.ms"),
];

/// The configuration of a client of librdkafka.
pub(super) fn client_config(
    role: Role,
    bootstrap_servers: &str,
    properties: &Properties,
) -> Result<ClientConfig, BrokerError> {
    check_security(role, properties)?;
    let (defaults, fixed) = match role {
        Role::Consumer => (CONSUMER_DEFAULTS, CONSUMER_FIXED),
        Role::Producer => (PRODUCER_DEFAULTS, PRODUCER_FIXED),
        Role::Admin => (&[][..], ADMIN_FIXED),
    };
    let mut config = ClientConfig::new();
    config.set_log_level(log_level(role));
    config.set("bootstrap.servers", bootstrap_servers);
    for (key, value) in defaults {
        config.set(*key, *value);
    }
    if properties.get("isolation.level").is_some_and(|level| level == "read_committed") {
        // librdkafka tells the last stable offset by an empty fetch only, which the broker holds back for so long.
        config.set("fetch.wait.max.ms", "100");
    }
    if role == Role::Producer && properties.get("transactional.id").is_some() {
        // The coordinator refuses for a moment after each commit; the default makes that 100 ms per transaction.
        config.set("retry.backoff.ms", "10");
    }
    for (key, value) in properties.iter() {
        set(&mut config, role, key, value)?;
    }
    for (key, value) in fixed {
        refuse_other(role, properties, key, value)?;
        config.set(*key, *value);
    }
    Ok(config)
}

fn set(config: &mut ClientConfig, role: Role, key: &str, value: &str) -> Result<(), BrokerError> {
    if let Some((_, name)) = RENAMED.iter().find(|(kafka, _)| *kafka == key) {
        config.set(*name, value);
        return Ok(());
    }
    match key {
        "buffer.memory" => {
            let bytes: u64 = parse(role, key, value)?;
            config.set("queue.buffering.max.kbytes", (bytes / 1024).max(1).to_string());
        }
        "send.buffer.bytes" | "receive.buffer.bytes" => {
            // Kafka writes -1 for the system's default, librdkafka 0.
            let bytes: i64 = parse(role, key, value)?;
            config.set(format!("socket.{key}"), bytes.max(0).to_string());
        }
        // For librdkafka this is the broker's patience with a produce request; elsewhere it is the socket's.
        "request.timeout.ms" if role != Role::Producer => {
            config.set("socket.timeout.ms", value);
        }
        key if OURS.contains(&key) => {}
        // Ours, of the native client.
        "linger.idle.ms" => warn_unused(key),
        key if JAVA_ONLY.contains(&key) => warn_unused(key),
        key if key.starts_with("ssl.") || key.starts_with("sasl.") => warn_unused(key),
        key => {
            config.set(key, value);
        }
    }
    Ok(())
}

/// A value that contradicts what the client rests on is an error, unless the key is the runtime's own business.
fn refuse_other(role: Role, properties: &Properties, key: &str, value: &str) -> Result<(), BrokerError> {
    match properties.get(key) {
        Some(other) if !OURS.contains(&key) && other != value => Err(BrokerError::new(
            BrokerErrorKind::InvalidConfig,
            role,
            format_args!("{key}={other}: must be {value}; take it out"),
        )),
        _ => Ok(()),
    }
}

fn check_security(role: Role, properties: &Properties) -> Result<(), BrokerError> {
    match properties.get("security.protocol") {
        None => Ok(()),
        Some(protocol) if protocol.eq_ignore_ascii_case("PLAINTEXT") => Ok(()),
        Some(protocol) => Err(BrokerError::new(
            BrokerErrorKind::InvalidConfig,
            role,
            format_args!(
                "security.protocol={protocol}: librdkafka is built without TLS and SASL here; use client.implementation=native"
            ),
        )),
    }
}

/// librdkafka hands no line below its level over. An admin client's lines are never collected, so it must make none.
fn log_level(role: Role) -> RDKafkaLogLevel {
    match role {
        Role::Admin => RDKafkaLogLevel::Emerg,
        _ if tracing::enabled!(target: "librdkafka", tracing::Level::DEBUG) => RDKafkaLogLevel::Debug,
        _ if tracing::enabled!(target: "librdkafka", tracing::Level::INFO) => RDKafkaLogLevel::Info,
        _ if tracing::enabled!(target: "librdkafka", tracing::Level::WARN) => RDKafkaLogLevel::Warning,
        _ => RDKafkaLogLevel::Error,
    }
}

/// The value of one of our own keys, or its default.
pub(super) fn own<T: FromStr>(role: Role, properties: &Properties, key: &str, default: T) -> Result<T, BrokerError> {
    properties.get(key).map_or(Ok(default), |value| parse(role, key, value))
}

/// The value of a key in milliseconds, or its default.
pub(super) fn own_millis(
    role: Role,
    properties: &Properties,
    key: &str,
    default: Duration,
) -> Result<Duration, BrokerError> {
    let value: Option<u64> = properties.get(key).map(|value| parse(role, key, value)).transpose()?;
    Ok(value.map_or(default, Duration::from_millis))
}

fn parse<T: FromStr>(role: Role, key: &str, value: &str) -> Result<T, BrokerError> {
    value.trim().parse().map_err(|_| {
        BrokerError::new(BrokerErrorKind::InvalidConfig, role, format_args!("{key}={value}: not a number in range"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(role: Role, pairs: &[(&str, &str)]) -> Result<ClientConfig, BrokerError> {
        client_config(role, "b:1", &pairs.iter().copied().collect())
    }

    #[test]
    fn keys_that_kafka_names_otherwise_are_translated() {
        let pairs = [("buffer.memory", "2048000"), ("max.request.size", "5000"), ("compression.type", "lz4")];
        let producer = config(Role::Producer, &pairs).unwrap();
        assert_eq!(producer.get("queue.buffering.max.kbytes"), Some("2000"));
        assert_eq!(producer.get("message.max.bytes"), Some("5000"));
        assert_eq!((producer.get("linger.ms"), producer.get("enable.idempotence")), (Some("100"), Some("true")));
        let pairs = [("fetch.max.wait.ms", "7"), ("receive.buffer.bytes", "-1"), ("request.timeout.ms", "9000")];
        let consumer = config(Role::Consumer, &pairs).unwrap();
        assert_eq!(consumer.get("fetch.wait.max.ms"), Some("7"));
        assert_eq!(consumer.get("socket.receive.buffer.bytes"), Some("0"));
        assert_eq!(consumer.get("socket.timeout.ms"), Some("9000"));
    }

    #[test]
    fn what_is_set_wins_over_our_defaults_but_not_over_what_we_rest_on() {
        let consumer = config(
            Role::Consumer,
            &[("queued.min.messages", "7"), ("auto.offset.reset", "latest"), ("isolation.level", "read_committed")],
        )
        .unwrap();
        assert_eq!(consumer.get("queued.min.messages"), Some("7"));
        assert_eq!(consumer.get("auto.offset.reset"), Some("error"));
        assert_eq!(consumer.get("isolation.level"), Some("read_committed"));
        let error = config(Role::Producer, &[("enable.idempotence", "false")]).unwrap_err();
        assert!(error.kind == BrokerErrorKind::InvalidConfig && error.to_string().contains("enable.idempotence"));
    }

    #[test]
    fn every_configuration_is_accepted_by_librdkafka() {
        for role in [Role::Consumer, Role::Producer, Role::Admin] {
            let ours = [("max.poll.records", "5"), ("linger.idle.ms", "5")];
            config(role, &[&ours[..], &[("interceptor.classes", "x"), ("client.id", "c")]].concat())
                .unwrap()
                .create_native_config()
                .unwrap();
        }
    }

    #[test]
    fn wrong_values_and_security_that_is_not_built_in_are_errors_that_name_the_key() {
        for (key, value) in [("buffer.memory", "lots"), ("security.protocol", "SASL_SSL")] {
            let error = config(Role::Producer, &[(key, value)]).unwrap_err();
            assert_eq!(error.kind, BrokerErrorKind::InvalidConfig);
            assert!(error.to_string().contains(key), "{error}");
        }
        config(Role::Admin, &[("security.protocol", "plaintext")]).unwrap();
    }
}
