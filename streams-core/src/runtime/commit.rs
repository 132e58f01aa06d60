//! Committing offsets as a member of the group, at least once.

use super::group_call;
use super::instance::Instance;
use crate::broker::Broker;
use crate::error::StreamsError;
use crate::membership::Event;
use crate::runtime::control::ControlEvent;
use kafka_client::group::{CommitOffsets, CommittedOffset, GroupError};
use std::time::{Duration, Instant};

/// Pause before a commit that was refused for the moment is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// Commits `offsets` with the present identity. While a rebalance is under way the coordinator may refuse for a moment: it is tried
/// again with the identity of the new generation.
///
/// # Errors
/// [`StreamsError::TaskMigrated`] where this instance is no longer a member: its tasks may run elsewhere by now.
pub(super) fn commit_offsets<B: Broker>(
    instance: &Instance<B>,
    offsets: Vec<CommittedOffset>,
) -> Result<(), StreamsError> {
    let deadline = Instant::now() + instance.settings.task_timeout;
    loop {
        let Some(member) = instance.identity() else {
            return Err(StreamsError::TaskMigrated("this instance has lost its membership of the group".to_owned()));
        };
        let generation = member.generation;
        let request = CommitOffsets { member, offsets: offsets.clone() };
        // Longer than the client's own limit, which ends first and says why.
        let timeout = instance.settings.request_timeout * 2;
        let error = match group_call::commit_offsets(instance.coordinator.as_ref(), request, timeout) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        match error {
            GroupError::IllegalGeneration | GroupError::UnknownMemberId | GroupError::FencedInstanceId => {
                let renewed = instance.identity().is_some_and(|identity| identity.generation != generation);
                if !renewed {
                    instance
                        .tell_control(ControlEvent::Member(Event::CommitRefused { generation, error: error.clone() }));
                    if Instant::now() + instance.settings.group.session_timeout > deadline
                        || !wait_for_news(instance, generation)
                    {
                        return Err(StreamsError::TaskMigrated(format!("the group refused a commit: {error}")));
                    }
                }
            }
            GroupError::RebalanceInProgress if Instant::now() < deadline => std::thread::sleep(RETRY_PAUSE),
            error if error.is_retriable() && Instant::now() < deadline => {
                tracing::warn!("commit: {error}; trying again");
                std::thread::sleep(RETRY_PAUSE);
            }
            error => return Err(group_call::streams_error(error)),
        }
    }
}

/// Waits for a newer identity than that of `generation`; false where membership is lost or nothing changes.
fn wait_for_news<B: Broker>(instance: &Instance<B>, generation: i32) -> bool {
    let deadline = Instant::now() + instance.settings.group.session_timeout;
    while Instant::now() < deadline && !instance.lifecycle.state().has_ended() {
        match instance.identity() {
            None => return false,
            Some(identity) if identity.generation != generation => return true,
            Some(_) => std::thread::sleep(RETRY_PAUSE),
        }
    }
    false
}
