//! What a join of two streams keeps: the records of each side, and those that have found no partner yet. In Kafka Streams' formats.

mod progress;
mod unmatched;
mod unmatched_row;
mod window;

pub(super) use progress::JoinProgress;
pub use unmatched::{JoinReach, Unmatched, UnmatchedStore};
pub use window::JoinWindowStore;

/// A side of a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JoinSide {
    /// The stream that the join is a method of.
    Left,
    /// The stream that it is joined with.
    Right,
}

impl JoinSide {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}
