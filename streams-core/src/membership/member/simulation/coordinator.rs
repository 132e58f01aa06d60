//! The group coordinator of a broker, as far as members can tell: the rules observed on Apache Kafka 4.3.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use kafka_client::GroupError;
use kafka_client::group::{
    GroupMember, Heartbeat, JoinGroup, JoinedGroup, LeaveGroup, MemberIdentity, SyncGroup, SyncedGroup,
};

/// An answer, for whoever asked.
#[derive(Debug)]
pub(super) enum Answer {
    Joined(Result<JoinedGroup, GroupError>),
    Synced(Result<SyncedGroup, GroupError>),
    Heartbeat(Result<(), GroupError>),
    Left(Result<(), GroupError>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Empty,
    Preparing { until: Duration },
    Completing,
    Stable,
}

#[derive(Debug)]
struct Member<T> {
    instance: Option<String>,
    metadata: Bytes,
    assignment: Bytes,
    session: Duration,
    expires: Duration,
    rebalance_timeout: Duration,
    joining: Option<T>,
    syncing: Option<T>,
}

/// `T` says whom to answer.
#[derive(Debug)]
pub(super) struct Coordinator<T> {
    state: State,
    generation: i32,
    leader: String,
    members: BTreeMap<String, Member<T>>,
    /// Ids given out to members that have not come back with them.
    offered: BTreeSet<String>,
    statics: BTreeMap<String, String>,
    ids: u32,
    answers: Vec<(T, Answer)>,
}

impl<T: Clone> Coordinator<T> {
    pub(super) fn new() -> Self {
        Self {
            state: State::Empty,
            generation: 0,
            leader: String::new(),
            members: BTreeMap::new(),
            offered: BTreeSet::new(),
            statics: BTreeMap::new(),
            ids: 0,
            answers: Vec::new(),
        }
    }

    pub(super) fn answers(&mut self) -> Vec<(T, Answer)> {
        std::mem::take(&mut self.answers)
    }

    pub(super) fn generation(&self) -> i32 {
        self.generation
    }

    /// Whether a commit would be accepted.
    pub(super) fn accepts(&self, identity: &MemberIdentity) -> bool {
        self.check(identity).is_ok()
    }

    fn check(&self, identity: &MemberIdentity) -> Result<(), GroupError> {
        self.check_instance(identity.group_instance_id.as_ref(), &identity.member_id)?;
        if !self.members.contains_key(&identity.member_id) {
            return Err(GroupError::UnknownMemberId);
        }
        if identity.generation == self.generation { Ok(()) } else { Err(GroupError::IllegalGeneration) }
    }

    fn check_instance(&self, instance: Option<&String>, member_id: &str) -> Result<(), GroupError> {
        match instance.and_then(|instance| self.statics.get(instance)) {
            Some(current) if current != member_id => Err(GroupError::FencedInstanceId),
            _ => Ok(()),
        }
    }

    pub(super) fn join(&mut self, now: Duration, to: T, request: JoinGroup) {
        if let Err(error) = self.try_join(now, to.clone(), request) {
            self.answers.push((to, Answer::Joined(Err(error))));
        }
    }

    fn try_join(&mut self, now: Duration, to: T, request: JoinGroup) -> Result<(), GroupError> {
        let metadata = request.protocols[0].metadata.clone();
        let instance = request.group_instance_id.clone();
        if request.member_id.is_empty() {
            self.ids += 1;
            let id = format!("member-{:03}", self.ids);
            return match instance.and_then(|instance| self.statics.insert(instance, id.clone())) {
                Some(former) => {
                    self.replace(now, &former, id, to, metadata);
                    Ok(())
                }
                None if request.group_instance_id.is_some() => {
                    self.admit(now, id, to, request);
                    Ok(())
                }
                None => {
                    self.offered.insert(id.clone());
                    Err(GroupError::MemberIdRequired(id))
                }
            };
        }
        self.check_instance(instance.as_ref(), &request.member_id)?;
        if self.offered.remove(&request.member_id) {
            self.admit(now, request.member_id.clone(), to, request);
            return Ok(());
        }
        let id = request.member_id;
        let member = self.members.get_mut(&id).ok_or(GroupError::UnknownMemberId)?;
        let changed = member.metadata != metadata;
        member.metadata = metadata;
        member.expires = now + member.session;
        let must_rebalance = match self.state {
            State::Preparing { .. } => true,
            State::Completing => changed,
            State::Stable | State::Empty => changed || self.leader == id,
        };
        if must_rebalance {
            member.joining = Some(to);
            self.prepare(now);
        } else {
            let members = self.state == State::Completing && self.leader == id;
            self.answer_joined(&id, to, members, false);
        }
        Ok(())
    }

    fn admit(&mut self, now: Duration, id: String, to: T, request: JoinGroup) {
        let member = Member {
            instance: request.group_instance_id,
            metadata: request.protocols[0].metadata.clone(),
            assignment: Bytes::new(),
            session: request.session_timeout,
            expires: now + request.session_timeout,
            rebalance_timeout: request.rebalance_timeout,
            joining: Some(to),
            syncing: None,
        };
        self.members.insert(id, member);
        self.prepare(now);
    }

    /// A static member has come back: it gets what its former self had.
    fn replace(&mut self, now: Duration, former: &str, id: String, to: T, metadata: Bytes) {
        let mut member = self.members.remove(former).expect("a static member that is known");
        member.metadata = metadata;
        member.expires = now + member.session;
        member.syncing = None;
        let stable = self.state == State::Stable;
        member.joining = (!stable).then(|| to.clone());
        self.members.insert(id.clone(), member);
        let leads = self.leader == former;
        if leads {
            self.leader.clone_from(&id);
        }
        if stable {
            self.answer_joined(&id, to, leads, leads);
        } else {
            self.prepare(now);
        }
    }

    fn answer_joined(&mut self, id: &str, to: T, members: bool, skip_assignment: bool) {
        let list = self.members.iter().map(|(id, member)| GroupMember {
            member_id: id.clone(),
            group_instance_id: member.instance.clone(),
            metadata: member.metadata.clone(),
        });
        let joined = JoinedGroup {
            generation: self.generation,
            member_id: id.to_owned(),
            leader_id: self.leader.clone(),
            protocol_name: Some(super::super::PROTOCOL_NAME.to_owned()),
            skip_assignment,
            members: if members { list.collect() } else { Vec::new() },
        };
        self.answers.push((to, Answer::Joined(Ok(joined))));
    }

    fn prepare(&mut self, now: Duration) {
        for member in self.members.values_mut() {
            if let Some(to) = member.syncing.take() {
                self.answers.push((to, Answer::Synced(Err(GroupError::RebalanceInProgress))));
            }
        }
        if !matches!(self.state, State::Preparing { .. }) {
            let longest = self.members.values().map(|member| member.rebalance_timeout).max().unwrap_or_default();
            self.state = State::Preparing { until: now + longest };
        }
        self.complete(now);
    }

    /// Completes the rebalance if everyone has joined or time is up.
    fn complete(&mut self, now: Duration) {
        let State::Preparing { until } = self.state else { return };
        if now < until && self.members.values().any(|member| member.joining.is_none()) {
            return;
        }
        // Static members stay until their session times out.
        self.members.retain(|_, member| member.joining.is_some() || member.instance.is_some());
        if self.members.is_empty() {
            self.state = State::Empty;
            return;
        }
        self.generation += 1;
        let joined = |member: Option<&Member<T>>| member.is_some_and(|member| member.joining.is_some());
        if !joined(self.members.get(&self.leader)) {
            let leader = self.members.iter().find(|(_, member)| member.joining.is_some());
            let Some((leader, _)) = leader else { return self.state = State::Stable };
            self.leader = leader.clone();
        }
        self.state = State::Completing;
        for id in self.members.keys().cloned().collect::<Vec<_>>() {
            let member = self.members.get_mut(&id).expect("just listed");
            if let Some(to) = member.joining.take() {
                member.expires = now + member.session;
                self.answer_joined(&id, to, self.leader == id, false);
            }
        }
    }

    pub(super) fn sync(&mut self, now: Duration, to: T, request: SyncGroup) {
        if let Err(error) = self.check(&request.member) {
            return self.answers.push((to, Answer::Synced(Err(error))));
        }
        let id = request.member.member_id;
        let member = self.members.get_mut(&id).expect("checked");
        member.expires = now + member.session;
        match self.state {
            State::Preparing { .. } | State::Empty => {
                self.answers.push((to, Answer::Synced(Err(GroupError::RebalanceInProgress))));
            }
            State::Stable => {
                let assignment = member.assignment.clone();
                self.answers.push((to, Answer::Synced(Ok(SyncedGroup { assignment }))));
            }
            State::Completing => {
                member.syncing = Some(to);
                if self.leader == id {
                    self.distribute(now, &request.assignments);
                }
            }
        }
    }

    fn distribute(&mut self, now: Duration, assignments: &[(String, Bytes)]) {
        self.state = State::Stable;
        for (id, member) in &mut self.members {
            let given = assignments.iter().find(|(to, _)| to == id);
            member.assignment = given.map(|(_, bytes)| bytes.clone()).unwrap_or_default();
            if let Some(to) = member.syncing.take() {
                member.expires = now + member.session;
                let assignment = member.assignment.clone();
                self.answers.push((to, Answer::Synced(Ok(SyncedGroup { assignment }))));
            }
        }
    }

    pub(super) fn heartbeat(&mut self, now: Duration, to: T, request: &Heartbeat) {
        let mut answer = self.check(&request.member);
        if answer.is_ok() {
            let member = self.members.get_mut(&request.member.member_id).expect("checked");
            member.expires = now + member.session;
            if matches!(self.state, State::Preparing { .. }) {
                answer = Err(GroupError::RebalanceInProgress);
            }
        }
        self.answers.push((to, Answer::Heartbeat(answer)));
    }

    pub(super) fn leave(&mut self, now: Duration, to: T, request: &LeaveGroup) {
        let id = &request.member.member_id;
        let known = self.members.contains_key(id);
        self.remove(now, id);
        self.answers.push((to, Answer::Left(if known { Ok(()) } else { Err(GroupError::UnknownMemberId) })));
    }

    fn remove(&mut self, now: Duration, id: &str) {
        let Some(member) = self.members.remove(id) else { return };
        if let Some(instance) = member.instance {
            self.statics.remove(&instance);
        }
        if self.members.is_empty() {
            self.state = State::Empty;
        } else {
            self.prepare(now);
        }
    }

    /// Removes who was not heard of, and completes rebalances that took too long.
    pub(super) fn tick(&mut self, now: Duration) {
        let silent = |member: &Member<T>| member.expires <= now && member.joining.is_none() && member.syncing.is_none();
        let expired: Vec<String> =
            self.members.iter().filter(|(_, member)| silent(member)).map(|(id, _)| id.clone()).collect();
        expired.iter().for_each(|id| self.remove(now, id));
        self.complete(now);
    }
}
