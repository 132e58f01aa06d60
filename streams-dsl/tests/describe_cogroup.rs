//! The text of `describe()` of co-grouped streams and of transformed tables equals that of Kafka Streams 4.3.1 for the same declarations: the files
//! in `describe/` were printed by it.

#[path = "common/described.rs"]
mod described;

use described::check;
use std::time::Duration;
use streams_dsl::windows::{SessionWindows, SlidingWindows, TimeWindows};
use streams_dsl::*;

type Streams = CogroupedKStream<String, String>;

const TEN: Duration = Duration::from_millis(10);

fn grouped(builder: &StreamsBuilder, topic: &str) -> KGroupedStream<String, String> {
    builder.stream(topic).group_by_key()
}

fn rekeyed(builder: &StreamsBuilder, topic: &str) -> KGroupedStream<String, String> {
    builder.stream::<String, String>(topic).group_by(|_, value| value.clone())
}

fn rekeyed_by(builder: &StreamsBuilder, topic: &str, name: &str) -> KGroupedStream<String, String> {
    builder.stream::<String, String>(topic).group_by_with(|_, value| value.clone(), Grouped::named(name))
}

fn add(_: &String, value: String, aggregate: String) -> String {
    aggregate + &value
}

fn two(builder: &StreamsBuilder) -> Streams {
    grouped(builder, "one").cogroup(add).cogroup(&grouped(builder, "two"), add)
}

fn to_out<K: Data + serde::DefaultSerde>(table: &KTable<K, String>) {
    table.to_stream().to("out");
}

#[test]
fn streams_as_they_are() {
    check("cogroup_one", |b| to_out(&grouped(b, "one").cogroup(add).aggregate(String::new)));
    check("cogroup_two", |b| to_out(&two(b).aggregate(String::new)));
    check("cogroup_three_kept_named", |b| {
        let three = two(b).cogroup(&grouped(b, "three"), add);
        to_out(&three.aggregate_with(String::new, Materialized::named("sums")).named("all"));
    });
    check("cogroup_same_topic", |b| {
        let stream = b.stream::<String, String>("in");
        let streams = stream.group_by_key().cogroup(add).cogroup(&stream.filter(|_, _| true).group_by_key(), add);
        to_out(&streams.aggregate(String::new));
    });
    check("cogroup_join", |b| {
        let sums = two(b).aggregate(String::new);
        to_out(&sums.join(&b.table("three"), |one: String, other: String| one + &other));
    });
}

#[test]
fn streams_with_other_keys() {
    let one_and = |b: &StreamsBuilder| grouped(b, "one").cogroup(add).cogroup(&rekeyed(b, "two"), add);
    check("cogroup_rekeyed", |b| to_out(&one_and(b).aggregate(String::new)));
    check("cogroup_rekeyed_kept", |b| {
        to_out(&one_and(b).aggregate_with(String::new, Materialized::named("sums")));
    });
    check("cogroup_rekeyed_all_named", |b| {
        let streams = rekeyed_by(b, "one", "by-one").cogroup(add).cogroup(&rekeyed_by(b, "two", "by-two"), add);
        to_out(&streams.aggregate(String::new));
    });
    check("cogroup_twice", |b| {
        let streams = one_and(b);
        to_out(&streams.aggregate(String::new));
        let windowed = streams.windowed_by(TimeWindows::of_size_with_no_grace(TEN)).aggregate(String::new);
        windowed.to_stream_with_key(|key, _| key.key.clone()).to("windowed");
    });
}

#[test]
fn windows() {
    check("cogroup_sliding_named", |b| {
        let windowed = two(b).windowed_by(SlidingWindows::of_time_difference_with_no_grace(TEN));
        let recent = windowed.aggregate(String::new).named("recent");
        recent.to_stream_with_key(|key, _| key.key.clone()).to("out");
    });
    check("cogroup_sessions", |b| {
        let streams = rekeyed_by(b, "one", "by-one").cogroup(add).cogroup(&grouped(b, "two"), add);
        let sessions = streams.windowed_by(SessionWindows::of_inactivity_gap_with_no_grace(TEN));
        let merge = |_: &String, one: String, other: String| one + &other;
        let visits = sessions.aggregate_with(String::new, merge, Materialized::named("visits"));
        visits.to_stream_with_key(|key, _| key.key.clone()).to("out");
    });
}

#[test]
fn transformed_tables() {
    let same = || |_: &String, row: Option<String>| row;
    check("transform_table", |b| to_out(&b.table::<String, String>("in").transform_values(same)));
    check("transform_table_kept_unnamed", |b| {
        to_out(&b.table::<String, String>("in").transform_values_with(same, Materialized::new()));
    });
    check("transform_table_kept_named", |b| {
        let rows = b.table::<String, String>("in").transform_values_with(same, Materialized::named("rows"));
        to_out(&rows.named("transformed"));
    });
    check("transform_table_joined", |b| {
        let rows = b.table::<String, String>("in").transform_values(same);
        to_out(&rows.join(&b.table("other"), |one: String, other: String| one + &other));
    });
}

fn refused(declare: impl FnOnce(&StreamsBuilder)) -> String {
    let builder = StreamsBuilder::new();
    declare(&builder);
    builder.build().err().unwrap().to_string()
}

#[test]
fn what_cannot_be() {
    let error = refused(|b| {
        let streams = rekeyed(b, "one").cogroup(add).cogroup(&rekeyed(b, "two"), add);
        to_out(&streams.aggregate_with(String::new, Materialized::named("sums")));
    });
    assert!(error.contains("co-grouping sums repartitions several streams whose groupings have no names"), "{error}");
    let error = refused(|b| {
        let other = StreamsBuilder::new();
        to_out(&grouped(b, "one").cogroup(add).cogroup(&grouped(&other, "two"), add).aggregate(String::new));
    });
    assert!(error.contains("co-grouping brings together streams of two builders"), "{error}");
    let error = refused(|b| {
        let windows = TimeWindows::of_size_with_no_grace(TEN);
        let sums = Materialized::named("sums").with_retention(Duration::from_millis(9));
        let windowed = two(b).windowed_by(windows).aggregate_with(String::new, sums);
        windowed.to_stream_with_key(|key, _| key.key.clone()).to("out");
    });
    assert!(error.contains("a retention of 9 ms is less than windows and their grace need"), "{error}");
}
