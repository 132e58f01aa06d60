use crate::data::Data;
use crate::graph::Handle;
use crate::kgrouped_stream::Aggregation;
use crate::nulls::NullCheck;
use crate::operators::cogroup::Observes;
use crate::operators::windowed::{CloseEmitter, SlidingWindowAggregate, TimeWindowAggregate};
use crate::options::Materialized;
use crate::windows::{SessionWindows, SlidingWindows, Windows};
use std::sync::Arc;
use std::time::Duration;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node};
use streams_core::serde::SerdeRef;
use streams_core::store::{Change, SessionTable, WindowTable};
use streams_core::topology::{RowLayout, StoreFormat};
use streams_core::windowed::{SessionWindow, SessionWindowedSerde, TimeWindowedSerde, Windowed};

/// The windows of a [`TimeWindowedKStream`](crate::TimeWindowedKStream): every type that is [`Windows`], and [`SlidingWindows`]. Nothing else
/// can be.
pub trait TimeDivision: Send + Sync + 'static {
    /// What is to be known of the windows.
    #[doc(hidden)]
    fn traits(&self) -> Traits;

    /// The node that aggregates in them.
    #[doc(hidden)]
    fn node<K, V, A, F>(
        windows: Arc<Self>,
        aggregator: Arc<F>,
        parts: NodeParts<K, V, A>,
    ) -> impl Node<K, V> + Observes
    where
        K: Data,
        V: Data,
        A: Data,
        F: Fn(&K, V, Option<A>) -> Result<A, StreamsError> + 'static;
}

/// What a windowed stream asks of windows. Times in milliseconds.
pub struct Traits {
    /// From a window's start to its end.
    pub(crate) size: i64,
    /// How long after its end a window may still change.
    pub(super) grace: i64,
    pub(super) retention: Retention,
    /// What cannot be about the windows.
    pub(super) mistake: Option<String>,
    /// Whether records with null value are dropped.
    pub(crate) drops_null_values: bool,
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
    pub(crate) table: WindowTable<K, A>,
    pub(crate) emitter: Option<CloseEmitter>,
    pub(crate) nulls: Option<NullCheck<V>>,
    pub(crate) downstream: Downstream<Windowed<K>, Change<A>>,
}

impl<W: Windows> TimeDivision for W {
    fn traits(&self) -> Traits {
        let (size, grace) = (self.size(), self.grace());
        let retention = Retention { least: size.saturating_add(grace), margin: 0 };
        Traits { size, grace, retention, mistake: self.mistake(), drops_null_values: false }
    }

    fn node<K, V, A, F>(windows: Arc<Self>, aggregator: Arc<F>, parts: NodeParts<K, V, A>) -> impl Node<K, V> + Observes
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
        Traits { size: self.difference, grace: self.grace, retention, mistake: self.mistake(), drops_null_values: true }
    }

    fn node<K, V, A, F>(windows: Arc<Self>, aggregator: Arc<F>, parts: NodeParts<K, V, A>) -> impl Node<K, V> + Observes
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
    fn resolve<K, A>(&self, handle: &Handle, materialized: &Materialized<K, A>) -> i64 {
        let Self { least, margin } = *self;
        let retention = materialized.retention.unwrap_or(least);
        if retention < least {
            handle.mistake(format!(
                "a retention of {retention} ms is less than windows and their grace need, which is {least} ms; set a longer one \
                 (`Materialized::with_retention`), or none"
            ));
        }
        retention.max(least.saturating_add(margin))
    }
}

/// What is to be declared of an aggregation in windows of time. Mistakes in the windows are noted in the graph of `handle`.
pub(crate) fn time_aggregation<K: Data, A: Data>(
    handle: &Handle,
    windows: &impl TimeDivision,
    prefix: &'static str,
    materialized: Materialized<K, A>,
    aggregates: Option<SerdeRef<A>>,
) -> Aggregation<K, A, Windowed<K>> {
    let Traits { size, grace, retention, mistake, .. } = windows.traits();
    if let Some(mistake) = mistake {
        handle.mistake(mistake);
    }
    let layout = RowLayout::window(retention.resolve(handle, &materialized));
    Aggregation {
        prefix,
        materialized,
        aggregates,
        result_key: Box::new(move |key| Arc::new(TimeWindowedSerde::shared(key, Duration::from_millis(size as u64)))),
        layout,
        window_size_ms: Some(size),
        format: StoreFormat::Timestamped,
        grace: Some(grace),
        getter: Arc::new(move |store, key, aggregates| {
            Ok(Box::new(WindowTable::new(store, key, aggregates, size, false)?))
        }),
    }
}

/// What is to be declared of an aggregation in sessions.
pub(crate) fn session_aggregation<K: Data, A: Data>(
    handle: &Handle,
    windows: &SessionWindows,
    prefix: &'static str,
    materialized: Materialized<K, A>,
    aggregates: Option<SerdeRef<A>>,
) -> Aggregation<K, A, Windowed<K, SessionWindow>> {
    let open = windows.gap.saturating_add(windows.grace);
    // A session is open in the last millisecond too, and then must be found.
    let retention = Retention { least: open, margin: 1 }.resolve(handle, &materialized);
    Aggregation {
        prefix,
        materialized,
        aggregates,
        result_key: Box::new(|key| Arc::new(SessionWindowedSerde::shared(key))),
        layout: RowLayout::session(retention),
        window_size_ms: None,
        format: StoreFormat::Plain,
        // In the last millisecond a record may still come, so a result is final only after it.
        grace: Some(open.saturating_add(1)),
        getter: Arc::new(|store, key, aggregates| Ok(Box::new(SessionTable::new(store, key, aggregates, false)?))),
    }
}
