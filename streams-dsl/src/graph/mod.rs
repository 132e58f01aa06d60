//! The logical graph that the methods of streams and tables write, and that becomes a topology at `build()`.
//!
//! As in Kafka Streams, one counter numbers processors and stores in the order of the calls, and it advances for names that
//! are given by the user as well: so adding a name to a step changes no other name.

mod handle;
mod kind;
mod merge;
mod mistake;
mod write;

pub(crate) use handle::{Handle, RepartitionSpec, sink_factory, source_factory};
pub(crate) use kind::{
    EndNames, Kind, LateFactory, Prefix, Processor, Repartition, Sink, Source, Store, StreamJoin, TableSource,
};

use mistake::Mistake;
use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use streams_core::topology::StoreSpec;

/// The graph of one builder, shared by its streams and tables.
pub(crate) type GraphRef = Rc<RefCell<Graph>>;

/// The place of a node in its graph.
pub(crate) type GraphId = usize;

/// Steps in the order in which they were declared.
#[derive(Default)]
pub(crate) struct Graph {
    counter: u32,
    nodes: Vec<GraphNode>,
    mistakes: Vec<Mistake>,
    copartitions: Vec<Copartition>,
    stream_joins: Vec<StreamJoin>,
    /// Stores that belong to no step.
    stores: Vec<StoreSpec>,
    /// Steps that read the rows of another one, beside their parents, in its partitions.
    partitioned_as: Vec<(GraphId, GraphId)>,
}

/// Steps whose records meet by key in another one.
struct Copartition {
    sides: Vec<GraphId>,
    join: GraphId,
}

/// One step.
pub(crate) struct GraphNode {
    /// Its name where the user gives none.
    pub generated: String,
    /// The user's name for it.
    pub given: Option<String>,
    /// Where its records come from.
    pub parents: Vec<GraphId>,
    /// The step whose given name it is named after, and what is appended to that.
    follows: Option<(GraphId, String)>,
    /// What it becomes.
    pub kind: Kind,
}

impl GraphNode {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.given.as_deref().unwrap_or(&self.generated)
    }
}

impl Graph {
    /// Stands for a step that could not be declared; what hangs below it is left out, as the mistake is noted already.
    pub(crate) const ROOT: GraphId = GraphId::MAX;

    /// The next generated name of a processor, a store or a topic.
    pub(crate) fn new_name(&mut self, prefix: &str) -> String {
        let number = self.counter;
        self.counter += 1;
        format!("{prefix}{number:010}")
    }

    /// The next generated name of a store, `<prefix>STATE-STORE-<number>`.
    pub(crate) fn new_store_name(&mut self, prefix: &str) -> String {
        self.new_name(&format!("{prefix}STATE-STORE-"))
    }

    /// The place that the next step gets.
    pub(crate) fn next_id(&self) -> GraphId {
        self.nodes.len()
    }

    /// Appends a step.
    pub(crate) fn add(
        &mut self,
        generated: String,
        given: Option<String>,
        parents: Vec<GraphId>,
        kind: Kind,
    ) -> GraphId {
        self.nodes.push(GraphNode { generated, given, parents, follows: None, kind });
        self.nodes.len() - 1
    }

    /// Adds a store that steps may use by name.
    pub(crate) fn add_store(&mut self, store: StoreSpec) {
        self.stores.push(store);
    }

    /// The name of a step.
    pub(crate) fn name(&self, id: GraphId) -> &str {
        self.nodes.get(id).map_or("(a step that could not be declared)", GraphNode::name)
    }

    /// The grace of the windowed aggregations that all records of this step come from, in milliseconds: the largest. `None` where some
    /// come from none.
    pub(crate) fn window_grace(&self, id: GraphId) -> Option<i64> {
        let mut largest = None;
        let mut seen = HashSet::new();
        let mut waiting = vec![id];
        while let Some(id) = waiting.pop() {
            if !seen.insert(id) {
                continue;
            }
            let node = self.nodes.get(id)?;
            match &node.kind {
                Kind::Processor(Processor { grace: Some(grace), .. }) => largest = largest.max(Some(*grace)),
                _ if node.parents.is_empty() => return None,
                _ => waiting.extend(&node.parents),
            }
        }
        largest
    }

    /// Notes that the records of `sides` meet by key in the step `join`, so that their topics must be partitioned alike.
    pub(crate) fn copartition(&mut self, sides: Vec<GraphId>, join: GraphId) {
        self.copartitions.push(Copartition { sides, join });
    }

    /// Notes which steps are a join of two streams.
    pub(crate) fn add_stream_join(&mut self, join: StreamJoin) {
        self.stream_joins.push(join);
    }

    /// Notes that the records of `id` are in the partitions of those of `other`, so that what is joined with the one is with both.
    pub(crate) fn partitioned_as(&mut self, id: GraphId, other: GraphId) {
        self.partitioned_as.push((id, other));
    }

    /// Gives a step one more parent.
    pub(crate) fn add_parent(&mut self, id: GraphId, parent: GraphId) {
        self.nodes[id].parents.push(parent);
    }

    /// Gives a step a name, and those that are named after it.
    pub(crate) fn rename(&mut self, id: GraphId, name: String) {
        if let Some(node) = self.nodes.get_mut(id) {
            node.given = Some(name.clone());
        }
        let followers = self.nodes.iter_mut().filter_map(|node| Some((node.follows.as_ref()?, &mut node.given)));
        for ((_, suffix), given) in followers.filter(|((leader, _), _)| *leader == id) {
            *given = Some(format!("{name}{suffix}"));
        }
    }

    /// Names a step after another one, where that is given a name: `<name><suffix>`. A step may also follow itself, before it is given a name.
    pub(crate) fn follow(&mut self, id: GraphId, leader: GraphId, suffix: impl Into<String>) {
        let name = self.nodes.get(leader).and_then(|leader| leader.given.clone());
        let suffix = suffix.into();
        if let Some(node) = self.nodes.get_mut(id) {
            node.given = name.map(|name| format!("{name}{suffix}"));
            node.follows = Some((leader, suffix));
        }
    }
}
