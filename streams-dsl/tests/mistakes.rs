//! What is wrong with a topology is said when it is built, all of it at once, by name.

#[path = "common/pass.rs"]
mod pass;

use pass::Pass;
use std::time::Duration;
use streams_dsl::processor_api::{KeyValueStore, Processor, ProcessorContext, ProcessorResult};
use streams_dsl::test_driver::TopologyTestDriver;
use streams_dsl::windows::{JoinWindows, TimeWindows};
use streams_dsl::{
    AutoOffsetReset, BufferConfig, Consumed, Grouped, KStream, Materialized, Produced, Record, Repartitioned,
    StreamJoined, StreamsBuilder, StreamsConfig, Suppressed, TableJoined, Windowed, serde::StringSerde,
};

/// A type without default serde.
#[derive(Clone)]
struct Order;

/// Asks for a store that is not there.
struct Asks;

impl Processor<String, String, String, String> for Asks {
    fn init(&mut self, context: &mut ProcessorContext<'_, String, String>) -> ProcessorResult {
        context.state_store::<KeyValueStore<String, String>>("missing").map(drop)?;
        Ok(())
    }

    fn process(&mut self, _: &mut ProcessorContext<'_, String, String>, _: Record<String, String>) -> ProcessorResult {
        Ok(())
    }
}

/// What a driver says of a topology that cannot run.
fn failure(builder: &StreamsBuilder) -> String {
    let driver = TopologyTestDriver::new(&builder.build().unwrap());
    let input = driver.create_input_topic::<String, String>("in");
    input.pipe_input("key".to_owned(), "value".to_owned()).unwrap_err().to_string()
}

fn seconds(difference: u64) -> JoinWindows {
    JoinWindows::of_time_difference_with_no_grace(Duration::from_secs(difference))
}

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

/// Each mistake tells the way that its records take, and what to do.
#[test]
fn mistakes_say_where_they_are_and_how_to_repair_them() {
    type Declare = fn(&StreamsBuilder);
    let cases: [(Declare, &str); 15] = [
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
        (
            |b| {
                let windows = seconds(10).at_least_after(Duration::from_secs(11));
                text(b).filter(|_, _| true).join(&text(b), |left, _| left.clone(), windows);
            },
            "set `before` and `after` so that their sum is not negative (at in → KSTREAM-FILTER-0000000001)",
        ),
        (
            |b| {
                let orders = text(b).map_values(|_| Order);
                let joined = StreamJoined::new().with_name("pairs");
                orders.join_with(&text(b), |_, right| right.clone(), seconds(10), joined);
            },
            "join pairs knows no serde for its values of type mistakes::Order; name one in its options (`with_value_serde`) \
             (at in → KSTREAM-MAPVALUES-0000000001)",
        ),
        (
            |b| {
                let kept = || StreamJoined::new().with_store_name("kept");
                text(b).join_with(&text(b), |left, _| left.clone(), seconds(10), kept()).to("one");
                text(b).join_with(&text(b), |left, _| left.clone(), seconds(10), kept()).to("two");
            },
            "two stores are named kept-this-join-store; give one of them another name (at in → KSTREAM-WINDOWED-",
        ),
        (
            |b| {
                let orders = b.table::<String, String>("orders").filter(|_, _| true).map_values(|_| Order);
                orders.join_on_foreign_key_with(
                    &b.table::<String, String>("customers"),
                    |key, _| key.clone(),
                    |_, customer| customer,
                    TableJoined::named("fk"),
                    Materialized::with(StringSerde, StringSerde),
                );
            },
            "name one where that table is declared (`Consumed`, `Materialized`) (at orders → KTABLE-SOURCE-0000000002 → \
             KTABLE-FILTER-0000000003 → KTABLE-MAPVALUES-0000000004)",
        ),
        (
            |b| {
                let keyed = |topic: &str| b.stream::<String, String>(topic).select_key(|_, value| value.clone());
                let add = |_: &String, value: String, sum: String| sum + &value;
                let streams = keyed("one").group_by_key().cogroup(add).cogroup(&keyed("two").group_by_key(), add);
                streams.aggregate(String::new);
            },
            "name them (`Grouped::named`) (at one → KSTREAM-KEY-SELECT-0000000001)",
        ),
        (
            |b| {
                text(b).filter(|_, _| true).process(|| Pass, "missing").to("out");
            },
            "KSTREAM-PROCESSOR-0000000002 uses store missing, which does not exist; add it (`add_state_store`), or name that of a table \
             (`Materialized::named`) (at in → KSTREAM-FILTER-0000000001 → KSTREAM-PROCESSOR-0000000002)",
        ),
        (
            |b| {
                let customers = b.table::<String, String>("customers");
                text(b).join_table(&StreamsBuilder::new().table::<String, String>("orders"), |left, _| left).to("out");
                customers.join(&StreamsBuilder::new().table("orders"), |left: String, _: String| left);
            },
            "declare both on one (at customers → KTABLE-SOURCE-0000000002)",
        ),
        (
            |b| {
                let table = b.table::<String, String>("table");
                text(b).filter(|_, _| true).join_as_of(&table, Duration::ZERO, |value, _| value);
            },
            "keep it in a versioned store (`Materialized::with_history_retention`) (at in → KSTREAM-FILTER-0000000004)",
        ),
    ];
    for (declare, expected) in cases {
        let builder = StreamsBuilder::new();
        declare(&builder);
        let message = builder.build().err().expect(expected).to_string();
        assert!(message.contains(expected), "{message}\ndoes not say\n{expected}");
    }
}

/// What is found on the thread that runs a task says the same.
#[test]
fn a_processor_that_asks_for_an_unknown_store_is_named_with_its_way() {
    let builder = StreamsBuilder::new();
    text(&builder).group_by(|_, value| value.clone()).count_with(Materialized::named("counts"));
    let keyed = text(&builder).select_key(|_, value| value.clone()).repartition_with(Repartitioned::named("spread"));
    keyed.process(|| Asks, ()).to("out");
    let message = failure(&builder);
    for expected in [
        "asks for store missing, which does not exist; the stores are: counts; add it, or ask for one of these",
        "(at in → KSTREAM-KEY-SELECT-0000000007 → spread-repartition-filter → spread-repartition → KSTREAM-PROCESSOR-",
    ] {
        assert!(message.contains(expected), "{message}\ndoes not say\n{expected}");
    }
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
