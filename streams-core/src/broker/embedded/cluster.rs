use super::capacity::Capacity;
use super::clock::Clock;
use super::faults::{Faults, unreachable};
use super::group::{Groups, Outbox};
use super::options::EmbeddedOptions;
use super::timer::Timer;
use super::topic::{Partition, Topic, unknown};
use super::transactions::Transactions;
use crate::broker::BrokerError;
use crate::record::TopicPartition;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

/// What all clones and clients of one broker share.
///
/// Locks, in the order in which one thread may hold several of them: one transactional id → the topics, one group or one partition (one
/// of these at a time) → leaves (wakers, capacity, faults). The maps of groups and of transactional ids are locked only to look an entry
/// up. No lock is held while a reply is called or anyone waits.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) clock: Clock,
    pub(super) capacity: Arc<Capacity>,
    pub(super) faults: Faults,
    pub(super) groups: Groups,
    pub(super) transactions: Transactions,
    pub(super) timer: Timer,
    topics: RwLock<BTreeMap<Arc<str>, Arc<Topic>>>,
    /// Moves when a topic is deleted, so that producers look their routes up again.
    deletions: AtomicU64,
}

impl Cluster {
    pub(super) fn new(options: &EmbeddedOptions, clock: Clock) -> Self {
        Self {
            clock,
            capacity: Arc::new(Capacity::new(options.capacity_bytes)),
            faults: Faults::new(),
            groups: Groups::new(options.min_session_timeout),
            transactions: Transactions::default(),
            timer: Timer::default(),
            topics: RwLock::default(),
            deletions: AtomicU64::new(0),
        }
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    pub(super) fn is_unreachable(&self) -> bool {
        self.faults.is_unreachable(|| self.now_ms())
    }

    /// # Errors
    /// Retriable where a test has made the broker unreachable.
    pub(super) fn check_reachable(&self, context: impl Display) -> Result<(), BrokerError> {
        if self.is_unreachable() { Err(unreachable(context)) } else { Ok(()) }
    }

    pub(super) fn topics(&self) -> RwLockReadGuard<'_, BTreeMap<Arc<str>, Arc<Topic>>> {
        self.topics.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn topics_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<Arc<str>, Arc<Topic>>> {
        self.topics.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn topic(&self, name: &str, context: impl Display) -> Result<Arc<Topic>, BrokerError> {
        self.topics().get(name).cloned().ok_or_else(|| unknown(context, format_args!("topic {name}")))
    }

    pub(super) fn partition(
        &self,
        partition: &TopicPartition,
        context: impl Display,
    ) -> Result<Arc<Partition>, BrokerError> {
        let topics = self.topics();
        let found = topics.get(&partition.topic).and_then(|topic| topic.partition(partition.partition));
        found.cloned().ok_or_else(|| unknown(context, format_args!("partition {partition}")))
    }

    pub(super) fn deletions(&self) -> u64 {
        self.deletions.load(Ordering::SeqCst)
    }

    /// Deletes a topic with its records and the offsets that groups have committed for it. Says whether there was one.
    pub(super) fn delete_topic(&self, name: &str) -> bool {
        let Some(topic) = self.topics_mut().remove(name) else {
            return false;
        };
        self.deletions.fetch_add(1, Ordering::SeqCst);
        for partition in &topic.partitions {
            partition.log().delete();
        }
        self.groups.forget_topic(name);
        true
    }

    /// Expires everything that is due: sessions, rebalances, reads of offsets, transactions.
    pub(super) fn expire(&self) {
        let now = self.now_ms();
        let mut outbox = Outbox::default();
        self.transactions.expire(self, now, &mut outbox);
        self.groups.expire(now, &mut outbox);
        outbox.send();
    }

    /// When [`expire`](Self::expire) has something to do next.
    pub(super) fn next_deadline(&self) -> Option<i64> {
        [self.transactions.next_deadline(), self.groups.next_deadline()].into_iter().flatten().min()
    }

    /// Moves a manual clock on, stopping at each deadline on the way, so that things expire in their order.
    pub(super) fn advance(&self, by: Duration) {
        let target = self.now_ms().saturating_add(super::clock::millis(by));
        while let Some(at) = self.next_deadline().filter(|at| *at <= target) {
            self.clock.move_to(at);
            self.expire();
        }
        self.clock.move_to(target);
    }
}
