//! Kafka's configuration keys, as the native client wants them.

use crate::broker::properties::{OURS, warn_unused};
use crate::broker::{BrokerError, BrokerErrorKind, Properties};
use kafka_client::consumer::ConsumerConfig;
use kafka_client::producer::ProducerConfig;
use kafka_client::records::Compression;
use kafka_client::{ClientConfig, Security};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

/// Reads keys and collects everything that is wrong with them.
pub(super) struct Keys<'a> {
    properties: &'a Properties,
    context: &'static str,
    /// Keys that something has asked for.
    read: RefCell<BTreeSet<String>>,
    problems: Vec<String>,
}

impl<'a> Keys<'a> {
    pub(super) fn new(properties: &'a Properties, context: &'static str) -> Self {
        Self { properties, context, read: RefCell::default(), problems: Vec::new() }
    }

    /// Replaces `value` by that of `key`, if it is set.
    pub(super) fn number<T: FromStr>(&mut self, key: &str, value: &mut T) {
        let Some(text) = self.text(key) else { return };
        match text.trim().parse() {
            Ok(number) => *value = number,
            Err(_) => self.wrong(key, text, "not a number in range"),
        }
    }

    /// The same for a time in milliseconds.
    pub(super) fn millis(&mut self, key: &str, value: &mut Duration) {
        let mut millis = value.as_millis() as u64;
        self.number(key, &mut millis);
        *value = Duration::from_millis(millis);
    }

    /// The same for `true` and `false`.
    pub(super) fn flag(&mut self, key: &str, value: &mut bool) {
        match self.text(key) {
            None => {}
            Some(text) if text.eq_ignore_ascii_case("true") => *value = true,
            Some(text) if text.eq_ignore_ascii_case("false") => *value = false,
            Some(text) => self.wrong(key, text, "neither true nor false"),
        }
    }

    /// The value of `key`, which counts as used.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.read.borrow_mut().insert(key.to_owned());
        self.properties.get(key)
    }

    pub(super) fn wrong(&mut self, key: &str, value: &str, problem: impl Display) {
        self.problems.push(format!("{key}={value}: {problem}"));
    }

    /// As [`check`](Self::check). Where all is well, names in the log what nobody has asked for.
    pub(super) fn finish(self) -> Result<(), BrokerError> {
        self.warn_of_unused();
        self.check()
    }

    fn warn_of_unused(&self) {
        let read = self.read.borrow();
        for (key, value) in self.properties.iter() {
            let default = LEFT_TO_THE_SYSTEM.contains(&(key, value));
            if !read.contains(key) && !OURS.contains(&key) && !default {
                warn_unused(key);
            }
        }
    }

    /// The error that names everything that was wrong.
    pub(super) fn check(self) -> Result<(), BrokerError> {
        if self.problems.is_empty() {
            return Ok(());
        }
        Err(BrokerError::new(BrokerErrorKind::InvalidConfig, self.context, self.problems.join("; ")))
    }
}

/// Sizes of socket buffers: the system adapts them to the line, which no fixed size does better. Kafka's defaults are passed over silently.
const LEFT_TO_THE_SYSTEM: &[(&str, &str)] = &[("receive.buffer.bytes", "32768"), ("send.buffer.bytes", "131072")];

/// What all clients have in common.
pub(super) fn client_config(bootstrap_servers: &str, keys: &mut Keys<'_>) -> ClientConfig {
    let servers = keys.text("bootstrap.servers").unwrap_or(bootstrap_servers);
    let client_id = keys.text("client.id").unwrap_or("kafka-streams");
    let mut config = ClientConfig::new(servers.split(',').map(str::trim), client_id);
    for (key, value) in [
        ("request.timeout.ms", &mut config.request_timeout),
        ("socket.connection.setup.timeout.ms", &mut config.socket_connection_setup_timeout),
        ("reconnect.backoff.ms", &mut config.reconnect_backoff),
        ("reconnect.backoff.max.ms", &mut config.reconnect_backoff_max),
        ("retry.backoff.ms", &mut config.retry_backoff),
        ("retry.backoff.max.ms", &mut config.retry_backoff_max),
        ("connections.max.idle.ms", &mut config.connections_max_idle),
        ("metadata.max.age.ms", &mut config.metadata_max_age),
        ("metadata.max.idle.ms", &mut config.metadata_max_idle),
        ("topic.metadata.propagation.max.ms", &mut config.topic_metadata_propagation_max),
    ] {
        keys.millis(key, value);
    }
    match Security::from_properties(|key| keys.text(key)) {
        Ok(security) => config.security = security,
        Err(problems) => keys.problems.push(problems),
    }
    config
}

/// How a consumer fetches.
pub(super) fn consumer_config(keys: &mut Keys<'_>) -> ConsumerConfig {
    let mut config = ConsumerConfig::default();
    keys.millis("fetch.max.wait.ms", &mut config.fetch_max_wait);
    keys.number("fetch.min.bytes", &mut config.fetch_min_bytes);
    keys.number("fetch.max.bytes", &mut config.fetch_max_bytes);
    keys.number("max.partition.fetch.bytes", &mut config.max_partition_fetch_bytes);
    keys.number("max.poll.records", &mut config.max_poll_records);
    keys.flag("check.crcs", &mut config.check_crcs);
    let mut kib = config.buffer_memory >> 10;
    keys.number("queued.max.messages.kbytes", &mut kib);
    config.buffer_memory = kib << 10;
    match keys.text("isolation.level") {
        None | Some("read_uncommitted") => {}
        Some("read_committed") => config.read_committed = true,
        Some(other) => keys.wrong("isolation.level", other, "neither read_uncommitted nor read_committed"),
    }
    config
}

/// How a producer sends.
pub(super) fn producer_config(keys: &mut Keys<'_>) -> ProducerConfig {
    let mut config = ProducerConfig::default();
    keys.number("batch.size", &mut config.batch_size);
    keys.millis("linger.ms", &mut config.linger);
    keys.millis("linger.idle.ms", &mut config.linger_idle);
    keys.number("buffer.memory", &mut config.buffer_memory);
    keys.number("max.request.size", &mut config.max_request_size);
    keys.millis("max.block.ms", &mut config.max_block);
    keys.millis("delivery.timeout.ms", &mut config.delivery_timeout);
    keys.number("max.in.flight.requests.per.connection", &mut config.max_in_flight);
    keys.millis("transaction.timeout.ms", &mut config.transaction_timeout);
    config.transactional_id = keys.text("transactional.id").map(str::to_owned);
    if let Some(name) = keys.text("compression.type") {
        match Compression::from_name(name) {
            Some(compression) => config.compression = compression,
            None => keys.wrong("compression.type", name, "not one of none, gzip, snappy, lz4, zstd"),
        }
    }
    let level = format!("compression.{}.level", config.compression);
    if keys.text(&level).is_some() {
        let mut value = 0;
        keys.number(&level, &mut value);
        config.compression_level = Some(value);
    }
    for (key, needed) in [("acks", &["all", "-1"][..]), ("enable.idempotence", &["true"])] {
        if let Some(value) = keys.text(key).filter(|value| !needed.contains(value)) {
            keys.wrong(key, value, format_args!("must be {}; take it out", needed[0]));
        }
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_replace_defaults() {
        let properties: Properties = [
            ("bootstrap.servers", "a:1, b:2"),
            ("retry.backoff.ms", "7"),
            ("isolation.level", "read_committed"),
            ("max.poll.records", "9"),
            ("check.crcs", "false"),
        ]
        .into_iter()
        .collect();
        let mut keys = Keys::new(&properties, "consumer configuration");
        let client = client_config("c:3", &mut keys);
        let consumer = consumer_config(&mut keys);
        keys.finish().unwrap();
        assert_eq!(client.bootstrap_servers, ["a:1", "b:2"]);
        assert_eq!(client.retry_backoff, Duration::from_millis(7));
        assert_eq!((consumer.read_committed, consumer.max_poll_records, consumer.check_crcs), (true, 9, false));
    }

    #[test]
    fn everything_wrong_is_named_at_once() {
        let properties: Properties =
            [("retry.backoff.ms", "soon"), ("isolation.level", "none"), ("check.crcs", "maybe")].into_iter().collect();
        let mut keys = Keys::new(&properties, "consumer configuration");
        client_config("c:3", &mut keys);
        consumer_config(&mut keys);
        let error = keys.finish().unwrap_err();
        assert_eq!(error.kind, BrokerErrorKind::InvalidConfig);
        for part in ["retry.backoff.ms=soon", "isolation.level=none", "check.crcs=maybe"] {
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
