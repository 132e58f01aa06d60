use super::Isolation;
use crate::broker::Waker;
use std::sync::atomic::{AtomicBool, Ordering};

/// A consumer as the partitions it reads see it: whom to wake when there is something new.
#[derive(Debug)]
pub(super) struct Watcher {
    /// Ends the consumer's poll.
    pub(super) waker: Waker,
    /// What the consumer may see; records of open transactions wake nobody who cannot see them.
    pub(super) isolation: Isolation,
    /// Set by the consumer just before it looks a last time and then waits; so that appending for a busy consumer costs one load.
    waiting: AtomicBool,
}

impl Watcher {
    pub(super) fn new(isolation: Isolation) -> Self {
        Self { waker: Waker::default(), isolation, waiting: AtomicBool::new(false) }
    }

    pub(super) fn set_waiting(&self, waiting: bool) {
        self.waiting.store(waiting, Ordering::SeqCst);
    }

    /// Wakes the consumer if it waits.
    pub(super) fn notify(&self) {
        if self.waiting.load(Ordering::SeqCst) && self.waiting.swap(false, Ordering::SeqCst) {
            self.waker.wake();
        }
    }
}
