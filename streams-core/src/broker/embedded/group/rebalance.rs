use super::outbox::Outbox;
use super::{Group, State};
use kafka_client::group::GroupError;

impl Group {
    /// Starts a rebalance, unless one is under way; ends it at once where all have joined.
    pub(super) fn prepare_rebalance(&mut self, now_ms: i64, outbox: &mut Outbox) {
        let was_empty = self.state == State::Empty;
        if self.state != State::PreparingRebalance {
            for member in &mut self.members {
                member.synced = false;
                if let Some(reply) = member.syncing.take() {
                    member.heard_of(now_ms);
                    outbox.answer(reply, Err(GroupError::RebalanceInProgress));
                }
            }
            self.state = State::PreparingRebalance;
            self.join_deadline = now_ms.saturating_add(self.rebalance_timeout_ms());
        }
        // A first member waits for nobody: `group.initial.rebalance.delay.ms` is 0.
        if was_empty { self.begin_generation(now_ms, outbox) } else { self.begin_if_all_joined(now_ms, outbox) }
    }

    /// Begins the generation if nobody is waited for any more.
    pub(super) fn begin_if_all_joined(&mut self, now_ms: i64, outbox: &mut Outbox) {
        let preparing = self.state == State::PreparingRebalance;
        let all_here = self.members.iter().all(|member| member.joining.is_some());
        if preparing && all_here && (self.expected.is_empty() || self.members.is_empty()) {
            self.begin_generation(now_ms, outbox);
        }
    }

    /// The time for joining is over: dynamic members that have not joined are out. Static ones stay as long as their sessions do.
    pub(super) fn end_joining(&mut self, now_ms: i64, outbox: &mut Outbox) {
        self.members.retain(|member| member.joining.is_some() || member.instance.is_some());
        if !self.members.is_empty() && self.members.iter().all(|member| member.joining.is_none()) {
            self.join_deadline = now_ms.saturating_add(self.rebalance_timeout_ms().max(1));
            return;
        }
        self.begin_generation(now_ms, outbox);
    }

    /// All that were waited for have joined: they are told the generation, and the leader who they are.
    fn begin_generation(&mut self, now_ms: i64, outbox: &mut Outbox) {
        self.generation = self.generation.wrapping_add(1).max(1);
        if self.members.is_empty() {
            self.state = State::Empty;
            self.protocol = None;
            self.leader = None;
            return;
        }
        self.state = State::CompletingRebalance;
        self.protocol = self.choose_protocol();
        let joined = |id: &String| self.members.iter().any(|member| member.id == *id && member.joining.is_some());
        if !self.leader.as_ref().is_some_and(joined) {
            let first = self.members.iter().find(|member| member.joining.is_some());
            self.leader = first.map(|member| member.id.clone());
        }
        self.sync_deadline = now_ms.saturating_add(self.rebalance_timeout_ms().max(1));
        for index in 0..self.members.len() {
            self.members[index].synced = false;
            if let Some(reply) = self.members[index].joining.take() {
                self.members[index].heard_of(now_ms);
                outbox.answer(reply, Ok(self.joined(index, false)));
            }
        }
    }

    /// Of the assignors that all members support the one that most prefer; of equals the one that the first member prefers.
    fn choose_protocol(&self) -> Option<String> {
        let supported = |name: &str| {
            self.members.iter().all(|member| member.protocols.iter().any(|protocol| protocol.name == name))
        };
        let mut votes: Vec<(&str, usize)> = Vec::new();
        for member in &self.members {
            let preferred = member.protocols.iter().map(|protocol| protocol.name.as_str()).find(|name| supported(name));
            match preferred.and_then(|name| votes.iter_mut().find(|(candidate, _)| *candidate == name)) {
                Some((_, count)) => *count += 1,
                None => votes.extend(preferred.map(|name| (name, 1))),
            }
        }
        let most = votes.iter().map(|(_, count)| *count).max()?;
        votes.iter().find(|(_, count)| *count == most).map(|(name, _)| (*name).to_owned())
    }
}
