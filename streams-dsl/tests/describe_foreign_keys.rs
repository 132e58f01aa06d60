//! The text of `describe()` of joins by a foreign key equals that of Kafka Streams 4.3.1 for the same declarations: the files in `describe/` were
//! printed by it.

#[path = "common/described.rs"]
mod described;

use described::check;
use streams_dsl::serde::StringSerde;
use streams_dsl::{Grouped, KTable, Materialized, Partitioning, StreamsBuilder, TableJoined};

fn table(builder: &StreamsBuilder, topic: &str) -> KTable<String, String> {
    builder.table(topic)
}

fn both(left: String, right: String) -> String {
    left + &right
}

fn maybe(left: String, right: Option<String>) -> String {
    left + &right.unwrap_or_default()
}

fn key_of(row: &str) -> String {
    row.to_owned()
}

fn plain() -> Materialized<String, String> {
    Materialized::with(StringSerde, StringSerde)
}

#[test]
fn joins_by_foreign_key() {
    check("foreign_key", |b| {
        table(b, "left").join_on_foreign_key(&table(b, "right"), |_, row| key_of(row), both).to_stream().to("out");
    });
    check("foreign_key_left", |b| {
        table(b, "left")
            .left_join_on_foreign_key(&table(b, "right"), |_, row| key_of(row), maybe)
            .to_stream()
            .to("out");
    });
    check("foreign_key_named", |b| {
        let joined = TableJoined::named("orders");
        let orders =
            table(b, "left").join_on_foreign_key_with(&table(b, "right"), |_, row| key_of(row), both, joined, plain());
        orders.to_stream().to("out");
    });
    check("foreign_key_kept", |b| {
        let store = Materialized::named("joined");
        let orders = table(b, "left").join_on_foreign_key_with(
            &table(b, "right"),
            |_, row| key_of(row),
            both,
            TableJoined::new(),
            store,
        );
        assert_eq!(orders.queryable_store_name(), Some("joined"));
        orders.to_stream().to("out");
    });
    check("foreign_key_named_kept", |b| {
        let (joined, store) = (TableJoined::named("orders"), Materialized::named("joined"));
        let orders = table(b, "left").left_join_on_foreign_key_with(
            &table(b, "right"),
            |_, row| key_of(row),
            maybe,
            joined,
            store,
        );
        orders.to_stream().to("out");
    });
    check("foreign_key_partitioned", |b| {
        let first = |_: &str, _: &String, _: &(), _: i32| Partitioning::To(0);
        let joined = TableJoined::new().with_partitioner(first).with_other_partitioner(first);
        let orders =
            table(b, "left").join_on_foreign_key_with(&table(b, "right"), |_, row| key_of(row), both, joined, plain());
        orders.to_stream().to("out");
    });
}

#[test]
fn joins_by_foreign_key_among_other_steps() {
    check("foreign_key_derived", |b| {
        let left = table(b, "left").filter(|_, _| true);
        left.join_on_foreign_key(&table(b, "right").filter(|_, _| true), |_, row| key_of(row), both)
            .to_stream()
            .to("out");
    });
    check("foreign_key_self", |b| {
        let table = table(b, "left");
        table.join_on_foreign_key(&table, |_, row| key_of(row), both).to_stream().to("out");
    });
    check("foreign_key_grouped", |b| {
        let joined = table(b, "left").join_on_foreign_key(&table(b, "right"), |_, row| key_of(row), both);
        let grouped = joined.group_by_with(|_, row| (row.clone(), row), Grouped::with(StringSerde, StringSerde));
        grouped.count().to_stream().to("out");
    });
    check("foreign_key_then_join", |b| {
        let joined = table(b, "left").join_on_foreign_key(&table(b, "right"), |_, row| key_of(row), both);
        joined.join(&table(b, "third"), both).to_stream().to("out");
    });
    check("foreign_key_twice", |b| {
        let joined = table(b, "left").join_on_foreign_key(&table(b, "right"), |_, row| key_of(row), both);
        joined.left_join_on_foreign_key(&table(b, "third"), |_, row| key_of(row), maybe).to_stream().to("out");
    });
    check("foreign_key_with_aggregate", |b| {
        let left = table(b, "left");
        let right = b.stream::<String, String>("right").group_by(|_, value| value.clone()).reduce(|_, value| value);
        left.join_on_foreign_key(&right, |_, row| key_of(row), both).to_stream().to("out");
    });
}
