use super::sync::lock;
use crate::broker::{BrokerError, BrokerErrorKind};
use crate::record::TopicPartition;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Display;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// Faults that a test has asked for.
#[derive(Debug)]
pub(super) struct Faults {
    /// The broker answers nobody before this time.
    unreachable_until: AtomicI64,
    /// Whether `produce` holds anything; spares the others its lock.
    armed: AtomicBool,
    produce: Mutex<BTreeMap<TopicPartition, VecDeque<BrokerErrorKind>>>,
    commits: Mutex<BTreeSet<String>>,
}

impl Faults {
    pub(super) fn new() -> Self {
        Self {
            unreachable_until: AtomicI64::new(i64::MIN),
            armed: AtomicBool::new(false),
            produce: Mutex::default(),
            commits: Mutex::default(),
        }
    }

    pub(super) fn set_unreachable_until(&self, at_ms: i64) {
        self.unreachable_until.store(at_ms, Ordering::SeqCst);
    }

    pub(super) fn is_unreachable(&self, now_ms: impl FnOnce() -> i64) -> bool {
        let until = self.unreachable_until.load(Ordering::SeqCst);
        until != i64::MIN && now_ms() < until
    }

    pub(super) fn fail_next_produce(&self, partition: &TopicPartition, kind: BrokerErrorKind) {
        lock(&self.produce).entry(partition.clone()).or_default().push_back(kind);
        self.armed.store(true, Ordering::SeqCst);
    }

    /// The failure that the present append to this partition shall have.
    pub(super) fn take_produce(&self, partition: &TopicPartition) -> Option<BrokerErrorKind> {
        if !self.armed.load(Ordering::Relaxed) {
            return None;
        }
        let mut faults = lock(&self.produce);
        let waiting = faults.get_mut(partition)?;
        let kind = waiting.pop_front();
        if waiting.is_empty() {
            faults.remove(partition);
        }
        self.armed.store(!faults.is_empty(), Ordering::SeqCst);
        kind
    }

    pub(super) fn lose_next_commit_answer(&self, transactional_id: &str) {
        lock(&self.commits).insert(transactional_id.to_owned());
    }

    pub(super) fn take_commit(&self, transactional_id: &str) -> bool {
        lock(&self.commits).remove(transactional_id)
    }
}

/// The error of a call that reaches nobody.
pub(super) fn unreachable(context: impl Display) -> BrokerError {
    BrokerError::new(BrokerErrorKind::Retriable, context, "the broker cannot be reached; try again later")
}
