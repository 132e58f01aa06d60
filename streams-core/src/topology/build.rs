use super::{NodeKind, NodeSpec, StoreSpec, Topology};
use crate::error::{DeserializationExceptionHandler, StreamsError};
use crate::processor::{Child, Downstream, Node, NodeRef, Operator, SourceNode, SourceReader};
use crate::processor_api::CustomInstance;
use crate::store::{GlobalStores, TaskStore};
use crate::task::{TaskId, TaskSettings};
use hashbrown::HashMap;
use state_stores::{CommittedReader, WriteContext};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// What the nodes of a task are built with.
pub struct TaskBuild<'a> {
    topology: &'a Topology,
    settings: &'a TaskSettings,
    task_id: TaskId,
    stores: HashMap<String, Rc<TaskStore>>,
    globals: GlobalStores,
    /// What the stores note with writes that bring nothing of their own.
    write_context: Rc<Cell<WriteContext>>,
    /// Stores of the user's own, each made for the first node that uses it.
    custom_stores: HashMap<String, Rc<dyn CustomInstance>>,
}

/// The nodes of one task, linked.
pub struct BuiltTask {
    /// All nodes but sources, parents before children.
    pub operators: Vec<Rc<RefCell<dyn Operator>>>,
    /// The sources with the names of their topics on the cluster (none for a pattern), in the order of the topology.
    pub sources: Vec<BuiltSource>,
    /// Stores of the user's own, by name.
    pub(crate) custom_stores: HashMap<String, Rc<dyn CustomInstance>>,
}

/// A source of a task.
pub struct BuiltSource {
    /// The node in the topology.
    pub node: super::NodeId,
    /// Makes a reader for one of its partitions.
    pub reader: Rc<dyn Fn() -> Box<dyn SourceReader>>,
}

/// A node as its factory returns it.
pub struct BuiltNode(Built);

enum Built {
    Node { input: Rc<dyn Any>, operator: Rc<RefCell<dyn Operator>> },
    Source(Rc<dyn Fn() -> Box<dyn SourceReader>>),
}

impl BuiltNode {
    /// A node that takes records of `K` and `V`.
    pub fn node<K: 'static, V: 'static>(node: impl Node<K, V>) -> Self {
        let node = Rc::new(RefCell::new(node));
        let input: NodeRef<K, V> = node.clone();
        Self(Built::Node { input: Rc::new(input), operator: node })
    }

    /// A source.
    pub fn source<K: Clone + 'static, V: Clone + 'static>(source: SourceNode<K, V>) -> Self {
        let source = Rc::new(source);
        Self(Built::Source(Rc::new(move || source.reader())))
    }
}

/// The children of a node that is being built, not typed yet.
pub struct Children {
    node: Arc<str>,
    children: Vec<(Arc<str>, Rc<dyn Any>)>,
}

impl Children {
    /// The name of the node that is being built.
    pub fn node(&self) -> &Arc<str> {
        &self.node
    }

    /// The names of the children.
    pub fn names(&self) -> Box<[Arc<str>]> {
        self.children.iter().map(|(name, _)| Arc::clone(name)).collect()
    }

    /// The links to the children, as nodes that take `K` and `V`.
    ///
    /// # Errors
    /// A child takes other types. The builder checks types, so this is not seen in a built topology.
    pub fn downstream<K: Clone + 'static, V: Clone + 'static>(self) -> Result<Downstream<K, V>, StreamsError> {
        let typed = |(name, input): (Arc<str>, Rc<dyn Any>)| match input.downcast_ref::<NodeRef<K, V>>() {
            Some(node) => Ok(Child::new(name, Rc::clone(node))),
            None => {
                Err(StreamsError::Topology(format!("{name} does not take the records of its parent {}", self.node)))
            }
        };
        Ok(Downstream::new(self.children.into_iter().map(typed).collect::<Result<_, _>>()?))
    }
}

impl<'a> TaskBuild<'a> {
    /// For one task of `topology`; `stores` are the opened stores of its subtopology, `globals` the global ones.
    pub fn new(
        topology: &'a Topology,
        settings: &'a TaskSettings,
        task_id: TaskId,
        stores: HashMap<String, Rc<TaskStore>>,
        globals: GlobalStores,
    ) -> Self {
        let (write_context, custom_stores) = (Rc::default(), HashMap::new());
        Self { topology, settings, task_id, stores, globals, write_context, custom_stores }
    }

    /// Sets the cell in which the task's stores find the origin of what is written.
    #[must_use]
    pub fn with_write_context(mut self, cell: Rc<Cell<WriteContext>>) -> Self {
        self.write_context = cell;
        self
    }

    pub(crate) fn write_context(&self) -> Rc<Cell<WriteContext>> {
        Rc::clone(&self.write_context)
    }

    /// The topology that the task is part of.
    pub(crate) fn topology(&self) -> &'a Topology {
        self.topology
    }

    /// `application.id`.
    pub fn application_id(&self) -> &str {
        &self.settings.application_id
    }

    /// Names of the stores that are connected to a node.
    pub(crate) fn connected_stores(&self, node: &str) -> Vec<String> {
        let node = self.topology.nodes().iter().find(|spec| *spec.name == *node);
        node.map(|spec| spec.stores.clone()).unwrap_or_default()
    }

    /// The user's own store over the rows of the store of this name; `None` where that is an ordinary one.
    pub(crate) fn custom_store(&mut self, name: &str) -> Result<Option<Rc<dyn CustomInstance>>, StreamsError> {
        if let Some(made) = self.custom_stores.get(name) {
            return Ok(Some(Rc::clone(made)));
        }
        let Some(factory) = self.store_spec(name)?.types.custom() else { return Ok(None) };
        let made = factory(self.store(name)?);
        self.custom_stores.insert(name.to_owned(), Rc::clone(&made));
        Ok(Some(made))
    }

    /// The task.
    pub fn task_id(&self) -> TaskId {
        self.task_id
    }

    /// The description of a store.
    ///
    /// # Errors
    /// No store of this name.
    pub fn store_spec(&self, name: &str) -> Result<&'a StoreSpec, StreamsError> {
        self.topology.store(name).ok_or_else(|| unknown_store(name))
    }

    /// An opened store of the task.
    ///
    /// # Errors
    /// No store of this name in the task's subtopology.
    pub fn store(&self, name: &str) -> Result<Rc<TaskStore>, StreamsError> {
        self.stores.get(name).cloned().ok_or_else(|| unknown_store(name))
    }

    /// A global store, to be read.
    ///
    /// # Errors
    /// No global store of this name.
    pub fn global_store(&self, name: &str) -> Result<CommittedReader, StreamsError> {
        self.globals.get(name).ok_or_else(|| unknown_store(name))
    }

    /// The name on the cluster of one of the topology's topics.
    pub fn topic_name(&self, topic: &str) -> Arc<str> {
        self.topology.topic_name(&self.settings.application_id, topic).into()
    }

    /// Asked about records that cannot be decoded.
    pub fn deserialization_handler(&self) -> Arc<dyn DeserializationExceptionHandler> {
        Arc::clone(&self.settings.deserialization_handler)
    }

    /// How often aggregations that emit on close look for windows that have closed, and joins of streams for records without partner.
    pub fn emit_interval(&self) -> Duration {
        self.settings.emit_interval
    }

    /// Builds and links the nodes of the task: children first, each once.
    ///
    /// # Errors
    /// What a factory says.
    pub fn build(mut self) -> Result<BuiltTask, StreamsError> {
        let topology = self.topology;
        let subtopology = topology
            .subtopologies()
            .get(self.task_id.subtopology as usize)
            .ok_or_else(|| StreamsError::Topology(format!("no subtopology for task {}", self.task_id)))?;
        let mut inputs: HashMap<usize, Rc<dyn Any>> = HashMap::new();
        let mut built = BuiltTask { operators: Vec::new(), sources: Vec::new(), custom_stores: HashMap::new() };
        for &id in subtopology.nodes.iter().rev() {
            let spec = &topology.nodes()[id];
            let children = children_of(spec, topology, &inputs);
            match (spec.factory)(&mut self, children)?.0 {
                Built::Node { input, operator } => {
                    inputs.insert(id, input);
                    built.operators.push(operator);
                }
                Built::Source(reader) => built.sources.push(BuiltSource { node: id, reader }),
            }
        }
        built.operators.reverse();
        built.sources.reverse();
        built.custom_stores = self.custom_stores;
        debug_assert!(
            built.sources.iter().all(|source| matches!(topology.nodes()[source.node].kind, NodeKind::Source { .. }))
        );
        Ok(built)
    }
}

fn children_of(spec: &NodeSpec, topology: &Topology, inputs: &HashMap<usize, Rc<dyn Any>>) -> Children {
    let child = |id: &usize| (Arc::clone(&topology.nodes()[*id].name), Rc::clone(&inputs[id]));
    Children { node: Arc::clone(&spec.name), children: spec.children.iter().map(child).collect() }
}

fn unknown_store(name: &str) -> StreamsError {
    StreamsError::Topology(format!("no store {name} is connected to the node that asks for it"))
}
