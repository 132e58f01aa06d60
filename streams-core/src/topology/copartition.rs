use super::{NodeId, Topology};

/// Sources whose topics must have equal partition counts, because records with equal keys are to meet in one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copartition {
    /// The sources.
    pub sources: Vec<NodeId>,
    /// The node that joins what they bring, for messages.
    pub join: String,
}

impl Topology {
    /// Sources that must be partitioned alike, by the joins that ask for it.
    pub fn copartitions(&self) -> &[Copartition] {
        &self.inner.copartitions
    }
}
