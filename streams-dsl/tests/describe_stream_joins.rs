//! Joins of two streams are described as by Kafka Streams 4.3.1 for the same declarations: it printed the files `describe/join_streams*.txt`.

use std::time::Duration;
use streams_dsl::serde::StringSerde;
use streams_dsl::windows::JoinWindows;
use streams_dsl::{KStream, StoreEngine, StreamJoined, StreamsBuilder};

type Text = KStream<String, String>;

/// Builds the topology and compares its description with the golden text.
fn check(name: &str, declare: impl FnOnce(&StreamsBuilder)) {
    let builder = StreamsBuilder::new();
    declare(&builder);
    let path = format!("{}/tests/describe/join_streams{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let expected = std::fs::read_to_string(&path).unwrap();
    let described = builder.build().unwrap().describe();
    assert!(described == expected, "{name}: described as\n{described}\ninstead of\n{expected}");
}

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
    check("", |b| drop(inner(&stream(b, "left"), &stream(b, "right"), joined()).to("out")));
    check("_left", |b| drop(left(&stream(b, "left"), &stream(b, "right"), joined()).to("out")));
    check("_outer", |b| drop(outer(&stream(b, "left"), &stream(b, "right"), joined()).to("out")));
}

#[test]
fn named() {
    let named = || joined().with_name("sales");
    check("_named", |b| drop(inner(&stream(b, "left"), &stream(b, "right"), named()).to("out")));
    check("_left_named", |b| drop(left(&stream(b, "left"), &stream(b, "right"), named()).to("out")));
    check("_outer_named", |b| {
        outer(&stream(b, "left"), &stream(b, "right"), named().with_store_name("kept")).to("out");
    });
    check("_stores", |b| {
        inner(&stream(b, "left"), &stream(b, "right"), joined().with_store_name("kept")).to("out");
        left(&stream(b, "left2"), &stream(b, "right2"), joined().with_store_name("kept2")).to("out2");
    });
    check("_own_stores", |b| {
        let stores = joined().with_this_store("one", StoreEngine::InMemory);
        let stores = stores.with_other_store("two", StoreEngine::InMemory);
        left(&stream(b, "left"), &stream(b, "right"), stores).to("out");
    });
}

#[test]
fn of_streams_whose_keys_have_changed() {
    let by_value = |stream: Text| stream.select_key(|_, value| value.clone());
    let swapped = |stream: Text| stream.map(|key, value| (value, key));
    check("_repartitioned", |b| {
        inner(&by_value(stream(b, "left")), &swapped(stream(b, "right")), joined()).to("out");
    });
    check("_repartitioned_named", |b| {
        outer(&by_value(stream(b, "left")), &swapped(stream(b, "right")), joined().with_name("sales")).to("out");
    });
    check("_repartitioned_right", |b| {
        let same = stream(b, "left").map_values(|value| value);
        left(&same, &by_value(stream(b, "right")).named("by-value"), joined()).to("out");
    });
    check("_repartitioned_twice", |b| {
        let rekeyed = by_value(stream(b, "left"));
        inner(&rekeyed, &stream(b, "right"), joined()).to("out");
        left(&rekeyed, &stream(b, "other"), joined()).to("out2");
    });
}

#[test]
fn among_other_steps() {
    check("_with_itself", |b| {
        let stream = stream(b, "left");
        inner(&stream, &stream, joined()).to("out");
    });
    check("_chain", |b| {
        let first = inner(&stream(b, "a"), &stream(b, "b"), joined());
        let second = left(&first, &stream(b, "c"), joined()).filter(|_, _| true);
        outer(&second, &stream(b, "d").filter(|_, _| true), joined()).to("out");
    });
    check("_then_count", |b| {
        let results = inner(&stream(b, "left"), &stream(b, "right"), joined());
        results.group_by(|_, value| value.clone()).count().to_stream().to("out");
    });
}
