use std::time::Duration;

use crate::{ClientError, Security};

/// How a client reaches a cluster. Named after Kafka's own settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientConfig {
    /// Brokers to ask first, each as `host:port` or `[ipv6]:port`; at least one.
    pub bootstrap_servers: Vec<String>,
    /// Name in the broker's log, quotas and generated member ids; at most 32767 bytes.
    pub client_id: String,
    /// Encryption and authentication. None.
    pub security: Security,
    /// How long a request may take, repetitions included. 30 s. Joining and synchronizing may take the group's rebalance
    /// timeout longer.
    pub request_timeout: Duration,
    /// How long connecting to one broker may take, including encryption, authentication and agreeing on versions. 10 s.
    pub socket_connection_setup_timeout: Duration,
    /// Wait after a first failure to connect; doubles with each further failure. 50 ms. Every wait is varied by up to a fifth.
    pub reconnect_backoff: Duration,
    /// Longest wait between attempts to connect. 1 s.
    pub reconnect_backoff_max: Duration,
    /// Wait before a request is repeated that the coordinator was not ready for; doubles each time. 100 ms.
    pub retry_backoff: Duration,
    /// Longest wait before a request is repeated. 1 s.
    pub retry_backoff_max: Duration,
    /// A connection unused for longer is replaced before its next use, since something between may have forgotten it. 9 min.
    pub connections_max_idle: Duration,
    /// Age from which what is known of topics and their leaders is asked for again. 5 min. A wrong leader is noticed at once, whatever the age.
    pub metadata_max_age: Duration,
    /// A topic not used for longer is no longer asked about. 5 min.
    pub metadata_max_idle: Duration,
    /// How long a topic that the cluster does not show may still be on its way. 5 s.
    pub topic_metadata_propagation_max: Duration,
    /// Largest frame received or sent, in bytes. 100 MiB.
    pub max_frame_bytes: usize,
    /// Requests waiting for an answer at most; more are refused with [`GroupError::Overloaded`](crate::GroupError::Overloaded). 1024.
    pub max_pending_requests: usize,
}

impl ClientConfig {
    /// The defaults, for these brokers and this client id.
    pub fn new(bootstrap_servers: impl IntoIterator<Item = impl Into<String>>, client_id: impl Into<String>) -> Self {
        Self {
            bootstrap_servers: bootstrap_servers.into_iter().map(Into::into).collect(),
            client_id: client_id.into(),
            security: Security::plaintext(),
            request_timeout: Duration::from_secs(30),
            socket_connection_setup_timeout: Duration::from_secs(10),
            reconnect_backoff: Duration::from_millis(50),
            reconnect_backoff_max: Duration::from_secs(1),
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
            connections_max_idle: Duration::from_secs(9 * 60),
            metadata_max_age: Duration::from_secs(5 * 60),
            metadata_max_idle: Duration::from_secs(5 * 60),
            topic_metadata_propagation_max: Duration::from_secs(5),
            max_frame_bytes: 100 * 1024 * 1024,
            max_pending_requests: 1024,
        }
    }

    /// The bootstrap servers as addresses, if the whole configuration is right; else everything that is wrong with it.
    pub(crate) fn validate(&self) -> Result<Vec<Address>, ClientError> {
        let mut problems = Vec::new();
        let mut addresses = Vec::new();
        for server in &self.bootstrap_servers {
            match Address::parse(server) {
                Some(address) => addresses.push(address),
                None => problems.push(format!("bootstrap.servers: {server:?} is not host:port")),
            }
        }
        if self.bootstrap_servers.is_empty() {
            problems.push("bootstrap.servers: none given".to_owned());
        }
        if self.client_id.len() > i16::MAX as usize {
            problems.push("client.id: longer than 32767 bytes".to_owned());
        }
        let durations = [
            ("request.timeout.ms", self.request_timeout),
            ("socket.connection.setup.timeout.ms", self.socket_connection_setup_timeout),
            ("reconnect.backoff.ms", self.reconnect_backoff),
            ("reconnect.backoff.max.ms", self.reconnect_backoff_max),
            ("retry.backoff.ms", self.retry_backoff),
            ("retry.backoff.max.ms", self.retry_backoff_max),
            ("connections.max.idle.ms", self.connections_max_idle),
            ("metadata.max.age.ms", self.metadata_max_age),
            ("metadata.max.idle.ms", self.metadata_max_idle),
            ("topic.metadata.propagation.max.ms", self.topic_metadata_propagation_max),
        ];
        for (name, value) in durations {
            if value.is_zero() || value > LONGEST {
                problems.push(format!("{name}: {value:?} is not between 1 ns and 24 days"));
            }
        }
        if self.max_frame_bytes < 1024 || self.max_frame_bytes > i32::MAX as usize {
            problems.push(format!("max frame bytes: {} is not between 1024 and {}", self.max_frame_bytes, i32::MAX));
        }
        if self.max_pending_requests == 0 || self.max_pending_requests > MOST_PENDING {
            let given = self.max_pending_requests;
            problems.push(format!("max pending requests: {given} is not between 1 and {MOST_PENDING}"));
        }
        if problems.is_empty() { Ok(addresses) } else { Err(ClientError::InvalidConfig(problems.join("; "))) }
    }
}

/// Kafka counts times as 32-bit milliseconds.
const LONGEST: Duration = Duration::from_secs(24 * 24 * 60 * 60);
const MOST_PENDING: usize = 1 << 20;

/// Where a broker listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Address {
    fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.trim().rsplit_once(':')?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        // Without brackets the last group of an IPv6 address would pass for a port.
        if host.is_empty() || (bare.is_none() && host.contains(':')) {
            return None;
        }
        let port = port.parse().ok().filter(|port| *port != 0)?;
        Some(Self { host: host.to_owned(), port })
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_be_names_or_ipv6() {
        let parsed = |text| Address::parse(text).map(|address| address.to_string());
        assert_eq!(parsed("kafka.example:9092").as_deref(), Some("kafka.example:9092"));
        assert_eq!(parsed(" [::1]:9092").as_deref(), Some("[::1]:9092"));
        for bad in ["", "host", "host:", ":9092", "host:0", "host:65536", "::1:9092", "host:x"] {
            assert_eq!(Address::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let mut config = ClientConfig::new(["a", "b:1"], "x");
        config.request_timeout = Duration::ZERO;
        config.max_pending_requests = 0;
        let error = config.validate().unwrap_err().to_string();
        for part in ["\"a\"", "request.timeout.ms", "max pending requests"] {
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(ClientConfig::new(["b:1"], "x").validate().unwrap().len(), 1);
        assert!(ClientConfig::new(Vec::<String>::new(), "x").validate().is_err());
    }
}
