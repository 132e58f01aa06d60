use std::sync::mpsc::SyncSender;

use tokio::time::Instant;

use super::ProducerError;
use super::shared::Shared;
use super::transaction::{Coordinator, Ending};
use crate::calls::ProducerIdentity;
use crate::group::{CommittedOffset, MemberIdentity};

/// What the handle asks of the transaction's coordinator, with where the answer goes. No attempt starts after the deadline.
pub(super) struct Command {
    pub(super) request: Request,
    pub(super) deadline: std::time::Instant,
    pub(super) reply: SyncSender<Result<(), ProducerError>>,
}

pub(super) enum Request {
    Register,
    AddOffsets { member: MemberIdentity, offsets: Vec<CommittedOffset> },
    End { commit: bool, ending: Ending },
}

/// The coordinator does not know the producer's id any more.
const INVALID_PRODUCER_ID_MAPPING: i16 = 49;

impl Command {
    pub(super) async fn run(self, coordinator: &Coordinator, shared: &Shared) {
        let deadline = Instant::from_std(self.deadline);
        let result = match self.request {
            Request::Register => register(coordinator, shared, deadline).await,
            Request::AddOffsets { member, offsets } => {
                add_offsets(coordinator, shared, member, offsets, deadline).await
            }
            Request::End { commit, ending } => end(coordinator, shared, commit, ending, deadline).await,
        };
        // The handle may have given up waiting; the state says the rest.
        let _ = self.reply.send(result);
    }
}

async fn register(coordinator: &Coordinator, shared: &Shared, deadline: Instant) -> Result<(), ProducerError> {
    let registered = coordinator.register(ProducerIdentity::NONE, deadline).await;
    let mut queue = shared.queue();
    match registered {
        Ok((identity, implicit)) => {
            queue.take_identity(identity);
            queue.transaction.registered(implicit);
            Ok(())
        }
        Err((ends, error)) => Err(queue.transaction.fail(ends, error)),
    }
}

async fn add_offsets(
    coordinator: &Coordinator,
    shared: &Shared,
    member: MemberIdentity,
    offsets: Vec<CommittedOffset>,
    deadline: Instant,
) -> Result<(), ProducerError> {
    let (identity, implicit) = present(shared);
    let added = coordinator.add_offsets(identity, implicit, member, offsets, deadline).await;
    let transaction = &mut shared.queue().transaction;
    match added {
        Ok(()) => {
            transaction.added_offsets();
            Ok(())
        }
        Err((ends, error)) => Err(transaction.fail(ends, error)),
    }
}

async fn end(
    coordinator: &Coordinator,
    shared: &Shared,
    commit: bool,
    ending: Ending,
    deadline: Instant,
) -> Result<(), ProducerError> {
    let (identity, implicit) = present(shared);
    let mut next = None;
    let mut current = identity;
    let mut needs_epoch = ending.epoch;
    if ending.tell {
        match coordinator.end(identity, commit, implicit, deadline).await {
            Ok(identity) => {
                next = identity;
                shared.queue().transaction.told_end();
            }
            Err((_, error)) if !commit && error.code() == Some(INVALID_PRODUCER_ID_MAPPING) => {
                // Nothing is left to abort; a new id is all there is to get.
                (current, needs_epoch) = (ProducerIdentity::NONE, true);
            }
            Err((ends, error)) => return Err(shared.queue().transaction.fail(ends, error)),
        }
    }
    if needs_epoch {
        match coordinator.register(current, deadline).await {
            Ok((identity, _)) => next = Some(identity),
            Err((ends, error)) => return Err(shared.queue().transaction.fail(ends, error)),
        }
    }
    let mut queue = shared.queue();
    if let Some(identity) = next.filter(|next| *next != identity) {
        queue.take_identity(identity);
    }
    queue.transaction.ended();
    Ok(())
}

/// Under which identity requests go now, and whether the cluster adds partitions by itself.
fn present(shared: &Shared) -> (ProducerIdentity, bool) {
    let queue = shared.queue();
    (queue.identity.unwrap_or(ProducerIdentity::NONE), queue.transaction.implicit)
}
