use super::NodeId;

/// A part of the topology whose nodes are connected by streams or shared stores: the nodes of one kind of task.
#[derive(Debug, Clone)]
pub struct Subtopology {
    /// Its number: parts are numbered in the order in which their first node was added.
    pub id: u32,
    /// Its nodes, parents before children.
    pub nodes: Vec<NodeId>,
    /// Names of its stores.
    pub stores: Vec<String>,
}

/// A topic between two subtopologies that brings records with equal keys together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepartitionTopic {
    /// Its name, without the prefix of the application id.
    pub name: String,
    /// Number of partitions; where not given, the largest of the topics that feed it.
    pub partitions: Option<i32>,
}
