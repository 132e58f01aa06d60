use super::member::Member;
use super::outbox::Outbox;
use super::{Group, State};
use kafka_client::group::{GroupError, GroupMember, GroupProtocol, JoinGroup, JoinedGroup, Reply};

impl Group {
    /// A member joins. `new_id` is the id it gets where it has none.
    pub(super) fn join(
        &mut self,
        request: JoinGroup,
        new_id: String,
        now_ms: i64,
        reply: Reply<JoinedGroup>,
        outbox: &mut Outbox,
    ) {
        if !self.supports(&request.protocols, &request.member_id) {
            return outbox.answer(reply, Err(GroupError::InconsistentProtocol));
        }
        let known = match &request.group_instance_id {
            Some(instance) if request.member_id.is_empty() => self.index_of_instance(instance),
            _ => None,
        };
        if let Some(index) = known {
            self.replace_static(index, request, new_id, now_ms, reply, outbox);
        } else if !request.member_id.is_empty() {
            self.join_with_id(request, now_ms, reply, outbox);
        } else if request.group_instance_id.is_some() {
            self.add(Member::new(new_id, request, reply, now_ms), now_ms, outbox);
        } else {
            let forgotten = now_ms.saturating_add(super::super::clock::millis(request.session_timeout));
            self.expected.insert(new_id.clone(), forgotten);
            outbox.answer(reply, Err(GroupError::MemberIdRequired(new_id)));
        }
    }

    /// Whether these assignors leave one that all members support. A member that joins again replaces its own.
    fn supports(&self, protocols: &[GroupProtocol], member_id: &str) -> bool {
        let others = || self.members.iter().filter(|member| member.id != member_id);
        protocols.iter().any(|protocol| others().all(|member| member.protocols.iter().any(|p| p.name == protocol.name)))
    }

    fn join_with_id(&mut self, request: JoinGroup, now_ms: i64, reply: Reply<JoinedGroup>, outbox: &mut Outbox) {
        if self.expected.remove(&request.member_id).is_some() {
            let id = request.member_id.clone();
            return self.add(Member::new(id, request, reply, now_ms), now_ms, outbox);
        }
        match self.find(&request.member_id, request.group_instance_id.as_deref()) {
            Err(error) => outbox.answer(reply, Err(error)),
            Ok(index) => self.rejoin(index, request, now_ms, reply, outbox),
        }
    }

    fn add(&mut self, member: Member, now_ms: i64, outbox: &mut Outbox) {
        self.members.push(member);
        self.prepare_rebalance(now_ms, outbox);
    }

    /// A member joins again: into the rebalance under way; or starts one, where it is the leader or says something new about itself.
    fn rejoin(
        &mut self,
        index: usize,
        request: JoinGroup,
        now_ms: i64,
        reply: Reply<JoinedGroup>,
        outbox: &mut Outbox,
    ) {
        let unchanged = self.members[index].protocols == request.protocols;
        let keeps_generation = match self.state {
            State::CompletingRebalance => unchanged,
            State::Stable => unchanged && !self.is_leader(index),
            State::Empty | State::PreparingRebalance => false,
        };
        self.members[index].update(request);
        if keeps_generation {
            self.members[index].heard_of(now_ms);
            let joined = self.joined(index, false);
            return outbox.answer(reply, Ok(joined));
        }
        if let Some(older) = self.members[index].joining.replace(reply) {
            outbox.answer(older, Err(GroupError::RebalanceInProgress));
        }
        self.prepare_rebalance(now_ms, outbox);
    }

    /// A static member comes back without its id: it gets a new one, and the old one is fenced. In a stable group nothing else happens,
    /// whatever it says about itself, since the assignor stays the same.
    fn replace_static(
        &mut self,
        index: usize,
        request: JoinGroup,
        new_id: String,
        now_ms: i64,
        reply: Reply<JoinedGroup>,
        outbox: &mut Outbox,
    ) {
        let was_leader = self.is_leader(index);
        let member = &mut self.members[index];
        member.id.clone_from(&new_id);
        if let Some(older) = member.joining.take() {
            outbox.answer(older, Err(GroupError::FencedInstanceId));
        }
        if let Some(older) = member.syncing.take() {
            outbox.answer(older, Err(GroupError::FencedInstanceId));
        }
        member.update(request);
        member.heard_of(now_ms);
        if was_leader {
            self.leader = Some(new_id);
        }
        if self.state == State::Stable {
            let joined = self.joined(index, was_leader);
            return outbox.answer(reply, Ok(joined));
        }
        self.members[index].joining = Some(reply);
        self.prepare_rebalance(now_ms, outbox);
    }

    /// What a member is told about the generation.
    pub(super) fn joined(&self, index: usize, skip_assignment: bool) -> JoinedGroup {
        let describe = |member: &Member| GroupMember {
            member_id: member.id.clone(),
            group_instance_id: member.instance.clone(),
            metadata: member.metadata(self.protocol.as_deref()),
        };
        let members = if self.is_leader(index) { self.members.iter().map(describe).collect() } else { Vec::new() };
        JoinedGroup {
            generation: self.generation,
            member_id: self.members[index].id.clone(),
            leader_id: self.leader.clone().unwrap_or_default(),
            protocol_name: self.protocol.clone(),
            skip_assignment,
            members,
        }
    }
}
