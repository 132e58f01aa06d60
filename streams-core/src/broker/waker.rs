use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Ends a wait from another thread: a consumer's poll, when records have come or somebody has a request.
///
/// A wake-up before the wait is kept, so that none is lost. Clones share the same wait.
#[derive(Debug, Clone, Default)]
pub struct Waker {
    shared: Arc<(Mutex<bool>, Condvar)>,
}

impl Waker {
    /// Ends the current wait, or else the next.
    pub fn wake(&self) {
        let (woken, condition) = &*self.shared;
        *woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        condition.notify_all();
    }

    /// Waits until woken or until `timeout` has passed; says whether it was woken.
    pub fn wait(&self, timeout: Duration) -> bool {
        let (woken, condition) = &*self.shared;
        let deadline = Instant::now() + timeout;
        let mut guard = woken.lock().unwrap_or_else(PoisonError::into_inner);
        while !*guard {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            guard = condition.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        *guard = false;
        true
    }
}
