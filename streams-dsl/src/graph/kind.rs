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
}

/// Makes the factory of a node, once all that later steps want from it is known.
pub(crate) type LateFactory = Box<dyn Fn() -> NodeFactory>;

/// A node that processes records.
pub(crate) struct Processor {
    pub input: FlowType,
    pub output: Option<FlowType>,
    pub factory: LateFactory,
    pub store: Option<Store>,
    /// How long after their end windows still take records, for a windowed aggregation: its grace, for sessions their gap and grace together.
    /// In milliseconds; `None` for every other step.
    pub grace: Option<i64>,
}

/// The store of a table.
pub(crate) struct Store {
    pub spec: StoreSpec,
    /// Whether the table is kept in it: by declaration, or because a later step needs the rows.
    pub materialized: Rc<Cell<bool>>,
    /// Whether a later step wants the rows before each change.
    pub send_old: Rc<Cell<bool>>,
}

/// A topic that brings equal keys together: filter, sink, topic and source.
pub(crate) struct Repartition {
    pub prefix: Prefix,
    /// Generated names of the sink, the filter and the source.
    pub names: [String; 3],
    pub partitions: Option<i32>,
    pub flow: FlowType,
    pub filter: NodeFactory,
    pub ends: RepartitionEnds,
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
