use crate::runtime::lock;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Length of a window, as Kafka's default of `metrics.sample.window.ms`.
const WINDOW: Duration = Duration::from_secs(30);

/// Average and maximum of what was recorded of late: in the present window of 30 s and the one before. For what happens per round or per
/// commit, since recording takes a lock.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    /// The present window comes first.
    windows: Mutex<[Option<Window>; 2]>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    start: Instant,
    count: u64,
    sum: f64,
    max: f64,
}

impl Samples {
    pub(crate) fn record(&self, now: Instant, value: f64) {
        let mut windows = lock(&self.windows);
        if windows[0].is_none_or(|window| now.saturating_duration_since(window.start) >= WINDOW) {
            windows[1] = windows[0].replace(Window { start: now, count: 0, sum: 0.0, max: f64::NEG_INFINITY });
        }
        if let Some(window) = &mut windows[0] {
            window.count += 1;
            window.sum += value;
            window.max = window.max.max(value);
        }
    }

    /// Average and maximum; NaN where nothing was recorded of late.
    pub(crate) fn average_and_max(&self, now: Instant) -> (f64, f64) {
        let windows = *lock(&self.windows);
        let fresh = |window: &Window| now.saturating_duration_since(window.start) < 2 * WINDOW;
        let fresh: Vec<_> = windows.into_iter().flatten().filter(fresh).collect();
        let count: u64 = fresh.iter().map(|window| window.count).sum();
        if count == 0 {
            return (f64::NAN, f64::NAN);
        }
        let sum: f64 = fresh.iter().map(|window| window.sum).sum();
        (sum / count as f64, fresh.iter().map(|window| window.max).fold(f64::NEG_INFINITY, f64::max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_two_windows_count() {
        let samples = Samples::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(samples.average_and_max(start).0.is_nan());
        samples.record(at(0), 100.0);
        samples.record(at(1), 200.0);
        assert_eq!(samples.average_and_max(at(1)), (150.0, 200.0));
        samples.record(at(31), 30.0);
        assert_eq!(samples.average_and_max(at(32)), (110.0, 200.0));
        // The first window is over a minute old.
        assert_eq!(samples.average_and_max(at(60)), (30.0, 30.0));
        samples.record(at(62), 10.0);
        assert_eq!(samples.average_and_max(at(62)), (20.0, 30.0));
        assert!(samples.average_and_max(at(200)).0.is_nan());
        samples.record(at(200), 5.0);
        assert_eq!(samples.average_and_max(at(200)), (5.0, 5.0));
    }
}
