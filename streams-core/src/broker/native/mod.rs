//! Real Kafka through [`kafka_client`]: record batches stay the bytes that the broker sent, and are built where they are sent from.
//!
//! | file | is |
//! |---|---|
//! | `consumer`, `producer`, `admin` | the broker traits, each a thin layer over the client's type of that name |
//! | `config`, `errors` | Kafka's keys and error codes in the client's terms |
//!
//! One thread, the [`Reactor`], owns the sockets of all clients of a broker; group membership has one of its own, so that no amount of
//! data delays a heartbeat.

mod admin;
mod config;
mod consumer;
mod errors;
mod producer;

pub use admin::NativeAdmin;
pub use consumer::NativeConsumer;
pub use producer::NativeProducer;

use super::{Broker, BrokerError, BrokerErrorKind, Properties};
use config::{Keys, client_config, consumer_config, producer_config};
use errors::from_client;
use kafka_client::group::GroupCoordinator;
use kafka_client::{GroupClient, Reactor};
use std::io;
use std::sync::Arc;

/// A Kafka cluster, reached through the native client.
///
/// A client's own `bootstrap.servers`, where its properties have it, wins over those given here.
#[derive(Debug, Clone)]
pub struct Native {
    bootstrap_servers: Arc<str>,
    reactor: Reactor,
}

impl Native {
    /// The cluster behind these brokers: `host:port`, separated by commas. Connects to none of them yet.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn new(bootstrap_servers: impl Into<Arc<str>>) -> io::Result<Self> {
        Ok(Self { bootstrap_servers: bootstrap_servers.into(), reactor: Reactor::start("kafka-data")? })
    }
}

impl Broker for Native {
    type Consumer = NativeConsumer;
    type Producer = NativeProducer;
    type Admin = NativeAdmin;

    fn consumer(&self, properties: &Properties) -> Result<NativeConsumer, BrokerError> {
        let mut keys = Keys::new(properties, "consumer configuration");
        let client = client_config(&self.bootstrap_servers, &mut keys);
        let config = consumer_config(&mut keys);
        keys.finish()?;
        NativeConsumer::start(&self.reactor, client, config)
    }

    fn producer(&self, properties: &Properties) -> Result<NativeProducer, BrokerError> {
        let mut keys = Keys::new(properties, "producer configuration");
        let client = client_config(&self.bootstrap_servers, &mut keys);
        let config = producer_config(&mut keys);
        keys.finish()?;
        NativeProducer::start(&self.reactor, client, config)
    }

    fn admin(&self, properties: &Properties) -> Result<NativeAdmin, BrokerError> {
        let mut keys = Keys::new(properties, "admin configuration");
        let client = client_config(&self.bootstrap_servers, &mut keys);
        keys.finish()?;
        let client = kafka_client::admin::Admin::start(&self.reactor, client)
            .map_err(|error| from_client(&error, "admin configuration"))?;
        Ok(NativeAdmin { client })
    }

    fn group_coordinator(&self, properties: &Properties) -> Result<Arc<dyn GroupCoordinator>, BrokerError> {
        group_coordinator(&self.bootstrap_servers, properties)
    }
}

/// The coordinator of groups, which is the same whichever client data go through. What has no effect is told where the consumer is made, by
/// whom it has none for.
pub(super) fn group_coordinator(
    bootstrap_servers: &str,
    properties: &Properties,
) -> Result<Arc<dyn GroupCoordinator>, BrokerError> {
    let mut keys = Keys::new(properties, "group membership");
    let client = client_config(bootstrap_servers, &mut keys);
    keys.check()?;
    let client = GroupClient::connect(client)
        .map_err(|error| BrokerError::new(BrokerErrorKind::InvalidConfig, "group membership", error))?;
    Ok(Arc::new(client))
}
