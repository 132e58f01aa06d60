//! Grouped streams that are aggregated together.

mod input;
mod session;
mod time;
mod windowed_by;

pub use session::SessionWindowedCogroupedKStream;
pub use time::TimeWindowedCogroupedKStream;
pub use windowed_by::CogroupedWindowedBy;

use crate::data::Data;
use crate::graph::{Graph, Handle, Kind, Processor, Store};
use crate::kgrouped_stream::{Aggregation, Parts, aggregate_view, aggregation_factory};
use crate::operators::cogroup::{CogroupMerge, Input, Observes};
use crate::operators::kgroupedstream::Aggregate;
use crate::options::Materialized;
use crate::table_state::TableState;
use crate::{KGroupedStream, KTable};
use input::{DeclaresInput, GroupedInput};
use std::convert::Infallible;
use std::error::Error;
use std::rc::Rc;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::Node;
use streams_core::serde::{DefaultSerde, SerdeRef};
use streams_core::store::{Change, TableStore};
use streams_core::topology::{FlowType, StoreSpec};

const AGGREGATE: &str = "COGROUPKSTREAM-AGGREGATE-";
const MERGE: &str = "COGROUPKSTREAM-MERGE-";

/// Several grouped streams with keys of one type, whose records add to the same aggregates (KIP-150). Their values may differ in type: each stream
/// has an aggregator of its own.
///
/// Made by [`KGroupedStream::cogroup`]. Their topics must have equal partition counts, which is checked at the start. Streams whose keys have changed go through a
/// repartition topic each; where these are several, their groupings need [names](crate::Grouped::named).
///
/// A name given to the result (`named`) is that of `<name>-cogroup-merge`, and of `<name>-cogroup-agg-0` and so on, one for each stream.
pub struct CogroupedKStream<K, A> {
    handle: Handle,
    inputs: Vec<Rc<dyn DeclaresInput<K, A>>>,
}

impl<K, A> Clone for CogroupedKStream<K, A> {
    fn clone(&self) -> Self {
        Self { handle: self.handle.clone(), inputs: self.inputs.clone() }
    }
}

/// Co-grouping: aggregating several streams together.
impl<K: Data, V: Data> KGroupedStream<K, V> {
    /// Begins an aggregation of several streams, of which this is the first: `aggregator` adds its records to the aggregate of their key.
    ///
    /// ```
    /// # use streams_dsl::StreamsBuilder;
    /// # let builder = StreamsBuilder::new();
    /// let carts = builder.stream::<String, i64>("carts").group_by_key();
    /// let payments = builder.stream::<String, f64>("payments").group_by_key();
    /// let open = carts
    ///     .cogroup(|_customer, pieces, open: f64| open + pieces as f64 * 9.5)
    ///     .cogroup(&payments, |_customer, paid, open| open - paid)
    ///     .aggregate(|| 0.0);
    /// open.to_stream().to("open-amounts");
    /// ```
    pub fn cogroup<A: Data>(
        &self,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
    ) -> CogroupedKStream<K, A> {
        self.try_cogroup(move |key: &K, value: V, aggregate: A| Ok::<_, Infallible>(aggregator(key, value, aggregate)))
    }

    /// [`cogroup`](Self::cogroup) with a function that may fail.
    pub fn try_cogroup<A: Data, E>(
        &self,
        aggregator: impl Fn(&K, V, A) -> Result<A, E> + Send + Sync + 'static,
    ) -> CogroupedKStream<K, A>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        CogroupedKStream { handle: self.handle.clone(), inputs: Vec::new() }.try_cogroup(self, aggregator)
    }
}

impl<K: Data, A: Data> CogroupedKStream<K, A> {
    /// With one more stream. A stream that is added twice is aggregated twice.
    #[must_use = "the streams so far are left as they are"]
    pub fn cogroup<V: Data>(
        &self,
        grouped: &KGroupedStream<K, V>,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
    ) -> Self {
        let aggregator = move |key: &K, value: V, aggregate: A| Ok::<_, Infallible>(aggregator(key, value, aggregate));
        self.try_cogroup(grouped, aggregator)
    }

    /// [`cogroup`](Self::cogroup) with a function that may fail.
    #[must_use = "the streams so far are left as they are"]
    pub fn try_cogroup<V: Data, E>(
        &self,
        grouped: &KGroupedStream<K, V>,
        aggregator: impl Fn(&K, V, A) -> Result<A, E> + Send + Sync + 'static,
    ) -> Self
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let mut all = self.clone();
        if self.handle.same_graph(&grouped.handle, "co-grouping") {
            let aggregator =
                move |key: &K, value: V, aggregate: A| aggregator(key, value, aggregate).map_err(StreamsError::user);
            all.inputs.push(Rc::new(GroupedInput::new(grouped, aggregator)));
        }
        all
    }

    /// Divides the records of each key by time: see [`windows`](crate::windows). What comes of it depends on the windows: a
    /// [`TimeWindowedCogroupedKStream`], or a [`SessionWindowedCogroupedKStream`] for sessions.
    pub fn windowed_by<W: CogroupedWindowedBy<K, A>>(&self, windows: W) -> W::Stream {
        windows.apply(self)
    }

    /// The table of the aggregates, which begin as `initializer` says; they have the default serde of their type.
    pub fn aggregate(&self, initializer: impl Fn() -> A + Send + Sync + 'static) -> KTable<K, A>
    where
        A: DefaultSerde,
    {
        self.aggregate_with(initializer, Materialized::new().with_value_serde(A::Serde::default()))
    }

    /// [`aggregate`](Self::aggregate) in a store that can be named, with the serde of the aggregates. The serde of the keys is that of the first
    /// stream that has one, if none is given.
    pub fn aggregate_with(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<K, A> {
        self.try_aggregate(move || Ok::<_, Infallible>(initializer()), materialized)
    }

    /// [`aggregate_with`](Self::aggregate_with) with a function that may fail.
    pub fn try_aggregate<E>(
        &self,
        initializer: impl Fn() -> Result<A, E> + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<K, A>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let initializer = Arc::new(move || initializer().map_err(StreamsError::user));
        let aggregator = Arc::new(|key: &K, input: Input<K, A>, aggregate| input.add(key, aggregate));
        let (aggregates, time_to_live) = (materialized.value.resolve(None), materialized.time_to_live);
        let aggregation = Aggregation::without_windows(AGGREGATE, materialized, aggregates);
        self.table(aggregation, true, move |parts| {
            let table = TableStore::new(parts.store, parts.key_serde, parts.aggregate_serde, parts.send_old);
            let table = table.with_time_to_live(time_to_live);
            Ok(Aggregate::new(Arc::clone(&initializer), Arc::clone(&aggregator), table, None, parts.downstream))
        })
    }

    /// Declares the table, the node of each input, and the repartition topics that they need.
    fn table<KR: Data, N: Node<K, Input<K, A>> + Observes>(
        &self,
        aggregation: Aggregation<K, A, KR>,
        drops_null_values: bool,
        make: impl Fn(Parts<K, Input<K, A>, A, KR>) -> Result<N, StreamsError> + Send + Sync + 'static,
    ) -> KTable<KR, A> {
        let Aggregation { prefix, materialized, aggregates, result_key, getter, grace, .. } = aggregation;
        let Aggregation { layout, window_size_ms, format, .. } = aggregation;
        let queryable = materialized.name.clone();
        let store = queryable.clone().unwrap_or_else(|| self.handle.graph().new_store_name(prefix));
        let step = format!("co-grouping {store}");
        let key = materialized.key.resolve(self.inputs.iter().find_map(|input| input.key_serde()));
        let key = self.handle.require(&step, "key", key);
        let aggregates = self.handle.require(&step, "value", aggregates);
        let (Some(key), Some(aggregates), true) = (key, aggregates, self.has_names_for_repartitions(&step)) else {
            return KTable::broken(self.handle.at(Graph::ROOT), queryable);
        };
        let state = TableState::aggregate();
        let spec = materialized.spec(store.clone(), Arc::clone(&key), Arc::clone(&aggregates));
        let spec = StoreSpec { layout, window_size_ms, format, ..spec };
        let kept = Store { spec, materialized: state.materialized(), keep_prior: state.keep_prior() };
        let inputs = self.declare_inputs(kept, &key, drops_null_values, grace);
        let view = aggregate_view(&state, &store, &key, &aggregates, getter);
        let make = move |parts| make(parts).map(CogroupMerge);
        let factory = aggregation_factory(store, (&key, &aggregates), None, &state, make);
        let merge = Processor {
            input: FlowType::of::<K, Input<K, A>>(),
            output: Some(FlowType::of::<KR, Change<A>>()),
            factory,
            stores: Vec::new(),
            uses: Vec::new(),
            grace: None,
        };
        let handle = self.merge(&inputs, merge);
        KTable::new(handle, Some(result_key(key)), Some(aggregates), queryable, state, view)
    }

    /// Whether at most one repartition topic is named after the store; a mistake if not.
    fn has_names_for_repartitions(&self, step: &str) -> bool {
        let named = self.inputs.iter().filter(|input| input.repartitions_without_name()).count() < 2;
        if !named {
            self.handle.mistake(format!(
                "{step} repartitions several streams whose groupings have no names; name them (`Grouped::named`)"
            ));
        }
        named
    }

    /// The node of each input, all of which use the store.
    fn declare_inputs(
        &self,
        kept: Store,
        key: &SerdeRef<K>,
        drops_null_values: bool,
        grace: Option<i64>,
    ) -> Vec<Handle> {
        let store = kept.spec.name.clone();
        let parents: Vec<Handle> = self.inputs.iter().map(|input| input.partitioned(&store, key)).collect();
        let mut kept = Some(kept);
        let declare = |(input, parent): (&Rc<dyn DeclaresInput<K, A>>, &Handle)| {
            let mut processor = input.processor(&store, drops_null_values);
            processor.grace = grace;
            match kept.take() {
                Some(kept) => processor.stores.push(kept),
                None => processor.uses.push(store.clone()),
            }
            let generated = self.handle.graph().new_name(AGGREGATE);
            parent.add_processor(generated, None, processor)
        };
        self.inputs.iter().zip(&parents).map(declare).collect()
    }

    /// The node that all inputs lead to, and the names of all.
    fn merge(&self, inputs: &[Handle], merge: Processor) -> Handle {
        let mut graph = self.handle.graph();
        let generated = graph.new_name(MERGE);
        let ids: Vec<_> = inputs.iter().map(|input| input.id).collect();
        let merge = graph.add(generated, None, ids.clone(), Kind::Processor(merge));
        graph.follow(merge, merge, "-cogroup-merge");
        for (number, &input) in ids.iter().enumerate() {
            graph.follow(input, merge, format!("-cogroup-agg-{number}"));
        }
        graph.copartition(ids, merge);
        drop(graph);
        self.handle.at(merge)
    }
}
