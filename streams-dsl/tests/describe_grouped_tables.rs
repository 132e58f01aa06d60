//! The text of `describe()` of grouped tables equals that of Kafka Streams 4.3.1 for the same declarations: the files in `describe/` were printed by it.

#[path = "common/described.rs"]
mod described;

use described::check;
use streams_dsl::{Grouped, KGroupedTable, KTable, Materialized, StreamsBuilder};

fn table(builder: &StreamsBuilder, topic: &str) -> KTable<String, String> {
    builder.table(topic)
}

fn grouped(table: &KTable<String, String>) -> KGroupedTable<String, String> {
    table.group_by(|_, value| (value.clone(), value))
}

fn both(one: String, other: String) -> String {
    one + &other
}

#[test]
fn aggregations_of_tables() {
    check("table_group_count", |b| {
        grouped(&table(b, "in")).count().to_stream().to("out");
    });
    check("table_group_count_kept", |b| {
        grouped(&table(b, "in")).count_with(Materialized::named("counts")).to_stream().to("out");
    });
    check("table_group_reduce_filtered", |b| {
        grouped(&table(b, "in").filter(|_, _| true)).reduce(both, both).to_stream().to("out");
    });
    check("table_group_aggregate_named", |b| {
        let materialized = Materialized::<String, String>::named("sum-store");
        let sums = grouped(&table(b, "in")).aggregate_with(String::new, |_, _, sum| sum, |_, _, sum| sum, materialized);
        sums.named("sums").to_stream().to("out");
    });
    check("table_group_of_join", |b| {
        grouped(&table(b, "in").join(&table(b, "other"), both)).count().to_stream().to("out");
    });
}

#[test]
fn one_grouping_twice() {
    let twice = |grouped: KGroupedTable<String, String>| {
        grouped.count().to_stream().to("counts");
        grouped.reduce(both, both).to_stream().to("sums");
    };
    check("table_group_named_twice", |b| {
        twice(table(b, "in").group_by_with(|_, value| (value.clone(), value), Grouped::named("by-value")));
    });
    check("table_group_twice", |b| twice(grouped(&table(b, "in"))));
}
