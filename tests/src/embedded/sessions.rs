use super::STORE;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Node, Operator, SourceNode, TaskContext};
use streams_core::record::Record;
use streams_core::serde::DefaultSerde;
use streams_core::topology::{
    BuiltNode, FlowType, NodeKind, RowLayout, SourceTopics, StoreEngine, StoreFormat, StoreSpec, StoreTypes, Topology,
    TopologyBuilder,
};
use streams_dsl::FailOnInvalidTimestamp;

/// Writes sessions as the records of topic `in` say: `start..end=value`, or `start..end` to delete one.
struct WriteSession {
    sessions: state_stores::SessionStore,
}

impl Operator for WriteSession {}

impl Node<String, String> for WriteSession {
    fn process(&mut self, _: &mut TaskContext, record: Record<String, String>) -> Result<(), StreamsError> {
        let (times, value) = match record.value.split_once('=') {
            Some((times, value)) => (times, Some(value)),
            None => (record.value.as_str(), None),
        };
        let number = |text: &str| text.parse::<i64>().expect("a number");
        let (start, end) = times.split_once("..").expect("two times");
        let value = value.map(|value| number(value).to_be_bytes());
        let value = value.as_ref().map(<[u8; 8]>::as_slice);
        // What has expired is dropped.
        let _ = self.sessions.put(record.key.as_bytes(), number(start), number(end), value)?;
        Ok(())
    }
}

/// A topology that keeps sessions with numbers in the session store [`STORE`], for `retention_ms` milliseconds.
///
/// # Panics
/// Never: the topology is right.
pub fn written_sessions(engine: StoreEngine, retention_ms: i64) -> Topology {
    let mut builder = TopologyBuilder::new();
    let names = SourceTopics::Names(vec!["in".into()]);
    let text = Some(FlowType::of::<String, String>());
    let source = NodeKind::Source { topics: names, reset: None };
    let add_source = builder.add_node(
        "source",
        source,
        &[],
        None,
        text,
        Arc::new(|build, children| {
            Ok(BuiltNode::source(SourceNode::<String, String> {
                key_serde: String::default_serde(),
                value_serde: String::default_serde(),
                timestamp_extractor: Arc::new(FailOnInvalidTimestamp),
                deserialization_handler: build.deserialization_handler(),
                downstream: children.downstream()?,
            }))
        }),
    );
    add_source.expect("a new node");
    let write = NodeKind::Processor;
    let add_write = builder.add_node(
        "write",
        write,
        &["source"],
        text,
        None,
        Arc::new(|build, _| {
            let sessions = state_stores::SessionStore::new(build.store(STORE)?.handle().clone())?;
            Ok(BuiltNode::node(WriteSession { sessions }))
        }),
    );
    add_write.expect("a new node");
    let store = StoreSpec {
        name: STORE.into(),
        engine,
        layout: RowLayout::session(retention_ms),
        window_size_ms: None,
        format: StoreFormat::Plain,
        caching: true,
        keep_prior: false,
        logging: Some(Default::default()),
        types: StoreTypes::new::<String, i64>(String::default_serde(), i64::default_serde()),
        users: Vec::new(),
    };
    builder.add_store(store, &["write"]).expect("a new store");
    builder.build().expect("the topology is right")
}
