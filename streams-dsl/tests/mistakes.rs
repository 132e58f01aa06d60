//! What is wrong with a topology is said when it is built, all of it at once, by name.

use std::time::Duration;
use streams_dsl::{
    AutoOffsetReset, BufferConfig, Consumed, Grouped, KStream, Materialized, Produced, Repartitioned, StreamsBuilder,
    StreamsConfig, Suppressed, Windowed, serde::StringSerde, windows::TimeWindows,
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
    let cases: [(Declare, &str); 14] = [
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

/// Each mistake tells the way that its records take, and what to do.
#[test]
fn mistakes_say_where_they_are_and_how_to_repair_them() {
    type Declare = fn(&StreamsBuilder);
    let cases: [(Declare, &str); 7] = [
        (
            |b| {
                text(b).select_key(|_, _| Order).group_by_key_with(Grouped::new()).count();
            },
            "name one in its options (`with_key_serde`) (at in → KSTREAM-KEY-SELECT-0000000001)",
        ),
        (
            |b| {
                let rekeyed = text(b).select_key(|_, value| value.clone()).named("by-value");
                rekeyed.repartition().map_values(|_| Order).to_with("out", Produced::new());
            },
            "(at in → by-value → repartition → KSTREAM-MAPVALUES-0000000006)",
        ),
        (
            |b| {
                let table = b.table::<String, String>("table").map_values(|_| Order);
                table.suppress(Suppressed::until_time_limit(Duration::ZERO, BufferConfig::unbounded()));
            },
            "(at table → KTABLE-SOURCE-0000000002 → KTABLE-MAPVALUES-0000000003)",
        ),
        (
            |b| {
                let mut stream = text(b);
                for _ in 0..20 {
                    stream = stream.filter(|_, _| true);
                }
                stream.map_values(|_| Order).to_with("out", Produced::new());
            },
            "(at in → … → KSTREAM-FILTER-0000000016 → KSTREAM-FILTER-0000000017 → ",
        ),
        (
            |b| {
                text(b).filter(|_, _| true).named("twice").filter(|_, _| true).named("twice").to("out");
            },
            "give one of them another name (at in → twice → twice)",
        ),
        (
            |b| {
                text(b).filter(|_, _| true).merge(&text(&StreamsBuilder::new())).to("out");
            },
            "declare both on one (at in → KSTREAM-FILTER-0000000001)",
        ),
        (
            |b| {
                let windows = TimeWindows::of_size_with_no_grace(Duration::from_secs(10));
                let short = Materialized::named("short").with_retention(Duration::from_secs(5));
                text(b).group_by_key().windowed_by(windows).count_with(short);
            },
            "set a longer one (`Materialized::with_retention`), or none (at in)",
        ),
    ];
    for (declare, expected) in cases {
        let builder = StreamsBuilder::new();
        declare(&builder);
        let message = builder.build().err().expect(expected).to_string();
        assert!(message.contains(expected), "{message}\ndoes not say\n{expected}");
    }
}

fn naming(builder: &StreamsBuilder, enforce: &str) -> Result<(), String> {
    let config = StreamsConfig::new("app", "localhost:9092").set("ensure.explicit.internal.resource.naming", enforce);
    builder.build_with(&config).map(drop).map_err(|error| error.to_string())
}

#[test]
fn generated_names_of_stores_and_topics_are_refused_where_that_is_asked_for() {
    let builder = StreamsBuilder::new();
    let rekeyed = text(&builder).select_key(|_, value| value.clone());
    rekeyed.group_by_key().count();
    rekeyed.repartition().to("out");
    rekeyed.group_by_key().count_with(Materialized::named("unlogged").with_logging_disabled());
    // Needs no store, so it needs no name.
    builder.table::<String, String>("table").to_stream().to("out2");
    let message = naming(&builder, "true").unwrap_err();
    for expected in [
        "changelog topics: KSTREAM-AGGREGATE-STATE-STORE-0000000002-changelog;",
        "state stores: KSTREAM-AGGREGATE-STATE-STORE-0000000002;",
        "repartition topics: KSTREAM-AGGREGATE-STATE-STORE-0000000002-repartition, KSTREAM-REPARTITION-0000000007-repartition;",
        "name stores with Materialized::named",
    ] {
        assert!(message.contains(expected), "{message}\ndoes not say\n{expected}");
    }
    assert_eq!(naming(&builder, "false"), Ok(()));
    assert!(naming(&builder, "yes").unwrap_err().contains("is not one of true, false"));

    let builder = StreamsBuilder::new();
    let rekeyed = text(&builder).select_key(|_, value| value.clone());
    rekeyed.group_by_key_with(Grouped::named("by-value")).count_with(Materialized::named("counts"));
    rekeyed.repartition_with(Repartitioned::named("spread")).to("out");
    assert_eq!(naming(&builder, "true"), Ok(()));
}

#[test]
fn unknown_optimizations_are_refused() {
    let builder = StreamsBuilder::new();
    text(&builder).to("out");
    let config = StreamsConfig::new("app", "localhost:9092").set("topology.optimization", "merge.everything");
    let message = builder.build_with(&config).err().unwrap().to_string();
    assert!(message.contains("\"merge.everything\" is no optimization; set none, all, or a list of"), "{message}");
    assert!(config.validate().is_err());
    assert!(config.set("topology.optimization", "all").validate().is_ok());
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
