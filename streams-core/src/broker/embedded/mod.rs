//! A broker in process and in memory, for examples, tests and simulation.
//!
//! It does what an application on Kafka relies on, as Apache Kafka does it: partitions with offsets, keys, values, headers and
//! timestamps; compaction with its gaps; transactions with fencing, markers and readers of committed records only; consumer groups
//! of the classic protocol with static members. It is not durable, has one node, no access control and no wire protocol; the client's
//! classes talk to it directly. Retention by time or size does not happen by itself: records go by
//! [`Admin::delete_records`](crate::broker::Admin::delete_records) and by compaction, and the bytes held are bounded
//! ([`EmbeddedOptions::capacity_bytes`]).
//!
//! ```
//! use std::time::Duration;
//! use streams_core::broker::embedded::EmbeddedBroker;
//! use streams_core::broker::{Broker, Consumer, Fetched, Properties};
//! use streams_core::record::TopicPartition;
//!
//! let broker = EmbeddedBroker::new();
//! broker.create_topic("words", 1)?;
//! broker.produce("words", 0, Some(b"key"), Some(b"value"), 1_000)?;
//!
//! let mut consumer = broker.consumer(&Properties::new())?;
//! consumer.assign(&[(TopicPartition::new("words", 0), 0)])?;
//! let mut fetched = Vec::new();
//! consumer.poll(Duration::from_secs(1), &mut fetched)?;
//! let Some(Fetched::Batch(batch)) = fetched.first() else { panic!("no records") };
//! assert_eq!(batch.get(0).value, Some(&b"value"[..]));
//! # Ok::<(), streams_core::broker::BrokerError>(())
//! ```
//!
//! Time is the machine's, with one thread that expires sessions and transactions; or a manual clock
//! ([`EmbeddedBroker::with_manual_clock`]) and no thread at all, so that a simulation decides when what happens.
//!
//! Keys read from [`Properties`]: `isolation.level` (default `read_uncommitted`), `max.poll.records` (500),
//! `max.partition.fetch.bytes` (1 MiB; of one batch), `fetch.max.bytes` (4 MiB; of one poll), `transactional.id`,
//! `transaction.timeout.ms` (60000), `max.block.ms` (60000), `max.request.size` (no limit beside the topic's), `client.id`,
//! `request.timeout.ms` (30000). Others are ignored.

mod admin;
mod capacity;
mod clock;
mod cluster;
mod compaction;
mod consumer;
mod faults;
mod group;
mod inspect;
mod options;
mod partition_log;
mod producer;
mod routes;
mod segment;
mod settings;
mod sync;
mod timer;
mod topic;
mod topic_config;
mod transactional;
mod transactions;
mod watcher;

#[cfg(test)]
mod tests;

pub use admin::EmbeddedAdmin;
pub use consumer::EmbeddedConsumer;
pub use group::EmbeddedGroupCoordinator;
pub use inspect::StoredRecord;
pub use options::EmbeddedOptions;
pub use producer::EmbeddedProducer;

use super::{Broker, BrokerError, BrokerErrorKind, Properties};
use crate::record::TopicPartition;
use clock::{Clock, millis};
use cluster::Cluster;
use group::Outbox;
use kafka_client::group::GroupCoordinator;
use settings::{ConsumerSettings, GroupSettings, ProducerSettings};
use std::sync::Arc;
use std::time::Duration;

/// Whether a reader sees records of transactions that are open or aborted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Sees all records.
    ReadUncommitted,
    /// Sees committed records, up to the first that belongs to an open transaction.
    ReadCommitted,
}

/// A Kafka cluster of one node in this process. Clones, and the clients made of them, share the cluster; it ends with the last of them.
#[derive(Debug, Clone)]
pub struct EmbeddedBroker {
    cluster: Arc<Cluster>,
}

impl EmbeddedBroker {
    /// Where a manual clock starts: milliseconds since the epoch.
    pub const MANUAL_START_MS: i64 = 1_700_000_000_000;

    /// An empty cluster on the machine's clock.
    pub fn new() -> Self {
        Self::with_options(EmbeddedOptions::default())
    }

    /// An empty cluster whose time stands still until [`advance`](Self::advance) moves it.
    pub fn with_manual_clock() -> Self {
        Self::with_options(EmbeddedOptions { manual_clock: true, ..EmbeddedOptions::default() })
    }

    /// An empty cluster with these options.
    pub fn with_options(options: EmbeddedOptions) -> Self {
        let clock = if options.manual_clock { Clock::manual(Self::MANUAL_START_MS) } else { Clock::system() };
        let cluster = Arc::new(Cluster::new(&options, clock));
        if !cluster.clock.is_manual()
            && let Err(error) = timer::start(&cluster)
        {
            tracing::warn!(%error, "the embedded broker has no timer thread: sessions expire only when their group is used");
        }
        Self { cluster }
    }

    /// The broker's time, in milliseconds since the epoch.
    pub fn now_ms(&self) -> i64 {
        self.cluster.now_ms()
    }

    /// Moves a manual clock on; what expires on the way does so in order, in this call. The machine's clock cannot be moved: then this
    /// only expires what is due.
    pub fn advance(&self, by: Duration) {
        if self.cluster.clock.is_manual() { self.cluster.advance(by) } else { self.cluster.expire() }
    }

    /// Makes the broker unreachable for clients, for a while on its own clock: calls fail as retriable, group requests are answered with
    /// [`GroupError::Disconnected`](kafka_client::group::GroupError::Disconnected), those that wait included, and polls bring nothing.
    /// The broker itself goes on: sessions and transactions time out.
    pub fn unreachable_for(&self, duration: Duration) {
        self.make_unreachable(self.now_ms().saturating_add(millis(duration)));
    }

    /// Makes the broker unreachable until further notice, or reachable again. See [`unreachable_for`](Self::unreachable_for).
    pub fn set_unreachable(&self, unreachable: bool) {
        self.make_unreachable(if unreachable { i64::MAX } else { i64::MIN });
    }

    fn make_unreachable(&self, until_ms: i64) {
        self.cluster.faults.set_unreachable_until(until_ms);
        if self.cluster.is_unreachable() {
            let mut outbox = Outbox::default();
            self.cluster.groups.disconnect(&mut outbox);
            outbox.send();
        }
    }

    /// Makes the next append to this partition fail, with all the records that it would have brought. May be called several times.
    pub fn fail_next_produce(&self, partition: &TopicPartition, kind: BrokerErrorKind) {
        self.cluster.faults.fail_next_produce(partition, kind);
    }

    /// Lets the next commit of a transaction of this `transactional.id` take effect, but its caller see a timeout. Committing again
    /// then tells that it was done.
    pub fn lose_next_commit_answer(&self, transactional_id: &str) {
        self.cluster.faults.lose_next_commit_answer(transactional_id);
    }
}

impl Default for EmbeddedBroker {
    fn default() -> Self {
        Self::new()
    }
}

impl Broker for EmbeddedBroker {
    type Consumer = EmbeddedConsumer;
    type Producer = EmbeddedProducer;
    type Admin = EmbeddedAdmin;

    fn consumer(&self, properties: &Properties) -> Result<EmbeddedConsumer, BrokerError> {
        Ok(EmbeddedConsumer::new(Arc::clone(&self.cluster), ConsumerSettings::new(properties)?))
    }

    fn producer(&self, properties: &Properties) -> Result<EmbeddedProducer, BrokerError> {
        Ok(EmbeddedProducer::new(Arc::clone(&self.cluster), ProducerSettings::new(properties)?))
    }

    fn admin(&self, _properties: &Properties) -> Result<EmbeddedAdmin, BrokerError> {
        Ok(EmbeddedAdmin::new(Arc::clone(&self.cluster)))
    }

    fn group_coordinator(&self, properties: &Properties) -> Result<Arc<dyn GroupCoordinator>, BrokerError> {
        let settings = GroupSettings::new(properties)?;
        Ok(Arc::new(EmbeddedGroupCoordinator::new(Arc::clone(&self.cluster), settings)))
    }
}
