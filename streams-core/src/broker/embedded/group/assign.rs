use super::outbox::Outbox;
use super::{Group, State};
use kafka_client::group::{GroupError, Reply, SyncGroup, SyncedGroup};

impl Group {
    /// A member asks for its assignment; the leader brings all of them.
    pub(super) fn sync(&mut self, request: SyncGroup, now_ms: i64, reply: Reply<SyncedGroup>, outbox: &mut Outbox) {
        let index = match self.check_sync(&request) {
            Ok(index) => index,
            Err(error) => return outbox.answer(reply, Err(error)),
        };
        self.members[index].heard_of(now_ms);
        self.members[index].synced = true;
        if self.state == State::Stable {
            let assignment = self.members[index].assignment.clone();
            return outbox.answer(reply, Ok(SyncedGroup { assignment }));
        }
        if let Some(older) = self.members[index].syncing.replace(reply) {
            outbox.answer(older, Err(GroupError::RebalanceInProgress));
        }
        if self.is_leader(index) {
            self.distribute(request, now_ms, outbox);
        }
    }

    fn check_sync(&self, request: &SyncGroup) -> Result<usize, GroupError> {
        let index = self.find_current(&request.member)?;
        if self.protocol.as_ref().is_some_and(|protocol| *protocol != request.protocol_name) {
            return Err(GroupError::InconsistentProtocol);
        }
        match self.state {
            State::Empty => Err(GroupError::UnknownMemberId),
            State::PreparingRebalance => Err(GroupError::RebalanceInProgress),
            State::CompletingRebalance | State::Stable => Ok(index),
        }
    }

    /// The leader has spoken: who waits gets its assignment, the others when they ask.
    fn distribute(&mut self, request: SyncGroup, now_ms: i64, outbox: &mut Outbox) {
        for member in &mut self.members {
            let given = request.assignments.iter().find(|(id, _)| *id == member.id);
            member.assignment = given.map(|(_, assignment)| assignment.clone()).unwrap_or_default();
            if let Some(reply) = member.syncing.take() {
                member.heard_of(now_ms);
                outbox.answer(reply, Ok(SyncedGroup { assignment: member.assignment.clone() }));
            }
        }
        self.state = State::Stable;
    }
}
