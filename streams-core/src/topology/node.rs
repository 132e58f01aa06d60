use super::build::{BuiltNode, Children, TaskBuild};
use crate::error::StreamsError;
use regex::Regex;
use std::any::{TypeId, type_name};
use std::sync::Arc;
use std::time::Duration;

/// The place of a node in its topology.
pub type NodeId = usize;

/// Builds a node of a task, given its children.
pub type NodeFactory = Arc<dyn Fn(&mut TaskBuild<'_>, Children) -> Result<BuiltNode, StreamsError> + Send + Sync>;

/// One node of a topology.
pub struct NodeSpec {
    /// Its name, unique in the topology.
    pub name: Arc<str>,
    /// What it is.
    pub kind: NodeKind,
    /// The nodes it gets records from.
    pub parents: Vec<NodeId>,
    /// The nodes it forwards to, in the order in which they were added.
    pub children: Vec<NodeId>,
    /// Names of the stores it uses.
    pub stores: Vec<String>,
    /// Type of the records it takes; none for a source.
    pub input: Option<FlowType>,
    /// Type of the records it forwards; none for a sink.
    pub output: Option<FlowType>,
    /// Builds it.
    pub factory: NodeFactory,
}

/// What a node is.
#[derive(Debug, Clone)]
pub enum NodeKind {
    /// Reads topics.
    Source {
        /// Which.
        topics: SourceTopics,
        /// Where to start in a partition without committed offset; `auto.offset.reset` where not set.
        reset: Option<AutoOffsetReset>,
    },
    /// Processes records.
    Processor,
    /// Writes to a topic.
    Sink {
        /// Its name without prefix; none where the topic is chosen by record.
        topic: Option<String>,
    },
}

/// The topics of a source.
#[derive(Debug, Clone)]
pub enum SourceTopics {
    /// By name.
    Names(Vec<String>),
    /// All topics whose whole name matches; those that come later are noticed at the next refresh of the metadata.
    Pattern(Regex),
}

/// Where to start in a partition that has no committed offset, or whose committed offset is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoOffsetReset {
    /// At the first record there is.
    Earliest,
    /// At the end: only what comes from now on.
    Latest,
    /// At the first record of that age or younger (KIP-1106).
    ByDuration(Duration),
    /// Not at all: stop with an error.
    None,
}

/// The key and value type of the records between two nodes.
#[derive(Debug, Clone, Copy)]
pub struct FlowType {
    id: TypeId,
    name: fn() -> String,
}

impl FlowType {
    /// The type of records with key `K` and value `V`.
    pub fn of<K: 'static, V: 'static>() -> Self {
        Self { id: TypeId::of::<(K, V)>(), name: || format!("<{}, {}>", type_name::<K>(), type_name::<V>()) }
    }

    /// The types' names, for messages.
    pub fn name(&self) -> String {
        (self.name)()
    }
}

impl PartialEq for FlowType {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl NodeSpec {
    /// Whether it reads topics.
    pub fn is_source(&self) -> bool {
        matches!(self.kind, NodeKind::Source { .. })
    }
}
