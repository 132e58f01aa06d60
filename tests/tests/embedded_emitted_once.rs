//! What goes on once and is forgotten then: where a crash lets nothing of the output arrive, the changelog has not forgotten it either.

use std::time::Duration;
use streams_dsl::broker::embedded::Isolation;
use streams_dsl::record::TopicPartition;
use streams_dsl::windows::JoinWindows;
use streams_dsl::{
    BufferConfig, Consumed, Materialized, StreamJoined, StreamsBuilder, StreamsConfig, Suppressed, Topology,
};
use tests::embedded::{Site, wait};

/// A table's changes, 10 ms later.
fn suppressed() -> Topology {
    let builder = StreamsBuilder::new();
    let rows = Materialized::named("rows").with_caching_disabled();
    let table = builder.table_with::<String, String>("left", Consumed::named("left"), rows);
    let later = Suppressed::until_time_limit(Duration::from_millis(10), BufferConfig::unbounded());
    table.suppress(later.with_name("calm")).to_stream().to("out");
    builder.build().unwrap()
}

/// The outer join of two streams, records up to 10 ms apart.
fn joined() -> Topology {
    let builder = StreamsBuilder::new();
    let (left, right) = (builder.stream::<String, String>("left"), builder.stream::<String, String>("right"));
    let windows = JoinWindows::of_time_difference_with_no_grace(Duration::from_millis(10));
    let result = |left: Option<&String>, _: Option<&String>| left.cloned().unwrap_or_default();
    left.outer_join_with(&right, result, windows, StreamJoined::new().with_store_name("kept")).to("out");
    builder.build().unwrap()
}

fn site() -> Site {
    Site::new(&[("left", 1), ("right", 1), ("out", 1)])
}

/// Records without partner are looked for with every record.
fn config(site: &Site, instance: &str) -> StreamsConfig {
    site.config(instance).set("__emit.interval.ms.kstreams.windowed.aggregation__", 0)
}

fn produce(site: &Site, key: &str, timestamp: i64) {
    site.broker.produce("left", 0, Some(key.as_bytes()), Some(b"value"), timestamp).unwrap();
}

/// Keys of the records of a topic, in order, with whether they have a value.
fn records(site: &Site, topic: &str) -> Vec<(String, bool)> {
    let records = site.broker.read_all(topic, Isolation::ReadUncommitted).unwrap();
    let key = |key: Option<&[u8]>| String::from_utf8_lossy(key.unwrap_or_default()).into_owned();
    records.iter().map(|record| (key(record.key.as_deref()), record.value.is_some())).collect()
}

/// Lets the first record be committed, and kills the instance when the second one, by which the first goes on, is being committed: none of the output arrives,
/// and all other topics are written as far as they get. Another instance, without state, goes on.
fn crash(topology: fn() -> Topology, changelog: &str) {
    let site = site();
    let link = site.link();
    let dead = site.start_linked(topology(), config(&site, "one"), &link);
    produce(&site, "a", 100);
    site.drain(&["left", "right"]);
    let kept = site.end(&TopicPartition::new(changelog, 0));
    assert_eq!(kept, 1);
    let marks = link.marks();
    link.stop_records("out");
    produce(&site, "b", 200);
    wait("the second record is being committed", || link.marks() > marks);
    link.set_cut(true);
    assert_eq!(records(&site, "out"), []);
    let next = site.start_with(topology(), config(&site, "two"));
    site.drain(&["left", "right"]);
    assert_eq!(records(&site, "out"), [("a".to_owned(), true)]);
    wait("the changelog forgets it", || records(&site, changelog).iter().any(|(_, has_value)| !has_value));
    // So that the dead one ends.
    link.pass_records();
    link.set_cut(false);
    assert!(next.close());
    drop(dead);
}

#[test]
fn a_suppressed_result_is_not_lost() {
    crash(suppressed, "app-calm-store-changelog");
}

#[test]
fn a_record_without_partner_is_not_lost() {
    crash(joined, "app-kept-outer-shared-join-store-changelog");
}

/// A row that comes and goes between two commits is no business of the changelog.
#[test]
fn records_that_find_their_partner_before_the_commit_are_not_logged_as_waiting() {
    let site = site();
    let config = config(&site, "one").set("commit.interval.ms", 3_600_000);
    let streams = site.start_with(joined(), config);
    produce(&site, "a", 100);
    site.broker.produce("right", 0, Some(b"a"), Some(b"value"), 101).unwrap();
    wait("they are joined", || streams.processed_records() == 2);
    assert!(streams.close());
    assert_eq!(records(&site, "out"), [("a".to_owned(), true)]);
    assert_eq!(records(&site, "app-kept-outer-shared-join-store-changelog"), []);
}
