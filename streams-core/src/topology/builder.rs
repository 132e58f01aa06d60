use super::{
    Copartition, FlowType, Inner, NodeFactory, NodeId, NodeKind, NodeSpec, RepartitionTopic, SourceTopics, StoreSpec,
    Subtopology, Topology, subtopology,
};
use crate::error::StreamsError;
use std::collections::HashMap;
use std::sync::Arc;

/// Collects the nodes and stores of a topology, in order, and checks them.
///
/// Programs use `add_source`, `add_processor`, `add_state_store` and `add_sink`: see [`processor_api`](crate::processor_api). [`add_node`](Self::add_node) and
/// [`add_store`](Self::add_store) are what these and the DSL are built on.
#[derive(Default)]
pub struct TopologyBuilder {
    nodes: Vec<NodeSpec>,
    names: HashMap<Arc<str>, NodeId>,
    stores: Vec<StoreSpec>,
    repartition_topics: Vec<RepartitionTopic>,
    copartitions: Vec<Copartition>,
    global_stores: Vec<String>,
    source_changelogs: HashMap<String, String>,
}

impl TopologyBuilder {
    /// An empty topology.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a node below `parents`. Order of calls gives the numbers of subtopologies and the order in which children get records.
    ///
    /// # Errors
    /// The name is taken or not allowed, a parent does not exist or forwards other types, a topic has two sources.
    pub fn add_node(
        &mut self,
        name: &str,
        kind: NodeKind,
        parents: &[&str],
        input: Option<FlowType>,
        output: Option<FlowType>,
        factory: NodeFactory,
    ) -> Result<NodeId, StreamsError> {
        check_name(name)?;
        if self.names.contains_key(name) {
            return Err(invalid(format!("two nodes are named {name}; give one of them another name")));
        }
        self.check_source(name, &kind)?;
        let parents = self.parents(name, parents, input)?;
        let id = self.nodes.len();
        let name: Arc<str> = name.into();
        for &parent in &parents {
            self.nodes[parent].children.push(id);
        }
        self.names.insert(Arc::clone(&name), id);
        self.nodes.push(NodeSpec {
            name,
            kind,
            parents,
            children: Vec::new(),
            stores: Vec::new(),
            input,
            output,
            factory,
        });
        Ok(id)
    }

    /// Adds a store and connects it to the nodes `users`.
    ///
    /// # Errors
    /// The name is taken or not allowed, or a node does not exist.
    pub fn add_store(&mut self, mut store: StoreSpec, users: &[&str]) -> Result<(), StreamsError> {
        check_name(&store.name)?;
        if self.stores.iter().any(|other| other.name == store.name) {
            return Err(invalid(format!("two stores are named {}; give one of them another name", store.name)));
        }
        store.users.clear();
        let name = store.name.clone();
        self.stores.push(store);
        users.iter().try_for_each(|user| self.connect(user, &name))
    }

    /// Adds a global store, filled by the node `owner`: what comes from its source is processed by every instance, on a thread of its own, before and
    /// beside all tasks, which may read the store. It has no changelog: its source is one.
    ///
    /// # Errors
    /// As [`add_store`](Self::add_store); the node has a store already.
    pub fn add_global(&mut self, mut store: StoreSpec, owner: &str) -> Result<(), StreamsError> {
        (store.logging, store.caching) = (None, false);
        let (name, owners) = (store.name.clone(), [owner]);
        if self.node(owner).is_some_and(|node| !node.stores.is_empty()) {
            return Err(invalid(format!("{owner} is to fill the global store {name}, and has another store already")));
        }
        if self.stores.iter().all(|other| other.name != name) {
            self.add_store(store, &owners)?;
            self.global_stores.push(name);
            return Ok(());
        }
        self.add_store(store, &owners)
    }

    /// Adds a store, kept by the node `owner`, whose rows are the records of the input topic `topic` as they are: it has no changelog, and is restored from
    /// that topic up to the offset that the group has committed for it.
    ///
    /// # Errors
    /// As [`add_store`](Self::add_store).
    pub fn add_store_of_topic(&mut self, mut store: StoreSpec, owner: &str, topic: &str) -> Result<(), StreamsError> {
        store.logging = None;
        self.source_changelogs.insert(store.name.clone(), topic.to_owned());
        self.add_store(store, &[owner])
    }

    /// Lets the node `user` use the store `store`.
    ///
    /// # Errors
    /// One of them does not exist; the store is a global one, which all may read and only one node may write; the node fills a global store.
    pub fn connect(&mut self, user: &str, store: &str) -> Result<(), StreamsError> {
        let id = *self.names.get(user).ok_or_else(|| {
            invalid(format!("store {store} is connected to {user}, which does not exist; add that before"))
        })?;
        if self.global_stores.iter().any(|global| global == store) {
            return Err(invalid(format!(
                "store {store} is a global store, which every processor can read without being connected; do not connect {user} to it"
            )));
        }
        if let Some(global) = self.nodes[id].stores.iter().find(|own| self.global_stores.contains(own)) {
            return Err(invalid(format!(
                "{user} fills the global store {global} and cannot have store {store} beside it"
            )));
        }
        let spec = self.stores.iter_mut().find(|spec| spec.name == store);
        let spec = spec.ok_or_else(|| {
            let repair = "add it (`add_state_store`), or name that of a table (`Materialized::named`)";
            invalid(format!("{user} uses store {store}, which does not exist; {repair}"))
        })?;
        if !spec.users.contains(&id) {
            spec.users.push(id);
            self.nodes[id].stores.push(store.to_owned());
        }
        Ok(())
    }

    /// The node of this name.
    pub(crate) fn node(&self, name: &str) -> Option<&NodeSpec> {
        self.names.get(name).map(|&id| &self.nodes[id])
    }

    /// Declares a repartition topic; a sink and a source with its name are its two ends.
    pub fn add_repartition_topic(&mut self, topic: RepartitionTopic) {
        if !self.repartition_topics.iter().any(|other| other.name == topic.name) {
            self.repartition_topics.push(topic);
        }
    }

    /// Asks for equal partition counts of the topics that the nodes `sources` read, on behalf of the node `join`. Checked when tasks are
    /// assigned, where repartition topics take the count of the others.
    ///
    /// # Errors
    /// One of `sources` does not exist, or is no source.
    pub fn add_copartition(&mut self, sources: &[&str], join: &str) -> Result<(), StreamsError> {
        let id = |name: &&str| match self.names.get(*name) {
            Some(&id) if self.nodes[id].is_source() => Ok(id),
            _ => Err(invalid(format!("{join} joins what comes from {name}, which is no source; name the sources"))),
        };
        let mut sources: Vec<NodeId> = sources.iter().map(id).collect::<Result<_, _>>()?;
        sources.sort_unstable();
        sources.dedup();
        self.copartitions.push(Copartition { sources, join: join.to_owned() });
        Ok(())
    }

    /// The finished topology.
    ///
    /// # Errors
    /// There is no source, or a repartition topic lacks an end.
    pub fn build(self) -> Result<Topology, StreamsError> {
        if !self.nodes.iter().any(NodeSpec::is_source) {
            return Err(invalid("it has no source; add a stream or a table".to_owned()));
        }
        let subtopologies = subtopology::divide(&self.nodes, &self.stores, &self.global_stores);
        self.check_global(&subtopologies)?;
        let inner = Inner {
            nodes: self.nodes,
            stores: self.stores,
            subtopologies,
            repartition_topics: self.repartition_topics,
            copartitions: self.copartitions,
            global_stores: self.global_stores,
            source_changelogs: self.source_changelogs,
        };
        Ok(Topology { inner: Arc::new(inner) })
    }

    /// What fills a global store is a source and one node: nothing that is forwarded by its thread would go anywhere.
    fn check_global(&self, subtopologies: &[Subtopology]) -> Result<(), StreamsError> {
        for part in subtopologies.iter().filter(|part| part.global) {
            let other = |&&id: &&NodeId| !self.nodes[id].is_source() && self.nodes[id].stores.is_empty();
            if let Some(&id) = part.nodes.iter().find(other) {
                return Err(invalid(format!(
                    "{} is connected with what fills the global store {}: only a source and the processor that writes the store can be",
                    self.nodes[id].name,
                    part.stores.join(", ")
                )));
            }
        }
        Ok(())
    }

    fn parents(&self, name: &str, parents: &[&str], input: Option<FlowType>) -> Result<Vec<NodeId>, StreamsError> {
        let mut ids = Vec::with_capacity(parents.len());
        for parent in parents {
            let id = *self.names.get(*parent).ok_or_else(|| {
                invalid(format!("{name} names parent {parent}, which does not exist; add that before"))
            })?;
            let output = self.nodes[id].output;
            if let (Some(input), Some(output)) = (input, output)
                && input != output
            {
                return Err(invalid(format!(
                    "{name} takes {}, but its parent {parent} forwards {}",
                    input.name(),
                    output.name()
                )));
            }
            if output.is_none() {
                return Err(invalid(format!(
                    "{name} names parent {parent}, which is a sink and forwards nothing; name the parent of that"
                )));
            }
            ids.push(id);
        }
        Ok(ids)
    }

    fn check_source(&self, name: &str, kind: &NodeKind) -> Result<(), StreamsError> {
        let NodeKind::Source { topics: SourceTopics::Names(topics), .. } = kind else { return Ok(()) };
        if topics.is_empty() {
            return Err(invalid(format!("source {name} has no topics; name one at least")));
        }
        for node in &self.nodes {
            let NodeKind::Source { topics: SourceTopics::Names(others), .. } = &node.kind else { continue };
            if let Some(topic) = topics.iter().find(|topic| others.contains(topic)) {
                return Err(invalid(format!(
                    "topic {topic} is read by two sources, {} and {name}; use one stream twice instead",
                    node.name
                )));
            }
        }
        Ok(())
    }
}

fn check_name(name: &str) -> Result<(), StreamsError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match name {
        "" | "." | ".." => Err(invalid(format!("\"{name}\" is not a name; give another one"))),
        _ if name.len() > 249 => Err(invalid(format!("name {name} is longer than 249 characters; give a shorter one"))),
        _ if !name.chars().all(allowed) => Err(invalid(format!(
            "name \"{name}\" has characters other than letters, digits, '.', '_' and '-'; leave these out"
        ))),
        _ => Ok(()),
    }
}

fn invalid(message: String) -> StreamsError {
    StreamsError::Topology(message)
}
