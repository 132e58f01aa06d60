//! Waiting for the answers of the group coordinator.

use crate::broker::{BrokerError, BrokerErrorKind, Waker};
use crate::error::StreamsError;
use kafka_client::group::{CommitOffsets, FetchOffsets, FetchedOffset, GroupCoordinator, GroupError, Reply};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

/// Makes a request and waits for its answer, `timeout` at the most.
fn wait<T: Send + 'static>(timeout: Duration, request: impl FnOnce(Reply<T>)) -> Result<T, GroupError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    request(Box::new(move |answer| drop(sender.send(answer))));
    match receiver.recv_timeout(timeout) {
        Ok(answer) => answer,
        Err(mpsc::RecvTimeoutError::Timeout) => Err(GroupError::Timeout),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(GroupError::Closed),
    }
}

pub(crate) fn fetch_offsets(
    coordinator: &dyn GroupCoordinator,
    request: FetchOffsets,
    timeout: Duration,
) -> Result<Vec<FetchedOffset>, GroupError> {
    wait(timeout, |reply| coordinator.fetch_offsets(request, reply))
}

/// Asks for a commit; the answer comes through the channel, and `waker` is told of it.
pub(crate) fn commit_offsets(
    coordinator: &dyn GroupCoordinator,
    request: CommitOffsets,
    waker: Waker,
) -> Receiver<Result<(), GroupError>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let reply: Reply<()> = Box::new(move |answer| {
        drop(sender.send(answer));
        waker.wake();
    });
    coordinator.commit_offsets(request, reply);
    receiver
}

/// The error for callers that know nothing of groups.
pub(crate) fn streams_error(error: GroupError) -> StreamsError {
    let kind = if error.is_retriable() { BrokerErrorKind::Retriable } else { BrokerErrorKind::Fatal };
    StreamsError::Broker(BrokerError::new(kind, "group coordinator", error))
}
