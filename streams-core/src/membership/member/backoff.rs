use std::time::Duration;

/// Growing pauses between repetitions, with a random part so that members do not move in step.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
    random: u64,
}

impl Backoff {
    pub(super) fn new(first: Duration, longest: Duration, seed: u64) -> Self {
        Self { first, longest, failures: 0, random: seed }
    }

    /// Failures since the last success.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Counts a failure; how long to wait now: from 80 to 120 % of the first pause, doubled for each failure before.
    pub(super) fn failed(&mut self) -> Duration {
        let pause = self.first.saturating_mul(1 << self.failures.min(20)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        pause.mul_f64(0.8 + 0.4 * self.fraction())
    }

    /// In [0, 1): splitmix64.
    fn fraction(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_within_a_fifth() {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1), 7);
        for expected in [50, 100, 200, 400, 800, 1000, 1000] {
            let pause = backoff.failed().as_secs_f64() * 1000.0 / f64::from(expected);
            assert!((0.8..1.2).contains(&pause), "{pause} of {expected} ms");
        }
        backoff.succeeded();
        assert!(backoff.failed() < Duration::from_millis(61));
        assert_eq!(backoff.failures(), 1);
    }

    #[test]
    fn members_do_not_move_in_step() {
        let pause = |seed| Backoff::new(Duration::from_secs(1), Duration::from_secs(1), seed).failed();
        assert_ne!(pause(1), pause(2));
        assert_eq!(pause(1), pause(1));
    }
}
