use super::TopologyOptimization;

/// A configuration key with its default and the values that it takes.
#[derive(Debug, Clone, Copy)]
pub struct ConfigKey {
    /// Kafka's name.
    pub name: &'static str,
    /// The value in force where none is set; `None`: required, or nothing.
    pub default: Option<&'static str>,
    pub(super) kind: Kind,
}

/// The values that a key takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// Text that is not empty.
    Required,
    /// A whole number, at least this.
    Number(i64),
    /// One of these.
    OneOf(&'static [&'static str]),
    /// `none`, `all`, or a list of optimizations of topologies.
    Optimization,
    /// A key of Kafka Streams that is not supported yet: only its default is taken.
    NotYet,
    /// A key that means something on the JVM only: any value, with a warning.
    JvmOnly,
}

const fn key(name: &'static str, default: &'static str, kind: Kind) -> ConfigKey {
    ConfigKey { name, default: Some(default), kind }
}

const fn without_default(name: &'static str, kind: Kind) -> ConfigKey {
    ConfigKey { name, default: None, kind }
}

/// The shipped exception handlers, by Kafka's names.
const LOG_AND_FAIL: &str = "LogAndFailExceptionHandler";

/// Kafka Streams' keys and ours (`client.implementation`, `rocksdb.block.cache.bytes`, `rocksdb.write.buffer.bytes`), in alphabetical order. Keys of the clients are not among
/// them.
pub const KEYS: &[ConfigKey] = &[
    key("__emit.interval.ms.kstreams.windowed.aggregation__", "1000", Kind::Number(0)),
    key("acceptable.recovery.lag", "10000", Kind::NotYet),
    key("allow.os.group.write.access", "false", Kind::NotYet),
    without_default("application.id", Kind::Required),
    key("application.server", "", Kind::NotYet),
    without_default("bootstrap.servers", Kind::Required),
    key("buffered.records.per.partition", "1000", Kind::Number(1)),
    without_default("built.in.metrics.version", Kind::JvmOnly),
    key("client.id", "", Kind::Text),
    key("client.implementation", "native", Kind::OneOf(&["native", "librdkafka"])),
    key("commit.interval.ms", "30000", Kind::Number(0)),
    without_default("config.providers", Kind::JvmOnly),
    key("connections.max.idle.ms", "540000", Kind::Number(0)),
    without_default("default.client.supplier", Kind::JvmOnly),
    key("default.dsl.store", "rocksDB", Kind::NotYet),
    without_default("default.key.serde", Kind::JvmOnly),
    key("default.timestamp.extractor", "FailOnInvalidTimestamp", Kind::NotYet),
    without_default("default.value.serde", Kind::JvmOnly),
    key(
        "deserialization.exception.handler",
        LOG_AND_FAIL,
        Kind::OneOf(&[LOG_AND_FAIL, "LogAndContinueExceptionHandler"]),
    ),
    without_default("dsl.store.suppliers.class", Kind::JvmOnly),
    without_default("enable.metrics.push", Kind::JvmOnly),
    key("ensure.explicit.internal.resource.naming", "false", Kind::OneOf(&["true", "false"])),
    key("errors.dead.letter.queue.topic.name", "", Kind::NotYet),
    key("group.protocol", "classic", Kind::NotYet),
    key("input.buffer.max.bytes", "67108864", Kind::Number(1)),
    key("log.summary.interval.ms", "120000", Kind::Number(0)),
    key("max.task.idle.ms", "0", Kind::Number(-1)),
    key("max.warmup.replicas", "2", Kind::NotYet),
    key("metadata.max.age.ms", "300000", Kind::Number(100)),
    without_default("metric.reporters", Kind::JvmOnly),
    without_default("metrics.num.samples", Kind::JvmOnly),
    without_default("metrics.recording.level", Kind::JvmOnly),
    without_default("metrics.sample.window.ms", Kind::JvmOnly),
    key("num.standby.replicas", "0", Kind::NotYet),
    key("num.stream.threads", "1", Kind::Number(1)),
    key("poll.ms", "100", Kind::Number(1)),
    key("probing.rebalance.interval.ms", "600000", Kind::NotYet),
    key(
        "processing.exception.handler",
        "LogAndFailProcessingExceptionHandler",
        Kind::OneOf(&["LogAndFailProcessingExceptionHandler", "LogAndContinueProcessingExceptionHandler"]),
    ),
    key("processing.exception.handler.global.enabled", "false", Kind::OneOf(&["true", "false"])),
    key("processing.guarantee", "at_least_once", Kind::NotYet),
    without_default("processor.wrapper.class", Kind::JvmOnly),
    key(
        "production.exception.handler",
        "DefaultProductionExceptionHandler",
        Kind::OneOf(&["DefaultProductionExceptionHandler", "LogAndContinueProductionExceptionHandler"]),
    ),
    key("receive.buffer.bytes", "32768", Kind::Number(-1)),
    key("reconnect.backoff.max.ms", "1000", Kind::Number(0)),
    key("reconnect.backoff.ms", "50", Kind::Number(0)),
    key("repartition.purge.interval.ms", "30000", Kind::Number(0)),
    key("replication.factor", "-1", Kind::Number(-1)),
    key("request.timeout.ms", "40000", Kind::Number(1)),
    key("retry.backoff.ms", "100", Kind::Number(0)),
    key("rocksdb.block.cache.bytes", "67108864", Kind::Number(0)),
    without_default("rocksdb.config.setter", Kind::JvmOnly),
    key("rocksdb.write.buffer.bytes", "67108864", Kind::Number(1 << 20)),
    key("security.protocol", "PLAINTEXT", Kind::OneOf(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"])),
    key("send.buffer.bytes", "131072", Kind::Number(-1)),
    key("state.cleanup.delay.ms", "600000", Kind::Number(0)),
    key("state.dir", "", Kind::Text),
    key("statestore.cache.max.bytes", "10485760", Kind::Number(0)),
    key("statestore.uncommitted.max.bytes", "67108864", Kind::Number(-1)),
    without_default("task.assignor.class", Kind::JvmOnly),
    key("task.timeout.ms", "300000", Kind::Number(0)),
    key("topology.optimization", "none", Kind::Optimization),
    without_default("upgrade.from", Kind::JvmOnly),
    key("windowstore.changelog.additional.retention.ms", "86400000", Kind::Number(0)),
];

/// Former names of keys, and their present ones.
pub(super) const RENAMED: &[(&str, &str)] = &[
    ("cache.max.bytes.buffering", "statestore.cache.max.bytes"),
    ("default.deserialization.exception.handler", "deserialization.exception.handler"),
    ("default.production.exception.handler", "production.exception.handler"),
];

/// The key of this name.
pub(super) fn find(name: &str) -> Option<&'static ConfigKey> {
    KEYS.binary_search_by(|key| key.name.cmp(name)).ok().map(|index| &KEYS[index])
}

impl ConfigKey {
    /// Says what is wrong with `value`, if anything.
    pub(super) fn fault(&self, value: &str) -> Option<String> {
        let name = self.name;
        match self.kind {
            Kind::Text | Kind::JvmOnly => None,
            Kind::Required => value.trim().is_empty().then(|| format!("{name} must not be empty")),
            Kind::Number(least) => match value.trim().parse::<i64>() {
                Err(_) => Some(format!("{name}={value} is not a whole number")),
                Ok(number) if number < least => Some(format!("{name}={value} is below {least}")),
                Ok(_) => None,
            },
            Kind::OneOf(values) => {
                let simple = value.rsplit('.').next().unwrap_or(value);
                (!values.contains(&simple)).then(|| format!("{name}={value} is not one of {}", values.join(", ")))
            }
            Kind::Optimization => TopologyOptimization::parse(value).err(),
            Kind::NotYet => {
                let default = self.default.unwrap_or_default();
                (value != default).then(|| format!("{name}={value} is not supported yet; only \"{default}\" is"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_their_defaults_are_valid() {
        assert!(KEYS.is_sorted_by(|a, b| a.name < b.name));
        for key in KEYS {
            assert_eq!(key.default.and_then(|default| key.fault(default)), None, "{}", key.name);
        }
    }
}
