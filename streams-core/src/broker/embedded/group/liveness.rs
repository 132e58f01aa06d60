use super::outbox::Outbox;
use super::{Group, State};
use kafka_client::group::{GroupError, Heartbeat, LeaveGroup};

impl Group {
    pub(super) fn heartbeat(&mut self, request: &Heartbeat, now_ms: i64) -> Result<(), GroupError> {
        let index = self.find_current(&request.member)?;
        self.members[index].heard_of(now_ms);
        match self.state {
            State::PreparingRebalance => Err(GroupError::RebalanceInProgress),
            State::Empty | State::CompletingRebalance | State::Stable => Ok(()),
        }
    }

    pub(super) fn leave(&mut self, request: &LeaveGroup, now_ms: i64, outbox: &mut Outbox) -> Result<(), GroupError> {
        if self.expected.remove(&request.member.member_id).is_some() {
            self.begin_if_all_joined(now_ms, outbox);
            return Ok(());
        }
        let index = self.find(&request.member.member_id, request.member.group_instance_id.as_deref())?;
        self.remove(index, now_ms, outbox);
        Ok(())
    }

    /// Takes a member out; the others rebalance.
    fn remove(&mut self, index: usize, now_ms: i64, outbox: &mut Outbox) {
        let member = self.members.remove(index);
        if let Some(reply) = member.joining {
            outbox.answer(reply, Err(GroupError::UnknownMemberId));
        }
        if let Some(reply) = member.syncing {
            outbox.answer(reply, Err(GroupError::UnknownMemberId));
        }
        self.prepare_rebalance(now_ms, outbox);
    }

    /// Carries out everything whose time has come.
    pub(super) fn expire(&mut self, now_ms: i64, outbox: &mut Outbox) {
        self.offsets.expire(now_ms, outbox);
        let expected = self.expected.len();
        self.expected.retain(|_, forgotten| *forgotten > now_ms);
        if self.expected.len() < expected {
            self.begin_if_all_joined(now_ms, outbox);
        }
        let expired =
            |group: &Self| group.members.iter().position(|member| member.expires_at().is_some_and(|at| at <= now_ms));
        while let Some(index) = expired(self) {
            self.remove(index, now_ms, outbox);
        }
        if self.join_ends_at().is_some_and(|at| at <= now_ms) {
            self.end_joining(now_ms, outbox);
        }
        if self.sync_ends_at().is_some_and(|at| at <= now_ms) {
            self.members.retain(|member| member.synced);
            self.prepare_rebalance(now_ms, outbox);
        }
    }

    /// When the earliest of all that may expire does.
    pub(super) fn next_deadline(&self) -> Option<i64> {
        let sessions = self.members.iter().filter_map(|member| member.expires_at());
        let expected = self.expected.values().copied();
        let others = [self.join_ends_at(), self.sync_ends_at(), self.offsets.next_deadline()];
        sessions.chain(expected).chain(others.into_iter().flatten()).min()
    }

    fn join_ends_at(&self) -> Option<i64> {
        (self.state == State::PreparingRebalance).then_some(self.join_deadline)
    }

    fn sync_ends_at(&self) -> Option<i64> {
        let waiting = matches!(self.state, State::CompletingRebalance | State::Stable);
        (waiting && self.members.iter().any(|member| !member.synced)).then_some(self.sync_deadline)
    }
}
