//! One member of the classic group protocol, as a state machine without clock or connection.
//!
//! A membership goes round: *join* (wait for all members), *plan* (the leader only), *sync* (receive the tasks), *stable*
//! (heartbeats), until a heartbeat says that the group rebalances. Tasks keep running all the while. What the member tells when
//! it joins is everything that its instance may hold, so that no other member is given a task before this one has closed it.
//!
//! The membership is lost when the coordinator says so, and also when it has not been heard of for the contact timeout: then
//! others may have the tasks. All tasks are closed before the member joins again.

mod answers;
mod backoff;
mod config;
mod event;
#[cfg(test)]
mod simulation;
mod tasks;
#[cfg(test)]
mod tests;
mod timing;

use std::time::Duration;

use bytes::Bytes;
use kafka_client::GroupError;
use kafka_client::consumer_protocol;
use kafka_client::group::{GroupMember, GroupProtocol, Heartbeat, JoinGroup, LeaveGroup, MemberIdentity, SyncGroup};

use super::{PlanError, Subscription};
use backoff::Backoff;
pub use config::{MemberConfig, SubtopologySources};
pub use event::{Action, CallId, Event, GroupMembershipOperation};
use tasks::Tasks;

/// The name of the assignor in the group protocol; Kafka's tools show it as the assignment strategy.
pub const PROTOCOL_NAME: &str = "rust-streams";

/// One member of the classic group protocol. See [`handle`](Self::handle).
#[derive(Debug)]
pub struct ClassicMember {
    config: MemberConfig,
    phase: Phase,
    /// Number of the last call.
    calls: u64,
    backoff: Backoff,
    /// Empty until the coordinator has given one.
    member_id: String,
    /// None outside any generation: before the first join and after a loss.
    generation: Option<i32>,
    leads: bool,
    /// The coordinator has heard of this member at this time or later.
    contact: Duration,
    /// Until then the coordinator keeps this member in the group, whatever happens to it.
    assured: Duration,
    pending_heartbeat: Option<PendingHeartbeat>,
    next_heartbeat: Duration,
    tasks: Tasks,
    /// The subscription of the present or last join; the same bytes again if that must be repeated.
    metadata: Bytes,
    /// Changes the subscription.
    counter: u32,
    /// This member wants the whole application to shut down.
    shutdown: bool,
    /// Until then the next rebalance is near, since tasks are withheld somewhere.
    settling_until: Duration,
    /// Join again when stable, for this reason, not before this time.
    wanted: Option<(Duration, String)>,
    actions: Vec<Action>,
}

/// Where the member stands.
#[derive(Debug)]
enum Phase {
    /// Not started.
    New,
    /// Joins at this time, again or for the first time.
    JoinAt(Duration),
    /// Waits for the group. Until `fence` no news is good news.
    Joining { call: CallId, fence: Duration },
    /// Leads and waits for the plan.
    Planning { call: CallId, sync: SyncGroup, members: Vec<GroupMember>, until: Duration },
    /// Waits for its assignment; `replan` if the plan has failed and shall be tried again.
    Syncing { call: CallId, sent: Duration, sync: SyncGroup, replan: bool },
    /// Asks for its assignment again at this time.
    SyncAt { at: Duration, sync: SyncGroup, replan: bool },
    /// Has its assignment.
    Stable,
    /// Waits until the instance has closed all tasks, and joins then, not before `join_at`.
    Surrendering { join_at: Duration },
    /// Waits for the answer to its leave.
    Leaving { call: CallId, until: Duration },
    /// Leaves again at this time.
    LeaveAt { at: Duration, until: Duration },
    /// Over.
    Ended,
}

#[derive(Debug, Clone, Copy)]
struct PendingHeartbeat {
    call: CallId,
    sent: Duration,
}

impl ClassicMember {
    /// A member that has not joined yet. The configuration should have no [`faults`](MemberConfig::faults).
    pub fn new(config: MemberConfig) -> Self {
        Self {
            phase: Phase::New,
            calls: 0,
            backoff: Backoff::new(config.backoff, config.backoff_max, config.seed),
            member_id: String::new(),
            generation: None,
            leads: false,
            contact: Duration::ZERO,
            assured: Duration::ZERO,
            pending_heartbeat: None,
            next_heartbeat: Duration::ZERO,
            tasks: Tasks::default(),
            metadata: Bytes::new(),
            counter: 0,
            shutdown: false,
            settling_until: Duration::ZERO,
            wanted: None,
            actions: Vec::new(),
            config,
        }
    }

    /// Takes note of what has happened; returns what is to be done now, in that order.
    ///
    /// `now` is the time since any fixed point, and never goes back. Call it again with [`Event::Tick`] when
    /// [`deadline`](Self::deadline) is reached, and several times within each session timeout, so that it knows that the process runs.
    pub fn handle(&mut self, now: Duration, event: Event) -> Vec<Action> {
        if matches!(self.phase, Phase::Ended) {
            return Vec::new();
        }
        self.stay_assured(now);
        match event {
            Event::Start if matches!(self.phase, Phase::New) => self.phase = Phase::JoinAt(now),
            Event::Start | Event::Tick => {}
            Event::Joined(call, answer) => self.joined(now, call, answer),
            Event::Synced(call, answer) => self.synced(now, call, answer),
            Event::HeartbeatDone(call, answer) => self.heartbeat_done(now, call, answer),
            Event::LeaveDone(call, answer) => self.leave_done(now, call, answer),
            Event::Planned(call, answer) => self.planned(now, call, answer),
            Event::OwnedChanged { revision, owned, local_state } => {
                if self.tasks.changed(revision, owned, local_state) {
                    self.follow_up(now);
                }
            }
            Event::ThreadsChanged(threads) => {
                if std::mem::replace(&mut self.config.threads, threads) != threads {
                    self.want(now, &format!("it has {threads} threads now"));
                }
            }
            Event::SourcesChanged(sources) => {
                self.config.sources = sources;
                self.want(now, "its source topics have changed");
            }
            Event::RequestRejoin { reason } => self.want(now, &reason),
            Event::ShutdownApplication => {
                self.shutdown = true;
                self.want(now, "it requests a shutdown of the application");
            }
            Event::CommitRefused { generation, error } => self.commit_refused(now, generation, &error),
            Event::Close { operation } => self.close(now, operation),
        }
        self.on_time(now);
        std::mem::take(&mut self.actions)
    }

    /// Who commits and fetches offsets, in the present generation: to be taken afresh for each request. None when the member has
    /// not joined, or not again since it was lost.
    pub fn identity(&self) -> Option<MemberIdentity> {
        match self.phase {
            Phase::Leaving { .. } | Phase::LeaveAt { .. } | Phase::Ended => None,
            _ => self.generation.map(|generation| self.identity_in(generation)),
        }
    }

    /// Whether a commit that was made in `generation`, and was refused with [`GroupError::IllegalGeneration`] or
    /// [`GroupError::RebalanceInProgress`], only came between two generations: the tasks are still this instance's, and the
    /// commit is to be repeated with a fresh [`identity`](Self::identity), after a moment.
    pub fn is_commit_retriable(&self, generation: i32) -> bool {
        self.identity().is_some_and(|identity| identity.generation != generation) || self.is_rebalancing()
    }

    /// Whether the member takes part in a rebalance, having kept its tasks.
    pub fn is_rebalancing(&self) -> bool {
        self.generation.is_some()
            && matches!(
                self.phase,
                Phase::JoinAt(_)
                    | Phase::Joining { .. }
                    | Phase::Planning { .. }
                    | Phase::Syncing { .. }
                    | Phase::SyncAt { .. }
            )
    }

    /// Whether this member leads the group in its present generation.
    pub fn is_leader(&self) -> bool {
        self.leads && self.generation.is_some()
    }

    fn identity_in(&self, generation: i32) -> MemberIdentity {
        MemberIdentity {
            group_id: self.config.group_id.clone(),
            generation,
            member_id: self.member_id.clone(),
            group_instance_id: self.config.instance_id.clone(),
        }
    }

    fn next_call(&mut self) -> CallId {
        self.calls += 1;
        CallId(self.calls)
    }

    fn problem(&mut self, message: String) {
        self.actions.push(Action::Problem { message });
    }

    /// Joins anew: the subscription differs from the last one, so that a rebalance begins if none is under way.
    fn join_anew(&mut self, now: Duration, reason: &str) {
        self.counter = self.counter.wrapping_add(1);
        self.tasks.claim();
        match self.subscription() {
            Ok(metadata) => {
                self.metadata = metadata;
                self.wanted = None;
                self.send_join(now, reason);
            }
            Err(error) => self.fail(error),
        }
    }

    /// Joins with the same subscription as before, unless something has changed since: if the coordinator has carried out a join
    /// whose answer was lost, repeating it must not begin another rebalance.
    fn join_again(&mut self, now: Duration) {
        let reason = self.wanted.as_ref().map_or("it joins the group", |(_, reason)| reason).to_owned();
        if self.metadata.is_empty() || self.wanted.is_some() || self.tasks.claims_less() {
            self.join_anew(now, &reason);
        } else {
            self.send_join(now, &reason);
        }
    }

    fn send_join(&mut self, now: Duration, reason: &str) {
        let call = self.next_call();
        self.pending_heartbeat = None;
        self.phase = Phase::Joining { call, fence: now + self.config.rebalance_timeout + self.config.session_timeout };
        let request = JoinGroup {
            group_id: self.config.group_id.clone(),
            member_id: self.member_id.clone(),
            group_instance_id: self.config.instance_id.clone(),
            session_timeout: self.config.session_timeout,
            rebalance_timeout: self.config.rebalance_timeout,
            protocols: vec![GroupProtocol { name: PROTOCOL_NAME.to_owned(), metadata: self.metadata.clone() }],
            reason: Some(reason.to_owned()),
        };
        self.actions.push(Action::Join(call, request));
    }

    fn subscription(&self) -> Result<Bytes, GroupError> {
        let said = Subscription {
            process_id: self.config.process_id,
            threads: self.config.threads,
            counter: self.counter,
            shutdown: self.shutdown,
            topology: self.config.topology,
            generation: self.tasks.generation,
            owned: self.tasks.claimed.iter().copied().collect(),
            local_state: self.tasks.local_state.clone(),
        };
        let wrapper = consumer_protocol::Subscription {
            topics: self.config.sources.iter().flat_map(|part| part.topics.clone()).collect(),
            user_data: Some(said.encode()),
            owned_partitions: self.tasks.claimed_partitions(&self.config.sources),
        };
        wrapper.encode()
    }

    fn send_sync(&mut self, now: Duration, sync: SyncGroup, replan: bool) {
        let call = self.next_call();
        self.actions.push(Action::Sync(call, sync.clone()));
        self.phase = Phase::Syncing { call, sent: now, sync, replan };
    }

    fn send_heartbeat(&mut self, now: Duration, generation: i32) {
        let call = self.next_call();
        self.pending_heartbeat = Some(PendingHeartbeat { call, sent: now });
        self.actions.push(Action::Heartbeat(call, Heartbeat { member: self.identity_in(generation) }));
    }

    /// Remembers that the member should join again, at `at` or later. Once, however often it is asked for.
    fn want(&mut self, at: Duration, reason: &str) {
        if !matches!(self.phase, Phase::New) && self.wanted.as_ref().is_none_or(|(earlier, _)| at < *earlier) {
            self.wanted = Some((at, reason.to_owned()));
        }
    }

    /// Joins again when all that had to be given up is gone, and the leader does not know that yet.
    fn follow_up(&mut self, now: Duration) {
        match self.phase {
            Phase::Stable if self.tasks.are_given_up() => self.join_anew(now, "it has given up tasks"),
            Phase::Surrendering { join_at } if self.tasks.held.is_empty() => self.phase = Phase::JoinAt(join_at),
            _ => {}
        }
    }

    /// The tasks may be another's: they have to be closed before anything else.
    fn lose(&mut self, now: Duration, reason: &str) {
        let join_at = now + self.pause(1);
        self.pending_heartbeat = None;
        self.metadata = Bytes::new();
        self.settling_until = now;
        if self.generation.take().is_some() || !self.tasks.held.is_empty() {
            let revision = self.tasks.lose();
            self.actions.push(Action::Lost { revision, reason: reason.to_owned() });
        }
        let nothing_held = self.tasks.held.is_empty();
        self.phase = if nothing_held { Phase::JoinAt(join_at) } else { Phase::Surrendering { join_at } };
    }

    /// How long to wait after a failure; the first `free` ones in a row cost nothing.
    fn pause(&mut self, free: u32) -> Duration {
        let pause = self.backoff.failed();
        if self.backoff.failures() <= free { Duration::ZERO } else { pause }
    }

    fn fail(&mut self, error: GroupError) {
        self.phase = Phase::Ended;
        self.generation = None;
        self.actions.push(Action::Fatal(error));
    }

    fn close(&mut self, now: Duration, operation: GroupMembershipOperation) {
        let leave = match operation {
            GroupMembershipOperation::Default => self.config.instance_id.is_none(),
            GroupMembershipOperation::LeaveGroup => true,
            GroupMembershipOperation::RemainInGroup => false,
        };
        if matches!(self.phase, Phase::Leaving { .. } | Phase::LeaveAt { .. }) {
            return;
        }
        if leave && !self.member_id.is_empty() {
            self.send_leave(now + self.config.leave_timeout);
        } else {
            self.end();
        }
    }

    fn send_leave(&mut self, until: Duration) {
        let call = self.next_call();
        let member = self.identity_in(self.generation.unwrap_or(-1));
        self.pending_heartbeat = None;
        self.phase = Phase::Leaving { call, until };
        self.actions.push(Action::Leave(call, LeaveGroup { member, reason: Some("it is closed".to_owned()) }));
    }

    fn end(&mut self) {
        self.phase = Phase::Ended;
        self.generation = None;
        self.actions.push(Action::Closed);
    }

    fn plan_failed(&mut self, error: &PlanError, sync: &mut SyncGroup, members: &[GroupMember]) {
        self.problem(format!(
            "the tasks of group {} are not distributed: {error}; members keep what they have",
            self.config.group_id
        ));
        sync.assignments = super::plan::plan_failed(members, self.config.topology, error);
    }
}
