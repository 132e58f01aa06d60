use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Waits between attempts that double up to a limit, each varied by up to a fifth so that clients do not come back all at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
}

impl Backoff {
    /// The wait after so many failures in a row (counted from 1).
    pub(crate) fn delay(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(30);
        let delay = self.first.saturating_mul(1 << doublings).min(self.longest);
        delay.mul_f64(0.8 + 0.4 * random_fraction())
    }
}

/// Failures in a row of something that is tried again and again, and until when to wait because of them.
#[derive(Debug)]
pub(crate) struct Attempts {
    failures: Cell<u32>,
    wait_until: Cell<Instant>,
}

impl Attempts {
    pub(crate) fn new() -> Self {
        Self { failures: Cell::new(0), wait_until: Cell::new(Instant::now()) }
    }

    /// Waits until the next attempt is due.
    pub(crate) async fn wait(&self) {
        if self.wait_until.get() > Instant::now() {
            sleep_until(self.wait_until.get()).await;
        }
    }

    /// Failures in a row.
    pub(crate) fn failures(&self) -> u32 {
        self.failures.get()
    }

    /// Notes a failure and answers the wait until the next attempt. What fails together counts as one failure: only the first one
    /// after a wait starts the next wait, the others get none.
    pub(crate) fn failed(&self, backoff: Backoff) -> Option<Duration> {
        let now = Instant::now();
        if self.wait_until.get() > now {
            return None;
        }
        self.failures.set(self.failures.get().saturating_add(1));
        let delay = backoff.delay(self.failures.get());
        self.wait_until.set(now + delay);
        Some(delay)
    }

    /// Has the next attempt wait, though nothing failed.
    pub(crate) fn rest(&self, delay: Duration) {
        self.wait_until.set(Instant::now() + delay);
    }

    /// Notes a success; answers how many failures went before.
    pub(crate) fn succeeded(&self) -> u32 {
        self.wait_until.set(Instant::now());
        self.failures.replace(0)
    }
}

/// A number from 0 up to but not including 1. Every hasher the standard library makes has a seed of its own.
pub(crate) fn random_fraction() -> f64 {
    let bits = RandomState::new().hash_one(0u8);
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_limit_and_vary_by_a_fifth() {
        let backoff = Backoff { first: Duration::from_millis(50), longest: Duration::from_secs(1) };
        for (failures, middle) in [(1, 50), (2, 100), (3, 200), (5, 800), (6, 1000), (40, 1000), (u32::MAX, 1000)] {
            for _ in 0..100 {
                let delay = backoff.delay(failures).as_secs_f64() * 1000.0;
                let middle = f64::from(middle);
                assert!((0.8 * middle..=1.2 * middle).contains(&delay), "{failures}: {delay}");
            }
        }
        assert_ne!(backoff.delay(1), backoff.delay(1));
    }
}
