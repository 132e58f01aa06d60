use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Counts the bytes that all partitions hold, against the broker's limit.
#[derive(Debug)]
pub(super) struct Capacity {
    held: AtomicUsize,
    limit: usize,
    lock: Mutex<()>,
    freed: Condvar,
}

impl Capacity {
    pub(super) fn new(limit: usize) -> Self {
        Self { held: AtomicUsize::new(0), limit, lock: Mutex::new(()), freed: Condvar::new() }
    }

    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn add(&self, bytes: usize) {
        self.held.fetch_add(bytes, Ordering::SeqCst);
    }

    pub(super) fn remove(&self, bytes: usize) {
        if bytes > 0 {
            self.held.fetch_sub(bytes, Ordering::SeqCst);
            // Under the lock, so that who has just looked and is about to wait does not miss it.
            let _guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            self.freed.notify_all();
        }
    }

    /// Waits until less than the limit is held; says whether that came true in time.
    pub(super) fn wait_for_room(&self, timeout: Duration) -> bool {
        if self.held() < self.limit {
            return true;
        }
        let deadline = Instant::now() + timeout;
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        while self.held() >= self.limit {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            guard = self.freed.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}
