use super::{NodeId, NodeSpec, StoreSpec};

/// A part of the topology whose nodes are connected by streams or shared stores: the nodes of one kind of task.
#[derive(Debug, Clone)]
pub struct Subtopology {
    /// Its number: parts are numbered in the order in which their first node was added.
    pub id: u32,
    /// Its nodes, parents before children.
    pub nodes: Vec<NodeId>,
    /// Names of its stores.
    pub stores: Vec<String>,
    /// Whether it fills a global store: every instance runs it as a whole, and it has no tasks.
    pub global: bool,
}

/// A topic between two subtopologies that brings records with equal keys together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepartitionTopic {
    /// Its name, without the prefix of the application id.
    pub name: String,
    /// Number of partitions; where not given, the largest of the topics that feed it.
    pub partitions: Option<i32>,
}

/// Divides the nodes into the parts that are connected by streams or shared stores.
pub(super) fn divide(nodes: &[NodeSpec], stores: &[StoreSpec], global_stores: &[String]) -> Vec<Subtopology> {
    let mut groups = Groups { parent: (0..nodes.len()).collect() };
    for (id, node) in nodes.iter().enumerate() {
        node.parents.iter().for_each(|&parent| groups.join(parent, id));
    }
    for store in stores {
        store.users.windows(2).for_each(|pair| groups.join(pair[0], pair[1]));
    }
    let mut subtopologies: Vec<Subtopology> = Vec::new();
    let mut numbers = vec![None; nodes.len()];
    for (id, node) in nodes.iter().enumerate() {
        let number = *numbers[groups.root(id)].get_or_insert_with(|| {
            let id = subtopologies.len() as u32;
            subtopologies.push(Subtopology { id, nodes: Vec::new(), stores: Vec::new(), global: false });
            subtopologies.len() - 1
        });
        let subtopology = &mut subtopologies[number];
        subtopology.nodes.push(id);
        subtopology.global |= node.stores.iter().any(|store| global_stores.contains(store));
        for store in &node.stores {
            if !subtopology.stores.contains(store) {
                subtopology.stores.push(store.clone());
            }
        }
    }
    subtopologies
}

/// Sets of connected nodes (union-find).
struct Groups {
    parent: Vec<NodeId>,
}

impl Groups {
    fn root(&mut self, mut id: NodeId) -> NodeId {
        while self.parent[id] != id {
            self.parent[id] = self.parent[self.parent[id]];
            id = self.parent[id];
        }
        id
    }

    fn join(&mut self, a: NodeId, b: NodeId) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b)] = a.min(b);
    }
}
