use super::GraphId;
use std::cell::Cell;
use std::rc::Rc;
use streams_core::topology::{AutoOffsetReset, FlowType, NodeFactory, SourceTopics, StoreSpec};

/// What a step becomes in the topology.
pub(crate) enum Kind {
    Source(Source),
    TableSource(TableSource),
    Processor(Processor),
    Repartition(Repartition),
    Sink(Sink),
}

/// A source of a stream. Sources of the same topics become one.
pub(crate) struct Source {
    pub topics: SourceTopics,
    pub reset: Option<AutoOffsetReset>,
    pub output: FlowType,
    pub factory: NodeFactory,
}

/// A source with the node that keeps its records as the rows of a table. The step's name is that of the latter.
pub(crate) struct TableSource {
    /// Name of the source where the user gives none; else `<given>-source`.
    pub source_name: String,
    pub source: Source,
    pub table: Processor,
    /// Whether it is a global table's.
    pub global: bool,
    /// Whether the rows are the topic's records as they are, so that a store of them can be restored from the topic.
    pub reusable: bool,
}

/// Makes the factory of a node, once all that later steps want from it is known.
pub(crate) type LateFactory = Box<dyn Fn() -> NodeFactory>;

/// A node that processes records.
pub(crate) struct Processor {
    pub input: FlowType,
    pub output: Option<FlowType>,
    pub factory: LateFactory,
    /// The stores of its own.
    pub stores: Vec<Store>,
    /// Names of stores of earlier steps that it uses.
    pub uses: Vec<String>,
    /// How long after their end windows still take records, for a windowed aggregation: its grace, for sessions their gap and grace together.
    /// In milliseconds; `None` for every other step.
    pub grace: Option<i64>,
}

impl Processor {
    /// A node without stores that takes `KI`, `VI` and forwards `KO`, `VO`.
    pub(crate) fn new<KI: 'static, VI: 'static, KO: 'static, VO: 'static>(
        factory: impl Fn() -> NodeFactory + 'static,
    ) -> Self {
        Self {
            input: FlowType::of::<KI, VI>(),
            output: Some(FlowType::of::<KO, VO>()),
            factory: Box::new(factory),
            stores: Vec::new(),
            uses: Vec::new(),
            grace: None,
        }
    }
}

/// The store of a table.
pub(crate) struct Store {
    pub spec: StoreSpec,
    /// Whether the table is kept in it: by declaration, or because a later step needs the rows.
    pub materialized: Rc<Cell<bool>>,
    /// Whether a later step wants the rows before each change.
    pub send_old: Rc<Cell<bool>>,
}

impl Store {
    /// A store that the step has whatever later steps want.
    pub(crate) fn always(spec: StoreSpec) -> Self {
        Self { spec, materialized: Rc::new(Cell::new(true)), send_old: Rc::new(Cell::new(false)) }
    }
}

/// A topic that brings equal keys together: filter, sink, topic and source.
pub(crate) struct Repartition {
    pub prefix: Prefix,
    pub names: EndNames,
    pub partitions: Option<i32>,
    pub flow: FlowType,
    /// Makes the node that drops records with null keys, or lets everything through. None where there is no such node.
    pub filter: Option<FilterFactory>,
    /// Whether records with null keys are dropped.
    pub drop_null_keys: Rc<Cell<bool>>,
    pub ends: RepartitionEnds,
}

/// Makes the factory of the node before a repartition topic, told whether it drops records with null keys.
pub(crate) type FilterFactory = Box<dyn Fn(bool) -> NodeFactory>;

/// Names of the nodes around a repartition topic.
pub(crate) enum EndNames {
    /// These for sink, filter and source, or else the topic's with `-sink`, `-filter` and `-source`, where that was named by the user.
    OfTopic([String; 3]),
    /// These for sink and source, or else the step's with `-sink` and `-source`, where that was named by the user. There is no filter.
    OfStep([String; 2]),
}

/// Makes the factories of sink and source of a repartition topic, given its name.
pub(crate) type RepartitionEnds = Box<dyn Fn(&str) -> (NodeFactory, NodeFactory)>;

/// What a repartition topic is named after: `<prefix>-repartition`.
pub(crate) enum Prefix {
    /// The step itself.
    Own,
    /// A store, or the name of a grouping.
    Fixed(String),
    /// Another step.
    NameOf(GraphId),
}

/// An end of a stream.
pub(crate) struct Sink {
    /// None where each record chooses its topic.
    pub topic: Option<String>,
    pub input: FlowType,
    pub factory: NodeFactory,
}
