//! The thread of the global stores: reads their topics to the end before the first task begins, and follows them from then on.

mod part;
mod positions;
mod thread;

pub(crate) use thread::GlobalThread;

use crate::broker::Waker;
use crate::error::StreamsError;
use crate::store::GlobalStores;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// What the thread tells.
pub(crate) enum GlobalEvent {
    /// The stores are as far as their topics were at the start.
    Ready(GlobalStores),
    /// The thread has ended.
    Failed(StreamsError),
}

/// The running thread, as its owner holds it.
pub(crate) struct GlobalHandle {
    pub(super) stop: Arc<AtomicBool>,
    pub(super) waker: Waker,
    pub(super) thread: JoinHandle<()>,
}

impl GlobalHandle {
    /// Ends the thread and waits for that.
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.waker.wake();
        drop(self.thread.join());
    }
}
