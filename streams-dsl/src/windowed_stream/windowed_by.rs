use super::{SessionWindowedKStream, TimeWindowedKStream};
use crate::KGroupedStream;
use crate::data::Data;
use crate::windows::{SessionWindows, SlidingWindows, Windows};

/// What [`windowed_by`](KGroupedStream::windowed_by) takes: every type that is [`Windows`], and sliding and session windows.
pub trait WindowedBy<K, V> {
    /// What comes of it.
    type Stream;

    /// The grouped stream with its records divided by these windows.
    fn apply(self, grouped: &KGroupedStream<K, V>) -> Self::Stream;
}

impl<K: Data, V: Data, W: Windows> WindowedBy<K, V> for W {
    type Stream = TimeWindowedKStream<K, V, W>;

    fn apply(self, grouped: &KGroupedStream<K, V>) -> Self::Stream {
        TimeWindowedKStream::new(grouped, self)
    }
}

impl<K: Data, V: Data> WindowedBy<K, V> for SlidingWindows {
    type Stream = TimeWindowedKStream<K, V, Self>;

    fn apply(self, grouped: &KGroupedStream<K, V>) -> Self::Stream {
        TimeWindowedKStream::new(grouped, self)
    }
}

impl<K: Data, V: Data> WindowedBy<K, V> for SessionWindows {
    type Stream = SessionWindowedKStream<K, V>;

    fn apply(self, grouped: &KGroupedStream<K, V>) -> Self::Stream {
        SessionWindowedKStream::new(grouped, self)
    }
}
