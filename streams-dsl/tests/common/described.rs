//! Descriptions of topologies beside those of Kafka Streams.

use streams_dsl::StreamsBuilder;

/// Builds the topology and compares its description with the golden text.
pub fn check(name: &str, declare: impl FnOnce(&StreamsBuilder)) {
    let builder = StreamsBuilder::new();
    declare(&builder);
    let path = format!("{}/tests/describe/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let expected = std::fs::read_to_string(&path).unwrap();
    let described = builder.build().unwrap().describe();
    assert!(described == expected, "{name}: described as\n{described}\ninstead of\n{expected}");
}
