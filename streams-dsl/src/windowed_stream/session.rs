use super::EmitStrategy;
use super::division::session_aggregation;
use crate::data::Data;
use crate::kgrouped_stream::{AGGREGATE, Parts, REDUCE};
use crate::operators::windowed::{CloseEmitter, SessionWindowAggregate};
use crate::windows::SessionWindows;
use crate::{KGroupedStream, KTable, Materialized};
use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use streams_core::error::StreamsError;
use streams_core::serde::{DefaultSerde, SerdeRef};
use streams_core::store::SessionTable;
use streams_core::windowed::{SessionWindow, Windowed};

/// A stream whose records are grouped by key and divided into sessions, ready to be aggregated.
///
/// The results are tables of [windowed keys](Windowed). A record that makes a session longer, or one of several, changes its key: the result
/// of each former session is deleted, and that of the new one follows. Records with null key, and those whose session has closed, are
/// dropped and counted.
///
/// A session that has closed, but that the store still holds (its retention is longer than the gap and the grace), becomes part of an open one
/// where a late record lies between them.
pub struct SessionWindowedKStream<K, V> {
    grouped: KGroupedStream<K, V>,
    windows: Arc<SessionWindows>,
    emit: EmitStrategy,
    idle_timeout: Option<Duration>,
}

impl<K: Data, V: Data> SessionWindowedKStream<K, V> {
    pub(super) fn new(grouped: &KGroupedStream<K, V>, windows: SessionWindows) -> Self {
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

    /// Counts the records of each key in each session.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use streams_dsl::{StreamsBuilder, windows::SessionWindows};
    /// # let builder = StreamsBuilder::new();
    /// let views = builder.stream::<String, String>("views");
    /// let half_an_hour = Duration::from_secs(30 * 60);
    /// let per_visit = views.group_by_key().windowed_by(SessionWindows::of_inactivity_gap_with_no_grace(half_an_hour)).count();
    /// # let _ = per_visit;
    /// ```
    pub fn count(&self) -> KTable<Windowed<K, SessionWindow>, i64> {
        self.count_with(Materialized::new())
    }

    /// [`count`](Self::count) in a store that can be named.
    pub fn count_with(&self, mut materialized: Materialized<K, i64>) -> KTable<Windowed<K, SessionWindow>, i64> {
        if materialized.value.resolve(None).is_none() {
            materialized = materialized.with_value_serde(<i64 as DefaultSerde>::Serde::default());
        }
        self.aggregate_with(|| 0, |_, _, count| count + 1, |_, one, other| one + other, materialized)
    }

    /// Combines the values of each key in each session to one, with the present one as first argument; the first value stands as it is.
    /// What two sessions that become one had is combined in the same way, the earlier one first.
    pub fn reduce(&self, reducer: impl Fn(V, V) -> V + Send + Sync + 'static) -> KTable<Windowed<K, SessionWindow>, V> {
        self.reduce_with(reducer, Materialized::new())
    }

    /// [`reduce`](Self::reduce) in a store that can be named.
    pub fn reduce_with(
        &self,
        reducer: impl Fn(V, V) -> V + Send + Sync + 'static,
        materialized: Materialized<K, V>,
    ) -> KTable<Windowed<K, SessionWindow>, V> {
        self.try_reduce(move |aggregate: V, value: V| Ok::<_, Infallible>(reducer(aggregate, value)), materialized)
    }

    /// [`reduce_with`](Self::reduce_with) with a function that may fail.
    pub fn try_reduce<E>(
        &self,
        reducer: impl Fn(V, V) -> Result<V, E> + Send + Sync + 'static,
        materialized: Materialized<K, V>,
    ) -> KTable<Windowed<K, SessionWindow>, V>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let values = materialized.value.resolve(self.grouped.value_serde.as_ref());
        let combine = Arc::new(move |aggregate: Option<V>, value| match aggregate {
            Some(aggregate) => reducer(aggregate, value).map_err(StreamsError::user),
            None => Ok(value),
        });
        let merge = Arc::clone(&combine);
        let aggregator = move |_: &K, value, aggregate| combine(aggregate, value);
        self.table(REDUCE, materialized, values, aggregator, move |_: &K, aggregate, value| merge(aggregate, value))
    }

    /// Adds each record to the aggregate of its session, which begins as `initializer` says. Where a record joins sessions, `merger` first adds
    /// the aggregate of each, the earliest first, to one that begins as `initializer` says. The aggregates have the default serde of their type.
    pub fn aggregate<A: Data + DefaultSerde>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
        merger: impl Fn(&K, A, A) -> A + Send + Sync + 'static,
    ) -> KTable<Windowed<K, SessionWindow>, A> {
        self.aggregate_with(initializer, aggregator, merger, Materialized::new().with_value_serde(A::Serde::default()))
    }

    /// [`aggregate`](Self::aggregate) in a store that can be named, with the serde of the aggregates.
    pub fn aggregate_with<A: Data>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
        merger: impl Fn(&K, A, A) -> A + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<Windowed<K, SessionWindow>, A> {
        let initializer = move || Ok::<_, Infallible>(initializer());
        let aggregator = move |key: &K, value: V, aggregate: A| Ok::<_, Infallible>(aggregator(key, value, aggregate));
        let merger = move |key: &K, one: A, other: A| Ok::<_, Infallible>(merger(key, one, other));
        self.try_aggregate(initializer, aggregator, merger, materialized)
    }

    /// [`aggregate_with`](Self::aggregate_with) with functions that may fail.
    pub fn try_aggregate<A: Data, E>(
        &self,
        initializer: impl Fn() -> Result<A, E> + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> Result<A, E> + Send + Sync + 'static,
        merger: impl Fn(&K, A, A) -> Result<A, E> + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<Windowed<K, SessionWindow>, A>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let aggregates = materialized.value.resolve(None);
        let begin =
            Arc::new(move |aggregate: Option<A>| aggregate.map_or_else(&initializer, Ok).map_err(StreamsError::user));
        let begin_merge = Arc::clone(&begin);
        let aggregator =
            move |key: &K, value, aggregate| aggregator(key, value, begin(aggregate)?).map_err(StreamsError::user);
        let merger =
            move |key: &K, aggregate, other| merger(key, begin_merge(aggregate)?, other).map_err(StreamsError::user);
        self.table(AGGREGATE, materialized, aggregates, aggregator, merger)
    }

    fn table<A: Data>(
        &self,
        prefix: &'static str,
        materialized: Materialized<K, A>,
        aggregates: Option<SerdeRef<A>>,
        aggregator: impl Fn(&K, V, Option<A>) -> Result<A, StreamsError> + Send + Sync + 'static,
        merger: impl Fn(&K, Option<A>, A) -> Result<A, StreamsError> + Send + Sync + 'static,
    ) -> KTable<Windowed<K, SessionWindow>, A> {
        let windows = Arc::clone(&self.windows);
        let on_close = self.emit == EmitStrategy::OnWindowClose;
        let idle_timeout = self.idle_timeout;
        let mut aggregation = session_aggregation(&self.grouped.handle, &windows, prefix, materialized, aggregates);
        if on_close {
            aggregation.layout = aggregation.layout.with_time_index();
        }
        let (aggregator, merger) = (Arc::new(aggregator), Arc::new(merger));
        self.grouped.aggregation(aggregation, move |parts: Parts<K, V, A, Windowed<K, SessionWindow>>| {
            let emitter = on_close.then(|| CloseEmitter::new(parts.store.name(), parts.emit_interval, idle_timeout));
            let table = SessionTable::new(parts.store, parts.key_serde, parts.aggregate_serde, parts.send_old)?;
            let functions = (Arc::clone(&aggregator), Arc::clone(&merger));
            Ok(SessionWindowAggregate::new(&windows, functions, table, emitter, parts.downstream))
        })
    }
}
