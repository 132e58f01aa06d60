use std::time::Duration;

use super::{ClassicMember, Phase};
use crate::membership::PlanError;

impl ClassicMember {
    /// When [`Event::Tick`](super::Event::Tick) is due at the latest; none while only answers are waited for.
    pub fn deadline(&self) -> Option<Duration> {
        let phase = match &self.phase {
            Phase::JoinAt(at) | Phase::SyncAt { at, .. } | Phase::LeaveAt { at, .. } => Some(*at),
            Phase::Planning { until, .. } | Phase::Leaving { until, .. } => Some(*until),
            Phase::Stable => self.wanted.as_ref().map(|(at, _)| *at),
            _ => None,
        };
        let heartbeat = self.heartbeats().then_some(self.next_heartbeat);
        [phase, heartbeat, self.fence()].into_iter().flatten().min()
    }

    /// Whether the next heartbeat is to be sent when its time has come.
    fn heartbeats(&self) -> bool {
        self.generation.is_some()
            && self.pending_heartbeat.is_none()
            && matches!(
                self.phase,
                Phase::Planning { .. } | Phase::Syncing { .. } | Phase::SyncAt { .. } | Phase::Stable
            )
    }

    /// When the member must take itself for lost unless it hears from the coordinator.
    fn fence(&self) -> Option<Duration> {
        match self.phase {
            Phase::Leaving { .. } | Phase::LeaveAt { .. } | Phase::Ended => None,
            Phase::Joining { fence, .. } => self.generation.map(|_| fence),
            _ => self.generation.map(|_| self.contact + self.config.contact_timeout),
        }
    }

    /// Until when this member's tasks are its own for certain; `None` outside any generation. Later others may have them, for all it knows:
    /// the process may have stood still, or be cut off from the coordinator.
    pub fn assured_until(&self) -> Option<Duration> {
        self.generation.map(|_| self.assured)
    }

    /// While a join is pending the coordinator waits with the member, and needs no heartbeats. But the answer may come while the process
    /// stands still: a member that does not come here in time has to hear of the coordinator first.
    pub(super) fn stay_assured(&mut self, now: Duration) {
        if matches!(self.phase, Phase::Joining { .. }) && now <= self.assured {
            // The answer may be under way: so long ago the wait may have ended.
            self.assured = self.assured.max(now + self.patience() * 3 / 4);
        }
    }

    /// The coordinator counts this member in, by its answer to a request made at `sent`.
    pub(super) fn counted_in(&mut self, sent: Duration) {
        self.contact = self.contact.max(sent);
        self.assured = self.assured.max(sent + self.patience());
    }

    /// How long the coordinator waits for a member: for its next heartbeat, or in a rebalance that begins now for it to join.
    fn patience(&self) -> Duration {
        self.config.session_timeout.min(self.config.rebalance_timeout)
    }

    /// Short while tasks are on the move, but not for ever: someone may be slow to give them up.
    pub(super) fn heartbeat_interval(&self, now: Duration) -> Duration {
        if now < self.settling_until { self.config.settling_heartbeat_interval } else { self.config.heartbeat_interval }
    }

    /// Does what is due.
    pub(super) fn on_time(&mut self, now: Duration) {
        if self.fence().is_some_and(|fence| fence <= now) {
            let timeout = self.config.contact_timeout;
            let reason = format!("the group's coordinator was not heard of for {timeout:?}");
            self.lose(now, &reason);
        }
        self.phase_on_time(now);
        if let Some(generation) = self.generation
            && self.heartbeats()
            && self.next_heartbeat <= now
        {
            self.send_heartbeat(now, generation);
        }
    }

    fn phase_on_time(&mut self, now: Duration) {
        match &self.phase {
            Phase::JoinAt(at) if *at <= now => self.join_again(now),
            Phase::SyncAt { at, sync, replan } if *at <= now => self.send_sync(now, sync.clone(), *replan),
            Phase::LeaveAt { at, until } if *at <= now => self.send_leave(*until),
            Phase::Leaving { until, .. } if *until <= now => {
                self.problem(
                    "the coordinator did not answer in time when the member left: it notices by the session timeout"
                        .into(),
                );
                self.end();
            }
            Phase::Planning { call, until, .. } if *until <= now => {
                let error = PlanError::Unavailable("there was no plan in time".into());
                self.planned(now, *call, Err(error));
            }
            Phase::Stable => {
                if let Some((_, reason)) = self.wanted.take_if(|(at, _)| *at <= now) {
                    self.join_anew(now, &reason);
                }
            }
            _ => {}
        }
    }
}
