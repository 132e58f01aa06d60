use super::StreamsConfig;
use super::keys;
use crate::broker::Properties;

/// The part that a client plays; decides its prefixes, defaults and what cannot be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientRole {
    /// Reads the input of a stream thread.
    MainConsumer,
    /// Reads changelogs.
    RestoreConsumer,
    /// Reads the topics of global stores.
    GlobalConsumer,
    /// Writes the output of a stream thread.
    Producer,
    /// Topics and offsets.
    Admin,
    /// Membership and committed offsets.
    Group,
}

/// Keys of Kafka's consumers that may be given without prefix.
const CONSUMER_KEYS: &[&str] = &[
    "auto.offset.reset",
    "check.crcs",
    "client.rack",
    "fetch.max.bytes",
    "fetch.max.wait.ms",
    "fetch.min.bytes",
    "fetch.queue.backoff.ms",
    "group.instance.id",
    "heartbeat.interval.ms",
    "isolation.level",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "max.poll.records",
    "queued.max.messages.kbytes",
    "queued.min.messages",
    "session.timeout.ms",
];

/// Keys of Kafka's producers that may be given without prefix.
const PRODUCER_KEYS: &[&str] = &[
    "acks",
    "batch.size",
    "buffer.memory",
    "compression.type",
    "delivery.timeout.ms",
    "enable.idempotence",
    "linger.idle.ms",
    "linger.ms",
    "max.block.ms",
    "max.in.flight.requests.per.connection",
    "max.request.size",
    "retries",
    "transaction.timeout.ms",
];

/// Keys that all clients share.
const SHARED_KEYS: &[&str] = &[
    "bootstrap.servers",
    "client.id",
    "connections.max.idle.ms",
    "metadata.max.age.ms",
    "receive.buffer.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "request.timeout.ms",
    "retry.backoff.ms",
    "security.protocol",
    "send.buffer.bytes",
];

impl ClientRole {
    fn prefixes(self) -> &'static [&'static str] {
        match self {
            Self::MainConsumer | Self::Group => &["consumer.", "main.consumer."],
            Self::RestoreConsumer => &["consumer.", "restore.consumer."],
            Self::GlobalConsumer => &["consumer.", "global.consumer."],
            Self::Producer => &["producer."],
            Self::Admin => &["admin."],
        }
    }

    fn own_keys(self) -> &'static [&'static str] {
        match self {
            Self::MainConsumer | Self::RestoreConsumer | Self::GlobalConsumer | Self::Group => CONSUMER_KEYS,
            Self::Producer => PRODUCER_KEYS,
            Self::Admin => &[],
        }
    }

    fn defaults(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::MainConsumer => &[("max.poll.records", "1000")],
            // What is polled is sorted and written together, the cheaper the more it is.
            Self::RestoreConsumer | Self::GlobalConsumer => &[("max.poll.records", "10000")],
            Self::Producer => &[("linger.ms", "100")],
            Self::Admin | Self::Group => &[],
        }
    }

    /// What the library needs, whatever the user says. A reset policy is never the client's: the library looks offsets up itself.
    fn forced(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::MainConsumer | Self::RestoreConsumer | Self::GlobalConsumer => {
                &[("enable.auto.commit", "false"), ("allow.auto.create.topics", "false"), ("auto.offset.reset", "none")]
            }
            Self::Producer => &[("enable.idempotence", "true"), ("acks", "all")],
            Self::Admin | Self::Group => &[],
        }
    }
}

/// Whether `key`, without prefix, belongs to one of Kafka's clients.
pub(super) fn is_client_key(key: &str) -> bool {
    CONSUMER_KEYS.contains(&key)
        || PRODUCER_KEYS.contains(&key)
        || SHARED_KEYS.contains(&key)
        || key.starts_with("ssl.")
        || key.starts_with("sasl.")
}

/// The prefixes behind which any key of a client or topic may stand.
pub(super) const PREFIXES: &[&str] =
    &["consumer.", "main.consumer.", "restore.consumer.", "global.consumer.", "producer.", "admin.", "topic."];

impl StreamsConfig {
    /// The properties of a client in this role: defaults, then shared keys, keys without prefix, keys behind the role's
    /// prefixes (the more special one wins), then what cannot be changed.
    pub fn client_properties(&self, role: ClientRole) -> Properties {
        let mut properties: Properties = role.defaults().iter().copied().collect();
        for name in SHARED_KEYS {
            if let Some(default) = keys::find(name).and_then(|key| key.default).filter(|default| !default.is_empty()) {
                properties.set(*name, default);
            }
        }
        for (key, value) in self.iter() {
            let secret = key.starts_with("ssl.") || key.starts_with("sasl.");
            if secret || SHARED_KEYS.contains(&key) || role.own_keys().contains(&key) {
                properties.set(key, value);
            }
        }
        for prefix in role.prefixes() {
            for (key, value) in self.iter() {
                if let Some(key) = key.strip_prefix(prefix) {
                    properties.set(key, value);
                }
            }
        }
        for (key, value) in role.forced() {
            if let Some(set) = properties.get(key).filter(|set| set != value)
                && *key != "auto.offset.reset"
            {
                tracing::warn!("{key}={set} is not used for this client: the library needs {value}");
            }
            properties.set(*key, *value);
        }
        properties
    }
}
