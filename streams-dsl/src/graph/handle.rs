use super::kind::{EndNames, Kind, NullKeys, Prefix, Processor, Repartition};
use super::{GraphId, GraphRef};
use crate::data::Data;
use crate::nulls::NullCheck;
use crate::operators::kstream::{NullKeyFilter, PassThrough};
use std::any::type_name;
use std::cell::{Cell, RefCell, RefMut};
use std::rc::Rc;
use std::sync::Arc;
use streams_core::processor::{
    Downstream, FailOnInvalidTimestamp, Node, SinkNode, SinkTopic, SourceNode, StreamPartitioner,
};
use streams_core::serde::SerdeRef;
use streams_core::topology::{BuiltNode, FlowType, NodeFactory};

/// A step of a graph, as streams and tables hold it.
#[derive(Clone)]
pub(crate) struct Handle {
    pub graph: GraphRef,
    pub id: GraphId,
}

/// What a repartition step carries and how.
pub(crate) struct RepartitionSpec<K, V> {
    pub key_serde: SerdeRef<K>,
    pub value_serde: SerdeRef<V>,
    pub partitioner: Option<Arc<dyn StreamPartitioner<K, V>>>,
    pub partitions: Option<i32>,
    /// Whether records with null keys are dropped, because no step that follows has a use for them.
    pub drop_null_keys: Rc<Cell<bool>>,
}

impl Handle {
    pub(crate) fn graph(&self) -> RefMut<'_, super::Graph> {
        RefCell::borrow_mut(&self.graph)
    }

    /// The same graph, another step.
    pub(crate) fn at(&self, id: GraphId) -> Self {
        Self { graph: Rc::clone(&self.graph), id }
    }

    /// Appends a step below this one that takes `KI`, `VI` and forwards `KO`, `VO`.
    pub(crate) fn add<KI, VI, KO, VO, N>(
        &self,
        prefix: &str,
        make: impl Fn(Downstream<KO, VO>) -> N + Send + Sync + 'static,
    ) -> Self
    where
        KI: Data,
        VI: Data,
        KO: Data,
        VO: Data,
        N: Node<KI, VI>,
    {
        let factory: NodeFactory =
            Arc::new(move |_, children| Ok(BuiltNode::node::<KI, VI>(make(children.downstream()?))));
        let generated = self.graph().new_name(prefix);
        let processor = Processor::new::<KI, VI, KO, VO>(move || Arc::clone(&factory));
        self.add_processor(generated, None, processor)
    }

    /// Appends a processor below this step.
    pub(crate) fn add_processor(&self, generated: String, given: Option<String>, processor: Processor) -> Self {
        let id = self.graph().add(generated, given, vec![self.id], Kind::Processor(processor));
        self.at(id)
    }

    /// Appends a processor below this step and another one, which forwards the same types.
    pub(crate) fn add_merge(&self, other: &Self, generated: String, given: Option<String>, node: Processor) -> Self {
        let id = self.graph().add(generated, given, vec![self.id, other.id], Kind::Processor(node));
        self.at(id)
    }

    /// Appends a repartition topic below this step.
    pub(crate) fn add_repartition<K: Data, V: Data>(
        &self,
        generated: String,
        given: Option<String>,
        prefix: Prefix,
        names: EndNames,
        spec: RepartitionSpec<K, V>,
    ) -> Self {
        let RepartitionSpec { key_serde, value_serde, partitioner, partitions, drop_null_keys } = spec;
        let filter_keys = Arc::clone(&key_serde);
        let filter = move |dropped| filter_factory::<K, V>(Arc::clone(&filter_keys), dropped);
        let null_keys = NullKeys { dropped: drop_null_keys, factory: Box::new(filter) };
        let repartition = Repartition {
            filter: matches!(names, EndNames::OfTopic(_)).then_some(null_keys),
            prefix,
            names,
            partitions,
            input: FlowType::of::<K, V>(),
            output: FlowType::of::<K, V>(),
            ends: Box::new(move |topic| {
                let (key, value, partitioner) = (Arc::clone(&key_serde), Arc::clone(&value_serde), partitioner.clone());
                (sink_factory(topic, key, value, partitioner), source_factory(&key_serde, &value_serde))
            }),
        };
        let id = self.graph().add(generated, given, vec![self.id], Kind::Repartition(repartition));
        self.at(id)
    }

    /// Appends an internal topic below this step, whose records are written and read as `repartition` says.
    pub(crate) fn add_topic(&self, topic: &str, repartition: Repartition) -> Self {
        let id = self.graph().add(topic.to_owned(), None, vec![self.id], Kind::Repartition(repartition));
        self.at(id)
    }

    /// Takes the three numbers that a repartition topic costs.
    pub(crate) fn new_repartition_names(&self) -> EndNames {
        let mut graph = self.graph();
        EndNames::OfTopic(["KSTREAM-SINK-", "KSTREAM-FILTER-", "KSTREAM-SOURCE-"].map(|prefix| graph.new_name(prefix)))
    }

    /// Gives the step a name.
    pub(crate) fn named(&self, name: impl Into<String>) {
        self.graph().rename(self.id, name.into());
    }

    /// The serde, or a mistake that names the step and the type.
    pub(crate) fn require<T>(&self, step: &str, part: &str, serde: Option<SerdeRef<T>>) -> Option<SerdeRef<T>> {
        if serde.is_none() {
            self.mistake(format!(
                "{step} knows no serde for its {part}s of type {}; name one in its options (`with_{part}_serde`)",
                type_name::<T>()
            ));
        }
        serde
    }

    /// Notes a mistake where a versioned store is to have what it cannot have.
    pub(crate) fn check_history(&self, step: &str, history: Option<i64>, time_to_live: Option<i64>) {
        if history.is_some() && time_to_live.is_some() {
            self.mistake(format!(
                "{step} is kept in a versioned store, whose rows have no time to live; take one of both options away"
            ));
        }
    }

    /// Whether the other step belongs to the same builder; a mistake if not.
    pub(crate) fn same_graph(&self, other: &Self, step: &str) -> bool {
        let same = Rc::ptr_eq(&self.graph, &other.graph);
        if !same {
            self.mistake(format!("{step} brings together streams of two builders; declare both on one"));
        }
        same
    }
}

fn filter_factory<K: Data, V: Data>(key_serde: SerdeRef<K>, drop_null_keys: bool) -> NodeFactory {
    Arc::new(move |_, children| {
        let nulls = NullCheck::new(drop_null_keys.then_some(&key_serde), "");
        let downstream = children.downstream::<K, V>()?;
        Ok(match nulls {
            Some(nulls) => BuiltNode::node::<K, V>(NullKeyFilter::new(nulls, downstream)),
            None => BuiltNode::node::<K, V>(PassThrough::new(downstream)),
        })
    })
}

pub(crate) fn sink_factory<K: Data, V: Data>(
    topic: &str,
    key_serde: SerdeRef<K>,
    value_serde: SerdeRef<V>,
    partitioner: Option<Arc<dyn StreamPartitioner<K, V>>>,
) -> NodeFactory {
    let topic = topic.to_owned();
    Arc::new(move |build, _| {
        let topic = SinkTopic::Fixed(build.topic_name(&topic));
        let (key, value) = (Arc::clone(&key_serde), Arc::clone(&value_serde));
        Ok(BuiltNode::node::<K, V>(SinkNode::new(topic, key, value, partitioner.clone())))
    })
}

pub(crate) fn source_factory<K: Data, V: Data>(key_serde: &SerdeRef<K>, value_serde: &SerdeRef<V>) -> NodeFactory {
    let (key_serde, value_serde) = (Arc::clone(key_serde), Arc::clone(value_serde));
    Arc::new(move |build, children| {
        Ok(BuiltNode::source::<K, V>(SourceNode {
            key_serde: Arc::clone(&key_serde),
            value_serde: Arc::clone(&value_serde),
            timestamp_extractor: Arc::new(FailOnInvalidTimestamp),
            deserialization_handler: build.deserialization_handler(),
            downstream: children.downstream()?,
        }))
    })
}
