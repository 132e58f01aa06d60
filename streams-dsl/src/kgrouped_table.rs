use crate::KTable;
use crate::data::Data;
use crate::graph::{EndNames, Graph, GraphId, Handle, Prefix, Processor, RepartitionSpec, Store};
use crate::nulls::NullCheck;
use crate::operators::kgroupedtable::{Functions, TableAggregate, TableReduce, TableSelect};
use crate::options::{Grouped, Materialized};
use crate::table_state::TableState;
use std::cell::Cell;
use std::convert::Infallible;
use std::error::Error;
use std::rc::Rc;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node};
use streams_core::serde::{DefaultSerde, SerdeRef};
use streams_core::store::{Change, ChangeSerde, TableStore};
use streams_core::topology::{BuiltNode, NodeFactory};

const AGGREGATE: &str = "KTABLE-AGGREGATE-";
const REDUCE: &str = "KTABLE-REDUCE-";

/// A table whose rows are grouped by another key, ready to be aggregated.
///
/// The results are tables. Where a row changes, its old value is taken out of the aggregate of its group and the new one put in, so an aggregation
/// says both: how a row is added, and how it is subtracted. The changes go through a repartition topic, always.
pub struct KGroupedTable<K, V> {
    handle: Handle,
    key_serde: Option<SerdeRef<K>>,
    value_serde: Option<SerdeRef<V>>,
    /// The user's name of the grouping.
    name: Option<String>,
    /// The repartition topic of a named grouping, shared by all its aggregations.
    repartition: Rc<Cell<Option<GraphId>>>,
}

impl<K, V> Clone for KGroupedTable<K, V> {
    fn clone(&self) -> Self {
        Self {
            handle: self.handle.clone(),
            key_serde: self.key_serde.clone(),
            value_serde: self.value_serde.clone(),
            name: self.name.clone(),
            repartition: Rc::clone(&self.repartition),
        }
    }
}

/// Grouping: what comes before an aggregation.
impl<K: Data, V: Data> KTable<K, V> {
    /// Groups the rows: the selector makes of each the key of its group and the value that is aggregated there. Serdes are the default ones of the
    /// types.
    ///
    /// The table keeps its rows. Where the selector answers a null (an `Option` that is `None`), the row belongs to no group.
    ///
    /// ```
    /// # use streams_dsl::StreamsBuilder;
    /// # let builder = StreamsBuilder::new();
    /// let user_regions = builder.table::<String, String>("user-regions");
    /// let users_per_region = user_regions.group_by(|user, region| (region, user.clone())).count();
    /// ```
    pub fn group_by<K2, V2>(
        &self,
        selector: impl Fn(&K, V) -> (K2, V2) + Send + Sync + 'static,
    ) -> KGroupedTable<K2, V2>
    where
        K2: Data + PartialEq + DefaultSerde,
        V2: Data + DefaultSerde,
    {
        self.group_by_with(selector, Grouped::defaults())
    }

    /// [`group_by`](Self::group_by) with serdes and a name, which is that of the selecting step and of the repartition topic.
    pub fn group_by_with<K2: Data + PartialEq, V2: Data>(
        &self,
        selector: impl Fn(&K, V) -> (K2, V2) + Send + Sync + 'static,
        grouped: Grouped<K2, V2>,
    ) -> KGroupedTable<K2, V2> {
        self.try_group_by(move |key, row| Ok::<_, Infallible>(selector(key, row)), grouped)
    }

    /// [`group_by_with`](Self::group_by_with) with a function that may fail.
    pub fn try_group_by<K2: Data + PartialEq, V2: Data, E>(
        &self,
        selector: impl Fn(&K, V) -> Result<(K2, V2), E> + Send + Sync + 'static,
        grouped: Grouped<K2, V2>,
    ) -> KGroupedTable<K2, V2>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let selector = Arc::new(move |key: &K, row: V| selector(key, row).map_err(StreamsError::user));
        let (key_serde, value_serde) = (grouped.key.resolve(None), grouped.value.resolve(None));
        let (keys, values) = (key_serde.clone(), value_serde.clone());
        let factory: NodeFactory = Arc::new(move |_, children| {
            let nulls = (NullCheck::new(keys.as_ref(), ""), NullCheck::new(values.as_ref(), ""));
            let node = TableSelect::new(Arc::clone(&selector), nulls, children.downstream()?);
            Ok(BuiltNode::node::<K, Change<V>>(node))
        });
        let generated = self.handle.graph().new_name("KTABLE-SELECT-");
        let node = Processor::new::<K, Change<V>, K2, Change<V2>>(move || Arc::clone(&factory));
        let handle = self.handle.add_processor(generated, grouped.name.clone(), node);
        self.state.enable_sending_old_values();
        KGroupedTable { handle, key_serde, value_serde, name: grouped.name, repartition: Rc::default() }
    }
}

impl<K: Data, V: Data> KGroupedTable<K, V> {
    /// Counts the rows of each group.
    pub fn count(&self) -> KTable<K, i64> {
        self.count_with(Materialized::new())
    }

    /// Counts the rows of each group, in a store that can be named.
    pub fn count_with(&self, mut materialized: Materialized<K, i64>) -> KTable<K, i64> {
        if materialized.value.resolve(None).is_none() {
            materialized = materialized.with_value_serde(<i64 as DefaultSerde>::Serde::default());
        }
        self.aggregate_with(|| 0, |_, _, count| count + 1, |_, _, count| count - 1, materialized)
    }

    /// Combines the rows of each group to one. `adder` puts a row into what there is, `subtractor` takes one out of it; both have what there is as first
    /// argument. The first row stands as it is.
    pub fn reduce(
        &self,
        adder: impl Fn(V, V) -> V + Send + Sync + 'static,
        subtractor: impl Fn(V, V) -> V + Send + Sync + 'static,
    ) -> KTable<K, V> {
        self.reduce_with(adder, subtractor, Materialized::new())
    }

    /// [`reduce`](Self::reduce) in a store that can be named.
    pub fn reduce_with(
        &self,
        adder: impl Fn(V, V) -> V + Send + Sync + 'static,
        subtractor: impl Fn(V, V) -> V + Send + Sync + 'static,
        materialized: Materialized<K, V>,
    ) -> KTable<K, V> {
        let adder = move |reduced, row| Ok::<_, Infallible>(adder(reduced, row));
        let subtractor = move |reduced, row| Ok::<_, Infallible>(subtractor(reduced, row));
        self.try_reduce(adder, subtractor, materialized)
    }

    /// [`reduce_with`](Self::reduce_with) with functions that may fail.
    pub fn try_reduce<E>(
        &self,
        adder: impl Fn(V, V) -> Result<V, E> + Send + Sync + 'static,
        subtractor: impl Fn(V, V) -> Result<V, E> + Send + Sync + 'static,
        materialized: Materialized<K, V>,
    ) -> KTable<K, V>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let adder = Arc::new(move |reduced: V, row: V| adder(reduced, row).map_err(StreamsError::user));
        let subtractor = Arc::new(move |reduced: V, row: V| subtractor(reduced, row).map_err(StreamsError::user));
        let value = materialized.value.resolve(self.value_serde.as_ref());
        self.table(REDUCE, materialized, value, move |table, downstream| {
            TableReduce::new(Arc::clone(&adder), Arc::clone(&subtractor), table, downstream)
        })
    }

    /// Keeps an aggregate of the rows of each group, which begins as `initializer` says; `adder` puts a row in, `subtractor` takes one out. The
    /// aggregates have the default serde of their type.
    ///
    /// ```
    /// # use streams_dsl::StreamsBuilder;
    /// # let builder = StreamsBuilder::new();
    /// let orders = builder.table::<String, f64>("amounts-by-order");
    /// let by_customer = orders.group_by(|order, amount| (order[..4].to_owned(), amount));
    /// let totals = by_customer.aggregate(|| 0.0, |_, amount, total| total + amount, |_, amount, total| total - amount);
    /// ```
    pub fn aggregate<A: Data + DefaultSerde>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        adder: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
        subtractor: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
    ) -> KTable<K, A> {
        let materialized = Materialized::new().with_value_serde(A::Serde::default());
        self.aggregate_with(initializer, adder, subtractor, materialized)
    }

    /// [`aggregate`](Self::aggregate) in a store that can be named, with the serde of the aggregates.
    pub fn aggregate_with<A: Data>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        adder: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
        subtractor: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<K, A> {
        let initializer = move || Ok::<_, Infallible>(initializer());
        let adder = move |key: &K, row: V, aggregate: A| Ok::<_, Infallible>(adder(key, row, aggregate));
        let subtractor = move |key: &K, row: V, aggregate: A| Ok::<_, Infallible>(subtractor(key, row, aggregate));
        self.try_aggregate(initializer, adder, subtractor, materialized)
    }

    /// [`aggregate_with`](Self::aggregate_with) with functions that may fail.
    pub fn try_aggregate<A: Data, E>(
        &self,
        initializer: impl Fn() -> Result<A, E> + Send + Sync + 'static,
        adder: impl Fn(&K, V, A) -> Result<A, E> + Send + Sync + 'static,
        subtractor: impl Fn(&K, V, A) -> Result<A, E> + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<K, A>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let functions = Arc::new(Functions {
            initializer: move || initializer().map_err(StreamsError::user),
            adder: move |key: &K, row: V, aggregate: A| adder(key, row, aggregate).map_err(StreamsError::user),
            subtractor: move |key: &K, row: V, aggregate: A| {
                subtractor(key, row, aggregate).map_err(StreamsError::user)
            },
        });
        let aggregates = materialized.value.resolve(None);
        self.table(AGGREGATE, materialized, aggregates, move |table, downstream| {
            TableAggregate::new(Arc::clone(&functions), table, downstream)
        })
    }

    fn table<A: Data, N: Node<K, Change<V>>>(
        &self,
        prefix: &str,
        materialized: Materialized<K, A>,
        aggregates: Option<SerdeRef<A>>,
        make: impl Fn(TableStore<K, A>, Downstream<K, Change<A>>) -> N + Send + Sync + 'static,
    ) -> KTable<K, A> {
        let queryable = materialized.name.clone();
        let store = queryable.clone().unwrap_or_else(|| self.handle.graph().new_store_name(AGGREGATE));
        let ends = ["KSTREAM-SINK-", "KSTREAM-SOURCE-"].map(|prefix| self.handle.graph().new_name(prefix));
        let generated = self.handle.graph().new_name(prefix);
        let key = materialized.key.resolve(self.key_serde.as_ref());
        let key = self.handle.require(&generated, "key", key);
        let aggregates = self.handle.require(&generated, "value", aggregates);
        let (Some(key), Some(aggregates)) = (key, aggregates) else {
            return KTable::broken(self.handle.at(Graph::ROOT), queryable);
        };
        let parent = self.repartition(&store, &key, EndNames::OfStep(ends));
        let state = TableState::aggregate().with_history(materialized.history_retention);
        let spec = materialized.spec(store.clone(), Arc::clone(&key), Arc::clone(&aggregates));
        let view = KTable::kept_view(&state, &store, &key, &aggregates);
        let make = Arc::new(make);
        let factory = {
            let (key, aggregates, state) = (Arc::clone(&key), Arc::clone(&aggregates), Rc::clone(&state));
            move || -> NodeFactory {
                let (key, aggregates) = (Arc::clone(&key), Arc::clone(&aggregates));
                let (make, store, send_old) = (Arc::clone(&make), store.clone(), state.sends_old());
                Arc::new(move |build, children| {
                    let store = build.store(&store)?;
                    let table = TableStore::new(store, Arc::clone(&key), Arc::clone(&aggregates), send_old);
                    Ok(BuiltNode::node::<K, Change<V>>(make(table, children.downstream()?)))
                })
            }
        };
        let mut node = Processor::new::<K, Change<V>, K, Change<A>>(factory);
        node.stores.push(Store { spec, materialized: state.materialized(), keep_prior: state.keep_prior() });
        let handle = parent.add_processor(generated, None, node);
        handle.graph().follow(parent.id, handle.id, "");
        KTable::new(handle, Some(key), Some(aggregates), queryable, state, view)
    }

    /// The repartition topic before an aggregation: one of its own, or that of the grouping where it has a name.
    fn repartition(&self, store: &str, key: &SerdeRef<K>, names: EndNames) -> Handle {
        if let Some(id) = self.repartition.get() {
            return self.handle.at(id);
        }
        let topic = self.name.clone().unwrap_or_else(|| store.to_owned());
        let step = format!("repartition topic {topic}");
        let Some(value) = self.handle.require(&step, "value", self.value_serde.clone()) else {
            return self.handle.at(Graph::ROOT);
        };
        let spec = RepartitionSpec {
            key_serde: self.key_serde.clone().unwrap_or_else(|| Arc::clone(key)),
            value_serde: Arc::new(ChangeSerde::new(&value)) as SerdeRef<Change<V>>,
            partitioner: None,
            partitions: None,
            drop_null_keys: Rc::default(),
        };
        let handle =
            self.handle.add_repartition(format!("{topic}-repartition"), None, Prefix::Fixed(topic), names, spec);
        if self.name.is_some() {
            self.repartition.set(Some(handle.id));
        }
        handle
    }
}
