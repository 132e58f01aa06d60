use super::{CogroupedKStream, SessionWindowedCogroupedKStream, TimeWindowedCogroupedKStream};
use crate::data::Data;
use crate::windows::{SessionWindows, SlidingWindows, Windows};

/// What [`windowed_by`](CogroupedKStream::windowed_by) of co-grouped streams takes: every type that is [`Windows`], and sliding and session windows.
pub trait CogroupedWindowedBy<K, A> {
    /// What comes of it.
    type Stream;

    /// The co-grouped streams with their records divided by these windows.
    fn apply(self, cogrouped: &CogroupedKStream<K, A>) -> Self::Stream;
}

impl<K: Data, A: Data, W: Windows> CogroupedWindowedBy<K, A> for W {
    type Stream = TimeWindowedCogroupedKStream<K, A, W>;

    fn apply(self, cogrouped: &CogroupedKStream<K, A>) -> Self::Stream {
        TimeWindowedCogroupedKStream::new(cogrouped, self)
    }
}

impl<K: Data, A: Data> CogroupedWindowedBy<K, A> for SlidingWindows {
    type Stream = TimeWindowedCogroupedKStream<K, A, Self>;

    fn apply(self, cogrouped: &CogroupedKStream<K, A>) -> Self::Stream {
        TimeWindowedCogroupedKStream::new(cogrouped, self)
    }
}

impl<K: Data, A: Data> CogroupedWindowedBy<K, A> for SessionWindows {
    type Stream = SessionWindowedCogroupedKStream<K, A>;

    fn apply(self, cogrouped: &CogroupedKStream<K, A>) -> Self::Stream {
        SessionWindowedCogroupedKStream::new(cogrouped, self)
    }
}
