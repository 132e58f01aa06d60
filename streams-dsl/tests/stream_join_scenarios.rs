//! What joins of two streams are for, each told as its users would.

#[path = "common/mod.rs"]
mod common;

use common::run;
use std::time::Duration;
use streams_dsl::windows::JoinWindows;
use streams_dsl::{KStream, StreamJoined, StreamsBuilder};

type Text = KStream<String, String>;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn stream(builder: &StreamsBuilder, topic: &str) -> Text {
    builder.stream(topic)
}

/// A purchase belongs to a view of the same user up to five minutes before it.
fn up_to_5_minutes_later() -> JoinWindows {
    JoinWindows::of_time_difference_with_no_grace(5 * MINUTE).before(Duration::ZERO)
}

#[test]
fn a_purchase_within_five_minutes_after_a_view_is_a_sale_by_that_view() {
    let sales = run(
        |b| {
            let sale = |view: &String, purchase: &String| format!("{purchase} after {view}");
            stream(b, "views").join(&stream(b, "purchases"), sale, up_to_5_minutes_later()).to("out");
        },
        &[
            "views ann=shoes@0",
            "purchases bob=hat@60000",
            "purchases ann=sneakers@299999",
            "views ann=socks@300000",
            "purchases ann=boots@300000",
            "purchases ann=sandals@300001",
            // A view after the purchase sold nothing.
            "views bob=hat@300002",
        ],
    );
    let expected = [
        "ann=sneakers after shoes@299999",
        "ann=boots after shoes@300000",
        "ann=boots after socks@300000",
        "ann=sandals after socks@300001",
    ];
    assert_eq!(sales, expected);
}

#[test]
fn rides_are_matched_with_drivers_within_a_minute_whoever_comes_first() {
    let matches = run(
        |b| {
            let within_a_minute = JoinWindows::of_time_difference_with_no_grace(MINUTE);
            let matched = |ride: &String, driver: &String| format!("{ride} by {driver}");
            stream(b, "rides").join(&stream(b, "drivers"), matched, within_a_minute).to("out");
        },
        &[
            "rides center=to the station@10000",
            "drivers center=dora@40000",
            "drivers north=nils@50000",
            "rides north=to the airport@110000",
            "rides center=home@100001",
            "drivers center=carl@170002",
        ],
    );
    assert_eq!(matches, ["center=to the station by dora@40000", "north=to the airport by nils@110000"]);
}

#[test]
fn every_view_is_told_with_or_without_a_purchase() {
    let told = run(
        |b| {
            let tell = |view: &String, purchase: Option<&String>| match purchase {
                Some(purchase) => format!("{view}, bought {purchase}"),
                None => format!("{view}, bought nothing"),
            };
            stream(b, "views").left_join(&stream(b, "purchases"), tell, up_to_5_minutes_later()).to("out");
        },
        &[
            "views ann=shoes@0",
            "views bob=hat@1000",
            "purchases ann=sneakers@2000",
            // Nobody knows yet whether Bob buys.
            "views cid=ball@301000",
            "views dan=book@301001",
            "purchases cid=ball@302000",
        ],
    );
    let expected = ["ann=shoes, bought sneakers@2000", "bob=hat, bought nothing@1000", "cid=ball, bought ball@302000"];
    assert_eq!(told, expected);
}

#[test]
fn an_impression_without_click_is_told_once_its_window_and_grace_are_over() {
    let clicks = run(
        |b| {
            // Impressions have the ad as key, clicks are told by user: both are brought together by the ad.
            let impressions = stream(b, "impressions");
            let clicks = stream(b, "clicks").map(|user, ad| (ad, user));
            let windows = JoinWindows::of_time_difference_and_grace(10 * SECOND, 5 * SECOND).before(Duration::ZERO);
            let clicked = |page: &String, user: Option<&String>| match user {
                Some(user) => format!("on {page} by {user}"),
                None => format!("on {page} by nobody"),
            };
            impressions.left_join_with(&clicks, clicked, windows, StreamJoined::named("clicked")).to("out");
        },
        &[
            "impressions ad-1=news@0",
            "impressions ad-2=sports@1000",
            "impressions ad-3=news@14000",
            // Four seconds late, within the grace.
            "clicks ann=ad-1@10000",
            "impressions ad-4=news@16001",
        ],
    );
    assert_eq!(clicks, ["ad-1=on news by ann@10000", "ad-2=on sports by nobody@1000"]);
}

#[test]
fn samples_of_cpu_and_memory_are_told_together_or_alone() {
    let samples = run(
        |b| {
            let windows = JoinWindows::of_time_difference_with_no_grace(5 * SECOND);
            let sample = |cpu: Option<&String>, memory: Option<&String>| {
                let text = |value: Option<&String>| value.map_or("?", String::as_str).to_owned();
                format!("cpu {} memory {}", text(cpu), text(memory))
            };
            stream(b, "cpu").outer_join(&stream(b, "memory"), sample, windows).to("out");
        },
        &[
            "cpu host-1=70@1000",
            "memory host-1=512@3000",
            "cpu host-2=20@4000",
            "memory host-3=256@5000",
            "memory host-2=128@9001",
            "cpu host-1=75@10002",
            "cpu host-1=80@20000",
        ],
    );
    let expected = [
        "host-1=cpu 70 memory 512@3000",
        "host-2=cpu 20 memory ?@4000",
        "host-3=cpu ? memory 256@5000",
        "host-2=cpu ? memory 128@9001",
        "host-1=cpu 75 memory ?@10002",
    ];
    assert_eq!(samples, expected);
}

#[test]
fn a_stream_meets_itself() {
    let pairs = run(
        |b| {
            let logins = stream(b, "logins");
            let windows = JoinWindows::of_time_difference_with_no_grace(SECOND).before(Duration::ZERO);
            let pair = |one: &String, other: &String| format!("{one} {other}");
            let others = |_: &String, pair: &String| pair.split_once(' ').is_some_and(|(one, other)| one != other);
            logins.join(&logins, pair, windows).filter(others).to("out");
        },
        &["logins ann=berlin@0", "logins ann=boston@900", "logins ann=berlin@1900", "logins bob=rome@1900"],
    );
    assert_eq!(pairs, ["ann=berlin boston@900", "ann=boston berlin@1900"]);
}

#[test]
fn a_function_that_fails_drops_its_record_and_no_other() {
    use std::sync::Arc;
    use streams_dsl::LogAndContinue;
    use streams_dsl::test_driver::TestDriverConfig;

    let mut config = TestDriverConfig::default();
    config.settings.processing_handler = Arc::new(LogAndContinue);
    let results = common::run_with(
        config,
        |b| {
            let windows = JoinWindows::of_time_difference_with_no_grace(SECOND);
            let checked = |_: &String, left: &String, right: Option<&String>| match left.as_str() {
                "bad" => Err("a bad record"),
                left => Ok(format!("{left} {right:?}")),
            };
            stream(b, "left").try_left_join(&stream(b, "right"), checked, windows, StreamJoined::named("j")).to("out");
        },
        &[
            "left a=bad@0",
            "left b=good@0",
            // The record that lets the bad one go on is dropped with it; the next one finds the others.
            "left c=good@5000",
            "left d=good@6000",
            "right d=1@6000",
            "left c=good@9000",
        ],
    );
    let expected = ["b=good None@0", "d=good Some(\"1\")@6000", "dropped: 1"];
    assert_eq!(results, expected);
}

#[test]
fn what_cannot_be_is_told_when_it_is_built() {
    let text = |error: streams_dsl::StreamsError| error.to_string();
    let join = |left: &Text, right: &Text, windows| left.join(right, |left, right| left.clone() + right, windows);
    let builder = StreamsBuilder::new();
    let windows = JoinWindows::of_time_difference_with_no_grace(SECOND);
    join(&stream(&builder, "left"), &stream(&builder, "right"), windows.clone().at_least_after(MINUTE)).to("out");
    let error = text(builder.build().err().unwrap());
    assert!(error.contains("KSTREAM-MERGE-0000000006: the window of a join ends before it starts"), "{error}");

    let (builder, other) = (StreamsBuilder::new(), StreamsBuilder::new());
    join(&stream(&builder, "left"), &stream(&other, "right"), windows.clone()).to("out");
    let error = text(builder.build().err().unwrap());
    assert!(error.contains("a join brings together streams of two builders"), "{error}");

    let builder = StreamsBuilder::new();
    let right = stream(&builder, "right").map_values(|value| value.len());
    let joined = StreamJoined::new().with_name("sizes");
    stream(&builder, "left").join_with(&right, |left, size| format!("{left}{size}"), windows.clone(), joined).to("out");
    let error = text(builder.build().err().unwrap());
    assert!(error.contains("join sizes") && error.contains("with_other_value_serde"), "{error}");

    // Stores have names of their own.
    let builder = StreamsBuilder::new();
    for _ in 0..2 {
        let joined = StreamJoined::named("sales").with_store_name("kept");
        let (left, right) = (stream(&builder, "left"), stream(&builder, "right"));
        left.join_with(&right, |left, right| left.clone() + right, windows.clone(), joined);
    }
    let error = text(builder.build().err().unwrap());
    assert!(error.contains("sales") || error.contains("kept"), "{error}");
}
