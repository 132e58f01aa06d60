use super::kind::Kind;
use super::{Graph, GraphId, Handle};
use streams_core::topology::SourceTopics;

/// How many steps of a chain are told: of longer ones the first and the last.
const LONGEST_CHAIN: usize = 8;

/// Something that makes the topology impossible.
pub(super) struct Mistake {
    message: String,
    /// The step that it happened at or below, where there is one.
    at: Option<GraphId>,
}

impl Handle {
    /// Notes something that makes the topology impossible, at this step or right below it. Says what is wrong and how to repair it; the steps that lead here
    /// are added.
    pub(crate) fn mistake(&self, message: impl Into<String>) {
        self.graph().mistakes.push(Mistake { message: message.into(), at: Some(self.id) });
    }
}

impl Graph {
    /// What is wrong so far, each with the steps that lead there.
    pub(super) fn mistakes(&self) -> Vec<String> {
        self.mistakes.iter().map(|mistake| self.explain(&mistake.message, mistake.at)).collect()
    }

    /// A message with the steps that lead to where it belongs.
    pub(super) fn explain(&self, message: &str, at: Option<GraphId>) -> String {
        match at.map(|at| self.chain(at)) {
            Some(chain) if !chain.is_empty() => format!("{message} (at {})", chain.join(" → ")),
            _ => message.to_owned(),
        }
    }

    /// The topics and steps that lead to a step, itself last. Of several ways the one of its first parent, always.
    fn chain(&self, id: GraphId) -> Vec<String> {
        let mut chain = Vec::new();
        let mut next = self.nodes.get(id);
        while let Some(node) = next {
            chain.push(match &node.kind {
                Kind::Repartition(_) => "repartition".to_owned(),
                _ => node.name().to_owned(),
            });
            match &node.kind {
                Kind::Source(source) => *chain.last_mut().unwrap_or(&mut String::new()) = topics(&source.topics),
                Kind::TableSource(table) => chain.push(topics(&table.source.topics)),
                Kind::Processor(_) | Kind::Repartition(_) | Kind::Sink(_) => {}
            }
            next = node.parents.first().and_then(|&parent| self.nodes.get(parent));
        }
        chain.reverse();
        if chain.len() > LONGEST_CHAIN {
            chain.splice(1..=chain.len() - LONGEST_CHAIN + 1, ["…".to_owned()]);
        }
        chain
    }
}

fn topics(topics: &SourceTopics) -> String {
    match topics {
        SourceTopics::Names(names) => names.join(", "),
        SourceTopics::Pattern(pattern) => format!("topics like {}", pattern.as_str()),
    }
}
