use super::KStream;
use crate::data::Data;
use crate::graph::{Handle, Kind, Processor, Sink};
use crate::operators::kstream::Print;
use crate::options::{Printed, Produced};
use std::convert::Infallible;
use std::sync::Arc;
use streams_core::processor::{Node, RecordContext, SinkNode, SinkTopic, TopicNameExtractor};
use streams_core::serde::DefaultSerde;
use streams_core::topology::{BuiltNode, FlowType, NodeFactory};

/// A step behind which nothing comes: a sink, a printer or a function that takes the records.
pub struct EndOfStream {
    handle: Handle,
}

impl EndOfStream {
    /// Names the step.
    pub fn named(self, name: impl Into<String>) {
        self.handle.named(name);
    }
}

/// Steps that end a stream.
impl<K: Data, V: Data> KStream<K, V> {
    /// Hands each record to a function. Records that are processed again after a failure are handed over again.
    pub fn for_each(&self, action: impl Fn(K, V) + Send + Sync + 'static) -> EndOfStream {
        self.try_for_each(move |key: K, value: V| {
            action(key, value);
            Ok::<_, Infallible>(())
        })
    }

    /// Prints each record.
    pub fn print(&self, printed: Printed<K, V>) -> EndOfStream {
        let Printed { target, label, mapper } = printed;
        let target = match target {
            Ok(target) => target,
            Err(message) => {
                self.handle.mistake(message);
                return EndOfStream { handle: self.handle.clone() };
            }
        };
        let upstream = self.handle.clone();
        let label = move || label.clone().unwrap_or_else(|| upstream.graph.borrow().name(upstream.id).to_owned());
        self.end_late("KSTREAM-PRINTER-", move || {
            let (target, label, mapper) = (Arc::clone(&target), Arc::<str>::from(label()), Arc::clone(&mapper));
            Arc::new(move |_, _| {
                let print = Print::new(Arc::clone(&target), Arc::clone(&label), Arc::clone(&mapper));
                Ok(BuiltNode::node::<K, V>(print))
            })
        })
    }

    /// Writes the records to a topic, which must exist, with the serdes known from above or else the default ones of their types.
    pub fn to(&self, topic: impl Into<String>) -> EndOfStream
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.to_with(topic, Produced::defaults())
    }

    /// Writes the records to a topic, which must exist.
    pub fn to_with(&self, topic: impl Into<String>, produced: Produced<K, V>) -> EndOfStream {
        let topic = topic.into();
        self.sink(Some(topic.clone()), produced, move |build| SinkTopic::Fixed(build.topic_name(&topic)))
    }

    /// Writes each record to the topic that the function names, which must exist, with the serdes known from above or else
    /// the default ones of their types.
    pub fn to_by(&self, topic: impl Fn(&K, &V, &RecordContext) -> String + Send + Sync + 'static) -> EndOfStream
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.to_by_with(topic, Produced::defaults())
    }

    /// Writes each record to the topic that the extractor names, which must exist.
    pub fn to_by_with(&self, topic: impl TopicNameExtractor<K, V>, produced: Produced<K, V>) -> EndOfStream {
        let topic: Arc<dyn TopicNameExtractor<K, V>> = Arc::new(topic);
        self.sink(None, produced, move |_| SinkTopic::ByRecord(Arc::clone(&topic)))
    }

    fn sink(
        &self,
        topic: Option<String>,
        produced: Produced<K, V>,
        destination: impl Fn(&mut streams_core::topology::TaskBuild<'_>) -> SinkTopic<K, V> + Send + Sync + 'static,
    ) -> EndOfStream {
        let generated = self.handle.graph().new_name("KSTREAM-SINK-");
        let step = match &topic {
            Some(topic) => format!("the sink to {topic}"),
            None => "a sink whose topics are chosen by record".to_owned(),
        };
        let key = self.handle.require(&step, "key", produced.key.resolve(self.key_serde.as_ref()));
        let value = self.handle.require(&step, "value", produced.value.resolve(self.value_serde.as_ref()));
        let (Some(key), Some(value)) = (key, value) else { return EndOfStream { handle: self.handle.clone() } };
        let partitioner = produced.partitioner;
        let factory: NodeFactory = Arc::new(move |build, _| {
            let topic = destination(build);
            let sink = SinkNode::new(topic, super::share(&key), super::share(&value), partitioner.clone());
            Ok(BuiltNode::node::<K, V>(sink))
        });
        let sink = Sink { topic, input: FlowType::of::<K, V>(), factory };
        let id = self.handle.graph().add(generated, produced.name, vec![self.handle.id], Kind::Sink(sink));
        EndOfStream { handle: self.handle.at(id) }
    }

    /// A processor without children.
    pub(super) fn end<N: Node<K, V>>(&self, prefix: &str, make: impl Fn() -> N + Send + Sync + 'static) -> EndOfStream {
        let factory: NodeFactory = Arc::new(move |_, _| Ok(BuiltNode::node::<K, V>(make())));
        self.end_late(prefix, move || Arc::clone(&factory))
    }

    fn end_late(&self, prefix: &str, factory: impl Fn() -> NodeFactory + 'static) -> EndOfStream {
        let generated = self.handle.graph().new_name(prefix);
        let processor = Processor {
            input: FlowType::of::<K, V>(),
            output: None,
            factory: Box::new(factory),
            stores: Vec::new(),
            uses: Vec::new(),
            grace: None,
        };
        EndOfStream { handle: self.handle.add_processor(generated, None, processor) }
    }
}
