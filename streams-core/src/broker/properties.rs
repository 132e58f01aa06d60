use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// Configuration of one client, by Kafka's keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    values: BTreeMap<String, String>,
}

impl Properties {
    /// None set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key`, replacing an earlier value.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) -> &mut Self {
        self.values.insert(key.into(), value.into());
        self
    }

    /// Takes `key` out.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        self.values.remove(key)
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// All pairs, in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Properties {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self { values: pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect() }
    }
}

/// Keys that the runtime serves, or that a client here serves by itself.
pub(super) const OURS: &[&str] = &[
    "allow.auto.create.topics",
    "max.poll.records",
    "max.block.ms",
    "auto.offset.reset",
    "enable.auto.commit",
    "auto.commit.interval.ms",
    "group.instance.id",
    "group.protocol",
    "group.remote.assignor",
    "heartbeat.interval.ms",
    "session.timeout.ms",
    "max.poll.interval.ms",
    "rebalance.timeout.ms",
    "partition.assignment.strategy",
    "default.api.timeout.ms",
    "key.serializer",
    "value.serializer",
    "key.deserializer",
    "value.deserializer",
];

/// Keys of Kafka's Java clients without counterpart here.
pub(super) const JAVA_ONLY: &[&str] = &[
    "auto.include.jmx.reporter",
    "config.providers",
    "enable.metrics.push",
    "exclude.internal.topics",
    "interceptor.classes",
    "internal.leave.group.on.close",
    "metric.reporters",
    "metrics.num.samples",
    "metrics.recording.level",
    "metrics.sample.window.ms",
    "partitioner.adaptive.partitioning.enable",
    "partitioner.availability.timeout.ms",
    "partitioner.class",
    "partitioner.ignore.keys",
    "security.providers",
    "share.acknowledgement.mode",
    "metadata.max.idle.ms",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.zstd.level",
];

/// Says, once per process, that a setting does nothing.
pub(super) fn warn_unused(key: &str) {
    static WARNED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut warned = WARNED.lock().unwrap_or_else(PoisonError::into_inner);
    if !warned.contains(key) {
        warned.insert(key.to_owned());
        tracing::warn!(key, "this setting has no effect here and is passed over");
    }
}
