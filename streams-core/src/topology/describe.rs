use super::java_order::{TreeSet, sort_as_hash_map, sort_as_hash_set_copy};
use super::{NodeId, NodeKind, SourceTopics, Subtopology, Topology};
use std::cmp::Ordering;
use std::fmt::{self, Write};

impl Topology {
    /// The topology as text, letter for letter as `Topology.describe().toString()` of Kafka Streams writes it; one exception: where
    /// Java shows the object that chooses the topics of a sink, this shows `(extractor class: TopicNameExtractor)`.
    pub fn describe(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Topologies:\n ")?;
        for subtopology in self.subtopologies() {
            let kind = if subtopology.global { " for global store (will not generate tasks)" } else { "" };
            writeln!(f, "  Sub-topology: {}{kind}", subtopology.id)?;
            Description::new(self, subtopology).write(f)?;
            if !subtopology.global {
                f.write_char('\n')?;
            }
        }
        Ok(())
    }
}

/// The nodes of a subtopology in the order in which Kafka Streams prints them: those with most nodes below them first.
///
/// Java sorts the successors and predecessors of a node while it still counts, hence the imitation of its collections.
struct Description<'a> {
    topology: &'a Topology,
    nodes: &'a [NodeId],
    /// By place in `nodes`: the number of nodes at and below it (once per path).
    sizes: Vec<i32>,
    predecessors: Vec<TreeSet>,
    successors: Vec<TreeSet>,
}

impl<'a> Description<'a> {
    fn new(topology: &'a Topology, subtopology: &'a Subtopology) -> Self {
        let nodes = subtopology.nodes.as_slice();
        let sets = || nodes.iter().map(|_| TreeSet::default()).collect::<Vec<_>>();
        let mut description =
            Self { topology, nodes, sizes: vec![1; nodes.len()], predecessors: sets(), successors: sets() };
        description.connect();
        description
    }

    fn connect(&mut self) {
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        sort_as_hash_map(&mut order, |&place| self.name(place));
        let mut connected: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        for node in order {
            for parent in &self.topology.nodes()[self.nodes[node]].parents {
                let Ok(parent) = self.nodes.binary_search(parent) else { continue };
                let mut predecessors = std::mem::take(&mut self.predecessors[node]);
                predecessors.insert(parent, |other| self.compare(parent, other));
                self.predecessors[node] = predecessors;
                let mut successors = std::mem::take(&mut self.successors[parent]);
                successors.insert(node, |other| self.compare(node, other));
                self.successors[parent] = successors;
                self.grow(parent, self.sizes[node], &connected);
                connected[node].push(parent);
            }
        }
    }

    /// Adds `size` to a node and, once for each way down to it, to all nodes above it.
    fn grow(&mut self, node: usize, size: i32, connected: &[Vec<usize>]) {
        let mut growth = vec![0i32; node + 1];
        growth[node] = size;
        for place in (0..=node).rev() {
            if growth[place] == 0 {
                continue;
            }
            self.sizes[place] = self.sizes[place].wrapping_add(growth[place]);
            for &parent in &connected[place] {
                growth[parent] = growth[parent].wrapping_add(growth[place]);
            }
        }
    }

    fn name(&self, place: usize) -> &'a str {
        &self.topology.nodes()[self.nodes[place]].name
    }

    fn compare(&self, a: usize, b: usize) -> Ordering {
        self.sizes[b].wrapping_sub(self.sizes[a]).cmp(&0).then_with(|| self.name(a).cmp(self.name(b)))
    }

    fn names(&self, set: &TreeSet) -> String {
        let items = set.items();
        match items.as_slice() {
            [] => "none".to_owned(),
            items => items.iter().map(|&place| self.name(place)).collect::<Vec<_>>().join(", "),
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        order.sort_by(|&a, &b| self.compare(a, b));
        for place in order {
            let node = &self.topology.nodes()[self.nodes[place]];
            let (above, below) = (self.names(&self.predecessors[place]), self.names(&self.successors[place]));
            match &node.kind {
                NodeKind::Source { topics, .. } => {
                    writeln!(f, "    Source: {} (topics: {})\n      --> {below}", node.name, topics_text(topics))?;
                }
                NodeKind::Processor => {
                    let stores = set_text(node.stores.iter().map(String::as_str));
                    writeln!(
                        f,
                        "    Processor: {} (stores: {stores})\n      --> {below}\n      <-- {above}",
                        node.name
                    )?;
                }
                NodeKind::Sink { topic: Some(topic) } => {
                    writeln!(f, "    Sink: {} (topic: {topic})\n      <-- {above}", node.name)?;
                }
                NodeKind::Sink { topic: None } => {
                    writeln!(f, "    Sink: {} (extractor class: TopicNameExtractor)\n      <-- {above}", node.name)?;
                }
            }
        }
        Ok(())
    }
}

fn topics_text(topics: &SourceTopics) -> String {
    match topics {
        SourceTopics::Names(names) => set_text(names.iter().map(String::as_str)),
        SourceTopics::Pattern(pattern) => pattern.as_str().to_owned(),
    }
}

/// A set of names as Java prints it.
fn set_text<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<_> = names.collect();
    sort_as_hash_set_copy(&mut names, |name| *name);
    format!("[{}]", names.join(", "))
}
