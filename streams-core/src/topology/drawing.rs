use super::{NodeKind, NodeSpec, SourceTopics, Topology};
use std::fmt::Write;

impl Topology {
    /// The topology as a [Mermaid](https://mermaid.js.org) flowchart, which many Markdown viewers draw: subtopologies as boxes around their nodes
    /// and stores, topics outside. The text is the same for the same topology.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use streams_core::processor::{SinkNode, SinkTopic, SourceNode, FailOnInvalidTimestamp};
    /// # use streams_core::serde::StringSerde;
    /// # use streams_core::topology::{BuiltNode, FlowType, NodeKind, SourceTopics, TopologyBuilder};
    /// # let mut builder = TopologyBuilder::new();
    /// # let flow = Some(FlowType::of::<String, String>());
    /// # let topics = SourceTopics::Names(vec!["in".to_owned()]);
    /// # let reader: streams_core::topology::NodeFactory = Arc::new(|build, children| {
    /// #     Ok(BuiltNode::source::<String, String>(SourceNode {
    /// #         key_serde: Arc::new(StringSerde), value_serde: Arc::new(StringSerde),
    /// #         timestamp_extractor: Arc::new(FailOnInvalidTimestamp),
    /// #         deserialization_handler: build.deserialization_handler(), downstream: children.downstream()?,
    /// #     }))
    /// # });
    /// # builder.add_node("reads", NodeKind::Source { topics, reset: None }, &[], None, flow, reader)?;
    /// # let writer: streams_core::topology::NodeFactory = Arc::new(|_, _| {
    /// #     let topic = SinkTopic::Fixed("out".into());
    /// #     Ok(BuiltNode::node::<String, String>(SinkNode::new(topic, Arc::new(StringSerde), Arc::new(StringSerde), None)))
    /// # });
    /// # builder.add_node("writes", NodeKind::Sink { topic: Some("out".to_owned()) }, &["reads"], flow, None, writer)?;
    /// # let topology = builder.build()?;
    /// assert_eq!(topology.to_mermaid(), r#"flowchart TD
    ///   subgraph p0["Sub-topology 0"]
    ///     n0(["reads"])
    ///     n1(["writes"])
    ///   end
    ///   t0[/"in"/]
    ///   t1[/"out"/]
    ///   t0 --> n0
    ///   n0 --> n1
    ///   n1 --> t1
    /// "#);
    /// # Ok::<(), streams_core::error::StreamsError>(())
    /// ```
    pub fn to_mermaid(&self) -> String {
        let drawing = Drawing::of(self);
        let mut text = "flowchart TD\n".to_owned();
        for (number, part) in drawing.parts.iter().enumerate() {
            line(&mut text, format_args!("  subgraph p{number}[\"{}\"]", part.label));
            for Shape { id, label, form } in &part.shapes {
                line(&mut text, format_args!("    {id}{}", form.mermaid(label)));
            }
            line(&mut text, format_args!("  end"));
        }
        for Shape { id, label, form } in &drawing.topics {
            line(&mut text, format_args!("  {id}{}", form.mermaid(label)));
        }
        for Link { from, to, records } in &drawing.links {
            line(&mut text, format_args!("  {from} {} {to}", if *records { "-->" } else { "-.-" }));
        }
        text
    }

    /// The topology in the language of [Graphviz](https://graphviz.org): `dot -Tsvg` draws it. Subtopologies are boxes around their nodes and stores,
    /// topics stand outside. The text is the same for the same topology.
    pub fn to_graphviz(&self) -> String {
        let drawing = Drawing::of(self);
        let mut text = "digraph topology {\n  node [fontname=\"sans-serif\"];\n".to_owned();
        for (number, part) in drawing.parts.iter().enumerate() {
            line(&mut text, format_args!("  subgraph cluster_{number} {{\n    label=\"{}\";", part.label));
            for Shape { id, label, form } in &part.shapes {
                line(&mut text, format_args!("    {id} [label=\"{}\", {}];", graphviz_text(label), form.graphviz()));
            }
            line(&mut text, format_args!("  }}"));
        }
        for Shape { id, label, form } in &drawing.topics {
            line(&mut text, format_args!("  {id} [label=\"{}\", {}];", graphviz_text(label), form.graphviz()));
        }
        for Link { from, to, records } in &drawing.links {
            let style = if *records { "" } else { " [dir=none, style=dashed]" };
            line(&mut text, format_args!("  {from} -> {to}{style};"));
        }
        text.push_str("}\n");
        text
    }
}

/// What is drawn, in whichever language.
#[derive(Default)]
struct Drawing {
    parts: Vec<Part>,
    topics: Vec<Shape>,
    links: Vec<Link>,
}

/// A subtopology.
struct Part {
    label: String,
    shapes: Vec<Shape>,
}

struct Shape {
    id: String,
    label: String,
    form: Form,
}

struct Link {
    from: String,
    to: String,
    /// Whether records go along it; else it leads to a store.
    records: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    End,
    Processor,
    Store,
    Topic,
    RepartitionTopic,
}

impl Form {
    fn mermaid(self, label: &str) -> String {
        let label = mermaid_text(label);
        match self {
            Self::End => format!("([\"{label}\"])"),
            Self::Processor => format!("[\"{label}\"]"),
            Self::Store => format!("[(\"{label}\")]"),
            Self::Topic => format!("[/\"{label}\"/]"),
            Self::RepartitionTopic => format!("[\\\"{label}\"\\]"),
        }
    }

    fn graphviz(self) -> &'static str {
        match self {
            Self::End => "shape=box, style=rounded",
            Self::Processor => "shape=box",
            Self::Store => "shape=cylinder",
            Self::Topic => "shape=cds",
            Self::RepartitionTopic => "shape=cds, style=dashed",
        }
    }
}

impl Drawing {
    fn of(topology: &Topology) -> Self {
        let mut drawing = Self::default();
        for subtopology in topology.subtopologies() {
            let global = if subtopology.global { ", global" } else { "" };
            let mut part = Part { label: format!("Sub-topology {}{global}", subtopology.id), shapes: Vec::new() };
            for &id in &subtopology.nodes {
                let node = &topology.nodes()[id];
                let form = if matches!(node.kind, NodeKind::Processor) { Form::Processor } else { Form::End };
                part.shapes.push(Shape { id: format!("n{id}"), label: node.name.to_string(), form });
                drawing.link_node(topology, id, node);
            }
            for store in &subtopology.stores {
                part.shapes.push(Shape { id: store_id(topology, store), label: store.clone(), form: Form::Store });
            }
            drawing.parts.push(part);
        }
        drawing
    }

    fn link_node(&mut self, topology: &Topology, id: usize, node: &NodeSpec) {
        let own = format!("n{id}");
        match &node.kind {
            NodeKind::Source { topics: SourceTopics::Names(names), .. } => {
                for name in names {
                    let topic = self.topic(name, topology.is_repartition_topic(name));
                    self.link(&topic, &own, true);
                }
            }
            NodeKind::Source { topics: SourceTopics::Pattern(pattern), .. } => {
                let topic = self.topic(&format!("topics like {}", pattern.as_str()), false);
                self.link(&topic, &own, true);
            }
            NodeKind::Processor | NodeKind::Sink { .. } => {}
        }
        for child in &node.children {
            self.link(&own, &format!("n{child}"), true);
        }
        for store in &node.stores {
            self.link(&own, &store_id(topology, store), false);
        }
        if let NodeKind::Sink { topic } = &node.kind {
            let topic = match topic {
                Some(name) => self.topic(name, topology.is_repartition_topic(name)),
                None => self.topic("chosen by each record", false),
            };
            self.link(&own, &topic, true);
        }
    }

    /// The id of a topic, which is drawn once.
    fn topic(&mut self, label: &str, repartition: bool) -> String {
        if let Some(known) = self.topics.iter().find(|topic| topic.label == label) {
            return known.id.clone();
        }
        let id = format!("t{}", self.topics.len());
        let form = if repartition { Form::RepartitionTopic } else { Form::Topic };
        self.topics.push(Shape { id: id.clone(), label: label.to_owned(), form });
        id
    }

    fn link(&mut self, from: &str, to: &str, records: bool) {
        self.links.push(Link { from: from.to_owned(), to: to.to_owned(), records });
    }
}

fn store_id(topology: &Topology, name: &str) -> String {
    let place = topology.stores().iter().position(|store| store.name == name);
    format!("s{}", place.unwrap_or(topology.stores().len()))
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{content}");
}

/// Text in quotes: characters that mean something to Mermaid are written as entities.
fn mermaid_text(text: &str) -> String {
    text.replace('#', "#35;").replace('"', "#quot;").replace('<', "#lt;").replace('>', "#gt;")
}

/// Text in quotes: Graphviz reads what follows a backslash.
fn graphviz_text(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_not_taken_for_markup() {
        assert_eq!(mermaid_text("a\"b<c>#\\d"), "a#quot;b#lt;c#gt;#35;\\d");
        assert_eq!(graphviz_text("a\"b\\d"), "a\\\"b\\\\d");
    }
}
