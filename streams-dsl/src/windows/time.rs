use super::{Windows, millis};
use std::time::Duration;
use streams_core::windowed::TimeWindow;

/// Windows of one size: tumbling, or hopping where they advance by less than their size. A window contains its start and not its end; the
/// starts are multiples of the advance.
///
/// ```
/// # use std::time::Duration;
/// # use streams_dsl::windows::TimeWindows;
/// let every_minute = TimeWindows::of_size_with_no_grace(Duration::from_secs(60));
/// let last_five_minutes = TimeWindows::of_size_and_grace(Duration::from_secs(300), Duration::from_secs(10))
///     .advance_by(Duration::from_secs(60));
/// # let _ = (every_minute, last_five_minutes);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeWindows {
    size: i64,
    advance: i64,
    grace: i64,
}

impl TimeWindows {
    /// Tumbling windows of this size (a millisecond at least), which close when they end.
    pub fn of_size_with_no_grace(size: Duration) -> Self {
        Self::of_size_and_grace(size, Duration::ZERO)
    }

    /// Tumbling windows of this size (a millisecond at least), which wait for late records.
    pub fn of_size_and_grace(size: Duration, after_window_end: Duration) -> Self {
        let size = millis(size);
        Self { size, advance: size, grace: millis(after_window_end) }
    }

    /// Makes the windows hop: each begins so much later than the one before, by a millisecond at least and by the size at most.
    #[must_use]
    pub fn advance_by(mut self, advance: Duration) -> Self {
        self.advance = millis(advance);
        self
    }
}

impl Windows for TimeWindows {
    #[inline]
    fn windows_for(&self, timestamp: i64, windows: &mut Vec<TimeWindow>) {
        let first =
            timestamp.saturating_sub(self.size).saturating_add(self.advance).max(0) / self.advance * self.advance;
        let mut start = first;
        while start <= timestamp {
            windows.push(TimeWindow::of_size(start, self.size));
            match start.checked_add(self.advance) {
                Some(next) => start = next,
                None => return,
            }
        }
    }

    fn size(&self) -> i64 {
        self.size
    }

    fn grace(&self) -> i64 {
        self.grace
    }

    fn mistake(&self) -> Option<String> {
        let Self { size, advance, .. } = *self;
        if size < 1 {
            return Some("windows have a size of a millisecond at least; set a longer one".to_owned());
        }
        (advance < 1 || advance > size).then(|| {
            format!("windows of {size} ms advance by 1 ms at least and by their size at most, not by {advance} ms")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use streams_core::windowed::Window;

    fn starts(size: u64, advance: u64, timestamp: i64) -> Vec<i64> {
        let windows = TimeWindows::of_size_with_no_grace(Duration::from_millis(size));
        let mut found = Vec::new();
        windows.advance_by(Duration::from_millis(advance)).windows_for(timestamp, &mut found);
        found.iter().map(Window::start).collect()
    }

    #[test]
    fn the_windows_of_a_time() {
        let cases: [(u64, u64, i64, &[i64]); 9] = [
            (10, 10, 0, &[0]),
            (10, 10, 9, &[0]),
            (10, 10, 10, &[10]),
            (12, 5, 0, &[0]),
            (12, 5, 5, &[0, 5]),
            (12, 5, 12, &[5, 10]),
            (12, 5, 21, &[10, 15, 20]),
            (3, 1, 1, &[0, 1]),
            (1, 1, i64::MAX, &[i64::MAX]),
        ];
        for (size, advance, timestamp, expected) in cases {
            assert_eq!(starts(size, advance, timestamp), expected, "size {size} advance {advance} at {timestamp}");
        }
    }

    #[test]
    fn what_cannot_be() {
        let windows = |size, advance| {
            TimeWindows::of_size_with_no_grace(Duration::from_millis(size)).advance_by(Duration::from_millis(advance))
        };
        assert_eq!(windows(5, 1).mistake(), None);
        assert_eq!(windows(5, 5).mistake(), None);
        assert!(windows(5, 6).mistake().is_some_and(|text| text.contains("not by 6 ms")));
        assert!(windows(5, 0).mistake().is_some());
        assert!(TimeWindows::of_size_with_no_grace(Duration::ZERO).mistake().is_some());
    }
}
