//! The text of `describe()` of joins, co-groups, processors and tables with and without `topology.optimization=all` equals that of Kafka Streams 4.3.1 for the same
//! declarations: the files in `describe/` were printed by it, those of processors with its `__enable.process.processValue.fix__`.

#[path = "common/described.rs"]
mod described;
#[path = "common/pass.rs"]
mod pass;

use described::check_optimized;
use pass::Pass;
use std::time::Duration;
use streams_dsl::windows::{JoinWindows, TimeWindows};
use streams_dsl::{Grouped, KGroupedStream, KStream, KTable, Materialized, StreamJoined, StreamsBuilder};

type Text = KStream<String, String>;

fn stream(builder: &StreamsBuilder, topic: &str) -> Text {
    builder.stream(topic)
}

fn table(builder: &StreamsBuilder, topic: &str) -> KTable<String, String> {
    builder.table(topic)
}

fn rekeyed(builder: &StreamsBuilder, topic: &str) -> Text {
    stream(builder, topic).select_key(|_, value| value.clone())
}

fn mapped(builder: &StreamsBuilder, topic: &str) -> Text {
    stream(builder, topic).map(|_, value| (value.clone(), value))
}

fn both(left: String, right: String) -> String {
    left + &right
}

fn count(stream: &Text, topic: &str) {
    stream.group_by_key().count().to_stream().to(topic);
}

fn sum(stream: &Text, topic: &str) {
    stream.group_by_key().reduce(both).to_stream().to(topic);
}

fn windows() -> JoinWindows {
    JoinWindows::of_time_difference_with_no_grace(Duration::from_secs(10))
}

fn join(left: &Text, right: &Text) -> Text {
    left.join(right, |left, right| format!("{left}{right}"), windows())
}

fn left_join(left: &Text, right: &Text) -> Text {
    left.left_join(right, |left, right| format!("{left}{right:?}"), windows())
}

fn outer_join(left: &Text, right: &Text) -> Text {
    left.outer_join(right, |left, right| format!("{left:?}{right:?}"), windows())
}

fn join_with(left: &Text, right: &Text, joined: StreamJoined<String, String, String>) -> Text {
    left.join_with(right, |left, right| format!("{left}{right}"), windows(), joined)
}

#[test]
fn joins_of_streams_share_the_topic_of_their_keys() {
    check_optimized("optimize_stream_joins", |b| {
        let keyed = rekeyed(b, "in");
        join(&keyed, &stream(b, "other")).to("joined");
        count(&keyed, "counts");
    });
    check_optimized("optimize_stream_joins_outer", |b| {
        let keyed = mapped(b, "in");
        left_join(&keyed, &stream(b, "other")).to("left");
        outer_join(&stream(b, "third"), &keyed.filter(|_, _| true)).to("outer");
        keyed.left_join_table(&table(b, "one"), |left, _: Option<String>| left).to("out1");
    });
    check_optimized("optimize_join_results_rekeyed", |b| {
        let keyed = join(&stream(b, "in"), &stream(b, "other")).select_key(|_, value| value.clone());
        count(&keyed, "counts");
        sum(&keyed, "sums");
    });
    check_optimized("optimize_join_results", |b| {
        let joined = join(&rekeyed(b, "in"), &stream(b, "other"));
        count(&joined, "counts");
        sum(&joined, "sums");
    });
}

#[test]
fn joins_of_a_stream_with_itself_have_one_store() {
    check_optimized("optimize_self_join", |b| {
        let stream = stream(b, "in");
        join(&stream, &stream).to("out");
    });
    check_optimized("optimize_self_join_left", |b| {
        let stream = stream(b, "in");
        left_join(&stream, &stream).to("out");
    });
    check_optimized("optimize_self_join_outer", |b| {
        let stream = stream(b, "in");
        outer_join(&stream, &stream).to("out");
    });
    check_optimized("optimize_self_join_named", |b| {
        let stream = stream(b, "in");
        join_with(&stream, &stream, StreamJoined::named("pairs").with_store_name("pairs-store")).to("out");
    });
    check_optimized("optimize_self_join_of_sources", |b| drop(join(&stream(b, "in"), &stream(b, "in")).to("out")));
    check_optimized("optimize_self_join_below_a_step", |b| {
        let filtered = stream(b, "in").filter(|_, _| true);
        join(&filtered, &filtered).to("out");
        filtered.to("filtered");
    });
    check_optimized("optimize_self_join_of_a_part", |b| {
        let stream = stream(b, "in");
        join(&stream, &stream.filter(|_, _| true)).to("out");
    });
    check_optimized("optimize_self_join_twice", |b| {
        let stream = stream(b, "in");
        join(&join(&stream, &stream), &stream).to("out");
    });
    check_optimized("optimize_self_join_of_three", |b| {
        let stream = stream(b, "in");
        let pairs = join(&stream, &stream);
        join(&pairs, &pairs).to("out");
    });
}

#[test]
fn joins_of_a_stream_with_itself_by_new_keys() {
    check_optimized("optimize_self_join_rekeyed", |b| {
        let keyed = rekeyed(b, "in");
        join(&keyed, &keyed).to("out");
    });
    check_optimized("optimize_self_join_rekeyed_named", |b| {
        let keyed = rekeyed(b, "in");
        join_with(&keyed, &keyed, StreamJoined::named("pairs")).to("out");
    });
    check_optimized("optimize_self_join_rekeyed_counted", |b| {
        let keyed = rekeyed(b, "in");
        join(&keyed, &keyed).to("out");
        count(&keyed, "counts");
    });
}

#[test]
fn joins_by_foreign_key() {
    check_optimized("optimize_foreign_keys", |b| {
        let left = table(b, "left");
        left.join_on_foreign_key(&table(b, "right"), |_, row| row.clone(), both).to_stream().to("out");
        left.group_by(|_, value| (value.clone(), value)).count().to_stream().to("counts");
    });
    check_optimized("optimize_foreign_keys_rekeyed", |b| {
        let keyed = rekeyed(b, "in");
        let rows = keyed.to_table();
        let maybe = |left: String, right: Option<String>| left + &right.unwrap_or_default();
        rows.left_join_on_foreign_key(&table(b, "right"), |_, row| row.clone(), maybe).to_stream().to("out");
        count(&keyed, "counts");
    });
    check_optimized("optimize_foreign_keys_of_one_table", |b| {
        let rows = table(b, "in");
        let joined = rows.join_on_foreign_key(&rows, |_, row| row.clone(), both).to_stream();
        let keyed = joined.select_key(|_, value| value.clone().unwrap_or_default());
        keyed.group_by_key().count().to_stream().to("counts");
        keyed.group_by_key().reduce(|one, _| one).to_stream().to("sums");
    });
}

fn grouped(stream: &Text, name: &str) -> KGroupedStream<String, String> {
    stream.group_by_key_with(Grouped::named(name))
}

fn add(_: &String, value: String, aggregate: String) -> String {
    aggregate + &value
}

#[test]
fn co_groups() {
    check_optimized("optimize_cogroups", |b| {
        let keyed = rekeyed(b, "in");
        let streams = grouped(&keyed, "one").cogroup(add).cogroup(&stream(b, "other").group_by_key(), add);
        streams.aggregate(String::new).to_stream().to("out");
        count(&keyed, "counts");
    });
    check_optimized("optimize_cogroups_of_rekeyed", |b| {
        let (keyed, other) = (rekeyed(b, "in"), mapped(b, "other"));
        let streams = grouped(&keyed.filter(|_, _| true), "one").cogroup(add).cogroup(&grouped(&other, "two"), add);
        streams.windowed_by(TimeWindows::of_size_with_no_grace(Duration::from_secs(10))).aggregate(String::new);
        grouped(&other, "three").count().to_stream().to("counts");
    });
    check_optimized("optimize_cogroups_of_one_stream", |b| {
        let keyed = rekeyed(b, "in");
        let again = grouped(&keyed.filter(|_, _| true), "two");
        let streams = grouped(&keyed, "one").cogroup(add).cogroup(&again, add);
        streams.aggregate_with(String::new, Materialized::named("both")).to_stream().to("out");
    });
    check_optimized("optimize_cogroups_of_mergers", |b| {
        let keyed = rekeyed(b, "one").merge(&rekeyed(b, "two"));
        grouped(&keyed, "one").cogroup(add).aggregate(String::new).to_stream().to("out");
        count(&keyed, "counts");
    });
}

#[test]
fn processors_may_change_keys_or_values() {
    check_optimized("optimize_processors", |b| {
        let keyed = stream(b, "in").process(|| Pass, ());
        count(&keyed, "counts");
        sum(&keyed, "sums");
    });
    check_optimized("optimize_processors_of_values", |b| {
        let keyed = rekeyed(b, "in");
        count(&keyed.process_values(|| Pass, ()), "counts");
        sum(&keyed, "sums");
    });
    check_optimized("optimize_processor_below_new_keys", |b| {
        let keyed = rekeyed(b, "in");
        count(&keyed.process(|| Pass, ()), "counts");
        sum(&keyed, "sums");
    });
}

#[test]
fn tables() {
    check_optimized("optimize_table_joins", |b| {
        let left = table(b, "left");
        let either = |left: Option<String>, right: Option<String>| left.or(right).unwrap_or_default();
        let maybe = |left: String, right: Option<String>| left + &right.unwrap_or_default();
        let joined = left.outer_join(&rekeyed(b, "in").to_table(), either);
        joined.left_join_with(&table(b, "right"), maybe, Materialized::named("kept")).to_stream().to("out");
        let same = || |_: &String, row: Option<String>| row;
        left.transform_values_with(same, Materialized::named("transformed")).to_stream().to("out2");
    });
    check_optimized("optimize_global_tables", |b| {
        let global = b.global_table::<String, String>("global");
        let keyed = rekeyed(b, "in");
        count(&keyed.join_global_table(&global, |_, value| value.clone(), both), "counts");
        sum(&keyed, "sums");
    });
}
