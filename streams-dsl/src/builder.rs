use crate::data::Data;
use crate::graph::{Graph, GraphRef, Handle, Kind, Processor, Source, Store, TableSource};
use crate::operators::ktable::{RowTimestamp, TableSourceNode, TopicRecord};
use crate::options::{Consumed, Extractor, IntoTopics, Materialized};
use crate::table_state::TableState;
use crate::{KStream, KTable};
use std::rc::Rc;
use std::sync::Arc;
use streams_core::config::{StreamsConfig, TopologyOptimization};
use streams_core::error::StreamsError;
use streams_core::processor::SourceNode;
use streams_core::processor_api::{StoreBuilder, StoreRef};
use streams_core::serde::{DefaultSerde, OptionSerde, SerdeRef};
use streams_core::store::{Change, TableStore};
use streams_core::topology::{BuiltNode, FlowType, NodeFactory, SourceTopics, Topology};

/// Declares streams and tables, and makes a [`Topology`] of them.
///
/// A mistake (a missing serde, a name used twice, …) does not stop the declaration; [`build`](Self::build) reports all of them.
///
/// ```
/// # use streams_dsl::StreamsBuilder;
/// let builder = StreamsBuilder::new();
/// builder.stream::<String, String>("lines").filter(|_, line| line.contains("important")).to("important-lines");
/// let topology = builder.build()?;
/// assert_eq!(topology.subtopologies().len(), 1);
/// # Ok::<(), streams_dsl::StreamsError>(())
/// ```
#[derive(Default)]
pub struct StreamsBuilder {
    graph: GraphRef,
}

impl StreamsBuilder {
    /// A builder without streams.
    pub fn new() -> Self {
        Self { graph: GraphRef::default() }
    }

    /// A stream of the records of one topic or several, with the default serdes of their types.
    ///
    /// A topic that has records with null key is read with `Option<K>` as key type, one that has null values with `Option<V>` as value type.
    pub fn stream<K, V>(&self, topics: impl IntoTopics) -> KStream<K, V>
    where
        K: Data + DefaultSerde,
        V: Data + DefaultSerde,
    {
        self.stream_with(topics, Consumed::defaults())
    }

    /// A stream of the records of one topic or several.
    pub fn stream_with<K: Data, V: Data>(&self, topics: impl IntoTopics, consumed: Consumed<K, V>) -> KStream<K, V> {
        self.source(SourceTopics::Names(topics.into_topics()), consumed)
    }

    /// A stream of the records of all topics whose whole names match the pattern, also of those that come later.
    pub fn stream_pattern<K, V>(&self, pattern: regex::Regex) -> KStream<K, V>
    where
        K: Data + DefaultSerde,
        V: Data + DefaultSerde,
    {
        self.stream_pattern_with(pattern, Consumed::defaults())
    }

    /// A stream of the records of all topics whose whole names match the pattern, also of those that come later.
    pub fn stream_pattern_with<K: Data, V: Data>(
        &self,
        pattern: regex::Regex,
        consumed: Consumed<K, V>,
    ) -> KStream<K, V> {
        self.source(SourceTopics::Pattern(pattern), consumed)
    }

    /// A table of the last value of each key of a topic, with the default serdes of their types.
    ///
    /// A null value deletes the row of its key. Records with null key are dropped and counted. The rows are kept in a store only
    /// where a later step needs them.
    pub fn table<K, V>(&self, topic: impl Into<String>) -> KTable<K, V>
    where
        K: Data + DefaultSerde,
        V: Data + DefaultSerde,
    {
        self.table_with(topic, Consumed::defaults(), Materialized::new())
    }

    /// A table of the last value of each key of a topic. The rows are kept in a store where `materialized` names it, or a later step needs
    /// them; serdes are those of `consumed`, or else of `materialized`.
    pub fn table_with<K: Data, V: Data>(
        &self,
        topic: impl Into<String>,
        consumed: Consumed<K, V>,
        materialized: Materialized<K, V>,
    ) -> KTable<K, V> {
        self.table_source(topic.into(), consumed, materialized, false)
    }

    /// Declares the table of a topic: of this instance's tasks, or a global one.
    pub(crate) fn table_source<K: Data, V: Data>(
        &self,
        topic: String,
        consumed: Consumed<K, V>,
        materialized: Materialized<K, V>,
        global: bool,
    ) -> KTable<K, V> {
        let root = self.root();
        let (store_name, [source_name, table_name]) = {
            let mut graph = self.graph.borrow_mut();
            let store = materialized.name.clone();
            let store = store.unwrap_or_else(|| graph.new_store_name(&format!("{topic}-")));
            (store, ["KSTREAM-SOURCE-", "KTABLE-SOURCE-"].map(|prefix| graph.new_name(prefix)))
        };
        let step = format!("table of topic {topic}");
        let key = consumed.key.resolve(materialized.key.resolve(None).as_ref());
        let value = consumed.value.resolve(materialized.value.resolve(None).as_ref());
        let (key_serde, value_serde) = (root.require(&step, "key", key), root.require(&step, "value", value));
        let queryable = materialized.name.clone();
        let (Some(key), Some(value)) = (key_serde, value_serde) else {
            return KTable::broken(root, queryable);
        };
        let time_to_live = materialized.time_to_live;
        let queried_store = store_name.clone();
        let history = materialized.history_retention;
        if let (Some(_), true) = (history, global) {
            root.mistake(format!("the global {step} cannot be versioned; keep it in a store without history"));
        }
        root.check_history(&step, history, time_to_live);
        let kept = global || queryable.is_some() || time_to_live.is_some() || history.is_some();
        let state = TableState::source(kept).with_history(history);
        let store = Store {
            spec: materialized.spec(store_name.clone(), Arc::clone(&key), Arc::clone(&value)),
            materialized: state.materialized(),
            keep_prior: state.keep_prior(),
        };
        let table = Processor {
            input: FlowType::of::<Option<K>, Option<V>>(),
            output: Some(FlowType::of::<K, Change<V>>()),
            factory: {
                let (key, value, state) = (Arc::clone(&key), Arc::clone(&value), Rc::clone(&state));
                Box::new(move || {
                    let store = state.is_materialized().then(|| store_name.clone());
                    table_factory(store, Arc::clone(&key), Arc::clone(&value), state.sends_old(), time_to_live)
                })
            },
            stores: vec![store],
            uses: Vec::new(),
            grace: None,
        };
        let source = Source {
            topics: SourceTopics::Names(vec![topic]),
            reset: consumed.reset,
            output: FlowType::of::<Option<K>, Option<V>>(),
            factory: table_source_factory(&consumed, &key, &value),
        };
        let own_time = matches!(consumed.extractor, Extractor::Default);
        let reusable = own_time && time_to_live.is_none() && history.is_none();
        let kind = Kind::TableSource(TableSource { source_name, source, table, global, reusable });
        let id = self.graph.borrow_mut().add(table_name, consumed.name, Vec::new(), kind);
        let view = KTable::kept_view(&state, &queried_store, &key, &value);
        KTable::new(root.at(id), Some(key), Some(value), queryable, state, view)
    }

    /// Adds a store, for the [processors](crate::KStream::process) that name it.
    pub fn add_state_store<S>(&self, store: StoreBuilder<S>) -> StoreRef<S> {
        let reference = store.reference();
        let root = self.root();
        match store.build() {
            Ok(spec) => root.graph().add_store(spec),
            Err(message) => root.mistake(message),
        }
        reference
    }

    /// The topology of all that was declared, as it was declared.
    ///
    /// # Errors
    /// [`StreamsError::Topology`] with every mistake found.
    pub fn build(&self) -> Result<Topology, StreamsError> {
        self.build_as(TopologyOptimization::default(), false)
    }

    /// The topology of all that was declared, as the configuration wants it: Kafka Streams' `build(Properties)`. Two of its keys count:
    ///
    /// - `topology.optimization`: `none` (the default), `all`, or a list of optimizations. With `reuse.ktable.source.topics` a [`table`](Self::table) has no
    ///   changelog: it is restored from the topic it is read from, which should be compacted. (Not where it has a timestamp extractor or a time to live
    ///   of its own, as its rows then are not the topic's records, and not where it is versioned: a topic keeps no history of its keys.) With `merge.repartition.topics` all that is grouped or joined by the same new keys goes
    ///   through one repartition topic, also past filters and the like; by default each step has its own. With `single.store.self.join` a
    ///   [join](KStream::join) of a stream with itself remembers its records once. A left or outer one then drops records with a null key, and no record goes on
    ///   alone: each has itself as a partner.
    /// - `ensure.explicit.internal.resource.naming`: `true` refuses stores and internal topics without a name given by you. With `false`, the
    ///   default, there is a warning.
    ///
    /// An application that has run already needs a reset when its optimization changes, as stores and internal topics do.
    ///
    /// ```
    /// # use streams_dsl::{StreamsBuilder, StreamsConfig};
    /// let builder = StreamsBuilder::new();
    /// let by_user = builder.stream::<String, String>("clicks").select_key(|_, user| user.clone());
    /// by_user.group_by_key().count().to_stream().to("counts");
    /// by_user.group_by_key().reduce(|_, last| last).to_stream().to("last");
    /// assert_eq!(builder.build()?.repartition_topics().len(), 2);
    /// let config = StreamsConfig::new("clicks", "localhost:9092").set("topology.optimization", "all");
    /// assert_eq!(builder.build_with(&config)?.repartition_topics().len(), 1);
    /// # Ok::<(), streams_dsl::StreamsError>(())
    /// ```
    ///
    /// # Errors
    /// [`StreamsError::Config`] where one of the keys has another value; [`StreamsError::Topology`] with every mistake found, or with every
    /// generated name that is refused.
    pub fn build_with(&self, config: &StreamsConfig) -> Result<Topology, StreamsError> {
        self.build_as(config.topology_optimization()?, config.ensure_explicit_naming()?)
    }

    fn build_as(&self, optimization: TopologyOptimization, explicit_names: bool) -> Result<Topology, StreamsError> {
        let topology = self.graph.borrow().build(optimization)?;
        topology.check_names(explicit_names)?;
        Ok(topology)
    }

    pub(crate) fn root(&self) -> Handle {
        Handle { graph: Rc::clone(&self.graph), id: Graph::ROOT }
    }

    fn source<K: Data, V: Data>(&self, topics: SourceTopics, consumed: Consumed<K, V>) -> KStream<K, V> {
        let root = self.root();
        let name = self.graph.borrow_mut().new_name("KSTREAM-SOURCE-");
        let step = format!("stream {}", consumed.name.as_deref().unwrap_or(&name));
        let key = root.require(&step, "key", consumed.key.resolve(None));
        let value = root.require(&step, "value", consumed.value.resolve(None));
        let (Some(key), Some(value)) = (key, value) else { return KStream::broken(root) };
        let source = Source {
            topics,
            reset: consumed.reset,
            output: FlowType::of::<K, V>(),
            factory: stream_source_factory(&consumed, &key, &value),
        };
        let id = self.graph.borrow_mut().add(name, consumed.name, Vec::new(), Kind::Source(source));
        KStream::new(root.at(id), Some(key), Some(value), false)
    }
}

pub(crate) fn stream_source_factory<K: Data, V: Data>(
    consumed: &Consumed<K, V>,
    key: &SerdeRef<K>,
    value: &SerdeRef<V>,
) -> NodeFactory {
    let (key, value, extractor) = (Arc::clone(key), Arc::clone(value), consumed.extractor.get());
    Arc::new(move |build, children| {
        Ok(BuiltNode::source::<K, V>(SourceNode {
            key_serde: Arc::clone(&key),
            value_serde: Arc::clone(&value),
            timestamp_extractor: Arc::clone(&extractor),
            deserialization_handler: build.deserialization_handler(),
            downstream: children.downstream()?,
        }))
    })
}

fn table_source_factory<K: Data, V: Data>(
    consumed: &Consumed<K, V>,
    key: &SerdeRef<K>,
    value: &SerdeRef<V>,
) -> NodeFactory {
    let key: SerdeRef<Option<K>> = Arc::new(OptionSerde::shared(Arc::clone(key)));
    let value: SerdeRef<Option<V>> = Arc::new(OptionSerde::shared(Arc::clone(value)));
    let extractor = consumed.extractor.get();
    Arc::new(move |build, children| {
        Ok(BuiltNode::source::<Option<K>, Option<V>>(SourceNode {
            key_serde: Arc::clone(&key),
            value_serde: Arc::clone(&value),
            timestamp_extractor: Arc::new(RowTimestamp(Arc::clone(&extractor))),
            deserialization_handler: build.deserialization_handler(),
            downstream: children.downstream()?,
        }))
    })
}

fn table_factory<K: Data, V: Data>(
    store: Option<String>,
    key: SerdeRef<K>,
    value: SerdeRef<V>,
    send_old: bool,
    time_to_live: Option<i64>,
) -> NodeFactory {
    Arc::new(move |build, children| {
        let table = match &store {
            Some(store) => Some(TableStore::new(build.store(store)?, Arc::clone(&key), Arc::clone(&value), send_old)),
            None => None,
        };
        let table = table.map(|table| table.with_time_to_live(time_to_live));
        let node = TableSourceNode::<K, V, TopicRecord>::new(table, None, children.downstream()?);
        Ok(BuiltNode::node::<Option<K>, Option<V>>(node))
    })
}
