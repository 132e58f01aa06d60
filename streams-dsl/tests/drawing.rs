//! Topologies as Mermaid and Graphviz draw them: the texts in `drawing/`.

use streams_dsl::{KStream, Materialized, StreamsBuilder};

fn check(name: &str, declare: impl FnOnce(&StreamsBuilder)) {
    let builder = StreamsBuilder::new();
    declare(&builder);
    let topology = builder.build().unwrap();
    for (extension, drawn) in [("mmd", topology.to_mermaid()), ("dot", topology.to_graphviz())] {
        let path = format!("{}/tests/drawing/{name}.{extension}", env!("CARGO_MANIFEST_DIR"));
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(drawn == expected, "{path}: drawn as\n{drawn}\ninstead of\n{expected}");
    }
}

fn stream(builder: &StreamsBuilder, topic: &str) -> KStream<String, String> {
    builder.stream(topic)
}

#[test]
fn stores_topics_and_subtopologies() {
    check("counts", |b| {
        let words = stream(b, "lines").group_by(|_, word| word.clone());
        words.count_with(Materialized::named("counts")).to_stream().to("counts");
    });
}

#[test]
fn global_tables_and_patterns() {
    check("global", |b| {
        let names = b.global_table::<String, String>("names");
        let orders: KStream<String, String> = b.stream_pattern(regex::Regex::new("orders-\"<\\d+>\"").unwrap());
        let named = orders.join_global_table(&names, |_, order| order.clone(), |order, name| order + &name);
        named.to_by(|_, value, _| value.clone());
    });
}
