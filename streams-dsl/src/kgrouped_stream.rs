use crate::data::Data;
use crate::graph::{Graph, GraphId, Handle, LateFactory, Prefix, Processor, RepartitionSpec, Store};
use crate::nulls::NullCheck;
use crate::operators::kgroupedstream::{Aggregate, Reduce};
use crate::options::{Grouped, Materialized};
use crate::table_state::TableState;
use crate::table_view::{TableView, ValueGetter, ViewRef};
use crate::windowed_stream::WindowedBy;
use crate::{KStream, KTable};
use std::cell::Cell;
use std::convert::Infallible;
use std::error::Error;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node};
use streams_core::serde::{DefaultSerde, SerdeRef};
use streams_core::store::{Change, TableStore, TaskStore};
use streams_core::topology::{BuiltNode, FlowType, NodeFactory, RowLayout, StoreFormat, StoreSpec};

pub(crate) const AGGREGATE: &str = "KSTREAM-AGGREGATE-";
pub(crate) const REDUCE: &str = "KSTREAM-REDUCE-";

/// A stream whose records are grouped by key, ready to be aggregated.
///
/// The results are tables: every record updates the row of its key. The timestamp of a row is the largest of the records in it. Records
/// with null key or null value are dropped and counted.
pub struct KGroupedStream<K, V> {
    pub(crate) handle: Handle,
    pub(crate) key_serde: Option<SerdeRef<K>>,
    pub(crate) value_serde: Option<SerdeRef<V>>,
    repartition_required: bool,
    /// The user's name of the grouping.
    name: Option<String>,
    /// The repartition topic of a named grouping, shared by all its aggregations.
    repartition: Rc<Cell<Option<GraphId>>>,
}

/// What is to be declared of an aggregation whose keys become `KR`, and whose values `A`.
pub(crate) struct Aggregation<K, A, KR> {
    /// Of the generated name.
    pub prefix: &'static str,
    pub materialized: Materialized<K, A>,
    pub aggregates: Option<SerdeRef<A>>,
    /// Makes the serde of the results' keys.
    pub result_key: Box<dyn FnOnce(SerdeRef<K>) -> SerdeRef<KR>>,
    pub layout: RowLayout,
    /// Of a window store: how long each window is, in milliseconds.
    pub window_size_ms: Option<i64>,
    pub format: StoreFormat,
    /// How long after its end a window may still change, in milliseconds.
    pub grace: Option<i64>,
    /// Reads the results in a task.
    pub getter: StoreGetter<K, A, KR>,
}

/// Makes what reads the results of an aggregation, out of its store and the serdes of its keys and aggregates.
pub(crate) type StoreGetter<K, A, KR> = Arc<
    dyn Fn(Rc<TaskStore>, SerdeRef<K>, SerdeRef<A>) -> Result<Box<dyn ValueGetter<KR, A>>, StreamsError> + Send + Sync,
>;

/// What the node of an aggregation is made of, in a task.
pub(crate) struct Parts<K, V, A, KR> {
    pub store: Rc<TaskStore>,
    pub key_serde: SerdeRef<K>,
    pub value_serde: Option<SerdeRef<V>>,
    pub aggregate_serde: SerdeRef<A>,
    /// Whether changes carry the row before.
    pub send_old: bool,
    pub emit_interval: Duration,
    pub downstream: Downstream<KR, Change<A>>,
}

impl<K: Data, A: Data> Aggregation<K, A, K> {
    pub(crate) fn without_windows(
        prefix: &'static str,
        materialized: Materialized<K, A>,
        aggregates: Option<SerdeRef<A>>,
    ) -> Self {
        let (layout, format) = (materialized.layout(), materialized.format());
        Self {
            prefix,
            materialized,
            aggregates,
            result_key: Box::new(|key| key),
            layout,
            window_size_ms: None,
            format,
            grace: None,
            getter: Arc::new(|store, key, aggregates| Ok(Box::new(TableStore::new(store, key, aggregates, false)))),
        }
    }
}

impl<K, V> Clone for KGroupedStream<K, V> {
    fn clone(&self) -> Self {
        Self {
            handle: self.handle.clone(),
            key_serde: self.key_serde.clone(),
            value_serde: self.value_serde.clone(),
            repartition_required: self.repartition_required,
            name: self.name.clone(),
            repartition: Rc::clone(&self.repartition),
        }
    }
}

impl<K: Data, V: Data> KGroupedStream<K, V> {
    pub(crate) fn new(stream: &KStream<K, V>, grouped: Grouped<K, V>) -> Self {
        Self {
            handle: stream.handle.clone(),
            key_serde: grouped.key.resolve(stream.key_serde.as_ref()),
            value_serde: grouped.value.resolve(stream.value_serde.as_ref()),
            repartition_required: stream.repartition_required,
            name: grouped.name,
            repartition: Rc::default(),
        }
    }

    /// Divides the records of each key by time: see [`windows`](crate::windows). What comes of it depends on the windows:
    /// a [`TimeWindowedKStream`](crate::TimeWindowedKStream), or a [`SessionWindowedKStream`](crate::SessionWindowedKStream) for sessions.
    pub fn windowed_by<W: WindowedBy<K, V>>(&self, windows: W) -> W::Stream {
        windows.apply(self)
    }

    /// Counts the records of each key.
    pub fn count(&self) -> KTable<K, i64> {
        self.counted(Materialized::new().with_value_serde(<i64 as DefaultSerde>::Serde::default()))
    }

    /// Counts the records of each key, in a store that can be named.
    ///
    /// ```
    /// # use streams_dsl::{Materialized, StreamsBuilder};
    /// # let builder = StreamsBuilder::new();
    /// let clicks = builder.stream::<String, String>("clicks");
    /// clicks.group_by_key().count_with(Materialized::named("clicks-per-url"));
    /// ```
    pub fn count_with(&self, materialized: Materialized<K, i64>) -> KTable<K, i64> {
        if materialized.name.is_none() {
            // Kafka Streams takes a number too many here, and keeps doing so for the sake of the names of existing topics.
            self.handle.graph().new_store_name(AGGREGATE);
        }
        self.counted(materialized)
    }

    fn counted(&self, mut materialized: Materialized<K, i64>) -> KTable<K, i64> {
        if materialized.value.resolve(None).is_none() {
            materialized = materialized.with_value_serde(<i64 as DefaultSerde>::Serde::default());
        }
        self.aggregate_with(|| 0, |_, _, count| count + 1, materialized)
    }

    /// Combines the values of each key to one, with the present one as first argument; the first value stands as it is.
    pub fn reduce(&self, reducer: impl Fn(V, V) -> V + Send + Sync + 'static) -> KTable<K, V> {
        self.reduce_with(reducer, Materialized::new())
    }

    /// [`reduce`](Self::reduce) in a store that can be named.
    pub fn reduce_with(
        &self,
        reducer: impl Fn(V, V) -> V + Send + Sync + 'static,
        materialized: Materialized<K, V>,
    ) -> KTable<K, V> {
        self.try_reduce(move |aggregate: V, value: V| Ok::<_, Infallible>(reducer(aggregate, value)), materialized)
    }

    /// [`reduce_with`](Self::reduce_with) with a function that may fail.
    pub fn try_reduce<E>(
        &self,
        reducer: impl Fn(V, V) -> Result<V, E> + Send + Sync + 'static,
        materialized: Materialized<K, V>,
    ) -> KTable<K, V>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let reducer = Arc::new(move |aggregate: V, value: V| reducer(aggregate, value).map_err(StreamsError::user));
        let value = materialized.value.resolve(self.value_serde.as_ref());
        let make = move |table, nulls, downstream| Reduce::new(Arc::clone(&reducer), table, nulls, downstream);
        self.table(REDUCE, materialized, value, make)
    }

    /// Adds each record to the aggregate of its key, which begins as `initializer` says; the aggregates have the default serde of their type.
    ///
    /// ```
    /// # use streams_dsl::StreamsBuilder;
    /// # let builder = StreamsBuilder::new();
    /// let sales = builder.stream::<String, f64>("sales");
    /// sales.group_by_key().aggregate(|| 0.0, |_product, amount, total| total + amount).to_stream().to("totals");
    /// ```
    pub fn aggregate<A: Data + DefaultSerde>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
    ) -> KTable<K, A> {
        let materialized = Materialized::new().with_value_serde(A::Serde::default());
        self.aggregate_with(initializer, aggregator, materialized)
    }

    /// [`aggregate`](Self::aggregate) in a store that can be named, with the serde of the aggregates.
    pub fn aggregate_with<A: Data>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<K, A> {
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
    ) -> KTable<K, A>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let initializer = Arc::new(move || initializer().map_err(StreamsError::user));
        let aggregator = Arc::new(move |key: &K, value: V, aggregate: A| {
            aggregator(key, value, aggregate).map_err(StreamsError::user)
        });
        let aggregates = materialized.value.resolve(None);
        let make = move |table, nulls, downstream| {
            Aggregate::new(Arc::clone(&initializer), Arc::clone(&aggregator), table, nulls, downstream)
        };
        self.table(AGGREGATE, materialized, aggregates, make)
    }

    /// Declares the table that an aggregation without windows makes.
    fn table<A: Data, N: Node<K, V>>(
        &self,
        prefix: &'static str,
        materialized: Materialized<K, A>,
        aggregates: Option<SerdeRef<A>>,
        make: impl Fn(TableStore<K, A>, Option<NullCheck<V>>, Downstream<K, Change<A>>) -> N + Send + Sync + 'static,
    ) -> KTable<K, A> {
        let time_to_live = materialized.time_to_live;
        self.handle.check_history("an aggregation", materialized.history_retention, time_to_live);
        let aggregation = Aggregation::without_windows(prefix, materialized, aggregates);
        self.aggregation(aggregation, move |parts: Parts<K, V, A, K>| {
            let nulls = NullCheck::new(parts.value_serde.as_ref(), &parts.store.serde_topic());
            let table = TableStore::new(parts.store, parts.key_serde, parts.aggregate_serde, parts.send_old);
            Ok(make(table.with_time_to_live(time_to_live), nulls, parts.downstream))
        })
    }

    /// Declares the table that an aggregation makes, with the repartition topic that it needs.
    pub(crate) fn aggregation<A: Data, KR: Data, N: Node<K, V>>(
        &self,
        aggregation: Aggregation<K, A, KR>,
        make: impl Fn(Parts<K, V, A, KR>) -> Result<N, StreamsError> + Send + Sync + 'static,
    ) -> KTable<KR, A> {
        let Aggregation { prefix, materialized, aggregates, result_key, getter, grace, .. } = aggregation;
        let Aggregation { layout, window_size_ms, format, .. } = aggregation;
        let queryable = materialized.name.clone();
        let store = queryable.clone().unwrap_or_else(|| self.handle.graph().new_store_name(prefix));
        let generated = self.handle.graph().new_name(prefix);
        let key = materialized.key.resolve(self.key_serde.as_ref());
        let key = self.handle.require(&generated, "key", key);
        let aggregates = self.handle.require(&generated, "value", aggregates);
        let (Some(key), Some(aggregates)) = (key, aggregates) else {
            return KTable::broken(self.handle.at(Graph::ROOT), queryable);
        };
        let parent = self.partitioned(&store, &key, &Cell::default());
        let history = if layout.is_versioned() { materialized.history_retention } else { None };
        let state = TableState::aggregate().with_history(history);
        let spec = materialized.spec(store.clone(), Arc::clone(&key), Arc::clone(&aggregates));
        let spec = StoreSpec { layout, window_size_ms, format, ..spec };
        let view = aggregate_view(&state, &store, &key, &aggregates, getter);
        let factory = aggregation_factory(store, (&key, &aggregates), self.value_serde.clone(), &state, make);
        let processor = Processor {
            input: FlowType::of::<K, V>(),
            output: Some(FlowType::of::<KR, Change<A>>()),
            factory,
            stores: vec![Store { spec, materialized: state.materialized(), keep_prior: state.keep_prior() }],
            uses: Vec::new(),
            grace,
        };
        let handle = parent.add_processor(generated, None, processor);
        KTable::new(handle, Some(result_key(key)), Some(aggregates), queryable, state, view)
    }

    /// Whether an aggregation needs a repartition topic that is named after its store.
    pub(crate) fn repartitions_without_name(&self) -> bool {
        self.repartition_required && self.name.is_none()
    }

    /// What an aggregation in `store` reads: the stream itself, or where its keys have changed a repartition topic. That is one of its own, which
    /// is then noted in `own`, or that of the grouping where it has a name.
    pub(crate) fn partitioned(&self, store: &str, key: &SerdeRef<K>, own: &Cell<Option<GraphId>>) -> Handle {
        if !self.repartition_required {
            return self.handle.clone();
        }
        let names = self.handle.new_repartition_names();
        if let Some(id) = self.repartition.get().or(own.get()) {
            return self.handle.at(id);
        }
        let topic = self.name.clone().unwrap_or_else(|| store.to_owned());
        let key = self.key_serde.clone().unwrap_or_else(|| Arc::clone(key));
        let step = format!("repartition topic {topic}");
        let Some(value) = self.handle.require(&step, "value", self.value_serde.clone()) else {
            return self.handle.at(Graph::ROOT);
        };
        let spec = RepartitionSpec {
            key_serde: key,
            value_serde: value,
            partitioner: None,
            partitions: None,
            drop_null_keys: Rc::new(Cell::new(true)),
        };
        let handle = self.handle.add_repartition(topic.clone(), None, Prefix::Fixed(topic), names, spec);
        let shared = if self.name.is_some() { &self.repartition } else { own };
        shared.set(Some(handle.id));
        handle
    }
}

/// Makes the node of an aggregation of `V`, out of its store, the serdes of its keys and aggregates, and what later steps want.
pub(crate) fn aggregation_factory<K: Data, V: Data, A: Data, KR: Data, N: Node<K, V>>(
    store: String,
    (key, aggregates): (&SerdeRef<K>, &SerdeRef<A>),
    values: Option<SerdeRef<V>>,
    state: &Rc<TableState>,
    make: impl Fn(Parts<K, V, A, KR>) -> Result<N, StreamsError> + Send + Sync + 'static,
) -> LateFactory {
    let (key, aggregates, state, make) = (Arc::clone(key), Arc::clone(aggregates), Rc::clone(state), Arc::new(make));
    Box::new(move || -> NodeFactory {
        let (key, aggregates, values) = (Arc::clone(&key), Arc::clone(&aggregates), values.clone());
        let (make, store, send_old) = (Arc::clone(&make), store.clone(), state.sends_old());
        Arc::new(move |build, children| {
            let parts = Parts {
                store: build.store(&store)?,
                key_serde: Arc::clone(&key),
                value_serde: values.clone(),
                aggregate_serde: Arc::clone(&aggregates),
                send_old,
                emit_interval: build.emit_interval(),
                downstream: children.downstream()?,
            };
            Ok(BuiltNode::node::<K, V>(make(parts)?))
        })
    })
}

/// The view of an aggregation, whose rows are always kept.
pub(crate) fn aggregate_view<K: Data, A: Data, KR: Data>(
    state: &Rc<TableState>,
    store: &str,
    key: &SerdeRef<K>,
    aggregates: &SerdeRef<A>,
    getter: StoreGetter<K, A, KR>,
) -> ViewRef<KR, A> {
    let (state, store, key, aggregates) = (Rc::clone(state), store.to_owned(), Arc::clone(key), Arc::clone(aggregates));
    Rc::new(move || {
        state.materialize();
        let (name, key, aggregates) = (store.clone(), Arc::clone(&key), Arc::clone(&aggregates));
        let getter = Arc::clone(&getter);
        TableView {
            stores: vec![store.clone()],
            getter: Arc::new(move |build| getter(build.store(&name)?, Arc::clone(&key), Arc::clone(&aggregates))),
        }
    })
}
