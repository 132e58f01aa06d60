use super::view::StoreLocation;
use crate::error::StreamsError;
use crate::runtime::TaskQuery;
use crate::runtime::ThreadCommand;
use crate::task::Task;
use state_stores::{Direction, KeyRange, StoreHandle};
use std::ops::{Bound, ControlFlow};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// How many rows are read in one go: between two pages the task goes on processing.
const PAGE_ROWS: usize = 512;
/// How long a thread may take to answer: a round of processing, or a commit while the cluster is slow.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Encoded rows in key order.
pub(super) type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// Which rows a scan wants; bounds move on page by page.
#[derive(Debug, Clone)]
pub(super) struct ScanRange {
    pub(super) lower: Bound<Vec<u8>>,
    pub(super) upper: Bound<Vec<u8>>,
    pub(super) direction: Direction,
}

impl ScanRange {
    fn as_key_range(&self) -> KeyRange<'_> {
        KeyRange { lower: as_slice(&self.lower), upper: as_slice(&self.upper) }
    }

    /// Leaves out what comes up to and with `last`.
    fn advance(&mut self, last: &[u8]) {
        match self.direction {
            Direction::Forward => self.lower = Bound::Excluded(last.to_vec()),
            Direction::Reverse => self.upper = Bound::Excluded(last.to_vec()),
        }
    }
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    match bound {
        Bound::Included(key) => Bound::Included(key),
        Bound::Excluded(key) => Bound::Excluded(key),
        Bound::Unbounded => Bound::Unbounded,
    }
}

/// Reads the next page of one task's store; the flag says whether there may be more.
pub(super) fn next_page(
    location: &StoreLocation,
    range: &mut ScanRange,
    committed: bool,
) -> Result<(Rows, bool), StreamsError> {
    let rows = if committed { committed_page(location, range)? } else { buffered_page(location, range.clone())? };
    if let Some((last, _)) = rows.last() {
        range.advance(last);
    }
    let more = rows.len() == PAGE_ROWS;
    Ok((rows, more))
}

fn buffered_page(location: &StoreLocation, range: ScanRange) -> Result<Rows, StreamsError> {
    ask(location, move |store| {
        let mut rows = Vec::new();
        store.borrow_mut().scan(range.as_key_range(), range.direction, |key, value| {
            rows.push((key.to_vec(), value.to_vec()));
            if rows.len() == PAGE_ROWS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(rows)
    })
}

fn committed_page(location: &StoreLocation, range: &ScanRange) -> Result<Rows, StreamsError> {
    let mut rows = Vec::new();
    location.reader.scan(range.as_key_range(), range.direction, |key, value| {
        rows.push((key.to_vec(), value.to_vec()));
        if rows.len() == PAGE_ROWS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(rows)
}

/// Lets the thread that owns the task read from the store, over its write buffer, and waits for the answer.
pub(super) fn ask<T: Send + 'static>(
    location: &StoreLocation,
    read: impl FnOnce(&StoreHandle) -> Result<T, state_stores::StoreError> + Send + 'static,
) -> Result<T, StreamsError> {
    let (sender, receiver) = sync_channel(1);
    let store = location.store.clone();
    let run = move |task: Option<&Task>| {
        let found = task.and_then(|task| task.stores().iter().find(|candidate| **candidate.name() == *store));
        let answer = found.map(|store| read(store.handle()));
        let _ = sender.send(answer);
    };
    let query = TaskQuery { task: location.task, run: Box::new(run) };
    let Some(thread) = &location.thread else { return Err(moved(location)) };
    thread.tell(ThreadCommand::Query(query));
    match receiver.recv_timeout(ANSWER_TIMEOUT) {
        Ok(Some(answer)) => Ok(answer?),
        Ok(None) | Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => Err(moved(location)),
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => Err(StreamsError::InvalidState(format!(
            "task {} did not answer a query of store {} within {ANSWER_TIMEOUT:?}: a long call in an operator, or a commit that waits for the cluster",
            location.task, location.store
        ))),
    }
}

fn moved(location: &StoreLocation) -> StreamsError {
    StreamsError::InvalidState(format!(
        "task {} with store {} has just moved away or is being restored; look the store up again",
        location.task, location.store
    ))
}
