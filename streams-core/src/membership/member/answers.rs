use std::time::Duration;

use bytes::Bytes;
use kafka_client::GroupError;
use kafka_client::consumer_protocol;
use kafka_client::group::{JoinedGroup, SyncGroup, SyncedGroup};

use super::{Action, CallId, ClassicMember, PROTOCOL_NAME, Phase};
use crate::membership::{PlanError, TaskAssignment};

/// What an error means to a member, whatever it was answered to.
enum Verdict {
    /// The group rebalances: join.
    Rejoin,
    /// The membership is lost; with it the member id, if `forget`.
    Lost { forget: bool },
    /// The same again after a while.
    Retry,
    /// Nothing helps.
    Fatal,
}

fn verdict(error: &GroupError) -> Verdict {
    match error {
        GroupError::RebalanceInProgress => Verdict::Rejoin,
        GroupError::IllegalGeneration => Verdict::Lost { forget: false },
        GroupError::UnknownMemberId => Verdict::Lost { forget: true },
        // A broker answers -1 (unknown) for its own passing troubles as well.
        GroupError::Malformed(_) | GroupError::Other { code: -1, .. } => Verdict::Retry,
        error if error.is_retriable() => Verdict::Retry,
        _ => Verdict::Fatal,
    }
}

impl ClassicMember {
    pub(super) fn joined(&mut self, now: Duration, call: CallId, answer: Result<JoinedGroup, GroupError>) {
        if !matches!(&self.phase, Phase::Joining { call: expected, .. } if *expected == call) {
            return;
        }
        match answer {
            Ok(joined) => self.take_generation(now, joined),
            Err(GroupError::MemberIdRequired(member_id)) if self.member_id.is_empty() => {
                self.member_id = member_id;
                self.send_join(now, "it joins the group");
            }
            Err(error) => match verdict(&error) {
                Verdict::Lost { forget } => self.lost(now, forget, &error),
                Verdict::Rejoin | Verdict::Retry => self.join_failed(now, &error),
                Verdict::Fatal if matches!(error, GroupError::MemberIdRequired(_)) => self.join_failed(now, &error),
                Verdict::Fatal => self.fail(error),
            },
        }
    }

    /// Whether a generation may have passed without this member. A dynamic member would not be in the group any more, but a
    /// static one stays, with an old subscription: others may have been given what it does not say that it holds.
    fn has_missed(&self, generation: i32) -> bool {
        let missed = |former| generation != former && Some(generation) != i32::checked_add(former, 1);
        self.config.instance_id.is_some() && self.generation.is_some_and(missed)
    }

    fn take_generation(&mut self, now: Duration, joined: JoinedGroup) {
        if self.has_missed(joined.generation) {
            self.member_id = joined.member_id;
            return self.lose(now, "the group has completed a rebalance without this member");
        }
        self.generation = Some(joined.generation);
        self.leads = joined.leader_id == joined.member_id;
        self.member_id = joined.member_id;
        self.contact = now;
        self.next_heartbeat = now + self.heartbeat_interval(now);
        let sync = SyncGroup {
            member: self.identity_in(joined.generation),
            protocol_name: joined.protocol_name.unwrap_or_else(|| PROTOCOL_NAME.to_owned()),
            assignments: Vec::new(),
        };
        if self.leads && !joined.skip_assignment {
            let call = self.next_call();
            let (generation, members) = (joined.generation, joined.members);
            self.actions.push(Action::Plan { call, generation, members: members.clone() });
            // The coordinator waits for the leader as long as for a join; heartbeats keep the session alive.
            let until = now + self.config.rebalance_timeout * 3 / 4;
            self.phase = Phase::Planning { call, sync, members, until };
        } else {
            self.send_sync(now, sync, false);
        }
    }

    fn join_failed(&mut self, now: Duration, error: &GroupError) {
        if *error == GroupError::Disconnected && self.backoff.failures() == 0 {
            // So far the coordinator was waiting with this member for the others.
            self.contact = now;
        }
        let at = now + self.backoff.failed();
        self.problem(format!("joining group {} failed: {error}; it is tried again", self.config.group_id));
        self.phase = Phase::JoinAt(at);
    }

    pub(super) fn planned(&mut self, now: Duration, call: CallId, answer: Result<Vec<(String, Bytes)>, PlanError>) {
        let Phase::Planning { call: expected, sync, members, .. } = &mut self.phase else { return };
        if *expected != call {
            return;
        }
        let (mut sync, members) = (sync.clone(), std::mem::take(members));
        let replan = answer.as_ref().is_err_and(PlanError::is_retriable);
        match answer {
            Ok(assignments) => sync.assignments = assignments,
            Err(error) => self.plan_failed(&error, &mut sync, &members),
        }
        self.send_sync(now, sync, replan);
    }

    pub(super) fn synced(&mut self, now: Duration, call: CallId, answer: Result<SyncedGroup, GroupError>) {
        let Phase::Syncing { call: expected, sent, sync, replan } = &self.phase else { return };
        if *expected != call {
            return;
        }
        let (sent, replan, generation) = (*sent, *replan, sync.member.generation);
        match answer {
            Ok(synced) => {
                self.counted_in(sent);
                self.phase = Phase::Stable;
                self.take_assignment(now, generation, &synced.assignment, replan);
            }
            Err(error) => match verdict(&error) {
                Verdict::Rejoin => self.rejoin(now, 3),
                Verdict::Lost { forget } => self.lost(now, forget, &error),
                Verdict::Retry => {
                    let sync = sync.clone();
                    let at = now + self.backoff.failed();
                    self.problem(format!(
                        "waiting for tasks in group {} failed: {error}; it is tried again",
                        self.config.group_id
                    ));
                    self.phase = Phase::SyncAt { at, sync, replan };
                }
                Verdict::Fatal => self.fail(error),
            },
        }
    }

    fn take_assignment(&mut self, now: Duration, generation: i32, bytes: &Bytes, replan: bool) {
        let assignment = match read_assignment(bytes, self.config.topology) {
            Ok(assignment) => assignment,
            Err(why) => {
                let at = now + self.backoff.failed();
                self.problem(format!(
                    "the assignment in generation {generation} of group {} cannot be used: {why}; the member keeps its tasks and joins again",
                    self.config.group_id
                ));
                return self.want(at, "its assignment cannot be used");
            }
        };
        if replan {
            let at = now + self.backoff.failed();
            self.want(at, "the tasks could not be distributed");
        } else if assignment.error.is_none() {
            self.backoff.succeeded();
        }
        if self.config.instance_id.is_some() && self.tasks.generation == -1 && assignment.error.is_none() {
            if assignment.unsettled {
                // Its former self may be the one whom others wait for, and is gone without telling them.
                self.want(now, "it has come back while tasks are withheld");
            } else if assignment.threads != self.config.threads {
                self.want(now, "it has come back with another number of threads");
            }
        }
        self.settling_until = if assignment.unsettled { now + self.config.session_timeout } else { now };
        self.next_heartbeat = self.next_heartbeat.min(now + self.heartbeat_interval(now));
        let revision = self.tasks.assign(&assignment.tasks, generation);
        self.actions.push(Action::Assigned { revision, identity: self.identity_in(generation), assignment });
        self.follow_up(now);
    }

    pub(super) fn heartbeat_done(&mut self, now: Duration, call: CallId, answer: Result<(), GroupError>) {
        let Some(pending) = self.pending_heartbeat.take_if(|pending| pending.call == call) else { return };
        match answer {
            Ok(()) => {
                self.counted_in(pending.sent);
                self.next_heartbeat = now.max(pending.sent + self.heartbeat_interval(now));
            }
            Err(error) => match verdict(&error) {
                Verdict::Rejoin => {
                    self.contact = self.contact.max(pending.sent);
                    self.next_heartbeat = now + self.heartbeat_interval(now);
                    match self.phase {
                        // Its answer is on the way; it may even hold tasks.
                        Phase::Syncing { .. } => self.want(now, "the group is rebalancing"),
                        Phase::JoinAt(_) => {}
                        _ => self.rejoin(now, u32::MAX),
                    }
                }
                Verdict::Lost { forget } => self.lost(now, forget, &error),
                Verdict::Retry => self.next_heartbeat = now + self.config.backoff.min(self.heartbeat_interval(now)),
                Verdict::Fatal => self.fail(error),
            },
        }
    }

    /// Joins a rebalance that has begun. After `free` failures in a row it takes its time.
    fn rejoin(&mut self, now: Duration, free: u32) {
        let pause = if free == u32::MAX { Duration::ZERO } else { self.pause(free) };
        self.metadata = Bytes::new();
        if pause.is_zero() {
            self.join_anew(now, "the group is rebalancing");
        } else {
            self.phase = Phase::JoinAt(now + pause);
        }
    }

    fn lost(&mut self, now: Duration, forget: bool, error: &GroupError) {
        if forget {
            self.member_id.clear();
        }
        self.lose(now, &error.to_string());
    }

    /// A heartbeat finds out more: an instance that was fenced must not join again, but is refused as an unknown member too.
    pub(super) fn commit_refused(&mut self, now: Duration, generation: i32, error: &GroupError) {
        let refused =
            matches!(error, GroupError::IllegalGeneration | GroupError::UnknownMemberId | GroupError::FencedInstanceId);
        if refused && self.generation == Some(generation) {
            self.next_heartbeat = now;
        }
    }

    pub(super) fn leave_done(&mut self, now: Duration, call: CallId, answer: Result<(), GroupError>) {
        let Phase::Leaving { call: expected, until } = self.phase else { return };
        if expected != call {
            return;
        }
        match answer {
            Err(error) if error.is_retriable() => {
                let at = now + self.backoff.failed();
                self.phase = Phase::LeaveAt { at: at.min(until), until };
            }
            Err(GroupError::UnknownMemberId) | Ok(()) => self.end(),
            Err(error) => {
                self.problem(format!("leaving group {} failed: {error}; its session times out", self.config.group_id));
                self.end();
            }
        }
    }
}

fn read_assignment(bytes: &Bytes, topology: u64) -> Result<TaskAssignment, String> {
    let wrapper = consumer_protocol::Assignment::decode(bytes).map_err(|error| error.to_string())?;
    let user_data = wrapper.user_data.ok_or("it holds no tasks and no reason why")?;
    let assignment = TaskAssignment::decode(&user_data).map_err(|error| error.to_string())?;
    if assignment.error.is_none() && assignment.topology != topology {
        return Err(format!(
            "it is for another topology (fingerprint {:016x}) than this instance's ({topology:016x})",
            assignment.topology
        ));
    }
    Ok(assignment)
}
