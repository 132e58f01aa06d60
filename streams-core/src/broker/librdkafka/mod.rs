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

use super::{Broker, BrokerError, Properties};
use config::{Role, client_config};
use kafka_client::group::GroupCoordinator;
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
        super::native::group_coordinator(&self.bootstrap_servers, properties)
    }
}
