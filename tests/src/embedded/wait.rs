use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(30);

/// Waits until the condition holds.
///
/// # Panics
/// After 30 s; says what was waited for.
#[track_caller]
pub fn wait(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {LIMIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
