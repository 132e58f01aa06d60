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
