use super::EmitStrategy;
use super::division::{NodeParts, TimeDivision, time_aggregation};
use crate::data::Data;
use crate::kgrouped_stream::{AGGREGATE, Parts, REDUCE};
use crate::nulls::NullCheck;
use crate::operators::windowed::CloseEmitter;
use crate::{KGroupedStream, KTable, Materialized};
use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use streams_core::error::StreamsError;
use streams_core::serde::{DefaultSerde, SerdeRef};
use streams_core::store::WindowTable;
use streams_core::windowed::Windowed;

/// A stream whose records are grouped by key and divided into windows of time, ready to be aggregated.
///
/// The results are tables of [windowed keys](Windowed). Records with null key, and those whose windows have closed, are dropped and counted;
/// in sliding windows also those with null value.
///
/// # Sliding windows
/// A window that appears between others takes over what they know of its records. Where a record came too late for some of its windows and
/// not for others, those that had closed are not there to tell of it: a window that appears later may lack that record, or begin with what
/// came shortly before it. Kafka Streams has the same limit; a grace that covers the lateness avoids it. In all other cases a window's
/// result is that of its records.
pub struct TimeWindowedKStream<K, V, W> {
    grouped: KGroupedStream<K, V>,
    windows: Arc<W>,
    emit: EmitStrategy,
    idle_timeout: Option<Duration>,
}

impl<K: Data, V: Data, W: TimeDivision> TimeWindowedKStream<K, V, W> {
    pub(super) fn new(grouped: &KGroupedStream<K, V>, windows: W) -> Self {
        Self { grouped: grouped.clone(), windows: Arc::new(windows), emit: EmitStrategy::default(), idle_timeout: None }
    }

    /// Sets when results are sent on; on every update if not set.
    #[must_use]
    pub fn emit_strategy(mut self, strategy: EmitStrategy) -> Self {
        self.emit = strategy;
        self
    }

    /// Lets windows close by the wall clock where no record has come to this step for `timeout` (a millisecond at least), when results are
    /// [emitted on close](EmitStrategy::OnWindowClose): the step's stream time then goes on with the clock. Off by default, as in
    /// Kafka Streams, where the last windows of an input that has ended never close.
    ///
    /// It is looked at four times within the timeout. What has closed stays closed, also after a restart: records that come later for such windows are
    /// dropped and counted. So the timeout should exceed the longest pause of a source that will still send records of the time before it.
    #[must_use]
    pub fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self
    }

    /// Counts the records of each key in each window.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use streams_dsl::{StreamsBuilder, windows::TimeWindows};
    /// # let builder = StreamsBuilder::new();
    /// let views = builder.stream::<String, String>("views");
    /// let per_minute = views.group_by_key().windowed_by(TimeWindows::of_size_with_no_grace(Duration::from_secs(60))).count();
    /// # let _ = per_minute;
    /// ```
    pub fn count(&self) -> KTable<Windowed<K>, i64> {
        self.count_with(Materialized::new())
    }

    /// [`count`](Self::count) in a store that can be named.
    pub fn count_with(&self, mut materialized: Materialized<K, i64>) -> KTable<Windowed<K>, i64> {
        if materialized.value.resolve(None).is_none() {
            materialized = materialized.with_value_serde(<i64 as DefaultSerde>::Serde::default());
        }
        self.aggregate_with(|| 0, |_, _, count| count + 1, materialized)
    }

    /// Combines the values of each key in each window to one, with the present one as first argument; the first value stands as it is.
    pub fn reduce(&self, reducer: impl Fn(V, V) -> V + Send + Sync + 'static) -> KTable<Windowed<K>, V> {
        self.reduce_with(reducer, Materialized::new())
    }

    /// [`reduce`](Self::reduce) in a store that can be named.
    pub fn reduce_with(
        &self,
        reducer: impl Fn(V, V) -> V + Send + Sync + 'static,
        materialized: Materialized<K, V>,
    ) -> KTable<Windowed<K>, V> {
        self.try_reduce(move |aggregate: V, value: V| Ok::<_, Infallible>(reducer(aggregate, value)), materialized)
    }

    /// [`reduce_with`](Self::reduce_with) with a function that may fail.
    pub fn try_reduce<E>(
        &self,
        reducer: impl Fn(V, V) -> Result<V, E> + Send + Sync + 'static,
        materialized: Materialized<K, V>,
    ) -> KTable<Windowed<K>, V>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let values = materialized.value.resolve(self.grouped.value_serde.as_ref());
        self.table(REDUCE, materialized, values, move |_: &K, value, aggregate| match aggregate {
            Some(aggregate) => reducer(aggregate, value).map_err(StreamsError::user),
            None => Ok(value),
        })
    }

    /// Adds each record to the aggregate of its key in each window, which begins as `initializer` says; the aggregates have the default serde
    /// of their type.
    pub fn aggregate<A: Data + DefaultSerde>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
    ) -> KTable<Windowed<K>, A> {
        self.aggregate_with(initializer, aggregator, Materialized::new().with_value_serde(A::Serde::default()))
    }

    /// [`aggregate`](Self::aggregate) in a store that can be named, with the serde of the aggregates.
    pub fn aggregate_with<A: Data>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<Windowed<K>, A> {
        let initializer = move || Ok::<_, Infallible>(initializer());
        let aggregator = move |key: &K, value: V, aggregate: A| Ok::<_, Infallible>(aggregator(key, value, aggregate));
        self.try_aggregate(initializer, aggregator, materialized)
    }

    /// [`aggregate_with`](Self::aggregate_with) with functions that may fail.
    pub fn try_aggregate<A: Data, E>(
        &self,
        initializer: impl Fn() -> Result<A, E> + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> Result<A, E> + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<Windowed<K>, A>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let aggregates = materialized.value.resolve(None);
        self.table(AGGREGATE, materialized, aggregates, move |key: &K, value, aggregate| {
            let aggregate = aggregate.map_or_else(&initializer, Ok).map_err(StreamsError::user)?;
            aggregator(key, value, aggregate).map_err(StreamsError::user)
        })
    }

    fn table<A: Data>(
        &self,
        prefix: &'static str,
        materialized: Materialized<K, A>,
        aggregates: Option<SerdeRef<A>>,
        aggregator: impl Fn(&K, V, Option<A>) -> Result<A, StreamsError> + Send + Sync + 'static,
    ) -> KTable<Windowed<K>, A> {
        let windows = Arc::clone(&self.windows);
        let size = windows.traits().size;
        let on_close = self.emit == EmitStrategy::OnWindowClose;
        let idle_timeout = self.idle_timeout;
        if on_close && size == i64::MAX {
            self.grouped.handle.mistake(
                "windows without end never close, so nothing can be emitted then; emit on each update (`EmitStrategy::OnWindowUpdate`)",
            );
        }
        let mut aggregation = time_aggregation(&self.grouped.handle, &*windows, prefix, materialized, aggregates);
        if on_close {
            aggregation.layout = aggregation.layout.with_time_index();
        }
        let aggregator = Arc::new(aggregator);
        self.grouped.aggregation(aggregation, move |parts: Parts<K, V, A, Windowed<K>>| {
            let emitter = on_close.then(|| CloseEmitter::new(parts.store.name(), parts.emit_interval, idle_timeout));
            let nulls = NullCheck::new(parts.value_serde.as_ref(), &parts.store.serde_topic());
            let table = WindowTable::new(parts.store, parts.key_serde, parts.aggregate_serde, size, parts.send_old)?;
            let parts = NodeParts { table, emitter, nulls, downstream: parts.downstream };
            Ok(W::node(Arc::clone(&windows), Arc::clone(&aggregator), parts))
        })
    }
}
