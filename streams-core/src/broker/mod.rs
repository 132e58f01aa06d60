//! Access to Kafka through one narrow set of traits, a batch at a time.
//!
//! | implementation | is |
//! |---|---|
//! | [`native`] | real Kafka through our own client, on whole record batches; the default |
//! | [`librdkafka`] | real Kafka through rdkafka; the reference |
//! | [`embedded`] | a broker in process and in memory, for examples, tests and simulation |
//!
//! [`Kafka`] is either of the first two, as `client.implementation` says. The traits are used with static dispatch. Group membership and offsets go through
//! [`GroupCoordinator`], which each broker hands out.

mod admin;
mod consumer;
mod error;
mod kafka;
mod producer;
mod properties;
mod waker;

pub mod embedded;
pub mod librdkafka;
pub mod native;

pub use admin::{Admin, NewTopic, OffsetSpec, TopicDescription};
pub use consumer::{Consumer, Fetched};
pub use error::{BrokerError, BrokerErrorKind};
pub use kafka::{ClientImplementation, EitherClient, Kafka};
pub use producer::{Delivery, Producer, SendGate};
pub use properties::Properties;
pub use waker::Waker;

use kafka_client::group::GroupCoordinator;
use std::sync::Arc;

/// A way to reach a Kafka cluster. Cheap to clone; clones reach the same cluster.
///
/// Each client is made with [`Properties`]: Kafka's keys, with the overrides for its role applied already.
pub trait Broker: Clone + Send + Sync + 'static {
    /// Reads record batches.
    type Consumer: Consumer;
    /// Writes records, with or without transactions.
    type Producer: Producer;
    /// Topics, offsets and deletion of records.
    type Admin: Admin;

    /// A consumer without assignment. `isolation.level` is obeyed.
    ///
    /// # Errors
    /// [`BrokerErrorKind::InvalidConfig`] names the key.
    fn consumer(&self, properties: &Properties) -> Result<Self::Consumer, BrokerError>;

    /// A producer; transactional where `transactional.id` is set.
    ///
    /// # Errors
    /// [`BrokerErrorKind::InvalidConfig`] names the key.
    fn producer(&self, properties: &Properties) -> Result<Self::Producer, BrokerError>;

    /// An admin client.
    ///
    /// # Errors
    /// [`BrokerErrorKind::InvalidConfig`] names the key.
    fn admin(&self, properties: &Properties) -> Result<Self::Admin, BrokerError>;

    /// The coordinator of consumer groups: membership, and offsets committed as a member.
    ///
    /// # Errors
    /// [`BrokerErrorKind::InvalidConfig`] names the key.
    fn group_coordinator(&self, properties: &Properties) -> Result<Arc<dyn GroupCoordinator>, BrokerError>;
}
