//! Waiting for conditions, with a deadline.

use std::time::{Duration, Instant};

/// How long is waited for what takes no time by itself, on a busy machine.
pub const SOON: Duration = Duration::from_secs(30);
/// Pause between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(25);

/// Waits until `condition` holds; answers how long that took.
///
/// # Panics
/// Where it does not hold within `limit`: says `what` was waited for.
pub fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::sleep(PAUSE);
    }
    start.elapsed()
}
