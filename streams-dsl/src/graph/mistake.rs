use super::kind::{Kind, Prefix};
use super::{Graph, GraphId, Handle};
use streams_core::topology::chain_text;

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
            Some(chain) if !chain.is_empty() => format!("{message} (at {})", chain_text(chain)),
            _ => message.to_owned(),
        }
    }

    /// The topics and steps that lead to a step, itself last. Of several ways the one of its first parent, always.
    fn chain(&self, id: GraphId) -> Vec<String> {
        let mut chain = Vec::new();
        let mut next = self.nodes.get(id);
        while let Some(node) = next {
            match &node.kind {
                Kind::Source(source) => chain.push(source.topics.text()),
                Kind::TableSource(table) => chain.extend([node.name().to_owned(), table.source.topics.text()]),
                Kind::Repartition(step) => chain.push(match &step.prefix {
                    Prefix::Whole(topic) => topic.clone(),
                    _ => "repartition".to_owned(),
                }),
                Kind::Processor(_) | Kind::Sink(_) => chain.push(node.name().to_owned()),
            }
            next = node.parents.first().and_then(|&parent| self.nodes.get(parent));
        }
        chain.reverse();
        chain
    }
}
