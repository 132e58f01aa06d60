use super::cluster::Cluster;
use crate::broker::Waker;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

/// Where the thread that expires things and those who give it something to do meet.
#[derive(Debug)]
pub(super) struct Timer {
    waker: Waker,
    /// When the thread will look next, unless woken. Below every time where there is no thread.
    next: AtomicI64,
}

impl Default for Timer {
    fn default() -> Self {
        Self { waker: Waker::default(), next: AtomicI64::new(i64::MIN) }
    }
}

impl Timer {
    /// Makes sure that the thread looks at this time at the latest.
    pub(super) fn set(&self, deadline: Option<i64>) {
        if deadline.is_some_and(|at| at < self.next.load(Ordering::SeqCst)) {
            self.waker.wake();
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.timer.waker.wake();
    }
}

/// Starts the thread. It ends when nobody else holds the cluster any more.
pub(super) fn start(cluster: &Arc<Cluster>) -> io::Result<()> {
    let waker = cluster.timer.waker.clone();
    cluster.timer.next.store(i64::MAX, Ordering::SeqCst);
    let cluster = Arc::downgrade(cluster);
    thread::Builder::new().name("embedded-broker-timer".into()).spawn(move || run(&cluster, &waker))?;
    Ok(())
}

fn run(cluster: &Weak<Cluster>, waker: &Waker) {
    while let Some(wait) = cluster.upgrade().map(|cluster| tick(&cluster)) {
        waker.wait(wait);
    }
}

/// Expires what is due; says how long there is nothing more to do.
fn tick(cluster: &Cluster) -> Duration {
    cluster.expire();
    // Whoever sets a deadline from here on sees `MAX` and wakes; whoever set one before is seen now.
    cluster.timer.next.store(i64::MAX, Ordering::SeqCst);
    let next = cluster.next_deadline();
    cluster.timer.next.store(next.unwrap_or(i64::MAX), Ordering::SeqCst);
    match next {
        Some(at) => Duration::from_millis(u64::try_from(at - cluster.now_ms()).unwrap_or(0)),
        None => Duration::from_secs(3600),
    }
}
