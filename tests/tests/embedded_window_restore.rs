//! Window and session stores restored from their changelogs, from those of Kafka Streams in Java too.

use kafka_client::group::{CommitOffsets, CommittedOffset, MemberIdentity};
use std::time::Duration;
use streams_core::task::OffsetMetadata;
use streams_dsl::broker::embedded::{EmbeddedBroker, Isolation};
use streams_dsl::broker::{Admin, Broker, Properties};
use streams_dsl::record::TopicPartition;
use streams_dsl::serde::{OptionSerde, StringSerde};
use streams_dsl::windows::TimeWindows;
use streams_dsl::{KafkaStreams, Materialized, State, StoreEngine, StreamsBuilder, Topology};
use tests::embedded::{STORE, Site, written_sessions};

const CHANGELOG: &str = "app-counts-changelog";
const MINUTE: i64 = 60_000;
const TIMEOUT: Duration = Duration::from_secs(5);
const ENGINES: [StoreEngine; 2] = [StoreEngine::RocksDb, StoreEngine::InMemory];

/// Counts per minute, kept for three minutes in segments of a minute and a half.
fn counts(engine: StoreEngine) -> Topology {
    let builder = StreamsBuilder::new();
    let materialized = Materialized::named(STORE).with_store_type(engine);
    builder
        .stream::<String, String>("in")
        .group_by_key()
        .windowed_by(TimeWindows::of_size_with_no_grace(Duration::from_secs(60)))
        .count_with(materialized.with_retention(Duration::from_secs(180)));
    builder.build().unwrap()
}

/// One record of each of ten keys in each of the minutes.
fn produce(site: &Site, minutes: std::ops::Range<i64>) {
    for minute in minutes {
        for number in 0..10 {
            let (key, time) = (format!("key{number}"), minute * MINUTE + number);
            site.broker.produce("in", 0, Some(key.as_bytes()), Some(b"x"), time).unwrap();
        }
    }
}

/// All windows as `key@start..end value timestamp`, in the order of the store.
fn windows<V: std::fmt::Debug + 'static>(streams: &KafkaStreams<EmbeddedBroker>) -> Vec<String> {
    let view = streams.window_store::<String, V>(STORE).unwrap();
    let rows = view.all().unwrap().with_timestamps().map(Result::unwrap);
    rows.map(|(key, value, time)| format!("{}@{}..{} {value:?} {time}", key.key, key.start(), key.end())).collect()
}

fn counted(streams: &KafkaStreams<EmbeddedBroker>) -> Vec<String> {
    windows::<i64>(streams)
}

fn delete_changelog_below(site: &Site, offset: i64) {
    let admin = site.broker.admin(&Properties::new()).unwrap();
    admin.delete_records(&[(TopicPartition::new(CHANGELOG, 0), offset)], TIMEOUT).unwrap();
}

fn end(site: &Site) -> i64 {
    site.end(&TopicPartition::new(CHANGELOG, 0))
}

#[test]
fn the_changelog_of_windows_has_kafka_streams_name_and_configuration() {
    let site = Site::new(&[("in", 1)]);
    let _streams = site.start(counts(StoreEngine::RocksDb), "one");
    let admin = site.broker.admin(&Properties::new()).unwrap();
    let config = admin.topic_config(CHANGELOG, TIMEOUT).unwrap();
    let has = |key: &str| config.get(key).map(String::as_str);
    assert_eq!(has("cleanup.policy"), Some("compact,delete"));
    assert_eq!(has("message.timestamp.type"), Some("CreateTime"));
    // Three minutes, and a day.
    assert_eq!(has("retention.ms"), Some("86580000"));
    let site = Site::new(&[("in", 1)]);
    let config = site.config("one").set("windowstore.changelog.additional.retention.ms", 1);
    let _streams = site.start_with(written_sessions(StoreEngine::RocksDb, 180_000), config);
    let admin = site.broker.admin(&Properties::new()).unwrap();
    let config = admin.topic_config(CHANGELOG, TIMEOUT).unwrap();
    assert_eq!(config.get("cleanup.policy").map(String::as_str), Some("compact,delete"));
    assert_eq!(config.get("retention.ms").map(String::as_str), Some("180001"));
}

#[test]
fn living_windows_are_restored_where_the_state_is_gone_and_expired_ones_are_not() {
    for engine in ENGINES {
        let site = Site::new(&[("in", 1)]);
        let streams = site.start(counts(engine), "one");
        produce(&site, 0..12);
        produce(&site, 11..12);
        site.drain(&["in"]);
        let before = counted(&streams);
        // Later than 11 minutes less three: three windows, in two segments. The third segment still has one that is hidden.
        assert_eq!(before.len(), 30);
        assert!(before.contains(&"key3@660000..720000 2 660003".to_owned()), "{before:?}");
        assert!(streams.close());
        std::fs::remove_dir_all(site.state_dir("one")).unwrap();
        let logged = site.broker.read_all(CHANGELOG, Isolation::ReadUncommitted).unwrap().len() as u64;
        assert!(logged >= 120, "{logged}");
        let streams = site.start(counts(engine), "one");
        assert_eq!(streams.restored_records(), logged);
        assert_eq!(counted(&streams), before);
        let view = streams.window_store::<String, i64>(STORE).unwrap();
        let key = "key3".to_owned();
        assert_eq!(view.fetch(&key, 0).unwrap(), None);
        assert_eq!(view.fetch(&key, 8 * MINUTE).unwrap(), None);
        assert_eq!(view.fetch(&key, 9 * MINUTE).unwrap(), Some(1));
        // Counting goes on, and what has expired stays so.
        produce(&site, 11..12);
        produce(&site, 0..1);
        site.drain(&["in"]);
        assert_eq!(view.fetch(&key, 11 * MINUTE).unwrap(), Some(3));
        assert_eq!(counted(&streams).len(), 30);
    }
}

#[test]
fn windows_that_are_counted_again_go_on_from_what_they_were() {
    for engine in ENGINES {
        for lost in [false, true] {
            let site = Site::new(&[("in", 1)]);
            let streams = site.start(counts(engine), "one");
            produce(&site, 0..2);
            site.drain(&["in"]);
            assert!(streams.close());
            // A commit that died half way: of what it had done, only windows far ahead are in the changelog, and no offset.
            let ahead = [b"key0".as_slice(), &(20 * MINUTE).to_be_bytes(), &0_i32.to_be_bytes()].concat();
            site.broker.produce(CHANGELOG, 0, Some(&ahead), Some(&1_i64.to_be_bytes()), 20 * MINUTE).unwrap();
            if lost {
                std::fs::remove_dir_all(site.state_dir("one")).unwrap();
            }
            let streams = site.start(counts(engine), "one");
            produce(&site, 1..2);
            site.drain(&["in"]);
            let view = streams.window_store::<String, i64>(STORE).unwrap();
            assert_eq!(view.fetch(&"key3".to_owned(), MINUTE).unwrap(), Some(2), "{engine:?}, lost: {lost}");
            produce(&site, 20..21);
            site.drain(&["in"]);
            assert_eq!(view.fetch(&"key0".to_owned(), 20 * MINUTE).unwrap(), Some(2));
            assert_eq!(view.fetch(&"key3".to_owned(), MINUTE).unwrap(), None, "it has expired now");
        }
    }
}

#[test]
fn sessions_are_restored_without_those_that_were_deleted() {
    for engine in ENGINES {
        let site = Site::new(&[("in", 1)]);
        let topology = || written_sessions(engine, 180_000);
        let streams = site.start(topology(), "one");
        let rows =
            ["0..1000=1", "0..100000=2", "0..1000", "150000..150000=3", "0..300000=4", "250000..250000=5", "0..300000"];
        for row in rows {
            site.broker.produce("in", 0, Some(b"a"), Some(row.as_bytes()), 300_000).unwrap();
            // Each is a record of the changelog.
            site.drain(&["in"]);
        }
        let sessions = |streams: &KafkaStreams<_>| -> Vec<String> {
            let view = streams.session_store::<String, i64>(STORE).unwrap();
            let rows = view.fetch_range(None, None).unwrap().map(Result::unwrap);
            rows.map(|(key, value)| format!("{key} {value}")).collect()
        };
        let expected = ["[a@150000/150000] 3", "[a@250000/250000] 5"];
        assert_eq!(sessions(&streams), expected);
        assert!(streams.close());
        let streams = site.start(topology(), "another");
        assert_eq!(streams.restored_records(), rows.len() as u64);
        assert_eq!(sessions(&streams), expected);
    }
}

#[test]
fn a_store_below_the_start_of_its_changelog_becomes_what_others_restore() {
    let site = Site::new(&[("in", 1)]);
    let streams = site.start(counts(StoreEngine::RocksDb), "one");
    produce(&site, 0..2);
    site.drain(&["in"]);
    assert!(streams.close());
    let stored = end(&site);
    let streams = site.start(counts(StoreEngine::RocksDb), "two");
    // The windows of the second minute are updated; that update is lost, as is the only record of the first minute's.
    produce(&site, 1..2);
    site.drain(&["in"]);
    let lost = end(&site);
    produce(&site, 2..3);
    site.drain(&["in"]);
    assert_eq!(counted(&streams).len(), 30);
    assert!(streams.close());
    delete_changelog_below(&site, lost);
    assert!(stored < lost);
    let streams = site.start(counts(StoreEngine::RocksDb), "one");
    let rebuilt = counted(&streams);
    assert_eq!(streams.restored_records(), 10);
    assert!(streams.close());
    let fresh = site.start(counts(StoreEngine::RocksDb), "three");
    assert_eq!(counted(&fresh), rebuilt);
    assert_eq!(rebuilt.len(), 10);
}

#[test]
fn a_store_at_rest_is_whole_though_all_of_its_changelog_is_deleted() {
    let site = Site::new(&[("in", 1)]);
    let streams = site.start(counts(StoreEngine::RocksDb), "one");
    produce(&site, 0..2);
    site.drain(&["in"]);
    let before = counted(&streams);
    assert_eq!(before.len(), 20);
    assert!(streams.close());
    delete_changelog_below(&site, end(&site));
    assert_eq!(site.broker.read_all(CHANGELOG, Isolation::ReadUncommitted).unwrap().len(), 0);
    let streams = site.start(counts(StoreEngine::RocksDb), "one");
    assert_eq!((streams.restored_records(), counted(&streams)), (0, before));
    produce(&site, 1..2);
    site.drain(&["in"]);
    let view = streams.window_store::<String, i64>(STORE).unwrap();
    assert_eq!(view.fetch(&"key3".to_owned(), MINUTE).unwrap(), Some(2));
}

#[test]
fn a_changelog_of_another_store_is_refused() {
    let site = Site::new(&[("in", 1)]);
    site.broker.create_topic_with(CHANGELOG, 1, &[("cleanup.policy", "compact,delete")]).unwrap();
    site.broker.produce(CHANGELOG, 0, Some(b"short"), Some(&1i64.to_be_bytes()), 1000).unwrap();
    let streams = site.make(counts(StoreEngine::RocksDb), site.config("one"));
    assert!(streams.wait_until_ended(Duration::from_secs(20)));
    assert_eq!(streams.state(), State::Error);
    let error = streams.last_error().unwrap();
    assert!(error.contains("changelog of store `counts`") && error.contains("too short for a window"), "{error}");
}

/// Commits the start of the input, as processed up to this stream time.
fn commit(site: &Site, stream_time: i64) {
    let metadata = OffsetMetadata { partition_time: stream_time, ..OffsetMetadata::default() }.encode();
    let offset = CommittedOffset { topic: "in".to_owned(), partition: 0, offset: 0, leader_epoch: None, metadata };
    let member = MemberIdentity {
        group_id: "app".to_owned(),
        generation: -1,
        member_id: String::new(),
        group_instance_id: None,
    };
    let (answer, answered) = std::sync::mpsc::channel();
    let coordinator = site.broker.group_coordinator(&Properties::new()).unwrap();
    let request = CommitOffsets { member, offsets: vec![offset] };
    coordinator.commit_offsets(request, Box::new(move |result| answer.send(result).unwrap()));
    answered.recv_timeout(TIMEOUT).unwrap().unwrap();
}

/// What Kafka Streams has appended to a changelog, put into ours, and committed; and the rows that its store had in the end.
fn java_changelog(site: &Site, case: &str) -> Vec<String> {
    site.broker.create_topic_with(CHANGELOG, 1, &[("cleanup.policy", "compact,delete")]).unwrap();
    let lines = case.lines().filter_map(|line| line.trim_start().strip_prefix("> "));
    let mut stored = Vec::new();
    let mut stream_time = -1;
    for line in lines {
        if let Some(row) = line.strip_prefix("stored ") {
            stored.push(row.to_owned());
        } else if let Some(record) = line.strip_prefix("logged ") {
            let [key, value, timestamp] = record.split(' ').collect::<Vec<_>>().try_into().unwrap();
            let value = (value != "-").then(|| bytes(value));
            let timestamp = timestamp.parse().unwrap();
            stream_time = stream_time.max(timestamp);
            site.broker.produce(CHANGELOG, 0, Some(&bytes(key)), value.as_deref(), timestamp).unwrap();
        }
    }
    assert!(!stored.is_empty());
    commit(site, stream_time);
    stored
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn a_changelog_of_windows_that_java_wrote_is_restored_to_javas_rows() {
    for engine in ENGINES {
        let site = Site::new(&[("in", 1)]);
        let case = include_str!("../../streams-dsl/tests/changelog/cases/changelog-tumbling-count.case");
        let expected = java_changelog(&site, case);
        let streams = site.start(counts(engine), "one");
        assert_eq!(counted(&streams), expected);
        // The application goes on where the one in Java stopped.
        site.broker.produce("in", 0, Some(b"b"), Some(b"x"), 430_000).unwrap();
        site.drain(&["in"]);
        assert_eq!(counted(&streams).last().unwrap(), "b@420000..480000 2 430000");
    }
}

#[test]
fn a_changelog_of_overlapping_windows_that_java_wrote_is_restored_to_javas_rows() {
    let site = Site::new(&[("in", 1)]);
    let case = include_str!("../../streams-dsl/tests/changelog/cases/changelog-hopping-aggregate.case");
    let expected = java_changelog(&site, case);
    let builder = StreamsBuilder::new();
    let materialized = Materialized::<String, Option<String>>::named(STORE)
        .with_value_serde(OptionSerde::new(StringSerde))
        .with_retention(Duration::from_secs(240));
    let windows = TimeWindows::of_size_and_grace(Duration::from_secs(60), Duration::from_secs(60));
    builder
        .stream::<String, String>("in")
        .group_by_key()
        .windowed_by(windows.advance_by(Duration::from_secs(20)))
        .aggregate_with(|| None, |_, _, aggregate| aggregate, materialized);
    let streams = site.start(builder.build().unwrap(), "one");
    let rows = self::windows::<Option<String>>(&streams);
    let rows: Vec<_> = rows.iter().map(|row| row.replace("Some(\"", "").replace("\")", "")).collect();
    assert_eq!(rows, expected);
}

#[test]
fn a_changelog_of_sessions_that_java_wrote_is_restored_to_javas_rows() {
    for engine in ENGINES {
        let site = Site::new(&[("in", 1)]);
        let case = include_str!("../../streams-dsl/tests/changelog/cases/changelog-session-count.case");
        let expected = java_changelog(&site, case);
        let streams = site.start(written_sessions(engine, 180_000), "one");
        let view = streams.session_store::<String, i64>(STORE).unwrap();
        let rows = view.fetch_range(None, None).unwrap().map(Result::unwrap);
        let rows: Vec<_> =
            rows.map(|(key, count)| format!("{}@{}..{} {count}", key.key, key.start(), key.end())).collect();
        assert_eq!(rows, expected);
    }
}
