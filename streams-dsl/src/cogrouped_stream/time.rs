use super::{AGGREGATE, CogroupedKStream};
use crate::data::Data;
use crate::operators::cogroup::Input;
use crate::windowed_stream::{NodeParts, TimeDivision, time_aggregation};
use crate::{KTable, Materialized};
use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::serde::DefaultSerde;
use streams_core::store::WindowTable;
use streams_core::windowed::Windowed;

/// Co-grouped streams whose records are divided into windows of time, ready to be aggregated.
///
/// The results are as those of a [`TimeWindowedKStream`](crate::TimeWindowedKStream), sent on with every update. Which windows have closed is decided for
/// each stream by its own records: one that lags behind the others loses nothing by that, as long as the store keeps the windows
/// ([`with_retention`](Materialized::with_retention)).
pub struct TimeWindowedCogroupedKStream<K, A, W> {
    cogrouped: CogroupedKStream<K, A>,
    windows: Arc<W>,
}

impl<K: Data, A: Data, W: TimeDivision> TimeWindowedCogroupedKStream<K, A, W> {
    pub(super) fn new(cogrouped: &CogroupedKStream<K, A>, windows: W) -> Self {
        Self { cogrouped: cogrouped.clone(), windows: Arc::new(windows) }
    }

    /// The table of the aggregates of each key in each window, which begin as `initializer` says; they have the default serde of their type.
    pub fn aggregate(&self, initializer: impl Fn() -> A + Send + Sync + 'static) -> KTable<Windowed<K>, A>
    where
        A: DefaultSerde,
    {
        self.aggregate_with(initializer, Materialized::new().with_value_serde(A::Serde::default()))
    }

    /// [`aggregate`](Self::aggregate) in a store that can be named, with the serde of the aggregates.
    pub fn aggregate_with(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<Windowed<K>, A> {
        self.try_aggregate(move || Ok::<_, Infallible>(initializer()), materialized)
    }

    /// [`aggregate_with`](Self::aggregate_with) with a function that may fail.
    pub fn try_aggregate<E>(
        &self,
        initializer: impl Fn() -> Result<A, E> + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<Windowed<K>, A>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let windows = Arc::clone(&self.windows);
        let traits = windows.traits();
        let (size, drops_null_values) = (traits.size, traits.drops_null_values);
        let aggregator = Arc::new(move |key: &K, input: Input<K, A>, aggregate: Option<A>| {
            input.add(key, aggregate.map_or_else(&initializer, Ok).map_err(StreamsError::user)?)
        });
        let aggregates = materialized.value.resolve(None);
        let aggregation = time_aggregation(&self.cogrouped.handle, &*windows, AGGREGATE, materialized, aggregates);
        self.cogrouped.table(aggregation, drops_null_values, move |parts| {
            let table = WindowTable::new(parts.store, parts.key_serde, parts.aggregate_serde, size, parts.send_old)?;
            let parts = NodeParts { table, emitter: None, nulls: None, downstream: parts.downstream };
            Ok(W::node(Arc::clone(&windows), Arc::clone(&aggregator), parts))
        })
    }
}
