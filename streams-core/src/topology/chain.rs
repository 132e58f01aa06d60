//! The steps that lead to a node, for messages.

use super::{NodeId, NodeKind, SourceTopics, Topology};
use std::collections::HashSet;

/// How many steps are told: of longer chains the first and the last.
const LONGEST: usize = 8;

/// Steps in the order in which records take them, with arrows between them. Where they are many, those in between are left out.
pub fn chain_text(mut steps: Vec<String>) -> String {
    if steps.len() > LONGEST {
        steps.splice(1..=steps.len() - LONGEST + 1, ["…".to_owned()]);
    }
    steps.join(" → ")
}

impl SourceTopics {
    /// The topics as text.
    pub fn text(&self) -> String {
        match self {
            Self::Names(names) => names.join(", "),
            Self::Pattern(pattern) => format!("topics like {}", pattern.as_str()),
        }
    }
}

impl Topology {
    /// The way to the node of this name, from the topics at its beginning: of several the one of its first parents, always. Empty where there is no such
    /// node.
    pub(crate) fn chain_to(&self, name: &str) -> String {
        let (mut steps, mut seen) = (Vec::new(), HashSet::new());
        let mut next = self.node_id(name);
        while let Some(id) = next.filter(|id| seen.insert(*id)) {
            steps.push(self.step(id));
            next = self.nodes()[id].parents.first().copied().or_else(|| self.writer_of(id));
        }
        steps.reverse();
        chain_text(steps)
    }

    /// The way from a source to the node of this name; none where there is no node beside node between them.
    pub(crate) fn chain_from(&self, source: NodeId, name: &str) -> Option<String> {
        let mut ways = vec![vec![self.node_id(name)?]];
        let mut seen = HashSet::new();
        while let Some(way) = ways.pop() {
            let first = *way.last()?;
            if first == source {
                return Some(chain_text(way.iter().rev().map(|&id| self.step(id)).collect()));
            }
            let above = self.nodes()[first].parents.iter().filter(|&&parent| seen.insert(parent));
            ways.extend(above.map(|&parent| way.iter().copied().chain([parent]).collect()));
        }
        None
    }

    fn node_id(&self, name: &str) -> Option<NodeId> {
        self.nodes().iter().position(|node| *node.name == *name)
    }

    /// A node's name, or the topics of a source.
    fn step(&self, id: NodeId) -> String {
        match &self.nodes()[id].kind {
            NodeKind::Source { topics, .. } => topics.text(),
            NodeKind::Processor | NodeKind::Sink { .. } => self.nodes()[id].name.to_string(),
        }
    }

    /// What writes to the repartition topic that a source reads.
    fn writer_of(&self, source: NodeId) -> Option<NodeId> {
        let NodeKind::Source { topics: SourceTopics::Names(names), .. } = &self.nodes()[source].kind else {
            return None;
        };
        let writes = |kind: &NodeKind| matches!(kind, NodeKind::Sink { topic: Some(topic) } if names.contains(topic));
        let sink = self.nodes().iter().find(|node| writes(&node.kind))?;
        names.iter().any(|name| self.is_repartition_topic(name)).then(|| sink.parents.first().copied()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_chains_are_shortened_in_the_middle() {
        let steps = |count: usize| (1..=count).map(|step| step.to_string()).collect();
        assert_eq!(chain_text(steps(3)), "1 → 2 → 3");
        assert_eq!(chain_text(steps(8)), "1 → 2 → 3 → 4 → 5 → 6 → 7 → 8");
        assert_eq!(chain_text(steps(20)), "1 → … → 15 → 16 → 17 → 18 → 19 → 20");
    }
}
