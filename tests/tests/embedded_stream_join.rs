//! Joins of two streams over restarts: what waits for a partner, and what is remembered for one, is state like any other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use streams_dsl::broker::embedded::Isolation;
use streams_dsl::broker::{Admin, Broker, Properties};
use streams_dsl::windows::JoinWindows;
use streams_dsl::{StoreEngine, StreamJoined, StreamsBuilder, StreamsConfig, Topology};
use tests::embedded::{Site, wait};

const THIS: &str = "app-kept-outer-this-join-store-changelog";
const OTHER: &str = "app-kept-outer-other-join-store-changelog";
const SHARED: &str = "app-kept-outer-shared-join-store-changelog";
const ENGINES: [StoreEngine; 2] = [StoreEngine::RocksDb, StoreEngine::InMemory];

/// The outer join of `left` and `right`, records up to 10 ms apart, to `out`.
fn joined(engine: StoreEngine) -> Topology {
    let builder = StreamsBuilder::new();
    let (left, right) = (builder.stream::<String, String>("left"), builder.stream::<String, String>("right"));
    let windows = JoinWindows::of_time_difference_with_no_grace(Duration::from_millis(10));
    let text = |value: Option<&String>| value.map_or("-", String::as_str).to_owned();
    let result = move |left: Option<&String>, right: Option<&String>| format!("{}+{}", text(left), text(right));
    let joined = StreamJoined::new().with_store_name("kept").with_store_type(engine);
    left.outer_join_with(&right, result, windows, joined).to("out");
    builder.build().unwrap()
}

fn site() -> Site {
    Site::new(&[("left", 1), ("right", 1), ("out", 1)])
}

/// Records without partner are looked for with every record.
fn config(site: &Site, instance: &str) -> StreamsConfig {
    site.config(instance).set("__emit.interval.ms.kstreams.windowed.aggregation__", 0)
}

/// Lines `topic key=value@timestamp`.
fn produce(site: &Site, lines: &[&str]) {
    for line in lines {
        let (topic, record) = line.split_once(' ').unwrap();
        let (pair, timestamp) = record.rsplit_once('@').unwrap();
        let (key, value) = pair.split_once('=').unwrap();
        let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
        site.broker.produce(topic, 0, key, value, timestamp.parse().unwrap()).unwrap();
    }
}

/// `key=value@timestamp`.
fn output(site: &Site) -> Vec<String> {
    let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or(b"-")).into_owned();
    let records = site.broker.read_all("out", Isolation::ReadCommitted).unwrap();
    let line =
        |key: Option<&[u8]>, value: Option<&[u8]>, timestamp: i64| format!("{}={}@{timestamp}", text(key), text(value));
    records.iter().map(|record| line(record.key.as_deref(), record.value.as_deref(), record.timestamp)).collect()
}

fn drain(site: &Site) {
    site.drain(&["left", "right"]);
}

#[test]
fn what_waits_for_a_partner_finds_it_after_a_restart_or_goes_on_alone_once() {
    for engine in ENGINES {
        for moves in [false, true] {
            let (site, place) =
                (site(), |number: i32| if moves { format!("machine-{number}") } else { "one".to_owned() });
            let streams = site.start_with(joined(engine), config(&site, &place(1)));
            produce(&site, &["left a=1@10", "left b=2@11", "right c=3@12"]);
            drain(&site);
            assert!(streams.close());
            assert_eq!(output(&site), [""; 0]);

            let streams = site.start_with(joined(engine), config(&site, &place(2)));
            produce(&site, &["right a=4@20"]);
            drain(&site);
            assert_eq!(output(&site), ["a=1+4@20"]);
            assert!(streams.close());

            let streams = site.start_with(joined(engine), config(&site, &place(3)));
            // Later than b's last partner by one: of the present record alone the task would not know that anybody waits.
            produce(&site, &["left d=5@22"]);
            drain(&site);
            assert_eq!(output(&site), ["a=1+4@20", "b=2+-@11"], "{engine:?}, moves: {moves}");
            produce(&site, &["left e=6@100"]);
            drain(&site);
            assert!(streams.close());

            let streams = site.start_with(joined(engine), config(&site, &place(4)));
            produce(&site, &["right e=7@200"]);
            drain(&site);
            let expected = ["a=1+4@20", "b=2+-@11", "c=-+3@12", "d=5+-@22", "e=6+-@100"];
            assert_eq!(output(&site), expected, "{engine:?}, moves: {moves}");
            assert!(streams.close());
        }
    }
}

#[test]
fn the_stream_time_of_a_join_survives_a_restart() {
    let site = site();
    let streams = site.start_with(joined(StoreEngine::RocksDb), config(&site, "one"));
    produce(&site, &["left a=1@100"]);
    drain(&site);
    assert!(streams.close());
    let _streams = site.start_with(joined(StoreEngine::RocksDb), config(&site, "two"));
    // Its window has ended: nobody waits.
    produce(&site, &["right b=2@50"]);
    wait("it goes on at once", || output(&site) == ["b=-+2@50"]);
}

#[test]
fn records_of_the_same_time_and_key_are_told_apart_after_a_restart() {
    for engine in ENGINES {
        let site = site();
        for (number, instance) in ["one", "two", "three"].into_iter().enumerate() {
            let streams = site.start_with(joined(engine), config(&site, instance));
            produce(&site, &[&format!("left a={number}@10")]);
            drain(&site);
            assert!(streams.close());
        }
        let _streams = site.start_with(joined(engine), config(&site, "four"));
        produce(&site, &["right a=x@11"]);
        wait("all are joined", || output(&site) == ["a=0+x@11", "a=1+x@11", "a=2+x@11"]);
    }
}

#[test]
fn a_task_that_fails_goes_on_from_its_last_commit_with_all_who_waited_then() {
    let site = site();
    let bad = Arc::new(AtomicBool::new(true));
    let topology = || {
        let builder = StreamsBuilder::new();
        let (left, right) = (builder.stream::<String, String>("left"), builder.stream::<String, String>("right"));
        let windows = JoinWindows::of_time_difference_with_no_grace(Duration::from_millis(10));
        let bad = Arc::clone(&bad);
        let result = move |_: &String, left: &String, right: Option<&String>| match right {
            Some(right) if right == "bad" && bad.load(Ordering::Relaxed) => Err("a bad record"),
            right => Ok(format!("{left}+{}", right.map_or("-", String::as_str))),
        };
        left.try_left_join(&right, result, windows, StreamJoined::named("sales")).to("out");
        builder.build().unwrap()
    };
    let streams = site.start_with(topology(), config(&site, "one"));
    produce(&site, &["left a=1@10", "left b=2@11", "left c=3@12"]);
    drain(&site);
    // The first goes on alone, then the task fails: neither counts.
    produce(&site, &["right b=bad@21"]);
    assert!(streams.wait_until_ended(Duration::from_secs(20)));
    assert!(streams.last_error().unwrap().contains("a bad record"));
    streams.close();
    bad.store(false, Ordering::Relaxed);
    let _streams = site.start_with(topology(), config(&site, "one"));
    wait("the record is processed again", || output(&site) == ["a=1+-@10", "b=2+bad@21"]);
    produce(&site, &["left z=4@100"]);
    wait("the last goes on", || output(&site) == ["a=1+-@10", "b=2+bad@21", "c=3+-@12"]);
}

#[test]
fn what_kafka_streams_kept_is_joined_here() {
    let site = site();
    for (topic, policy) in [(THIS, "delete"), (OTHER, "delete"), (SHARED, "compact")] {
        site.broker.create_topic_with(topic, 1, &[("cleanup.policy", policy)]).unwrap();
    }
    // As in `stream-join-changelog-outer.case`: two left records of one key and time that wait, and a right one.
    let write = |topic: &str, key: &[u8], value: &[u8], time: i64| {
        site.broker.produce(topic, 0, Some(key), Some(value), time).unwrap();
    };
    write(THIS, b"a\0\0\0\0\0\0\0\x0a\0\0\0\x01", b"1", 10);
    write(THIS, b"a\0\0\0\0\0\0\0\x0a\0\0\0\x02", b"2", 10);
    write(SHARED, b"\0\0\0\0\0\0\0\x0a\x01a", b"\x01\0\0\0\x02\0\0\0\x02\x011\0\0\0\x02\x012", 10);
    write(OTHER, b"b\0\0\0\0\0\0\0\x0d\0\0\0\x01", b"4", 13);
    write(SHARED, b"\0\0\0\0\0\0\0\x0d\0b", b"\x01\0\0\0\x01\0\0\0\x02\x004", 13);
    let _streams = site.start_with(joined(StoreEngine::RocksDb), config(&site, "one"));
    produce(&site, &["left b=6@14"]);
    drain(&site);
    assert_eq!(output(&site), ["b=6+4@14"]);
    produce(&site, &["left x=7@21"]);
    drain(&site);
    assert_eq!(output(&site), ["b=6+4@14", "a=1+-@10", "a=2+-@10"]);
}

#[test]
fn changelogs_have_kafka_streams_names_and_configurations() {
    let site = site();
    let _streams = site.start_with(joined(StoreEngine::RocksDb), config(&site, "one"));
    let admin = site.broker.admin(&Properties::new()).unwrap();
    // Twice 10 ms, and a day.
    for (topic, policy, retention) in
        [(THIS, "delete", Some("86400020")), (OTHER, "delete", Some("86400020")), (SHARED, "compact", None)]
    {
        let config = admin.topic_config(topic, Duration::from_secs(5)).unwrap();
        assert_eq!(config.get("cleanup.policy").map(String::as_str), Some(policy), "{topic}");
        if let Some(retention) = retention {
            assert_eq!(config.get("retention.ms").map(String::as_str), Some(retention), "{topic}");
        }
    }
}
