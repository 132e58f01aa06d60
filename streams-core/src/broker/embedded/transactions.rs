use super::cluster::Cluster;
use super::group::Outbox;
use super::sync::lock;
use super::topic::Partition;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// The transaction coordinator.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    by_id: Mutex<BTreeMap<String, Arc<TransactionalId>>>,
    /// Transactions so far; the number of a transaction marks its records and offsets.
    count: AtomicU64,
}

/// One `transactional.id`. A producer appends to partitions while it holds this lock, so that after fencing it nothing of it follows.
#[derive(Debug, Default)]
pub(super) struct TransactionalId {
    state: Mutex<TransactionState>,
}

/// What the coordinator knows of one `transactional.id`.
#[derive(Debug, Default)]
pub(super) struct TransactionState {
    /// Raised by each producer that registers, and when a transaction times out: producers of an older epoch are fenced.
    pub(super) epoch: u64,
    /// The transaction under way, from its first record or offset on.
    pub(super) open: Option<OpenTransaction>,
}

/// A transaction with something in it.
#[derive(Debug)]
pub(super) struct OpenTransaction {
    pub(super) number: u64,
    /// When it is aborted unless ended before.
    deadline: i64,
    partitions: Vec<Arc<Partition>>,
    groups: BTreeSet<String>,
}

impl Transactions {
    /// The entry of this id, made where it is new.
    pub(super) fn entry(&self, transactional_id: &str) -> Arc<TransactionalId> {
        Arc::clone(lock(&self.by_id).entry(transactional_id.to_owned()).or_default())
    }

    fn entries(&self) -> Vec<Arc<TransactionalId>> {
        lock(&self.by_id).values().cloned().collect()
    }

    /// Aborts what has been open for too long, and fences its producers.
    pub(super) fn expire(&self, cluster: &Cluster, now_ms: i64, outbox: &mut Outbox) {
        for entry in self.entries() {
            let mut state = entry.lock();
            if state.open.as_ref().is_some_and(|open| open.deadline <= now_ms) {
                state.epoch += 1;
                state.end(cluster, false, outbox);
            }
        }
    }

    pub(super) fn next_deadline(&self) -> Option<i64> {
        self.entries().iter().filter_map(|entry| entry.lock().open.as_ref().map(|open| open.deadline)).min()
    }
}

impl TransactionalId {
    pub(super) fn lock(&self) -> std::sync::MutexGuard<'_, TransactionState> {
        lock(&self.state)
    }

    /// Registers a producer: its epoch. Older ones are fenced, their transaction is aborted.
    pub(super) fn register(&self, cluster: &Cluster, outbox: &mut Outbox) -> u64 {
        let mut state = self.lock();
        state.epoch += 1;
        state.end(cluster, false, outbox);
        state.epoch
    }
}

impl TransactionState {
    /// The open transaction, opened now where there is none.
    pub(super) fn open(&mut self, cluster: &Cluster, timeout_ms: i64) -> &mut OpenTransaction {
        self.open.get_or_insert_with(|| {
            let deadline = cluster.now_ms().saturating_add(timeout_ms);
            cluster.timer.set(Some(deadline));
            OpenTransaction {
                number: cluster.transactions.count.fetch_add(1, Ordering::SeqCst) + 1,
                deadline,
                partitions: Vec::new(),
                groups: BTreeSet::new(),
            }
        })
    }

    /// Ends the open transaction, if there is one: markers first, then the offsets.
    pub(super) fn end(&mut self, cluster: &Cluster, commit: bool, outbox: &mut Outbox) {
        let Some(open) = self.open.take() else {
            return;
        };
        for partition in &open.partitions {
            partition.log().end_transaction(open.number, commit);
        }
        for group in &open.groups {
            cluster.groups.end_transaction(group, open.number, commit, outbox);
        }
    }
}

impl OpenTransaction {
    pub(super) fn add_partition(&mut self, partition: &Arc<Partition>) {
        if !self.partitions.iter().any(|known| Arc::ptr_eq(known, partition)) {
            self.partitions.push(Arc::clone(partition));
        }
    }

    pub(super) fn add_group(&mut self, group: &str) {
        if !self.groups.contains(group) {
            self.groups.insert(group.to_owned());
        }
    }
}
