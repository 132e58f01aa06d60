use super::millis;
use std::time::Duration;
use streams_core::store::JoinReach;

/// Which records of two streams belong together: how far apart in time they may be, seen from a record of the left stream, the one that
/// the join is a method of. Both ends belong to it.
///
/// ```
/// # use std::time::Duration;
/// # use streams_dsl::windows::JoinWindows;
/// // Up to a minute apart, whichever comes first; records may be ten seconds late.
/// let around = JoinWindows::of_time_difference_and_grace(Duration::from_secs(60), Duration::from_secs(10));
/// // The right record at the same time as the left one, or up to five minutes later.
/// let within_five_minutes = JoinWindows::of_time_difference_with_no_grace(Duration::from_secs(300)).before(Duration::ZERO);
/// // The right record one to five minutes later.
/// let later = JoinWindows::of_time_difference_with_no_grace(Duration::from_secs(300)).at_least_after(Duration::from_secs(60));
/// # let _ = (around, within_five_minutes, later);
/// ```
///
/// Left and outer joins send a record without partner on when its window closes: when a record has come that is later than the last
/// possible partner by more than the grace. Grace costs memory and time until then; it does not matter otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinWindows {
    /// Negative where the right record must be later than the left one.
    before: i64,
    /// Negative where the right record must be earlier than the left one.
    after: i64,
    grace: i64,
}

impl JoinWindows {
    /// Records no further apart than this; windows close when they end.
    pub fn of_time_difference_with_no_grace(time_difference: Duration) -> Self {
        Self::of_time_difference_and_grace(time_difference, Duration::ZERO)
    }

    /// Records no further apart than this; windows wait for late records.
    pub fn of_time_difference_and_grace(time_difference: Duration, after_window_end: Duration) -> Self {
        let difference = millis(time_difference);
        Self { before: difference, after: difference, grace: millis(after_window_end) }
    }

    /// Sets how much earlier than the left record the right one may be. The end of the window stays.
    #[must_use]
    pub fn before(mut self, time_difference: Duration) -> Self {
        self.before = millis(time_difference);
        self
    }

    /// Sets how much later than the left record the right one may be. The start of the window stays.
    #[must_use]
    pub fn after(mut self, time_difference: Duration) -> Self {
        self.after = millis(time_difference);
        self
    }

    /// Sets how much later than the left record the right one must be: Kafka Streams' `before` with a negative difference.
    #[must_use]
    pub fn at_least_after(mut self, time_difference: Duration) -> Self {
        self.before = -millis(time_difference);
        self
    }

    /// Sets how much earlier than the left record the right one must be: Kafka Streams' `after` with a negative difference.
    #[must_use]
    pub fn at_least_before(mut self, time_difference: Duration) -> Self {
        self.after = -millis(time_difference);
        self
    }

    pub(crate) fn reach(&self) -> JoinReach {
        JoinReach { before: self.before, after: self.after, grace: self.grace }
    }

    /// How long a window is.
    pub(crate) fn size(&self) -> i64 {
        self.before.saturating_add(self.after)
    }

    /// For how long records are remembered: until their last partner can have come, that time included. It is the window's length and the
    /// grace, as in Kafka Streams, unless that is too short: where only one side may be the later one, Kafka Streams forgets a record when its
    /// last partner comes, or earlier.
    pub(crate) fn retention(&self) -> i64 {
        let last_partner = self.before.max(self.after).max(0);
        self.size().max(last_partner.saturating_add(1)).saturating_add(self.grace)
    }

    /// What cannot be, if anything.
    pub(crate) fn mistake(&self) -> Option<String> {
        let Self { before, after, .. } = *self;
        (self.size() < 0).then(|| {
            format!(
                "the window of a join ends before it starts: from {} ms after the left record to {after} ms after it; set `before` and `after` \
                 so that their sum is not negative",
                -before
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows() -> JoinWindows {
        JoinWindows::of_time_difference_and_grace(Duration::from_millis(10), Duration::from_millis(3))
    }

    #[test]
    fn lengths() {
        let lengths = |windows: &JoinWindows| (windows.size(), windows.retention());
        assert_eq!(lengths(&windows()), (20, 23));
        assert_eq!(lengths(&windows().before(Duration::ZERO)), (10, 14));
        assert_eq!(lengths(&windows().after(Duration::from_millis(1))), (11, 14));
        assert_eq!(lengths(&windows().at_least_after(Duration::from_millis(4))), (6, 14));
        assert_eq!(lengths(&windows().at_least_before(Duration::from_millis(4))), (6, 14));
        assert_eq!(lengths(&windows().before(Duration::MAX)), (i64::MAX, i64::MAX));
    }

    #[test]
    fn what_cannot_be() {
        assert_eq!(windows().mistake(), None);
        assert_eq!(windows().at_least_after(Duration::from_millis(10)).mistake(), None);
        let text = windows().at_least_after(Duration::from_millis(11)).mistake().unwrap();
        assert!(text.contains("from 11 ms after the left record to 10 ms after it"), "{text}");
    }
}
