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

impl Processor {
    /// The stores of its own that are to be, with all that later steps want of them.
    pub(crate) fn kept(&self) -> impl Iterator<Item = StoreSpec> {
        let kept = self.stores.iter().filter(|store| store.materialized.get());
        kept.map(|store| StoreSpec { keep_prior: store.keep_prior.get(), ..store.spec.clone() })
    }
}

/// The store of a table.
pub(crate) struct Store {
    pub spec: StoreSpec,
    /// Whether the table is kept in it: by declaration, or because a later step needs the rows.
    pub materialized: Rc<Cell<bool>>,
    /// Whether the row before each change is kept, because a later step wants it.
    pub keep_prior: Rc<Cell<bool>>,
}

impl Store {
    /// A store that the step has whatever later steps want.
    pub(crate) fn always(spec: StoreSpec) -> Self {
        Self { spec, materialized: Rc::new(Cell::new(true)), keep_prior: Rc::new(Cell::new(false)) }
    }
}

/// A topic that brings equal keys together: filter, sink, topic and source.
pub(crate) struct Repartition {
    pub prefix: Prefix,
    pub names: EndNames,
    pub partitions: Option<i32>,
    /// What is written to the topic.
    pub input: FlowType,
    /// What is read out of it.
    pub output: FlowType,
    /// None where everything goes through.
    pub filter: Option<NullKeys>,
    pub ends: RepartitionEnds,
}

impl Repartition {
    /// Whether records with null keys do not reach the topic.
    pub(crate) fn drops_null_keys(&self) -> bool {
        self.filter.as_ref().is_some_and(|null_keys| null_keys.dropped.get())
    }
}

/// The node before a repartition topic that records with null keys may end at.
pub(crate) struct NullKeys {
    /// Whether they do, because no step that follows has a use for them.
    pub dropped: Rc<Cell<bool>>,
    /// Makes the factory of the node, told whether they do.
    pub factory: Box<dyn Fn(bool) -> NodeFactory>,
}

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
    /// Nothing: this is its whole name.
    Whole(String),
    /// The step itself.
    Own,
    /// A store, or the name of a grouping.
    Fixed(String),
    /// Another step.
    NameOf(GraphId),
}

/// The steps of a join of two streams.
pub(crate) struct StreamJoin {
    /// Those that remember the records of the left and of the right side.
    pub windows: [GraphId; 2],
    /// Those that look for partners, each below the window of its side.
    pub sides: [GraphId; 2],
    /// Where the results come together.
    pub merge: GraphId,
    /// The node below the left window that stands for all the others where both sides are the same stream, if there may be one.
    pub of_itself: Option<Processor>,
}

/// An end of a stream.
pub(crate) struct Sink {
    /// None where each record chooses its topic.
    pub topic: Option<String>,
    pub input: FlowType,
    pub factory: NodeFactory,
}
