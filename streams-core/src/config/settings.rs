use super::clients::{PREFIXES, is_client_key};
use super::keys::{self, KEYS, Kind, RENAMED};
use super::{ClientRole, StreamsConfig};
use crate::error::{
    DeserializationExceptionHandler, LogAndContinue, LogAndFail, ProcessingExceptionHandler,
    ProductionExceptionHandler, StreamsError,
};
use crate::task::TaskSettings;
use crate::topology::AutoOffsetReset;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A checked configuration: every value in force, in its own type.
#[derive(Clone)]
pub struct Settings {
    /// `application.id`.
    pub application_id: String,
    /// `client.id`; empty: made from the application id and the process id.
    pub client_id: String,
    /// `num.stream.threads`.
    pub stream_threads: usize,
    /// `commit.interval.ms`.
    pub commit_interval: Duration,
    /// `poll.ms`: how long a thread waits for records at a time.
    pub poll: Duration,
    /// `request.timeout.ms`.
    pub request_timeout: Duration,
    /// `task.timeout.ms`: how long a task retries before it fails.
    pub task_timeout: Duration,
    /// `metadata.max.age.ms`: how often topics are looked at anew.
    pub metadata_max_age: Duration,
    /// `repartition.purge.interval.ms`.
    pub repartition_purge_interval: Duration,
    /// `replication.factor` of internal topics; -1: the broker's default.
    pub replication_factor: i16,
    /// Configuration of internal topics (`topic.`).
    pub topic_config: BTreeMap<String, String>,
    /// `windowstore.changelog.additional.retention.ms`.
    pub windowstore_additional_retention_ms: i64,
    /// `state.dir`.
    pub state_dir: PathBuf,
    /// `state.cleanup.delay.ms`.
    pub state_cleanup_delay: Duration,
    /// `statestore.cache.max.bytes`, for the whole instance.
    pub cache_max_bytes: usize,
    /// `statestore.uncommitted.max.bytes`, for the whole instance; `None`: no limit.
    pub uncommitted_max_bytes: Option<usize>,
    /// `input.buffer.max.bytes`: how much input waits in memory, of all partitions of the instance together.
    pub input_buffer_max_bytes: usize,
    /// `rocksdb.block.cache.bytes`, shared by all stores of the instance.
    pub block_cache_bytes: usize,
    /// `rocksdb.write.buffer.bytes`, shared by all stores of the instance.
    pub write_buffer_bytes: usize,
    /// `log.summary.interval.ms`; `None`: no summary.
    pub log_summary_interval: Option<Duration>,
    /// Where to start without committed offset (`auto.offset.reset` of the main consumer).
    pub auto_offset_reset: AutoOffsetReset,
    /// Group membership.
    pub group: GroupSettings,
    /// What tasks need to know.
    pub task: TaskSettings,
    /// Asked about records that the cluster does not take.
    pub production_handler: Arc<dyn ProductionExceptionHandler>,
}

/// What the configuration says about group membership.
#[derive(Debug, Clone)]
pub struct GroupSettings {
    /// `group.instance.id`: makes the instance a static member.
    pub instance_id: Option<String>,
    /// `session.timeout.ms`: after how long without heartbeat the group goes on without this instance. Default 6 s (Kafka: 45 s),
    /// since heartbeats do not wait for processing here.
    pub session_timeout: Duration,
    /// `heartbeat.interval.ms`. Default 500 ms (Kafka: 3 s); a rebalance is noticed that fast.
    pub heartbeat_interval: Duration,
    /// `max.poll.interval.ms`: how long a rebalance waits for an instance. Default 60 s (Kafka: 5 min), since joining does not wait
    /// for processing here.
    pub rebalance_timeout: Duration,
}

/// Values read one by one; faults are collected.
struct Reader<'a> {
    values: BTreeMap<&'a str, &'a str>,
    faults: Vec<String>,
}

impl Reader<'_> {
    fn text(&self, key: &str) -> &str {
        let default = || keys::find(key).and_then(|key| key.default).unwrap_or_default();
        self.values.get(key).copied().unwrap_or_else(default)
    }

    /// Faulty numbers are in `faults` already; zero stands in for them.
    fn number(&self, key: &str) -> i64 {
        self.text(key).trim().parse().unwrap_or(0)
    }

    fn millis(&self, key: &str) -> Duration {
        Duration::from_millis(self.number(key).max(0) as u64)
    }

    fn bytes(&self, key: &str) -> usize {
        self.number(key).max(0) as usize
    }

    fn continues(&self, key: &str) -> bool {
        self.text(key).rsplit('.').next().is_some_and(|name| name.starts_with("LogAndContinue"))
    }

    fn group_millis(&mut self, group: &crate::broker::Properties, key: &str, default: u64) -> Duration {
        let Some(value) = group.get(key) else { return Duration::from_millis(default) };
        match value.trim().parse::<u64>() {
            Ok(millis) if millis > 0 => Duration::from_millis(millis),
            _ => {
                self.faults.push(format!("{key}={value} is not a positive number of milliseconds"));
                Duration::from_millis(default)
            }
        }
    }
}

impl Settings {
    pub(super) fn parse(config: &StreamsConfig) -> Result<Self, StreamsError> {
        let mut reader = read(config);
        let group = group_settings(config, &mut reader);
        let auto_offset_reset = auto_offset_reset(config, &mut reader);
        let replication_factor = i16::try_from(reader.number("replication.factor")).unwrap_or_else(|_| {
            reader.faults.push(format!("replication.factor={} is too large", reader.text("replication.factor")));
            -1
        });
        if !reader.faults.is_empty() {
            return Err(StreamsError::Config(reader.faults));
        }
        let uncommitted = reader.number("statestore.uncommitted.max.bytes");
        let summary = reader.millis("log.summary.interval.ms");
        Ok(Self {
            application_id: reader.text("application.id").to_owned(),
            client_id: reader.text("client.id").to_owned(),
            stream_threads: reader.bytes("num.stream.threads"),
            commit_interval: reader.millis("commit.interval.ms"),
            poll: reader.millis("poll.ms"),
            request_timeout: reader.millis("request.timeout.ms"),
            task_timeout: reader.millis("task.timeout.ms"),
            metadata_max_age: reader.millis("metadata.max.age.ms"),
            repartition_purge_interval: reader.millis("repartition.purge.interval.ms"),
            replication_factor,
            topic_config: with_prefix(config, "topic."),
            windowstore_additional_retention_ms: reader.number("windowstore.changelog.additional.retention.ms"),
            state_dir: state_dir(reader.text("state.dir")),
            state_cleanup_delay: reader.millis("state.cleanup.delay.ms"),
            cache_max_bytes: reader.bytes("statestore.cache.max.bytes"),
            uncommitted_max_bytes: usize::try_from(uncommitted).ok(),
            input_buffer_max_bytes: reader.bytes("input.buffer.max.bytes"),
            block_cache_bytes: reader.bytes("rocksdb.block.cache.bytes"),
            write_buffer_bytes: reader.bytes("rocksdb.write.buffer.bytes"),
            log_summary_interval: (!summary.is_zero()).then_some(summary),
            auto_offset_reset,
            group,
            task: task_settings(config, &reader),
            production_handler: production_handler(config, &reader),
        })
    }
}

/// Takes the values of Kafka Streams' own keys, by their present names, and checks each.
fn read(config: &StreamsConfig) -> Reader<'_> {
    let mut reader = Reader { values: BTreeMap::new(), faults: Vec::new() };
    for (name, value) in config.iter() {
        let present = RENAMED.iter().find(|(former, _)| *former == name).map_or(name, |(_, present)| present);
        match keys::find(present) {
            Some(key) => {
                reader.faults.extend(key.fault(value));
                if matches!(key.kind, Kind::JvmOnly) {
                    tracing::warn!("{name} has no meaning in this library and is not used");
                }
                reader.values.insert(key.name, value);
            }
            None if is_client_key(name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix)) => {}
            None => tracing::warn!("configuration key {name} is not known and not used"),
        }
    }
    for key in KEYS.iter().filter(|key| matches!(key.kind, Kind::Required)) {
        if !reader.values.contains_key(key.name) {
            reader.faults.push(format!("{} is required", key.name));
        }
    }
    let id = reader.values.get("application.id").copied().unwrap_or_default();
    if !id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')) {
        reader.faults.push(format!("application.id={id} has characters other than letters, digits, '.', '_' and '-'"));
    }
    reader
}

fn group_settings(config: &StreamsConfig, reader: &mut Reader<'_>) -> GroupSettings {
    let group = config.client_properties(ClientRole::Group);
    let settings = GroupSettings {
        instance_id: group.get("group.instance.id").map(str::to_owned),
        session_timeout: reader.group_millis(&group, "session.timeout.ms", 6_000),
        heartbeat_interval: reader.group_millis(&group, "heartbeat.interval.ms", 500),
        rebalance_timeout: reader.group_millis(&group, "max.poll.interval.ms", 60_000),
    };
    if settings.heartbeat_interval >= settings.session_timeout {
        reader.faults.push(format!(
            "heartbeat.interval.ms={} must be below session.timeout.ms={}",
            settings.heartbeat_interval.as_millis(),
            settings.session_timeout.as_millis()
        ));
    }
    settings
}

fn auto_offset_reset(config: &StreamsConfig, reader: &mut Reader<'_>) -> AutoOffsetReset {
    match config.client_properties(ClientRole::Group).get("auto.offset.reset") {
        None | Some("earliest") => AutoOffsetReset::Earliest,
        Some("latest") => AutoOffsetReset::Latest,
        Some("none") => AutoOffsetReset::None,
        Some(other) => {
            reader.faults.push(format!("auto.offset.reset={other} is not one of earliest, latest, none"));
            AutoOffsetReset::Earliest
        }
    }
}

fn task_settings(config: &StreamsConfig, reader: &Reader<'_>) -> TaskSettings {
    let by_name = |key: &str| reader.continues(key);
    let deserialization: Arc<dyn DeserializationExceptionHandler> = match &config.handlers.deserialization {
        Some(handler) => Arc::clone(handler),
        None if by_name("deserialization.exception.handler") => Arc::new(LogAndContinue),
        None => Arc::new(LogAndFail),
    };
    let processing: Arc<dyn ProcessingExceptionHandler> = match &config.handlers.processing {
        Some(handler) => Arc::clone(handler),
        None if by_name("processing.exception.handler") => Arc::new(LogAndContinue),
        None => Arc::new(LogAndFail),
    };
    let idle = reader.number("max.task.idle.ms");
    TaskSettings {
        max_task_idle: u64::try_from(idle).ok().map(Duration::from_millis),
        buffered_records_per_partition: reader.bytes("buffered.records.per.partition"),
        emit_interval: reader.millis("__emit.interval.ms.kstreams.windowed.aggregation__"),
        deserialization_handler: deserialization,
        processing_handler: processing,
        global_processing_handler: reader.text("processing.exception.handler.global.enabled") == "true",
        ..TaskSettings::new(reader.text("application.id"))
    }
}

fn production_handler(config: &StreamsConfig, reader: &Reader<'_>) -> Arc<dyn ProductionExceptionHandler> {
    match &config.handlers.production {
        Some(handler) => Arc::clone(handler),
        None if reader.continues("production.exception.handler") => Arc::new(LogAndContinue),
        None => Arc::new(LogAndFail),
    }
}

fn with_prefix(config: &StreamsConfig, prefix: &str) -> BTreeMap<String, String> {
    let strip = |(key, value): (&str, &str)| Some((key.strip_prefix(prefix)?.to_owned(), value.to_owned()));
    config.iter().filter_map(strip).collect()
}

fn state_dir(text: &str) -> PathBuf {
    if text.is_empty() { std::env::temp_dir().join("kafka-streams") } else { text.into() }
}
