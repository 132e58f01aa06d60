use super::{AGGREGATE, CogroupedKStream};
use crate::data::Data;
use crate::operators::cogroup::Input;
use crate::operators::windowed::SessionWindowAggregate;
use crate::windowed_stream::session_aggregation;
use crate::windows::SessionWindows;
use crate::{KTable, Materialized};
use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::serde::DefaultSerde;
use streams_core::store::SessionTable;
use streams_core::windowed::{SessionWindow, Windowed};

/// Co-grouped streams whose records are divided into sessions, ready to be aggregated. A session is one of the records of all streams together.
///
/// The results are as those of a [`SessionWindowedKStream`](crate::SessionWindowedKStream), sent on with every update. Which sessions have closed is decided for
/// each stream by its own records.
pub struct SessionWindowedCogroupedKStream<K, A> {
    cogrouped: CogroupedKStream<K, A>,
    windows: Arc<SessionWindows>,
}

impl<K: Data, A: Data> SessionWindowedCogroupedKStream<K, A> {
    pub(super) fn new(cogrouped: &CogroupedKStream<K, A>, windows: SessionWindows) -> Self {
        Self { cogrouped: cogrouped.clone(), windows: Arc::new(windows) }
    }

    /// The table of the aggregates of each key in each session, which begin as `initializer` says. Where a record joins sessions, `merger` first adds
    /// the aggregate of each, the earliest first, to one that begins as `initializer` says. The aggregates have the default serde of their type.
    pub fn aggregate(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        merger: impl Fn(&K, A, A) -> A + Send + Sync + 'static,
    ) -> KTable<Windowed<K, SessionWindow>, A>
    where
        A: DefaultSerde,
    {
        self.aggregate_with(initializer, merger, Materialized::new().with_value_serde(A::Serde::default()))
    }

    /// [`aggregate`](Self::aggregate) in a store that can be named, with the serde of the aggregates.
    pub fn aggregate_with(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        merger: impl Fn(&K, A, A) -> A + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<Windowed<K, SessionWindow>, A> {
        let merger = move |key: &K, one: A, other: A| Ok::<_, Infallible>(merger(key, one, other));
        self.try_aggregate(move || Ok::<_, Infallible>(initializer()), merger, materialized)
    }

    /// [`aggregate_with`](Self::aggregate_with) with functions that may fail.
    pub fn try_aggregate<E>(
        &self,
        initializer: impl Fn() -> Result<A, E> + Send + Sync + 'static,
        merger: impl Fn(&K, A, A) -> Result<A, E> + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<Windowed<K, SessionWindow>, A>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let windows = Arc::clone(&self.windows);
        let begin =
            Arc::new(move |aggregate: Option<A>| aggregate.map_or_else(&initializer, Ok).map_err(StreamsError::user));
        let begin_merge = Arc::clone(&begin);
        let aggregator = Arc::new(move |key: &K, input: Input<K, A>, aggregate| input.add(key, begin(aggregate)?));
        let merger = Arc::new(move |key: &K, aggregate, other| {
            merger(key, begin_merge(aggregate)?, other).map_err(StreamsError::user)
        });
        let aggregates = materialized.value.resolve(None);
        let aggregation = session_aggregation(&self.cogrouped.handle, &windows, AGGREGATE, materialized, aggregates);
        self.cogrouped.table(aggregation, false, move |parts| {
            let table = SessionTable::new(parts.store, parts.key_serde, parts.aggregate_serde, parts.send_old)?;
            let functions = (Arc::clone(&aggregator), Arc::clone(&merger));
            Ok(SessionWindowAggregate::new(&windows, functions, table, None, parts.downstream))
        })
    }
}
