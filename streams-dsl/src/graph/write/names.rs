//! The names of what a graph becomes.

use super::super::GraphId;
use super::super::kind::{EndNames, Kind, Prefix, Repartition, TableSource};
use super::Writer;

const REPARTITION_SUFFIX: &str = "-repartition";

impl Writer<'_> {
    pub(super) fn table_source_name(&self, id: GraphId, table: &TableSource) -> String {
        match &self.graph.nodes[id].given {
            Some(given) => format!("{given}-source"),
            None => table.source_name.clone(),
        }
    }

    /// The source that a step reads with.
    pub(super) fn source_of(&self, id: GraphId) -> String {
        match self.graph.nodes.get(id).map(|node| &node.kind) {
            Some(Kind::TableSource(table)) => self.table_source_name(id, table),
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

    pub(super) fn repartition_topic(&self, id: GraphId, step: &Repartition) -> String {
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
    pub(super) fn repartition_names(&self, id: GraphId, step: &Repartition) -> [String; 3] {
        match (&step.names, &self.graph.nodes[id].given) {
            (EndNames::OfTopic(names), _) if is_generated(self.prefix(id, step)) => names.clone(),
            (EndNames::OfTopic(_), _) => ends_of(&self.repartition_topic(id, step)),
            (EndNames::OfStep(_), Some(name)) => ends_of(name),
            (EndNames::OfStep([sink, source]), None) => [sink.clone(), String::new(), source.clone()],
        }
    }

    /// The node that forwards what the step makes.
    pub(super) fn output_name(&self, id: GraphId) -> String {
        let Some(node) = self.graph.nodes.get(id) else {
            let merged = self.merged_step(id - self.graph.nodes.len());
            return merged.map_or_else(String::new, |(first, step)| {
                let [_, _, source] = ends_of(&self.repartition_topic(first, step));
                source
            });
        };
        match &node.kind {
            Kind::Repartition(step) => {
                let [_, _, source] = self.repartition_names(id, step);
                source
            }
            _ => node.name().to_owned(),
        }
    }
}

/// The names of sink, filter and source that go with a name.
pub(super) fn ends_of(name: &str) -> [String; 3] {
    ["sink", "filter", "source"].map(|end| format!("{name}-{end}"))
}

/// Whether a name is one of those that the counter makes for streams: `KSTREAM` … ten digits.
fn is_generated(name: &str) -> bool {
    let digits = name.len().checked_sub(10).and_then(|at| name.get(at..));
    name.starts_with("KSTREAM")
        && digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        && name[..name.len() - 10].ends_with('-')
}
