use super::compaction::CompactionRule;
use crate::broker::{BrokerError, BrokerErrorKind};
use std::collections::BTreeMap;

/// What a value of a configuration key may be.
#[derive(Clone, Copy)]
enum Kind {
    Long,
    Bool,
    Ratio,
    OneOf(&'static [&'static str]),
    Policies,
    Text,
}

/// Every topic configuration of Kafka's with its default. Those that a broker in memory has no use for are kept and shown only.
const KEYS: &[(&str, &str, Kind)] = &[
    ("cleanup.policy", "delete", Kind::Policies),
    ("compression.gzip.level", "-1", Kind::Long),
    ("compression.lz4.level", "9", Kind::Long),
    ("compression.type", "producer", Kind::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"])),
    ("compression.zstd.level", "3", Kind::Long),
    ("delete.retention.ms", "86400000", Kind::Long),
    ("file.delete.delay.ms", "60000", Kind::Long),
    ("flush.messages", "9223372036854775807", Kind::Long),
    ("flush.ms", "9223372036854775807", Kind::Long),
    ("follower.replication.throttled.replicas", "", Kind::Text),
    ("index.interval.bytes", "4096", Kind::Long),
    ("leader.replication.throttled.replicas", "", Kind::Text),
    ("local.retention.bytes", "-2", Kind::Long),
    ("local.retention.ms", "-2", Kind::Long),
    ("max.compaction.lag.ms", "9223372036854775807", Kind::Long),
    ("max.message.bytes", "1048588", Kind::Long),
    ("message.timestamp.after.max.ms", "3600000", Kind::Long),
    ("message.timestamp.before.max.ms", "9223372036854775807", Kind::Long),
    ("message.timestamp.type", "CreateTime", Kind::OneOf(&["CreateTime", "LogAppendTime"])),
    ("min.cleanable.dirty.ratio", "0.5", Kind::Ratio),
    ("min.compaction.lag.ms", "0", Kind::Long),
    ("min.insync.replicas", "1", Kind::Long),
    ("preallocate", "false", Kind::Bool),
    ("remote.storage.enable", "false", Kind::Bool),
    ("retention.bytes", "-1", Kind::Long),
    ("retention.ms", "604800000", Kind::Long),
    ("segment.bytes", "1073741824", Kind::Long),
    ("segment.index.bytes", "10485760", Kind::Long),
    ("segment.jitter.ms", "0", Kind::Long),
    ("segment.ms", "604800000", Kind::Long),
    ("unclean.leader.election.enable", "false", Kind::Bool),
];

/// The configuration of a topic, as far as this broker acts on it. Fixed when the topic is made.
#[derive(Debug)]
pub(super) struct TopicConfig {
    /// All keys with the values in force.
    pub(super) values: BTreeMap<String, String>,
    /// Whether `cleanup.policy` has `compact`.
    pub(super) compact: bool,
    /// Whether `cleanup.policy` has `delete`.
    pub(super) delete: bool,
    /// Whether the broker's time replaces that of the records.
    pub(super) log_append_time: bool,
    /// The largest record, its overhead included.
    pub(super) max_message_bytes: usize,
    /// When compaction may touch what.
    pub(super) compaction: CompactionRule,
}

impl TopicConfig {
    /// The defaults with `given` over them.
    ///
    /// # Errors
    /// InvalidConfig names each key or value that Kafka does not know.
    pub(super) fn new(topic: &str, given: &BTreeMap<String, String>) -> Result<Self, BrokerError> {
        let mut values: BTreeMap<_, _> =
            KEYS.iter().map(|(key, default, _)| ((*key).to_owned(), (*default).to_owned())).collect();
        let faults: Vec<_> = given.iter().filter_map(|(key, value)| fault(key, value)).collect();
        if !faults.is_empty() {
            let context = format!("creating topic {topic}");
            return Err(BrokerError::new(BrokerErrorKind::InvalidConfig, context, faults.join("; ")));
        }
        values.extend(given.iter().map(|(key, value)| (key.clone(), value.clone())));
        let number = |key: &str| values[key].parse::<i64>().unwrap_or(0);
        let has_policy = |policy: &str| values["cleanup.policy"].split(',').any(|part| part.trim() == policy);
        Ok(Self {
            compact: has_policy("compact"),
            delete: has_policy("delete"),
            log_append_time: values["message.timestamp.type"] == "LogAppendTime",
            max_message_bytes: usize::try_from(number("max.message.bytes")).unwrap_or(0),
            compaction: CompactionRule {
                min_lag_ms: number("min.compaction.lag.ms"),
                delete_retention_ms: number("delete.retention.ms"),
            },
            values,
        })
    }
}

/// What is wrong with this pair, if anything is.
fn fault(key: &str, value: &str) -> Option<String> {
    let Some((_, _, kind)) = KEYS.iter().find(|(known, _, _)| *known == key) else {
        return Some(format!("unknown topic config name: {key}"));
    };
    let valid = match kind {
        Kind::Long => value.parse::<i64>().is_ok(),
        Kind::Bool => value == "true" || value == "false",
        Kind::Ratio => value.parse::<f64>().is_ok_and(|ratio| (0.0..=1.0).contains(&ratio)),
        Kind::OneOf(choices) => choices.contains(&value),
        Kind::Policies => value.split(',').all(|part| matches!(part.trim(), "compact" | "delete")),
        Kind::Text => true,
    };
    (!valid).then(|| format!("invalid value {value:?} for {key}"))
}
