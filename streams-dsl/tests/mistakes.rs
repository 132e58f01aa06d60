//! What is wrong with a topology is said when it is built, all of it at once, by name.

use std::time::Duration;
use streams_dsl::{
    AutoOffsetReset, BufferConfig, Consumed, Grouped, KStream, Materialized, Produced, Repartitioned, StreamsBuilder,
    Suppressed, Windowed, serde::StringSerde,
};

/// A type without default serde.
#[derive(Clone)]
struct Order;

fn text(builder: &StreamsBuilder) -> KStream<String, String> {
    builder.stream("in")
}

#[test]
fn mistakes_are_named() {
    type Declare = fn(&StreamsBuilder);
    let cases: [(Declare, &str); 18] = [
        (
            |b| {
                let history = Materialized::named("rows").with_history_retention(Duration::from_millis(9));
                let table = b.table_with::<String, String>("table", Consumed::new(), history);
                text(b).join_as_of(&table.filter(|_, _| true), Duration::from_millis(10), |value, _| value);
            },
            "has a grace period of 10 ms, for a table whose history of 9 ms is shorter",
        ),
        (
            |b| {
                text(b).join_as_of(&b.table::<String, String>("table"), Duration::ZERO, |value, _| value);
            },
            "has a grace period of 0 ms, for a table that is not versioned",
        ),
        (
            |b| {
                let history = Materialized::persistent_versioned_key_value_store("rows", Duration::from_secs(1));
                let limit = Suppressed::until_time_limit(Duration::ZERO, BufferConfig::unbounded());
                text(b).to_table_with(history).map_values(|value| value).suppress(limit.with_name("calm"));
            },
            "calm suppresses a versioned table, or one that is computed from such",
        ),
        (
            |b| {
                let second = Duration::from_secs(1);
                let both = Materialized::persistent_versioned_key_value_store("rows", second).with_time_to_live(second);
                text(b).group_by_key().reduce_with(|_, value| value, both);
            },
            "is kept in a versioned store, whose rows have no time to live",
        ),
        (
            |b| {
                text(b).map_values(|_| Order).to_with("out", Produced::new());
            },
            "the sink to out knows no serde for its values of type mistakes::Order",
        ),
        (
            |b| {
                text(b).select_key(|_, _| Order).group_by_key_with(Grouped::new()).count();
            },
            "KSTREAM-AGGREGATE-0000000003 knows no serde for its keys of type mistakes::Order",
        ),
        (
            |b| {
                text(b).group_by_key().aggregate_with(|| Order, |_, _, order| order, Materialized::new());
            },
            "knows no serde for its values of type mistakes::Order",
        ),
        (
            |b| {
                b.stream_with::<String, Order>("in", Consumed::new().with_key_serde(StringSerde));
            },
            "stream KSTREAM-SOURCE-0000000000 knows no serde for its values",
        ),
        (
            |b| {
                let limit = Suppressed::until_time_limit(Duration::ZERO, BufferConfig::unbounded());
                text(b).to_table().map_values(|_| Order).suppress(limit);
            },
            "KTABLE-SUPPRESS-0000000004 knows no serde of type mistakes::Order for what it holds back",
        ),
        (
            |b| {
                let windows = b.table::<Windowed<String>, String>("in").filter(|_, _| true);
                windows.suppress(Suppressed::until_window_closes(BufferConfig::unbounded()).with_name("final"));
            },
            "final waits for windows to close, but what comes from KTABLE-FILTER-0000000003 is not the result of a windowed aggregation",
        ),
        (
            |b| {
                let limit = Suppressed::until_time_limit(Duration::ZERO, BufferConfig::unbounded());
                text(b).to_table().suppress(limit.with_idle_timeout(Duration::from_micros(999)));
            },
            "the idle timeout of KTABLE-SUPPRESS-0000000003 is shorter than a millisecond",
        ),
        (
            |b| {
                text(b).filter(|_, _| true).named("twice").filter(|_, _| true).named("twice").to("out");
            },
            "two nodes are named twice",
        ),
        (
            |b| {
                text(b).filter(|_, _| true).named("not allowed").to("out");
            },
            "name \"not allowed\" has characters other than",
        ),
        (
            |b| {
                text(b).group_by_key().count_with(Materialized::named("same"));
                text(b).group_by_key().count_with(Materialized::named("same"));
            },
            "two stores are named same",
        ),
        (
            |b| {
                text(b).merge(&text(&StreamsBuilder::new())).to("out");
            },
            "a merge brings together streams of two builders",
        ),
        (
            |b| {
                text(b).to("out");
                b.stream::<String, i64>("in").to("out2");
            },
            "read the same topics as <alloc::string::String, alloc::string::String> and as",
        ),
        (
            |b| {
                text(b).to("out");
                let latest = Consumed::<String, String>::named("latest");
                b.stream_with("in", latest.with_offset_reset_policy(AutoOffsetReset::Latest)).to("out2");
            },
            "read the same topics with different offset reset policies",
        ),
        (
            |b| {
                text(b).repartition_with(Repartitioned::named("r").with_number_of_partitions(0)).to("out");
            },
            "repartition r has fewer than one partition",
        ),
    ];
    for (declare, expected) in cases {
        let builder = StreamsBuilder::new();
        declare(&builder);
        let message = builder.build().err().expect(expected).to_string();
        assert!(message.contains(expected), "{message}\ndoes not say\n{expected}");
    }
}

#[test]
fn all_mistakes_are_reported_and_none_twice() {
    let builder = StreamsBuilder::new();
    let orders = text(&builder).map_values(|_| Order);
    orders.to_with("first", Produced::new());
    orders.to_with("second", Produced::new());
    builder.stream::<String, String>(["in", "other"]).filter(|_, _| true).to("out");
    let message = builder.build().err().unwrap().to_string();
    for expected in ["the sink to first", "the sink to second", "topic in is read by two sources"] {
        assert!(message.contains(expected), "{message}\ndoes not say\n{expected}");
    }
    assert_eq!(message.matches("knows no serde").count(), 2, "{message}");
    assert!(!message.contains("KSTREAM-FILTER"), "what hangs below a mistake is no mistake: {message}");
}

#[test]
fn an_empty_builder_is_no_topology() {
    let message = StreamsBuilder::new().build().err().unwrap().to_string();
    assert!(message.contains("no source"), "{message}");
}
