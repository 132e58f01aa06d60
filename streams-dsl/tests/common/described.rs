//! Descriptions of topologies beside those of Kafka Streams.

use streams_dsl::{StreamsBuilder, StreamsConfig};

/// Builds the topology and compares its description with the golden text.
#[allow(dead_code, reason = "each test program uses some of what is here")]
pub fn check(name: &str, declare: impl FnOnce(&StreamsBuilder)) {
    let builder = StreamsBuilder::new();
    declare(&builder);
    compare(name, &builder.build().unwrap().describe());
}

/// Builds the topology as it is declared, and with all optimizations; compares both descriptions with the golden texts.
#[allow(dead_code, reason = "each test program uses some of what is here")]
pub fn check_optimized(name: &str, declare: impl Fn(&StreamsBuilder)) {
    check(name, &declare);
    let builder = StreamsBuilder::new();
    declare(&builder);
    let config = StreamsConfig::new("app", "localhost:9092").set("topology.optimization", "all");
    compare(&format!("{name}_all"), &builder.build_with(&config).unwrap().describe());
}

fn compare(name: &str, described: &str) {
    let path = format!("{}/tests/describe/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let expected = std::fs::read_to_string(&path).unwrap();
    assert!(described == expected, "{name}: described as\n{described}\ninstead of\n{expected}");
}
