use super::super::clock::millis;
use super::super::cluster::Cluster;
use super::super::sync::lock;
use super::Group;
use super::outbox::Outbox;
use kafka_client::group::{CommittedOffset, GroupError, MemberIdentity};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The longest session timeout that is allowed (`group.max.session.timeout.ms`).
const MAX_SESSION_MS: i64 = 30 * 60 * 1000;
/// Kafka's code for a topic or partition that does not exist.
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;

/// All groups. A group is made by the first join or commit and stays.
#[derive(Debug)]
pub(in super::super) struct Groups {
    by_id: Mutex<BTreeMap<String, Arc<Mutex<Group>>>>,
    /// Member ids so far. Counted, not random, so that simulations repeat.
    ids: AtomicU64,
    min_session_timeout_ms: i64,
}

impl Groups {
    pub(in super::super) fn new(min_session_timeout: Duration) -> Self {
        Self { by_id: Mutex::default(), ids: AtomicU64::new(0), min_session_timeout_ms: millis(min_session_timeout) }
    }

    fn get(&self, id: &str) -> Option<Arc<Mutex<Group>>> {
        lock(&self.by_id).get(id).cloned()
    }

    pub(super) fn get_or_make(&self, id: &str) -> Arc<Mutex<Group>> {
        let make = || Arc::new(Mutex::new(Group::new(id)));
        Arc::clone(lock(&self.by_id).entry(id.to_owned()).or_insert_with(make))
    }

    fn all(&self) -> Vec<Arc<Mutex<Group>>> {
        lock(&self.by_id).values().cloned().collect()
    }

    pub(super) fn allows_session(&self, timeout: Duration) -> bool {
        (self.min_session_timeout_ms..=MAX_SESSION_MS).contains(&millis(timeout))
    }

    pub(super) fn new_member_id(&self, prefix: &str) -> String {
        format!("{prefix}-{:08}", self.ids.fetch_add(1, Ordering::SeqCst) + 1)
    }

    pub(in super::super) fn committed_offset(&self, id: &str, topic: &str, partition: i32) -> Option<i64> {
        let group = self.get(id)?;
        let group = lock(&group);
        group.offsets.get(topic, partition).map(|committed| committed.offset)
    }

    /// Adds offsets to a transaction, which holds its own lock meanwhile.
    pub(in super::super) fn add_to_transaction(
        &self,
        cluster: &Cluster,
        member: &MemberIdentity,
        offsets: &[CommittedOffset],
        transaction: u64,
    ) -> Result<(), GroupError> {
        if let Some(error) = unknown_partition(cluster, &member.group_id, offsets) {
            return Err(error);
        }
        let group = self.get_or_make(&member.group_id);
        lock(&group).add_to_transaction(member, offsets, transaction)
    }

    pub(in super::super) fn end_transaction(&self, id: &str, transaction: u64, commit: bool, outbox: &mut Outbox) {
        if let Some(group) = self.get(id) {
            lock(&group).offsets.end_transaction(transaction, commit, outbox);
        }
    }

    pub(in super::super) fn forget_topic(&self, topic: &str) {
        for group in self.all() {
            lock(&group).offsets.forget_topic(topic);
        }
    }

    pub(in super::super) fn expire(&self, now_ms: i64, outbox: &mut Outbox) {
        for group in self.all() {
            lock(&group).expire(now_ms, outbox);
        }
    }

    pub(in super::super) fn next_deadline(&self) -> Option<i64> {
        self.all().iter().filter_map(|group| lock(group).next_deadline()).min()
    }

    /// Nobody hears the answers that are still to come: who waits for one learns that the connection broke. The broker
    /// itself goes on as if it had not noticed.
    pub(in super::super) fn disconnect(&self, outbox: &mut Outbox) {
        for group in self.all() {
            for member in &mut lock(&group).members {
                if let Some(reply) = member.joining.take() {
                    member.joining = Some(Box::new(|_| {}));
                    outbox.answer(reply, Err(GroupError::Disconnected));
                }
                if let Some(reply) = member.syncing.take() {
                    member.syncing = Some(Box::new(|_| {}));
                    outbox.answer(reply, Err(GroupError::Disconnected));
                }
            }
        }
    }
}

/// The error for the first of these partitions that does not exist.
pub(super) fn unknown_partition(cluster: &Cluster, group: &str, offsets: &[CommittedOffset]) -> Option<GroupError> {
    let topics = cluster.topics();
    let exists = |offset: &CommittedOffset| {
        topics.get(offset.topic.as_str()).is_some_and(|topic| topic.partition(offset.partition).is_some())
    };
    let missing = offsets.iter().find(|offset| !exists(offset))?;
    let context = format!("committing {}-{} of group {group}", missing.topic, missing.partition);
    Some(GroupError::from_code(UNKNOWN_TOPIC_OR_PARTITION, context))
}
