//! Committing offsets as a member of the group, at least once.

use super::group_call;
use super::instance::Instance;
use crate::broker::{Broker, Waker};
use crate::error::StreamsError;
use crate::membership::Event;
use crate::runtime::control::ControlEvent;
use kafka_client::group::{CommitOffsets, CommittedOffset, GroupError};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Pause before a commit that was refused for the moment is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// A commit of offsets that is under way, with the identity that the member has whenever it is tried. While a rebalance is under way the
/// coordinator may refuse for a moment: it is tried again with the identity of the new generation.
///
/// Whoever owns it calls [`advance`](Self::advance) until it is done. Dropped before, it may or may not come to pass.
pub(super) struct OffsetCommit {
    offsets: Vec<CommittedOffset>,
    /// After this time nothing is tried again.
    deadline: Instant,
    /// Told when an answer has come.
    waker: Waker,
    step: Step,
}

enum Step {
    /// The coordinator is to be asked, not before this time.
    Ask(Instant),
    /// It was asked in this generation, and has so long to answer.
    Asked { answer: Receiver<Result<(), GroupError>>, generation: i32, until: Instant },
    /// It does not take this generation for the present one: so long, news of another is waited for.
    Refused { error: GroupError, generation: i32, until: Instant },
}

impl OffsetCommit {
    pub(super) fn new(offsets: Vec<CommittedOffset>, deadline: Instant, waker: Waker) -> Self {
        Self { offsets, deadline, waker, step: Step::Ask(Instant::now()) }
    }

    /// Does what can be done within `wait`. Says whether the offsets are committed.
    ///
    /// # Errors
    /// [`StreamsError::TaskMigrated`] where this instance is no longer a member: its tasks may run elsewhere by now.
    pub(super) fn advance<B: Broker>(&mut self, instance: &Instance<B>, wait: Duration) -> Result<bool, StreamsError> {
        let end = Instant::now() + wait;
        loop {
            let now = Instant::now();
            let left = end.saturating_duration_since(now);
            match &self.step {
                Step::Ask(not_before) if *not_before > now => {
                    if left.is_zero() {
                        return Ok(false);
                    }
                    std::thread::sleep(left.min(*not_before - now));
                }
                Step::Ask(_) => self.ask(instance)?,
                Step::Asked { answer, generation, until } => {
                    let generation = *generation;
                    let patience = until.saturating_duration_since(now);
                    match answer.recv_timeout(left.min(patience)) {
                        Ok(Ok(())) => return Ok(true),
                        Ok(Err(error)) => self.refused(instance, error, generation)?,
                        Err(RecvTimeoutError::Disconnected) => {
                            self.refused(instance, GroupError::Closed, generation)?
                        }
                        Err(RecvTimeoutError::Timeout) if Instant::now() >= *until => {
                            self.refused(instance, GroupError::Timeout, generation)?;
                        }
                        Err(RecvTimeoutError::Timeout) => return Ok(false),
                    }
                }
                Step::Refused { error, generation, until } => match instance.identity() {
                    Some(identity) if identity.generation != *generation => self.step = Step::Ask(now),
                    Some(_) if now < *until && !instance.lifecycle.state().has_ended() => {
                        if left.is_zero() {
                            return Ok(false);
                        }
                        std::thread::sleep(left.min(RETRY_PAUSE));
                    }
                    _ => return Err(StreamsError::TaskMigrated(format!("the group refused a commit: {error}"))),
                },
            }
        }
    }

    /// Waits for the answer to a request that is under way, if there is one, whatever it is.
    pub(super) fn await_answer(&self, timeout: Duration) {
        if let Step::Asked { answer, .. } = &self.step {
            let _ = answer.recv_timeout(timeout);
        }
    }

    fn ask<B: Broker>(&mut self, instance: &Instance<B>) -> Result<(), StreamsError> {
        let Some(member) = instance.identity() else {
            return Err(StreamsError::TaskMigrated("this instance has lost its membership of the group".to_owned()));
        };
        let generation = member.generation;
        let request = CommitOffsets { member, offsets: self.offsets.clone() };
        let answer = group_call::commit_offsets(instance.coordinator.as_ref(), request, self.waker.clone());
        // Longer than the client's own limit, which ends first and says why.
        let until = Instant::now() + instance.settings.request_timeout * 2;
        self.step = Step::Asked { answer, generation, until };
        Ok(())
    }

    fn refused<B: Broker>(
        &mut self,
        instance: &Instance<B>,
        error: GroupError,
        generation: i32,
    ) -> Result<(), StreamsError> {
        let now = Instant::now();
        self.step = match error {
            GroupError::IllegalGeneration | GroupError::UnknownMemberId | GroupError::FencedInstanceId => {
                let until = now + instance.settings.group.session_timeout;
                let renewed = instance.identity().is_some_and(|identity| identity.generation != generation);
                if !renewed {
                    let refused = Event::CommitRefused { generation, error: error.clone() };
                    instance.tell_control(ControlEvent::Member(refused));
                    if until > self.deadline {
                        return Err(StreamsError::TaskMigrated(format!("the group refused a commit: {error}")));
                    }
                }
                Step::Refused { error, generation, until }
            }
            GroupError::RebalanceInProgress if now < self.deadline => Step::Ask(now + RETRY_PAUSE),
            error if error.is_retriable() && now < self.deadline => {
                tracing::warn!("commit: {error}; trying again");
                Step::Ask(now + RETRY_PAUSE)
            }
            error => return Err(group_call::streams_error(error)),
        };
        Ok(())
    }
}
