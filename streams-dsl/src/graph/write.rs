use super::kind::{EndNames, Kind, Prefix, Processor, Repartition, Source, TableSource};
use super::{Copartition, Graph, GraphId};
use std::collections::HashMap;
use streams_core::error::StreamsError;
use streams_core::topology::{
    FlowType, NodeFactory, NodeKind, RepartitionTopic, SourceTopics, Topology, TopologyBuilder,
};

const REPARTITION_SUFFIX: &str = "-repartition";

impl Graph {
    /// The topology, or everything that is wrong with it.
    pub(crate) fn build(&self) -> Result<Topology, StreamsError> {
        let mut writer = Writer {
            graph: self,
            builder: TopologyBuilder::new(),
            mistakes: self.mistakes.clone(),
            same_as: HashMap::new(),
            failed: vec![false; self.nodes.len()],
            uses: Vec::new(),
        };
        writer.add_stores();
        writer.merge_sources();
        for id in 0..self.nodes.len() {
            writer.write(id);
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
    /// Nodes with stores that they use: connected last, when all stores are known.
    uses: Vec<(String, String)>,
}

impl Writer<'_> {
    /// Adds the stores that belong to no step.
    fn add_stores(&mut self) {
        for store in &self.graph.stores {
            let added = self.builder.add_store(store.clone(), &[]);
            self.note(added);
        }
    }

    /// Connects steps to the stores that they use by name.
    fn connect_stores(&mut self) {
        for (node, store) in std::mem::take(&mut self.uses) {
            let connected = self.builder.connect(&node, &store);
            self.note(connected);
        }
    }

    /// Notes what is wrong, if something is; answers whether it is.
    fn note(&mut self, done: Result<(), StreamsError>) -> bool {
        let Err(error) = done else { return false };
        self.mistakes.push(match error {
            StreamsError::Topology(message) => message,
            other => other.to_string(),
        });
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
                self.mistakes.push(format!("{a} and {b} read the same topics {difference}"));
                self.failed[id] = true;
            }
            self.same_as.insert(id, other);
        }
    }

    fn write(&mut self, id: GraphId) {
        let node = &self.graph.nodes[id];
        let parents: Vec<GraphId> = node.parents.iter().map(|parent| self.resolve(*parent)).collect();
        if self.same_as.contains_key(&id) {
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
            Kind::Processor(processor) => self.processor(node.name(), processor, &parents),
            Kind::Repartition(repartition) => self.repartition(id, repartition, &parents),
            Kind::Sink(sink) => {
                let kind = NodeKind::Sink { topic: sink.topic.clone() };
                self.add(node.name(), kind, &parents, Some(sink.input), None, &sink.factory)
            }
        };
        self.failed[id] = self.note(written);
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
            return self.processor(name, &table.table, &[&source_name]);
        }
        let processor = &table.table;
        let factory = (processor.factory)();
        self.add(name, NodeKind::Processor, &[&source_name], Some(processor.input), processor.output, &factory)?;
        processor.stores.iter().try_for_each(|store| self.builder.add_global(store.spec.clone(), name))
    }

    fn table_source_name(&self, id: GraphId, table: &TableSource) -> String {
        match &self.graph.nodes[id].given {
            Some(given) => format!("{given}-source"),
            None => table.source_name.clone(),
        }
    }

    fn processor(&mut self, name: &str, processor: &Processor, parents: &[&str]) -> Result<(), StreamsError> {
        let factory = (processor.factory)();
        self.add(name, NodeKind::Processor, parents, Some(processor.input), processor.output, &factory)?;
        for store in processor.stores.iter().filter(|store| store.materialized.get()) {
            let mut spec = store.spec.clone();
            spec.keep_prior = store.keep_prior.get();
            self.builder.add_store(spec, &[name])?;
        }
        self.uses.extend(processor.uses.iter().map(|store| (name.to_owned(), store.clone())));
        Ok(())
    }

    fn repartition(&mut self, id: GraphId, step: &Repartition, parents: &[&str]) -> Result<(), StreamsError> {
        let topic = self.repartition_topic(id, step);
        let [sink, filter, source] = self.repartition_names(id, step);
        let (input, output) = (Some(step.input), Some(step.output));
        let (sink_factory, source_factory) = (step.ends)(&topic);
        self.builder.add_repartition_topic(RepartitionTopic { name: topic.clone(), partitions: step.partitions });
        let to_topic = NodeKind::Sink { topic: Some(topic.clone()) };
        match &step.filter {
            Some(factory) => {
                self.add(&filter, NodeKind::Processor, parents, input, input, &factory())?;
                self.add(&sink, to_topic, &[&filter], input, None, &sink_factory)?;
            }
            None => self.add(&sink, to_topic, parents, input, None, &sink_factory)?,
        }
        let kind = NodeKind::Source { topics: SourceTopics::Names(vec![topic]), reset: None };
        self.add(&source, kind, &[], None, output, &source_factory)
    }

    /// Has the sources of each join compared when the application starts.
    fn copartition(&mut self) {
        for Copartition { sides, join } in &self.graph.copartitions {
            if self.failed.get(*join).copied().unwrap_or(true) {
                continue;
            }
            let sources = sides.iter().flat_map(|side| self.graph.sources(*side));
            let names: Vec<String> = sources.map(|id| self.source_of(self.resolve(id))).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            if let Err(error) = self.builder.add_copartition(&names, self.graph.name(*join)) {
                self.mistakes.push(error.to_string());
            }
        }
    }

    /// The source that a step reads with.
    fn source_of(&self, id: GraphId) -> String {
        match &self.graph.nodes[id].kind {
            Kind::TableSource(table) => self.table_source_name(id, table),
            _ => self.output_name(id),
        }
    }

    fn prefix<'s>(&'s self, id: GraphId, step: &'s Repartition) -> &'s str {
        match &step.prefix {
            Prefix::Own => self.graph.nodes[id].name(),
            Prefix::Fixed(prefix) | Prefix::Whole(prefix) => prefix,
            Prefix::NameOf(other) => self.graph.name(*other),
        }
    }

    fn repartition_topic(&self, id: GraphId, step: &Repartition) -> String {
        if let Prefix::Whole(name) = &step.prefix {
            return name.clone();
        }
        let prefix = self.prefix(id, step);
        match prefix.ends_with(REPARTITION_SUFFIX) {
            true => prefix.to_owned(),
            false => format!("{prefix}{REPARTITION_SUFFIX}"),
        }
    }

    /// Names of sink, filter (where there is one) and source.
    fn repartition_names(&self, id: GraphId, step: &Repartition) -> [String; 3] {
        let ends = |name: &str| ["sink", "filter", "source"].map(|end| format!("{name}-{end}"));
        match (&step.names, &self.graph.nodes[id].given) {
            (EndNames::OfTopic(names), _) if is_generated(self.prefix(id, step)) => names.clone(),
            (EndNames::OfTopic(_), _) => ends(&self.repartition_topic(id, step)),
            (EndNames::OfStep(_), Some(name)) => ends(name),
            (EndNames::OfStep([sink, source]), None) => [sink.clone(), String::new(), source.clone()],
        }
    }

    fn resolve(&self, id: GraphId) -> GraphId {
        self.same_as.get(&id).copied().unwrap_or(id)
    }

    /// The node that forwards what the step makes.
    fn output_name(&self, id: GraphId) -> String {
        let node = &self.graph.nodes[id];
        match &node.kind {
            Kind::Repartition(step) => {
                let [_, _, source] = self.repartition_names(id, step);
                source
            }
            _ => node.name().to_owned(),
        }
    }
}

/// Why two sources of the same topics cannot be one.
fn difference(a: &Source, b: &Source) -> Option<String> {
    if a.output != b.output {
        return Some(format!("as {} and as {}; read them once and map the records", a.output.name(), b.output.name()));
    }
    (a.reset != b.reset).then(|| "with different offset reset policies".to_owned())
}

/// Whether a name is one of those that the counter makes for streams: `KSTREAM` … ten digits.
fn is_generated(name: &str) -> bool {
    let digits = name.len().checked_sub(10).and_then(|at| name.get(at..));
    name.starts_with("KSTREAM")
        && digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        && name[..name.len() - 10].ends_with('-')
}
