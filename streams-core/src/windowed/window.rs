use std::fmt;

/// A span of time: [`TimeWindow`] or [`SessionWindow`], and nothing else.
pub trait Window:
    Copy + Ord + std::hash::Hash + fmt::Debug + fmt::Display + Send + Sync + sealed::Sealed + 'static
{
    /// Its start, in milliseconds since the epoch.
    fn start(&self) -> i64;

    /// Its end, in milliseconds since the epoch.
    fn end(&self) -> i64;

    /// Whether `timestamp` lies in it.
    fn contains(&self, timestamp: i64) -> bool;

    /// Whether there is a time that lies in both.
    fn overlaps(&self, other: &Self) -> bool;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::TimeWindow {}
    impl Sealed for super::SessionWindow {}
}

/// A window whose end is not part of it: `start <= t < end`. Ordered by start, then end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimeWindow {
    start: i64,
    end: i64,
}

/// A window whose end is part of it: `start <= t <= end`, the times of the first and the last record of a session. Ordered by start, then end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionWindow {
    start: i64,
    end: i64,
}

impl TimeWindow {
    /// From `start` to before `end`, in milliseconds since the epoch. With `end <= start` it is empty.
    #[inline]
    pub const fn new(start: i64, end: i64) -> Self {
        Self { start, end }
    }

    /// From `start` on, `size` milliseconds long; ends at the end of time where that is less.
    #[inline]
    pub const fn of_size(start: i64, size: i64) -> Self {
        Self { start, end: start.saturating_add(size) }
    }
}

impl SessionWindow {
    /// From `start` to `end`, in milliseconds since the epoch. With `end < start` it is empty.
    #[inline]
    pub const fn new(start: i64, end: i64) -> Self {
        Self { start, end }
    }

    /// The smallest session that holds both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

impl Window for TimeWindow {
    #[inline]
    fn start(&self) -> i64 {
        self.start
    }

    #[inline]
    fn end(&self) -> i64 {
        self.end
    }

    fn contains(&self, timestamp: i64) -> bool {
        self.start <= timestamp && timestamp < self.end
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

impl Window for SessionWindow {
    #[inline]
    fn start(&self) -> i64 {
        self.start
    }

    #[inline]
    fn end(&self) -> i64 {
        self.end
    }

    fn contains(&self, timestamp: i64) -> bool {
        self.start <= timestamp && timestamp <= self.end
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.start <= other.end && other.start <= self.end
    }
}

/// `[start, end)`
impl fmt::Display for TimeWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.start, self.end)
    }
}

/// `[start, end]`
impl fmt::Display for SessionWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}]", self.start, self.end)
    }
}
