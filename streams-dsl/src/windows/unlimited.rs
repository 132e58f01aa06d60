use super::Windows;
use streams_core::windowed::TimeWindow;

/// One window for each key, from a start on, without end. Records before the start belong to none, and are passed over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnlimitedWindows {
    start: i64,
}

impl UnlimitedWindows {
    /// From the beginning of time (the epoch).
    pub fn of() -> Self {
        Self::default()
    }

    /// From this time on, in milliseconds since the epoch.
    #[must_use]
    pub fn start_on(mut self, start: i64) -> Self {
        self.start = start;
        self
    }
}

impl Windows for UnlimitedWindows {
    fn windows_for(&self, timestamp: i64, windows: &mut Vec<TimeWindow>) {
        if timestamp >= self.start {
            windows.push(TimeWindow::of_size(self.start, i64::MAX));
        }
    }

    fn size(&self) -> i64 {
        i64::MAX
    }

    fn grace(&self) -> i64 {
        0
    }

    fn mistake(&self) -> Option<String> {
        (self.start < 0)
            .then(|| format!("windows start at the epoch or later, not at {} ms; set a later start", self.start))
    }
}
