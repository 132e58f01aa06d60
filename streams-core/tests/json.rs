//! JSON in, JSON out, and what is said about text that is none.

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use streams_core::error::{LogAndContinue, StreamsError};
use streams_core::processor::{FailOnInvalidTimestamp, SinkNode, SinkTopic, SourceNode};
use streams_core::record::Headers;
use streams_core::serde::{DefaultSerde, JsonSerde, SharedStr};
use streams_core::test_driver::{TestDriverConfig, TopologyTestDriver};
use streams_core::topology::{BuiltNode, FlowType, NodeKind, SourceTopics, Topology, TopologyBuilder};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct PageView {
    page: SharedStr,
    seconds: u32,
}

impl DefaultSerde for PageView {
    type Serde = JsonSerde<Self>;
}

/// Topic `views` to topic `out`.
fn pass_through() -> Topology {
    let mut builder = TopologyBuilder::new();
    let views = Some(FlowType::of::<SharedStr, PageView>());
    let topics = SourceTopics::Names(vec!["views".into()]);
    let source = NodeKind::Source { topics, reset: None };
    builder
        .add_node(
            "source",
            source,
            &[],
            None,
            views,
            Arc::new(|build, children| {
                Ok(BuiltNode::source(SourceNode::<SharedStr, PageView> {
                    key_serde: SharedStr::default_serde(),
                    value_serde: PageView::default_serde(),
                    timestamp_extractor: Arc::new(FailOnInvalidTimestamp),
                    deserialization_handler: build.deserialization_handler(),
                    downstream: children.downstream()?,
                }))
            }),
        )
        .unwrap();
    builder
        .add_node(
            "sink",
            NodeKind::Sink { topic: Some("out".into()) },
            &["source"],
            views,
            None,
            Arc::new(|_, _| {
                let (key, value) = (SharedStr::default_serde(), PageView::default_serde());
                Ok(BuiltNode::node(SinkNode::new(SinkTopic::Fixed("out".into()), key, value, None)))
            }),
        )
        .unwrap();
    builder.build().unwrap()
}

/// Pipes these values; answers the first error and what came out.
fn pipe(config: TestDriverConfig, values: &[&str]) -> (Result<(), StreamsError>, Vec<String>, u64) {
    let driver = TopologyTestDriver::with_config(&pass_through(), config);
    let input = driver.create_input_topic::<String, String>("views");
    let piped = values
        .iter()
        .try_for_each(|value| input.pipe_bytes(Some(b"k"), Some(value.as_bytes()), 1, &Headers::default()));
    let output = driver.create_output_topic::<String, String>("out");
    (piped, output.read_values_to_list().unwrap(), driver.dropped_records())
}

#[test]
fn json_passes_through() {
    let (done, out, _) = pipe(TestDriverConfig::default(), &[r#"{ "page": "/a", "seconds": 3, "unknown": [] }"#]);
    done.unwrap();
    assert_eq!(out, [r#"{"page":"/a","seconds":3}"#]);
}

#[test]
fn an_error_names_topic_partition_offset_and_the_place_in_the_text() {
    let good = r#"{"page":"/a","seconds":3}"#;
    let (done, _, _) = pipe(TestDriverConfig::default(), &[good, r#"{"page":"/a","seconds":"x"}"#]);
    let error = done.unwrap_err().to_string();
    let expected = "cannot decode the value of views-0 at offset 1: not the JSON of a json::PageView: \
                    invalid type: string \"x\", expected u32 at line 1 column 26; ";
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn malformed_json_is_dropped_and_counted_where_the_handler_says_so() {
    let mut config = TestDriverConfig::default();
    config.settings.deserialization_handler = Arc::new(LogAndContinue);
    let good = r#"{"page":"/a","seconds":3}"#;
    let (done, out, dropped) = pipe(config, &[good, "{", "", good]);
    done.unwrap();
    assert_eq!((out.len(), dropped), (2, 2));
}
