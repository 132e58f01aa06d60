mod names;

use super::kind::{Kind, Processor, Repartition, Source, TableSource};
use super::merge::{Merged, Merging};
use super::{Copartition, Graph, GraphId};
use names::ends_of;
use std::collections::{HashMap, HashSet};
use streams_core::config::TopologyOptimization;
use streams_core::error::StreamsError;
use streams_core::topology::{
    FlowType, NodeFactory, NodeKind, RepartitionTopic, SourceTopics, Topology, TopologyBuilder,
};

impl Graph {
    /// The topology, or everything that is wrong with it.
    pub(crate) fn build(&self, optimization: TopologyOptimization) -> Result<Topology, StreamsError> {
        let merging = match optimization.merge_repartition_topics {
            true => self.merge_repartitions(),
            false => Merging::default(),
        };
        let mut writer = Writer {
            graph: self,
            builder: TopologyBuilder::new(),
            mistakes: self.mistakes(),
            same_as: HashMap::new(),
            failed: vec![false; self.nodes.len() + merging.merged.len()],
            uses: Vec::new(),
            merging: &merging,
            reuse_source_topics: optimization.reuse_source_topics,
            self_joins: HashMap::new(),
            left_out: HashSet::new(),
        };
        writer.add_stores();
        writer.merge_sources();
        if optimization.single_store_self_join {
            writer.find_self_joins();
        }
        for id in 0..self.nodes.len() {
            writer.write(id);
            for number in 0..merging.merged.len() {
                if merging.merged[number].below == id {
                    writer.write_merged(number);
                }
            }
        }
        writer.connect_stores();
        writer.copartition();
        let Writer { builder, mut mistakes, .. } = writer;
        if !mistakes.is_empty() {
            mistakes.dedup();
            return Err(StreamsError::Topology(mistakes.join("; ")));
        }
        builder.build()
    }
}

/// Writes a graph to a topology, step by step in the order of their declaration.
///
/// Parents come before their children in that order, so it is also the order in which Kafka Streams writes its graph.
struct Writer<'a> {
    graph: &'a Graph,
    builder: TopologyBuilder,
    mistakes: Vec<String>,
    /// Sources that read what an earlier one reads.
    same_as: HashMap<GraphId, GraphId>,
    /// Steps that could not be written; those below them are left out in silence.
    failed: Vec<bool>,
    /// Steps with stores that they use: connected last, when all stores are known.
    uses: Vec<(GraphId, String)>,
    /// Repartition topics that are one. They are steps as well, numbered after those of the graph.
    merging: &'a Merging,
    reuse_source_topics: bool,
    /// Joins of a stream with itself: by the step where results come together its only parent, and what it becomes.
    self_joins: HashMap<GraphId, (GraphId, &'a Processor)>,
    /// Steps that these have no need of.
    left_out: HashSet<GraphId>,
}

impl<'a> Writer<'a> {
    /// Adds the stores that belong to no step.
    fn add_stores(&mut self) {
        for store in &self.graph.stores {
            let added = self.builder.add_store(store.clone(), &[]);
            self.note(None, added);
        }
    }

    /// Connects steps to the stores that they use by name.
    fn connect_stores(&mut self) {
        for (step, store) in std::mem::take(&mut self.uses) {
            let connected = self.builder.connect(self.graph.name(step), &store);
            self.note(Some(step), connected);
        }
    }

    /// Notes what is wrong with a step, if something is, and how it is reached; answers whether it is.
    fn note(&mut self, at: Option<GraphId>, done: Result<(), StreamsError>) -> bool {
        let Err(error) = done else { return false };
        let message = match error {
            StreamsError::Topology(message) => message,
            other => other.to_string(),
        };
        self.mistakes.push(self.graph.explain(&message, at));
        true
    }

    /// Finds streams of the same topics: they share one source.
    fn merge_sources(&mut self) {
        let mut first: HashMap<String, GraphId> = HashMap::new();
        for (id, node) in self.graph.nodes.iter().enumerate() {
            let Kind::Source(source) = &node.kind else { continue };
            let key = match &source.topics {
                SourceTopics::Pattern(pattern) => format!("pattern {}", pattern.as_str()),
                SourceTopics::Names(names) => {
                    let mut names = names.clone();
                    names.sort_unstable();
                    names.dedup();
                    format!("topics {}", names.join(" "))
                }
            };
            let other = *first.entry(key).or_insert(id);
            if other == id {
                continue;
            }
            let Kind::Source(main) = &self.graph.nodes[other].kind else { continue };
            if let Some(difference) = difference(main, source) {
                let (a, b) = (self.graph.nodes[other].name(), node.name());
                let message = format!("{a} and {b} read the same topics {difference}");
                self.mistakes.push(self.graph.explain(&message, Some(id)));
                self.failed[id] = true;
            }
            self.same_as.insert(id, other);
        }
    }

    /// Finds joins of a stream with itself that may be one node (`single.store.self.join`).
    fn find_self_joins(&mut self) {
        for join in &self.graph.stream_joins {
            let Some(node) = &join.of_itself else { continue };
            let parent = |window: GraphId| self.above(window, self.graph.nodes[window].parents[0]);
            let [this, other] = join.windows;
            if parent(this) == parent(other) {
                self.self_joins.insert(join.merge, (this, node));
                self.left_out.extend(join.sides.into_iter().chain([other]));
            }
        }
    }

    fn write(&mut self, id: GraphId) {
        let node = &self.graph.nodes[id];
        let self_join = self.self_joins.get(&id).copied();
        let parents: Vec<GraphId> = match self_join {
            Some((window, _)) => vec![window],
            None => node.parents.iter().map(|parent| self.above(id, *parent)).collect(),
        };
        let is_gone = |id| self.same_as.contains_key(id) || self.merging.replaced.contains(id);
        if is_gone(&id) || self.left_out.contains(&id) {
            return;
        }
        if parents.iter().any(|&parent| self.failed.get(parent).copied().unwrap_or(true)) {
            self.failed[id] = true;
            return;
        }
        let names: Vec<String> = parents.iter().map(|&parent| self.output_name(parent)).collect();
        let mut parents: Vec<&str> = Vec::with_capacity(names.len());
        for name in &names {
            if !parents.contains(&name.as_str()) {
                parents.push(name);
            }
        }
        let written = match &node.kind {
            Kind::Source(source) => self.source(node.name(), source),
            Kind::TableSource(source) => self.table_source(id, source),
            Kind::Processor(processor) => self.processor(id, self_join.map_or(processor, |(_, node)| node), &parents),
            Kind::Repartition(step) => {
                let (topic, names) = (self.repartition_topic(id, step), self.repartition_names(id, step));
                self.repartition(&topic, names, step, step.drops_null_keys(), &parents)
            }
            Kind::Sink(sink) => {
                let kind = NodeKind::Sink { topic: sink.topic.clone() };
                self.add(node.name(), kind, &parents, Some(sink.input), None, &sink.factory)
            }
        };
        self.failed[id] = self.note(Some(id), written);
    }

    /// Writes a repartition topic that takes the place of others.
    fn write_merged(&mut self, number: usize) {
        let merging = self.merging;
        let Merged { below, replaces } = &merging.merged[number];
        let id = self.graph.nodes.len() + number;
        let Some((first, step)) = self.merged_step(number).filter(|_| !self.failed[*below]) else {
            self.failed[id] = true;
            return;
        };
        let topic = self.repartition_topic(first, step);
        let drop_null_keys = replaces.iter().all(|&id| match &self.graph.nodes[id].kind {
            Kind::Repartition(step) => step.drops_null_keys(),
            _ => false,
        });
        let above = self.output_name(*below);
        let written = self.repartition(&topic, ends_of(&topic), step, drop_null_keys, &[&above]);
        self.failed[id] = self.note(Some(*below), written);
    }

    /// The first of the steps that a merged topic replaces.
    fn merged_step(&self, number: usize) -> Option<(GraphId, &'a Repartition)> {
        let graph = self.graph;
        let first = *self.merging.merged.get(number)?.replaces.first()?;
        match &graph.nodes[first].kind {
            Kind::Repartition(step) => Some((first, step)),
            _ => None,
        }
    }

    fn add(
        &mut self,
        name: &str,
        kind: NodeKind,
        parents: &[&str],
        input: Option<FlowType>,
        output: Option<FlowType>,
        factory: &NodeFactory,
    ) -> Result<(), StreamsError> {
        self.builder.add_node(name, kind, parents, input, output, NodeFactory::clone(factory)).map(|_| ())
    }

    fn source(&mut self, name: &str, source: &Source) -> Result<(), StreamsError> {
        let kind = NodeKind::Source { topics: source.topics.clone(), reset: source.reset };
        self.add(name, kind, &[], None, Some(source.output), &source.factory)
    }

    fn table_source(&mut self, id: GraphId, table: &TableSource) -> Result<(), StreamsError> {
        let name = self.graph.nodes[id].name();
        let source_name = self.table_source_name(id, table);
        self.source(&source_name, &table.source)?;
        if !table.global {
            return self.table(id, table, &source_name);
        }
        self.node(id, &table.table, &[&source_name])?;
        table.table.stores.iter().try_for_each(|store| self.builder.add_global(store.spec.clone(), name))
    }

    /// The node that keeps a table, where it may do without a changelog.
    fn table(&mut self, id: GraphId, table: &TableSource, source_name: &str) -> Result<(), StreamsError> {
        let topic = match &table.source.topics {
            SourceTopics::Names(names) if self.reuse_source_topics && table.reusable => names.first(),
            _ => None,
        };
        let Some(topic) = topic else { return self.processor(id, &table.table, &[source_name]) };
        self.node(id, &table.table, &[source_name])?;
        let name = self.graph.name(id);
        table.table.kept().try_for_each(|spec| self.builder.add_store_of_topic(spec, name, topic))
    }

    fn processor(&mut self, id: GraphId, processor: &Processor, parents: &[&str]) -> Result<(), StreamsError> {
        self.node(id, processor, parents)?;
        let name = self.graph.name(id);
        processor.kept().try_for_each(|spec| self.builder.add_store(spec, &[name]))
    }

    /// A processor without its own stores.
    fn node(&mut self, id: GraphId, processor: &Processor, parents: &[&str]) -> Result<(), StreamsError> {
        let factory = (processor.factory)();
        let name = self.graph.name(id);
        self.add(name, NodeKind::Processor, parents, Some(processor.input), processor.output, &factory)?;
        self.uses.extend(processor.uses.iter().map(|store| (id, store.clone())));
        Ok(())
    }

    fn repartition(
        &mut self,
        topic: &str,
        [sink, filter, source]: [String; 3],
        step: &Repartition,
        drop_null_keys: bool,
        parents: &[&str],
    ) -> Result<(), StreamsError> {
        let (input, output) = (Some(step.input), Some(step.output));
        let (sink_factory, source_factory) = (step.ends)(topic);
        self.builder.add_repartition_topic(RepartitionTopic { name: topic.to_owned(), partitions: step.partitions });
        let to_topic = NodeKind::Sink { topic: Some(topic.to_owned()) };
        match &step.filter {
            Some(null_keys) => {
                let factory = (null_keys.factory)(drop_null_keys);
                self.add(&filter, NodeKind::Processor, parents, input, input, &factory)?;
                self.add(&sink, to_topic, &[&filter], input, None, &sink_factory)?;
            }
            None => self.add(&sink, to_topic, parents, input, None, &sink_factory)?,
        }
        let kind = NodeKind::Source { topics: SourceTopics::Names(vec![topic.to_owned()]), reset: None };
        self.add(&source, kind, &[], None, output, &source_factory)
    }

    /// Has the sources of each join compared when the application starts.
    fn copartition(&mut self) {
        for Copartition { sides, join } in &self.graph.copartitions {
            if self.failed.get(*join).copied().unwrap_or(true) {
                continue;
            }
            let sources = sides.iter().flat_map(|side| self.sources(*side));
            let names: Vec<String> = sources.map(|id| self.source_of(id)).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let added = self.builder.add_copartition(&names, self.graph.name(*join));
            self.note(Some(*join), added);
        }
    }

    /// Where the records of a step come from: sources, tables' sources and repartition topics.
    fn sources(&self, side: GraphId) -> Vec<GraphId> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        let mut waiting = vec![self.above(GraphId::MAX, side)];
        while let Some(id) = waiting.pop() {
            if !seen.insert(id) {
                continue;
            }
            let alike = self.graph.partitioned_as.iter().filter(|(step, _)| *step == id);
            waiting.extend(alike.map(|(_, other)| self.above(GraphId::MAX, *other)));
            match self.graph.nodes.get(id) {
                Some(node) if matches!(node.kind, Kind::Processor(_) | Kind::Sink(_)) => {
                    waiting.extend(node.parents.iter().map(|parent| self.above(id, *parent)));
                }
                None if id == Graph::ROOT => {}
                _ => found.push(id),
            }
        }
        found
    }

    /// The step that stands above `id` in the topology where `parent` does in the graph.
    fn above(&self, id: GraphId, parent: GraphId) -> GraphId {
        let (mut id, mut parent) = (id, parent);
        loop {
            if let Some(number) = self.merging.moved.get(&(id, parent)) {
                return self.graph.nodes.len() + number;
            }
            if !self.merging.replaced.contains(&parent) {
                return self.same_as.get(&parent).copied().unwrap_or(parent);
            }
            (id, parent) = (parent, self.graph.nodes[parent].parents[0]);
        }
    }
}

/// Why two sources of the same topics cannot be one.
fn difference(a: &Source, b: &Source) -> Option<String> {
    if a.output != b.output {
        return Some(format!("as {} and as {}; read them once and map the records", a.output.name(), b.output.name()));
    }
    (a.reset != b.reset)
        .then(|| "with different offset reset policies; read them once, or give both the same policy".to_owned())
}
