use super::super::cluster::Cluster;
use super::super::settings::GroupSettings;
use super::super::sync::lock;
use super::Group;
use super::outbox::Outbox;
use super::registry::unknown_partition;
use kafka_client::group::{
    CommitOffsets, CommittedOffset, FetchOffsets, FetchedOffset, GroupCoordinator, GroupError, Heartbeat, JoinGroup,
    JoinedGroup, LeaveGroup, Reply, SyncGroup, SyncedGroup,
};
use std::sync::Arc;

/// The group coordinator of an [`EmbeddedBroker`](super::super::EmbeddedBroker).
///
/// Replies are called by the thread that makes them possible: the caller's own, that of another member, or the broker's timer.
#[derive(Debug)]
pub struct EmbeddedGroupCoordinator {
    cluster: Arc<Cluster>,
    settings: GroupSettings,
}

impl EmbeddedGroupCoordinator {
    pub(in super::super) fn new(cluster: Arc<Cluster>, settings: GroupSettings) -> Self {
        Self { cluster, settings }
    }

    /// Lets `act` change a group, after what is due there has expired; gives the answers when the group is unlocked.
    fn with_group(&self, id: &str, act: impl FnOnce(&mut Group, i64, &mut Outbox)) {
        let mut outbox = Outbox::default();
        let group = self.cluster.groups.get_or_make(id);
        let mut group = lock(&group);
        let now_ms = self.cluster.now_ms();
        group.expire(now_ms, &mut outbox);
        act(&mut group, now_ms, &mut outbox);
        let deadline = group.next_deadline();
        drop(group);
        self.cluster.timer.set(deadline);
        outbox.send();
    }

    /// Takes the request back where nobody can be reached.
    fn reachable<T>(&self, reply: Reply<T>) -> Option<Reply<T>> {
        if self.cluster.is_unreachable() {
            reply(Err(GroupError::Disconnected));
            return None;
        }
        Some(reply)
    }
}

impl GroupCoordinator for EmbeddedGroupCoordinator {
    fn join(&self, request: JoinGroup, reply: Reply<JoinedGroup>) {
        let Some(reply) = self.reachable(reply) else { return };
        if request.group_id.is_empty() {
            return reply(Err(GroupError::InvalidRequest("the group id is empty".into())));
        }
        if !self.cluster.groups.allows_session(request.session_timeout) {
            return reply(Err(GroupError::InvalidSessionTimeout));
        }
        let prefix = request.group_instance_id.as_ref().unwrap_or(&self.settings.client_id);
        let new_id = self.cluster.groups.new_member_id(prefix);
        let id = request.group_id.clone();
        self.with_group(&id, |group, now_ms, outbox| group.join(request, new_id, now_ms, reply, outbox));
    }

    fn sync(&self, request: SyncGroup, reply: Reply<SyncedGroup>) {
        let Some(reply) = self.reachable(reply) else { return };
        let id = request.member.group_id.clone();
        self.with_group(&id, |group, now_ms, outbox| group.sync(request, now_ms, reply, outbox));
    }

    fn heartbeat(&self, request: Heartbeat, reply: Reply<()>) {
        let Some(reply) = self.reachable(reply) else { return };
        self.with_group(&request.member.group_id, |group, now_ms, outbox| {
            outbox.answer(reply, group.heartbeat(&request, now_ms));
        });
    }

    fn leave(&self, request: LeaveGroup, reply: Reply<()>) {
        let Some(reply) = self.reachable(reply) else { return };
        self.with_group(&request.member.group_id, |group, now_ms, outbox| {
            let left = group.leave(&request, now_ms, outbox);
            outbox.answer(reply, left);
        });
    }

    fn commit_offsets(&self, mut request: CommitOffsets, reply: Reply<()>) {
        let Some(reply) = self.reachable(reply) else { return };
        let unknown = unknown_partition(&self.cluster, &request.member.group_id, &request.offsets);
        if unknown.is_some() {
            let exists =
                |offset: &CommittedOffset| unknown_partition(&self.cluster, "", std::slice::from_ref(offset)).is_none();
            request.offsets.retain(exists);
        }
        let id = request.member.group_id.clone();
        self.with_group(&id, |group, now_ms, outbox| {
            let committed = group.commit(request, now_ms);
            outbox.answer(reply, committed.and(unknown.map_or(Ok(()), Err)));
        });
    }

    fn fetch_offsets(&self, request: FetchOffsets, reply: Reply<Vec<FetchedOffset>>) {
        let Some(reply) = self.reachable(reply) else { return };
        let id = request.group_id.clone();
        let timeout_ms = self.settings.request_timeout_ms;
        self.with_group(&id, |group, now_ms, outbox| {
            group.offsets.fetch(request, now_ms.saturating_add(timeout_ms), reply, outbox);
        });
    }
}
