//! Real Kafka through rdkafka.
//!
//! Data go through librdkafka; group membership and the offsets committed as a member go through
//! [`kafka_client`], since librdkafka can do neither for an assignor of our own.
//!
//! | file | is |
//! |---|---|
//! | `consumer`, `assigned`, `lookup` | reading: one queue, a state per partition |
//! | `producer`, `deliveries` | writing, and what became of it |
//! | `admin`, `wait` | topics and offsets; waiting for rdkafka's futures |
//! | `config`, `errors` | Kafka's keys and error codes in librdkafka's terms |
//! | `ffi` | what rdkafka does not offer: the crate's only unsafe code |
//!
//! # Limits
//! - PLAINTEXT only: librdkafka is built without TLS and SASL, which the native client has.
//! - librdkafka takes the timestamp 0 for "now": such records are written with timestamp 1.
//! - Names of headers are UTF-8; others read as empty.

mod admin;
mod assigned;
mod config;
mod consumer;
mod deliveries;
mod errors;
mod ffi;
mod lookup;
mod producer;
mod wait;

pub use admin::LibrdkafkaAdmin;
pub use consumer::LibrdkafkaConsumer;
pub use producer::LibrdkafkaProducer;

use super::{Broker, BrokerError, BrokerErrorKind, Properties};
use config::{Role, client_config, own_millis};
use kafka_client::group::GroupCoordinator;
use kafka_client::{ClientConfig, GroupClient};
use std::sync::Arc;

/// A Kafka cluster, reached through librdkafka.
///
/// A client's own `bootstrap.servers`, where its properties have it, wins over those given here.
#[derive(Debug, Clone)]
pub struct Librdkafka {
    bootstrap_servers: Arc<str>,
}

impl Librdkafka {
    /// The cluster behind these brokers: `host:port`, separated by commas. Connects to none of them yet.
    pub fn new(bootstrap_servers: impl Into<Arc<str>>) -> Self {
        Self { bootstrap_servers: bootstrap_servers.into() }
    }
}

impl Broker for Librdkafka {
    type Consumer = LibrdkafkaConsumer;
    type Producer = LibrdkafkaProducer;
    type Admin = LibrdkafkaAdmin;

    fn consumer(&self, properties: &Properties) -> Result<LibrdkafkaConsumer, BrokerError> {
        LibrdkafkaConsumer::new(&self.bootstrap_servers, properties)
    }

    fn producer(&self, properties: &Properties) -> Result<LibrdkafkaProducer, BrokerError> {
        LibrdkafkaProducer::new(&self.bootstrap_servers, properties)
    }

    fn admin(&self, properties: &Properties) -> Result<LibrdkafkaAdmin, BrokerError> {
        LibrdkafkaAdmin::new(&self.bootstrap_servers, properties)
    }

    fn group_coordinator(&self, properties: &Properties) -> Result<Arc<dyn GroupCoordinator>, BrokerError> {
        // The same keys as those of data connections, checked the same way.
        client_config(Role::Consumer, &self.bootstrap_servers, properties)?;
        let servers = properties.get("bootstrap.servers").unwrap_or(&self.bootstrap_servers);
        let client_id = properties.get("client.id").unwrap_or("kafka-streams");
        let mut config = ClientConfig::new(servers.split(',').map(str::trim), client_id);
        for (key, value) in [
            ("request.timeout.ms", &mut config.request_timeout),
            ("socket.connection.setup.timeout.ms", &mut config.socket_connection_setup_timeout),
            ("reconnect.backoff.ms", &mut config.reconnect_backoff),
            ("reconnect.backoff.max.ms", &mut config.reconnect_backoff_max),
            ("retry.backoff.ms", &mut config.retry_backoff),
            ("retry.backoff.max.ms", &mut config.retry_backoff_max),
            ("connections.max.idle.ms", &mut config.connections_max_idle),
        ] {
            *value = own_millis(Role::Consumer, properties, key, *value)?;
        }
        let client = GroupClient::connect(config)
            .map_err(|error| BrokerError::new(BrokerErrorKind::InvalidConfig, "group membership", error))?;
        Ok(Arc::new(client))
    }
}
