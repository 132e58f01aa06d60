use super::super::clock::millis;
use bytes::Bytes;
use kafka_client::group::{GroupProtocol, JoinGroup, JoinedGroup, Reply, SyncedGroup};
use std::fmt;

/// One member of a group.
pub(super) struct Member {
    pub(super) id: String,
    /// The name that makes it static.
    pub(super) instance: Option<String>,
    pub(super) session_timeout_ms: i64,
    pub(super) rebalance_timeout_ms: i64,
    pub(super) protocols: Vec<GroupProtocol>,
    /// Waits for the generation to begin.
    pub(super) joining: Option<Reply<JoinedGroup>>,
    /// Waits for the leader's assignments.
    pub(super) syncing: Option<Reply<SyncedGroup>>,
    /// Whether it has asked for its assignment in this generation.
    pub(super) synced: bool,
    pub(super) assignment: Bytes,
    /// When its session ends unless it is heard of.
    pub(super) session_deadline: i64,
}

impl Member {
    pub(super) fn new(id: String, request: JoinGroup, reply: Reply<JoinedGroup>, now_ms: i64) -> Self {
        let session_timeout_ms = millis(request.session_timeout);
        Self {
            id,
            instance: request.group_instance_id,
            session_timeout_ms,
            rebalance_timeout_ms: millis(request.rebalance_timeout),
            protocols: request.protocols,
            joining: Some(reply),
            syncing: None,
            synced: false,
            assignment: Bytes::new(),
            session_deadline: now_ms.saturating_add(session_timeout_ms),
        }
    }

    /// Takes over what the member says about itself when it joins again.
    pub(super) fn update(&mut self, request: JoinGroup) {
        self.session_timeout_ms = millis(request.session_timeout);
        self.rebalance_timeout_ms = millis(request.rebalance_timeout);
        self.protocols = request.protocols;
    }

    pub(super) fn heard_of(&mut self, now_ms: i64) {
        self.session_deadline = now_ms.saturating_add(self.session_timeout_ms);
    }

    /// When the session ends; a member that waits for an answer has none that could.
    pub(super) fn expires_at(&self) -> Option<i64> {
        (self.joining.is_none() && self.syncing.is_none()).then_some(self.session_deadline)
    }

    /// Its subscription for this assignor.
    pub(super) fn metadata(&self, protocol: Option<&str>) -> Bytes {
        let chosen = self.protocols.iter().find(|candidate| Some(candidate.name.as_str()) == protocol);
        chosen.map(|candidate| candidate.metadata.clone()).unwrap_or_default()
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("id", &self.id).field("instance", &self.instance).finish_non_exhaustive()
    }
}
