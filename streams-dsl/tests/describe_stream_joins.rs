//! Joins of two streams are described as by Kafka Streams 4.3.1 for the same declarations: it printed the files `describe/join_streams*.txt`.

#[path = "common/described.rs"]
mod described;

use described::check;
use std::time::Duration;
use streams_dsl::serde::StringSerde;
use streams_dsl::windows::JoinWindows;
use streams_dsl::{KStream, StoreEngine, StreamJoined, StreamsBuilder};

type Text = KStream<String, String>;

fn stream(builder: &StreamsBuilder, topic: &str) -> Text {
    builder.stream(topic)
}

fn windows() -> JoinWindows {
    JoinWindows::of_time_difference_with_no_grace(Duration::from_secs(300))
}

fn joined() -> StreamJoined<String, String, String> {
    StreamJoined::with(StringSerde, StringSerde, StringSerde)
}

fn inner(left: &Text, right: &Text, joined: StreamJoined<String, String, String>) -> Text {
    left.join_with(right, |left, right| format!("{left}{right}"), windows(), joined)
}

fn left(left: &Text, right: &Text, joined: StreamJoined<String, String, String>) -> Text {
    left.left_join_with(right, |left, right| format!("{left}{right:?}"), windows(), joined)
}

fn outer(left: &Text, right: &Text, joined: StreamJoined<String, String, String>) -> Text {
    left.outer_join_with(right, |left, right| format!("{left:?}{right:?}"), windows(), joined)
}

#[test]
fn of_each_kind() {
    check("join_streams", |b| drop(inner(&stream(b, "left"), &stream(b, "right"), joined()).to("out")));
    check("join_streams_left", |b| drop(left(&stream(b, "left"), &stream(b, "right"), joined()).to("out")));
    check("join_streams_outer", |b| drop(outer(&stream(b, "left"), &stream(b, "right"), joined()).to("out")));
}

#[test]
fn named() {
    let named = || joined().with_name("sales");
    check("join_streams_named", |b| drop(inner(&stream(b, "left"), &stream(b, "right"), named()).to("out")));
    check("join_streams_left_named", |b| drop(left(&stream(b, "left"), &stream(b, "right"), named()).to("out")));
    check("join_streams_outer_named", |b| {
        outer(&stream(b, "left"), &stream(b, "right"), named().with_store_name("kept")).to("out");
    });
    check("join_streams_stores", |b| {
        inner(&stream(b, "left"), &stream(b, "right"), joined().with_store_name("kept")).to("out");
        left(&stream(b, "left2"), &stream(b, "right2"), joined().with_store_name("kept2")).to("out2");
    });
    check("join_streams_own_stores", |b| {
        let stores = joined().with_this_store("one", StoreEngine::InMemory);
        let stores = stores.with_other_store("two", StoreEngine::InMemory);
        left(&stream(b, "left"), &stream(b, "right"), stores).to("out");
    });
}

#[test]
fn of_streams_whose_keys_have_changed() {
    let by_value = |stream: Text| stream.select_key(|_, value| value.clone());
    let swapped = |stream: Text| stream.map(|key, value| (value, key));
    check("join_streams_repartitioned", |b| {
        inner(&by_value(stream(b, "left")), &swapped(stream(b, "right")), joined()).to("out");
    });
    check("join_streams_repartitioned_named", |b| {
        outer(&by_value(stream(b, "left")), &swapped(stream(b, "right")), joined().with_name("sales")).to("out");
    });
    check("join_streams_repartitioned_right", |b| {
        let same = stream(b, "left").map_values(|value| value);
        left(&same, &by_value(stream(b, "right")).named("by-value"), joined()).to("out");
    });
    check("join_streams_repartitioned_twice", |b| {
        let rekeyed = by_value(stream(b, "left"));
        inner(&rekeyed, &stream(b, "right"), joined()).to("out");
        left(&rekeyed, &stream(b, "other"), joined()).to("out2");
    });
}

#[test]
fn among_other_steps() {
    check("join_streams_with_itself", |b| {
        let stream = stream(b, "left");
        inner(&stream, &stream, joined()).to("out");
    });
    check("join_streams_chain", |b| {
        let first = inner(&stream(b, "a"), &stream(b, "b"), joined());
        let second = left(&first, &stream(b, "c"), joined()).filter(|_, _| true);
        outer(&second, &stream(b, "d").filter(|_, _| true), joined()).to("out");
    });
    check("join_streams_then_count", |b| {
        let results = inner(&stream(b, "left"), &stream(b, "right"), joined());
        results.group_by(|_, value| value.clone()).count().to_stream().to("out");
    });
}
