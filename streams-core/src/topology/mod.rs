//! The graph of nodes and stores that every task is an instance of part of.
//!
//! A [`TopologyBuilder`] collects nodes by name and checks them; [`Topology`] is the result: immutable, cheap to clone, and able to
//! build the nodes of a task on the thread that runs it.

mod asked_store;
mod build;
mod builder;
mod chain;
mod copartition;
mod describe;
mod drawing;
pub(crate) mod java_order;
mod naming;
mod node;
mod store;
mod subtopology;

pub(crate) use asked_store::StoreKind;
pub use build::{BuiltNode, BuiltTask, Children, TaskBuild};
pub use builder::TopologyBuilder;
pub use chain::chain_text;
pub use copartition::Copartition;
pub use node::{AutoOffsetReset, FlowType, NodeFactory, NodeId, NodeKind, NodeSpec, SourceTopics};
pub use state_stores::RowLayout;
pub use store::{StoreEngine, StoreFormat, StoreSpec, StoreTypes};
pub use subtopology::{RepartitionTopic, Subtopology};

use std::collections::HashMap;
use std::sync::Arc;

/// A checked, immutable topology.
#[derive(Clone)]
pub struct Topology {
    inner: Arc<Inner>,
}

struct Inner {
    nodes: Vec<NodeSpec>,
    stores: Vec<StoreSpec>,
    subtopologies: Vec<Subtopology>,
    repartition_topics: Vec<RepartitionTopic>,
    copartitions: Vec<Copartition>,
    global_stores: Vec<String>,
    /// Input topics that are changelogs, by their stores.
    source_changelogs: HashMap<String, String>,
}

impl Topology {
    /// The nodes, in the order in which they were added; a [`NodeId`] is the place in this list.
    pub fn nodes(&self) -> &[NodeSpec] {
        &self.inner.nodes
    }

    /// The stores, in the order in which they were added.
    pub fn stores(&self) -> &[StoreSpec] {
        &self.inner.stores
    }

    /// The store of this name.
    pub fn store(&self, name: &str) -> Option<&StoreSpec> {
        self.inner.stores.iter().find(|store| store.name == name)
    }

    /// Whether the store of this name is a global one: every instance has all of its rows, and keeps them up to date on a thread of its own.
    pub fn is_global_store(&self, name: &str) -> bool {
        self.inner.global_stores.iter().any(|global| global == name)
    }

    /// The input topic that a store without a changelog of its own is restored from, because its records are the store's rows: a read-only store
    /// (KIP-813), or that of a table whose source topic is reused (`topology.optimization`).
    pub fn source_changelog(&self, store: &str) -> Option<&str> {
        self.inner.source_changelogs.get(store).map(String::as_str)
    }

    /// The subtopologies, by their numbers.
    pub fn subtopologies(&self) -> &[Subtopology] {
        &self.inner.subtopologies
    }

    /// The repartition topics, by their names without the prefix of the application id.
    pub fn repartition_topics(&self) -> &[RepartitionTopic] {
        &self.inner.repartition_topics
    }

    /// Whether `topic` (without prefix) is one of the repartition topics.
    pub fn is_repartition_topic(&self, topic: &str) -> bool {
        self.inner.repartition_topics.iter().any(|repartition| repartition.name == topic)
    }

    /// Whether `name`, as on the cluster, is a topic that belongs to this topology alone: one of its changelogs or repartition topics.
    pub fn is_internal_topic(&self, application_id: &str, name: &str) -> bool {
        let own = name.strip_prefix(application_id).and_then(|rest| rest.strip_prefix('-'));
        own.is_some_and(|own| self.is_repartition_topic(own))
            || self
                .stores()
                .iter()
                .any(|store| store.logging.is_some() && store.changelog_topic(application_id) == name)
    }

    /// The name on the cluster of a topic of this topology: internal ones get the prefix `<application id>-`.
    pub fn topic_name(&self, application_id: &str, topic: &str) -> String {
        if self.is_repartition_topic(topic) { format!("{application_id}-{topic}") } else { topic.to_owned() }
    }
}
