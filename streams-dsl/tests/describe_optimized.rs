//! The text of `describe()` with and without `topology.optimization=all` equals that of Kafka Streams 4.3.1 for the same declarations: the files in
//! `describe/` were printed by it.

#[path = "common/described.rs"]
mod described;

use described::check_optimized;
use std::time::Duration;
use streams_dsl::serde::StringSerde;
use streams_dsl::windows::{SessionWindows, TimeWindows};
use streams_dsl::{Branched, Consumed, Grouped, KStream, Materialized, StreamsBuilder, StreamsConfig, Topology};

fn stream(builder: &StreamsBuilder, topic: &str) -> KStream<String, String> {
    builder.stream(topic)
}

fn rekeyed(builder: &StreamsBuilder) -> KStream<String, String> {
    stream(builder, "in").select_key(|_, value| value.clone())
}

fn both(left: String, right: String) -> String {
    left + &right
}

fn count(stream: &KStream<String, String>, topic: &str) {
    stream.group_by_key().count().to_stream().to(topic);
}

fn sum(stream: &KStream<String, String>, topic: &str) {
    stream.group_by_key().reduce(both).to_stream().to(topic);
}

#[test]
fn groupings_of_the_same_keys_share_a_topic() {
    check_optimized("optimize_two_groupings", |b| {
        let keyed = rekeyed(b);
        count(&keyed, "counts");
        sum(&keyed, "sums");
    });
    check_optimized("optimize_one_grouping", |b| {
        stream(b, "in").group_by(|_, value| value.clone()).count().to_stream().to("counts");
    });
    check_optimized("optimize_named", |b| {
        let keyed = rekeyed(b);
        let counts = keyed.group_by_key_with(Grouped::named("first")).count_with(Materialized::named("counts"));
        counts.to_stream().to("counts");
        let sums = keyed.group_by_key_with(Grouped::named("second")).reduce_with(both, Materialized::named("sums"));
        sums.to_stream().to("sums");
    });
    check_optimized("optimize_windows", |b| {
        let keyed = rekeyed(b);
        let ten = Duration::from_secs(10);
        keyed.group_by_key().windowed_by(TimeWindows::of_size_with_no_grace(ten)).count();
        keyed.group_by_key().windowed_by(SessionWindows::of_inactivity_gap_with_no_grace(ten)).count();
    });
}

#[test]
fn the_topic_moves_up_past_what_changes_nothing() {
    check_optimized("optimize_above_filters", |b| {
        let keyed = stream(b, "in").map(|_, value| (value.clone(), value));
        count(&keyed.filter(|_, _| true), "counts");
        sum(&keyed.peek(|_, _| {}), "sums");
        keyed.to("rekeyed");
    });
    check_optimized("optimize_below_new_values", |b| {
        let keyed = rekeyed(b);
        count(&keyed.map_values(|value| value), "counts");
        sum(&keyed, "sums");
    });
    check_optimized("optimize_explicit_repartition", |b| count(&rekeyed(b).repartition(), "counts"));
    check_optimized("optimize_rekeyed_twice", |b| {
        let first = rekeyed(b);
        count(&first, "counts");
        let second = first.select_key(|_, value| value.clone());
        count(&second, "counts2");
        sum(&second, "sums2");
    });
}

#[test]
fn the_topic_moves_up_to_a_merger_of_new_keys() {
    check_optimized("optimize_of_merged", |b| {
        let one = stream(b, "one").select_key(|_, value| value.clone());
        let merged = one.merge(&stream(b, "two").select_key(|_, value| value.clone()));
        count(&merged, "counts");
        sum(&merged.filter(|_, _| true), "sums");
    });
    check_optimized("optimize_of_merged_partly", |b| {
        let one = stream(b, "one").select_key(|_, value| value.clone());
        count(&one.merge(&stream(b, "two")), "counts");
    });
}

#[test]
fn joins_and_tables_share_it_too() {
    check_optimized("optimize_joins", |b| {
        let keyed = stream(b, "in").map(|_, value| (value.clone(), value));
        keyed.join_table(&b.table::<String, String>("one"), both).to("out1");
        keyed.left_join_table(&b.table::<String, String>("two"), |left, _: Option<String>| left).to("out2");
        keyed.to_table().to_stream().to("table");
    });
    check_optimized("optimize_tables", |b| {
        let left = b.table::<String, String>("left");
        left.join(&b.table::<String, String>("right"), both).to_stream().to("out");
        left.group_by(|_, value| (value.clone(), value.clone())).count().to_stream().to("counts");
    });
    check_optimized("optimize_a_subgraph_below", |b| {
        let counts = rekeyed(b).group_by_key().count();
        let again = counts.to_stream().map(|key, count| (count.unwrap_or(0).to_string(), key));
        sum(&again, "sums");
        count(&again, "counts");
        stream(b, "other").join_table(&counts, |value, _| value).to("joined");
    });
}

fn optimized(declare: impl FnOnce(&StreamsBuilder)) -> Topology {
    let builder = StreamsBuilder::new();
    declare(&builder);
    let config = StreamsConfig::new("app", "localhost:9092").set("topology.optimization", "merge.repartition.topics");
    builder.build_with(&config).unwrap()
}

/// Kafka Streams does not build these: `Found a null keyChangingChild node`.
#[test]
fn two_groupings_below_the_same_filter_share_a_topic() {
    let topology = optimized(|b| {
        let keyed = rekeyed(b).filter(|_, _| true);
        count(&keyed, "counts");
        sum(&keyed.peek(|_, _| {}), "sums");
    });
    assert_eq!((topology.repartition_topics().len(), topology.subtopologies().len()), (1, 2), "{topology}");
    let topology = optimized(|b| {
        let branches = rekeyed(b)
            .split()
            .named("by-")
            .branch(|_, _| true, Branched::named("one"))
            .default_branch(Branched::named("two"));
        count(&branches["by-one"], "counts");
        sum(&branches["by-two"], "sums");
    });
    assert_eq!((topology.repartition_topics().len(), topology.subtopologies().len()), (1, 2), "{topology}");
}

/// Kafka Streams moves the topic here so that the records of `two` are aggregated where they happen to be, not by the task of their key.
#[test]
fn no_record_passes_by_the_topic() {
    let topology = optimized(|b| {
        let keyed = rekeyed(b);
        count(&keyed, "counts");
        sum(&keyed.merge(&stream(b, "two")), "sums");
    });
    let text = topology.describe();
    assert_eq!(topology.repartition_topics().len(), 2, "{text}");
    let merger = topology.nodes().iter().find(|node| node.name.starts_with("KSTREAM-MERGE")).unwrap();
    let below = merger.children.iter().map(|&child| &topology.nodes()[child].name);
    assert!(below.clone().all(|name| name.starts_with("KSTREAM-FILTER")), "{text}");
}

/// Where records reach the merger on two ways from the step that makes their keys, all of them go through the topic.
#[test]
fn all_ways_from_the_new_keys_lead_through_the_topic() {
    let topology = optimized(|b| {
        let keyed = rekeyed(b);
        let left = keyed.filter(|key, _| key.len() > 3);
        count(&left.merge(&keyed.filter_not(|key, _| key.len() > 3)), "counts");
    });
    let text = topology.describe();
    assert_eq!((topology.repartition_topics().len(), topology.subtopologies().len()), (1, 2), "{text}");
}

/// A topic has the last record of each key, and a versioned table all of them: it needs its changelog.
#[test]
fn a_versioned_table_has_a_changelog_of_its_own() {
    let builder = StreamsBuilder::new();
    let history = Materialized::persistent_versioned_key_value_store("versioned", Duration::from_secs(60));
    builder.table_with::<String, String>("in", Consumed::with(StringSerde, StringSerde), history);
    builder.table_with::<String, String>(
        "other",
        Consumed::with(StringSerde, StringSerde),
        Materialized::named("last"),
    );
    let config = StreamsConfig::new("app", "localhost:9092").set("topology.optimization", "all");
    let topology = builder.build_with(&config).unwrap();
    assert_eq!(topology.source_changelog("versioned"), None);
    assert!(topology.store("versioned").unwrap().logging.is_some());
    assert_eq!(topology.source_changelog("last"), Some("other"));
    assert!(topology.store("last").unwrap().logging.is_none());
}
