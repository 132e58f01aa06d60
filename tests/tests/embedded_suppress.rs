//! Suppression over restarts: what is held back is state like any other, and goes on once.

use std::time::Duration;
use streams_dsl::broker::embedded::Isolation;
use streams_dsl::broker::{Broker, Producer, Properties};
use streams_dsl::record::OutputBatch;
use streams_dsl::{BufferConfig, Consumed, Headers, Materialized, State, StreamsBuilder, Suppressed, Topology};
use tests::embedded::{Site, wait};

const CHANGELOG: &str = "app-calm-store-changelog";

/// What goes on of the table `in`, to `out`.
fn calm(suppressed: Suppressed<String>) -> Topology {
    let builder = StreamsBuilder::new();
    // Without cache each record is a change, and has a place by its own time.
    let table = builder.table_with::<String, String>(
        "in",
        Consumed::named("in"),
        Materialized::named("rows").with_caching_disabled(),
    );
    table.suppress(suppressed.with_name("calm")).to_stream().to("out");
    builder.build().unwrap()
}

/// For 10 ms, in a buffer of any size.
fn for_10_ms() -> Suppressed<String> {
    Suppressed::until_time_limit(Duration::from_millis(10), BufferConfig::unbounded())
}

fn site() -> Site {
    Site::new(&[("in", 1), ("out", 1)])
}

fn produce(site: &Site, records: &[(&str, &str, i64)]) {
    for (key, value, timestamp) in records {
        site.broker.produce("in", 0, Some(key.as_bytes()), Some(value.as_bytes()), *timestamp).unwrap();
    }
}

/// `key=value@timestamp`, with headers after it.
fn output(site: &Site) -> Vec<String> {
    let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or(b"-")).into_owned();
    let records = site.broker.read_all("out", Isolation::ReadCommitted).unwrap();
    let line = |key: Option<&[u8]>, value: Option<&[u8]>, timestamp: i64, headers: &Headers| {
        let headers: String = headers.iter().map(|(name, value)| format!(" {name}={}", text(value))).collect();
        format!("{}={}@{timestamp}{headers}", text(key), text(value))
    };
    records
        .iter()
        .map(|record| line(record.key.as_deref(), record.value.as_deref(), record.timestamp, &record.headers))
        .collect()
}

#[test]
fn what_is_held_survives_a_move_to_another_machine_and_goes_on_once() {
    let site = site();
    produce(&site, &[("a", "1", 100), ("b", "2", 101), ("a", "3", 102)]);
    let streams = site.start(calm(for_10_ms()), "one");
    site.drain(&["in"]);
    assert!(streams.close());
    assert_eq!(output(&site), [""; 0]);
    let streams = site.start(calm(for_10_ms()), "another");
    produce(&site, &[("c", "4", 110)]);
    site.drain(&["in"]);
    assert_eq!(output(&site), ["a=3@102"]);
    assert!(streams.close());
    let streams = site.start(calm(for_10_ms()), "a-third");
    produce(&site, &[("d", "5", 200)]);
    site.drain(&["in"]);
    assert_eq!(output(&site), ["a=3@102", "b=2@101", "c=4@110"]);
    assert!(streams.close());
}

#[test]
fn a_task_that_fails_with_a_full_buffer_has_lost_nothing_when_there_is_room() {
    let site = site();
    let full = BufferConfig::max_records(2).shut_down_when_full();
    let full = Suppressed::until_time_limit(Duration::from_millis(10), full);
    let streams = site.start(calm(full), "one");
    produce(&site, &[("a", "1", 100), ("b", "2", 101)]);
    site.drain(&["in"]);
    // The last does not fit: neither it nor those before it in the same commit count.
    produce(&site, &[("a", "3", 102), ("b", "4", 103), ("c", "5", 104)]);
    assert!(streams.wait_until_ended(Duration::from_secs(20)));
    assert_eq!(streams.state(), State::Error);
    let error = streams.last_error().unwrap();
    assert!(error.contains("calm-store") && error.contains("3 of at most 2 records"), "{error}");
    streams.close();
    let _streams = site.start(calm(for_10_ms()), "one");
    produce(&site, &[("d", "6", 200)]);
    wait("all is given back", || output(&site) == ["a=3@102", "b=4@103", "c=5@104"]);
}

/// Writes a row to the changelog with headers.
fn write_row(site: &Site, key: &str, row: &[u8], version: u8) {
    let mut producer = site.broker.producer(&Properties::new()).unwrap();
    let mut batch = OutputBatch::default();
    let topic = batch.topic_index(CHANGELOG);
    let headers = Headers::default().with("v", Some(&[version]));
    batch.push(topic, 0, 1000, Some(key.as_bytes()), Some(row), headers.as_encoded());
    producer.send(&mut batch).unwrap();
    producer.flush(Duration::from_secs(5)).unwrap();
}

/// What Kafka Streams 4.3.1 wrote for the record `A` at 5 of topic `t`, with headers `h` = 1 and `n` = null.
const ROW: &str = "000000000000000500000000000000000000000174000000000000000200000001680000000131000000016effffffffffffffffffffffff00000001410000000000000005";

fn row() -> Vec<u8> {
    (0..ROW.len()).step_by(2).map(|at| u8::from_str_radix(&ROW[at..at + 2], 16).unwrap()).collect()
}

fn site_with_changelog() -> Site {
    let site = site();
    site.broker.create_topic_with(CHANGELOG, 1, &[("cleanup.policy", "compact")]).unwrap();
    site
}

#[test]
fn what_kafka_streams_held_back_goes_on_from_here() {
    let site = site_with_changelog();
    write_row(&site, "k", &row(), 3);
    let _streams = site.start(calm(for_10_ms()), "one");
    produce(&site, &[("z", "1", 15)]);
    wait("the row goes on", || output(&site) == ["k=A@5 h=1 n=-"]);
}

#[test]
fn rows_of_old_versions_are_refused_with_their_place() {
    let site = site_with_changelog();
    write_row(&site, "k", &row(), 3);
    write_row(&site, "l", &row(), 2);
    let streams = site.make(calm(for_10_ms()), site.config("one"));
    assert!(streams.wait_until_ended(Duration::from_secs(20)));
    let error = streams.last_error().unwrap();
    assert!(error.contains("app-calm-store-changelog-0") && error.contains("offset 1"), "{error}");
    assert!(error.contains("version 2"), "{error}");
}

#[test]
fn with_an_idle_timeout_all_goes_on_though_the_input_has_ended() {
    let site = site();
    let suppressed = Suppressed::until_time_limit(Duration::from_millis(80), BufferConfig::unbounded());
    let _streams = site.start(calm(suppressed.with_idle_timeout(Duration::from_millis(100))), "one");
    produce(&site, &[("a", "1", 100), ("b", "2", 150), ("a", "3", 160)]);
    wait("all goes on", || output(&site) == ["a=3@160", "b=2@150"]);
}

#[test]
fn what_was_held_at_a_restart_goes_on_after_the_idle_timeout_too() {
    let site = site();
    produce(&site, &[("a", "1", 100)]);
    let streams = site.start(calm(for_10_ms()), "one");
    site.drain(&["in"]);
    assert!(streams.close());
    let _streams = site.start(calm(for_10_ms().with_idle_timeout(Duration::from_millis(20))), "two");
    wait("it goes on", || output(&site) == ["a=1@100"]);
}
