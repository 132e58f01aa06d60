use crate::KGroupedStream;
use crate::data::Data;
use crate::nulls::NullCheck;
use crate::operators::windowed::{CloseEmitter, SlidingWindowAggregate, TimeWindowAggregate};
use crate::options::Materialized;
use crate::windows::{SlidingWindows, Windows};
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node};
use streams_core::store::{Change, WindowTable};
use streams_core::windowed::Windowed;

/// The windows of a [`TimeWindowedKStream`](crate::TimeWindowedKStream): every type that is [`Windows`], and [`SlidingWindows`]. Nothing else
/// can be.
pub trait TimeDivision: Send + Sync + 'static {
    /// What is to be known of the windows.
    #[doc(hidden)]
    fn traits(&self) -> Traits;

    /// The node that aggregates in them.
    #[doc(hidden)]
    fn node<K, V, A, F>(windows: Arc<Self>, aggregator: Arc<F>, parts: NodeParts<K, V, A>) -> impl Node<K, V>
    where
        K: Data,
        V: Data,
        A: Data,
        F: Fn(&K, V, Option<A>) -> Result<A, StreamsError> + 'static;
}

/// What a windowed stream asks of windows. Times in milliseconds.
pub struct Traits {
    /// From a window's start to its end.
    pub(super) size: i64,
    /// How long after its end a window may still change.
    pub(super) grace: i64,
    pub(super) retention: Retention,
    /// What cannot be about the windows.
    pub(super) mistake: Option<String>,
}

/// How long rows must be kept, in milliseconds.
pub struct Retention {
    /// The least that a user may ask for, and Kafka Streams' default.
    pub(super) least: i64,
    /// What we keep beyond that least, where rows of its very edge are still needed.
    pub(super) margin: i64,
}

/// What the node of an aggregation in windows of time is made of.
pub struct NodeParts<K, V, A> {
    pub(super) table: WindowTable<K, A>,
    pub(super) emitter: Option<CloseEmitter>,
    pub(super) nulls: Option<NullCheck<V>>,
    pub(super) downstream: Downstream<Windowed<K>, Change<A>>,
}

impl<W: Windows> TimeDivision for W {
    fn traits(&self) -> Traits {
        let (size, grace) = (self.size(), self.grace());
        let retention = Retention { least: size.saturating_add(grace), margin: 0 };
        Traits { size, grace, retention, mistake: self.mistake() }
    }

    fn node<K, V, A, F>(windows: Arc<Self>, aggregator: Arc<F>, parts: NodeParts<K, V, A>) -> impl Node<K, V>
    where
        K: Data,
        V: Data,
        A: Data,
        F: Fn(&K, V, Option<A>) -> Result<A, StreamsError> + 'static,
    {
        TimeWindowAggregate::new(windows, aggregator, parts.table, parts.emitter, parts.downstream)
    }
}

impl TimeDivision for SlidingWindows {
    fn traits(&self) -> Traits {
        let least = self.difference.saturating_mul(2).saturating_add(self.grace);
        // A record that is just in time has to find the one before it, whose window may have begun this much earlier.
        let retention = Retention { least, margin: 1 };
        Traits { size: self.difference, grace: self.grace, retention, mistake: self.mistake() }
    }

    fn node<K, V, A, F>(windows: Arc<Self>, aggregator: Arc<F>, parts: NodeParts<K, V, A>) -> impl Node<K, V>
    where
        K: Data,
        V: Data,
        A: Data,
        F: Fn(&K, V, Option<A>) -> Result<A, StreamsError> + 'static,
    {
        SlidingWindowAggregate::new(&windows, aggregator, parts.table, parts.emitter, parts.nulls, parts.downstream)
    }
}

impl Retention {
    /// The retention of a store: what the user says, or the least that the windows need. A mistake where the user says less.
    pub(super) fn resolve<K: Data, V: Data, A>(
        &self,
        grouped: &KGroupedStream<K, V>,
        materialized: &Materialized<K, A>,
    ) -> i64 {
        let Self { least, margin } = *self;
        let retention = materialized.retention.unwrap_or(least);
        if retention < least {
            grouped.handle.mistake(format!(
                "a retention of {retention} ms is less than windows and their grace need, which is {least} ms; set a longer one \
                 (`Materialized::with_retention`), or none"
            ));
        }
        retention.max(least.saturating_add(margin))
    }
}
