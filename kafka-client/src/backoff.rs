use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

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

/// A number from 0 up to but not including 1. Every hasher the standard library makes has a seed of its own.
fn random_fraction() -> f64 {
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
