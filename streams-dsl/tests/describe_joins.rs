//! The text of `describe()` of joins equals that of Kafka Streams 4.3.1 for the same declarations: the files in `describe/` were printed by it.

#[path = "common/described.rs"]
mod described;

use described::check;
use streams_dsl::{Joined, KStream, KTable, Materialized, StreamsBuilder};

fn stream(builder: &StreamsBuilder, topic: &str) -> KStream<String, String> {
    builder.stream(topic)
}

fn table(builder: &StreamsBuilder, topic: &str) -> KTable<String, String> {
    builder.table(topic)
}

fn both(left: String, right: String) -> String {
    left + &right
}

fn maybe(left: String, right: Option<String>) -> String {
    left + &right.unwrap_or_default()
}

#[test]
fn tables_with_tables() {
    check("join_tables", |b| {
        table(b, "left").join(&table(b, "right"), both).to_stream().to("out");
    });
    check("join_tables_kept", |b| {
        let joined = table(b, "left").left_join_with(&table(b, "right"), maybe, Materialized::named("joined"));
        joined.to_stream().to("out");
    });
    check("join_tables_kept_unnamed", |b| {
        let joined = table(b, "left").outer_join_with(
            &table(b, "right"),
            |left, right| maybe(left.unwrap_or_default(), right),
            Materialized::with(streams_dsl::serde::StringSerde, streams_dsl::serde::StringSerde),
        );
        joined.to_stream().to("out");
    });
    check("join_tables_named", |b| {
        table(b, "left").join(&table(b, "right"), both).named("both").to_stream().to("out");
    });
    check("join_tables_derived", |b| {
        let left = table(b, "left").filter(|_, _| true);
        left.join(&table(b, "right").map_values(|value| value), both).to_stream().to("out");
    });
    check("join_tables_three", |b| {
        table(b, "left").join(&table(b, "right"), both).join(&table(b, "third"), both).to_stream().to("out");
    });
    check("join_table_with_aggregate", |b| {
        let left = table(b, "left");
        let counts = stream(b, "right").group_by(|_, value| value.clone()).count();
        left.join(&counts, |value, count| format!("{value}{count}")).to_stream().to("out");
    });
}

#[test]
fn streams_with_tables() {
    check("join_stream_table", |b| {
        stream(b, "left").join_table(&table(b, "right"), both).to("out");
    });
    check("join_stream_table_left_rekeyed", |b| {
        let left = stream(b, "left").select_key(|_, value| value.clone());
        left.left_join_table(&table(b, "right"), maybe).to("out");
    });
    check("join_stream_table_named_rekeyed", |b| {
        let left = stream(b, "left").select_key(|_, value| value.clone());
        left.join_table_with(&table(b, "right"), |_, left, right| both(left, right), Joined::named("enriched"))
            .to("out");
    });
    check("join_stream_two_tables_rekeyed", |b| {
        let left = stream(b, "left").map(|_, value| (value.clone(), value));
        left.join_table(&table(b, "one"), both).to("out1");
        left.left_join_table(&table(b, "two"), maybe).to("out2");
    });
    check("join_stream_derived_table", |b| {
        let left = stream(b, "left");
        let right = table(b, "right").filter(|_, _| true).join(&table(b, "third"), both);
        left.join_table(&right, both).to("out");
    });
    check("join_stream_aggregate_of_itself", |b| {
        let stream = stream(b, "in");
        stream.left_join_table(&stream.group_by_key().count(), |value, count| format!("{value}{count:?}")).to("out");
    });
}
