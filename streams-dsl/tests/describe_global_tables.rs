//! The text of `describe()` of global tables equals that of Kafka Streams 4.3.1 for the same declarations: the files in `describe/` were printed by it.

#[path = "common/described.rs"]
mod described;

use described::check;
use streams_dsl::{Consumed, GlobalKTable, KStream, Materialized, StreamsBuilder};

fn stream(builder: &StreamsBuilder) -> KStream<String, String> {
    builder.stream("left")
}

fn global(builder: &StreamsBuilder, topic: &str) -> GlobalKTable<String, String> {
    builder.global_table(topic)
}

fn maybe(left: String, right: Option<String>) -> String {
    left + &right.unwrap_or_default()
}

#[test]
fn global_tables_are_subtopologies_without_tasks() {
    check("global_join", |b| {
        stream(b)
            .join_global_table(&global(b, "right"), |_, value: &String| value.clone(), |left, right| left + &right)
            .to("out");
    });
    check("global_first_left_join_named", |b| {
        let right = b.global_table_with("right", Consumed::new(), Materialized::<String, String>::named("right-store"));
        assert_eq!(right.queryable_store_name(), Some("right-store"));
        stream(b).left_join_global_table(&right, |_, value: &String| value.clone(), maybe).named("enriched").to("out");
    });
    check("global_two", |b| {
        let one = global(b, "one");
        let left = stream(b).select_key(|_, value| value.clone());
        let joined = left.join_global_table(&one, |_, value: &String| value.clone(), |left, right| left + &right);
        joined.group_by_key().count().to_stream().to("out");
        left.left_join_global_table(&global(b, "two"), |_, value: &String| value.clone(), maybe).to("out2");
    });
    check("global_alone", |b| {
        b.global_table_with(
            "right",
            Consumed::named("countries"),
            Materialized::<String, String>::named("right-store"),
        );
        stream(b).to("out");
    });
}
