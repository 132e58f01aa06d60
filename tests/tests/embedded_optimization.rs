//! Applications with `topology.optimization`: tables that are restored from the topic they are read from, and repartition topics that are one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;
use streams_dsl::broker::embedded::Isolation;
use streams_dsl::broker::{Admin, Broker, Properties};
use streams_dsl::record::TopicPartition;
use streams_dsl::windows::JoinWindows;
use streams_dsl::{KafkaStreams, Materialized, StreamsBuilder, StreamsConfig, Topology};
use tests::embedded::{STORE, Site, counts_of, wait};

const TABLE: &str = "table";

fn optimized(site: &Site) -> StreamsConfig {
    site.config("one").set("topology.optimization", "all")
}

/// How many keys of a table have each value. A row that is counted with a former value other than the true one spoils the counts for good.
fn keys_by_value(site: &Site, in_memory: bool) -> Topology {
    let builder = StreamsBuilder::new();
    let kept = Materialized::named(TABLE);
    let kept = if in_memory { kept.in_memory() } else { kept };
    let table = builder.table_with::<String, String>("in", text(), kept);
    table.group_by(|key, value| (value.clone(), key.clone())).count_with(Materialized::named(STORE));
    builder.build_with(&optimized(site)).unwrap()
}

fn text() -> streams_dsl::Consumed<String, String> {
    use streams_dsl::serde::StringSerde;
    streams_dsl::Consumed::new().with_key_serde(StringSerde).with_value_serde(StringSerde)
}

fn produce(site: &Site, rows: &[(&str, Option<&str>)]) {
    for (key, value) in rows {
        site.broker.produce("in", 0, Some(key.as_bytes()), value.map(str::as_bytes), 1000).unwrap();
    }
}

fn topics(site: &Site) -> Vec<(String, i32)> {
    let admin = site.broker.admin(&Properties::new()).unwrap();
    let topics = admin.describe_topics(None, Duration::from_secs(1)).unwrap();
    topics.into_iter().map(|topic| (topic.name, topic.partitions)).collect()
}

fn expect_counts<B: Broker>(streams: &KafkaStreams<B>, expected: &[(&str, i64)]) {
    let expected: BTreeMap<String, i64> = expected.iter().map(|(value, count)| ((*value).to_owned(), *count)).collect();
    wait("the counts are as expected", || {
        counts_of(streams).is_ok_and(|counts| counts.into_iter().eq(expected.clone()))
    });
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

const FIRST: &[(&str, Option<&str>)] = &[("a", Some("red")), ("b", Some("red")), ("c", Some("blue"))];
const SECOND: &[(&str, Option<&str>)] = &[("a", Some("blue")), ("b", None), ("d", Some("blue"))];
const THIRD: &[(&str, Option<&str>)] = &[("a", Some("red")), ("b", Some("blue")), ("c", None), ("d", Some("green"))];

/// Runs the application on `rows` and ends it.
fn run(site: &Site, in_memory: bool, rows: &[(&str, Option<&str>)]) -> u64 {
    let streams = site.start_with(keys_by_value(site, in_memory), optimized(site));
    produce(site, rows);
    site.drain(&["in"]);
    let restored = streams.restored_records();
    assert!(streams.close());
    restored
}

/// As after a kill between the commit of the offsets and the write of the rows: the store is behind its input by a commit.
#[test]
fn a_store_that_is_behind_the_committed_offset_is_restored_up_to_it() {
    let site = Site::new(&[("in", 1)]);
    run(&site, false, FIRST);
    let (task, before) = (site.task_dir("one", "0_0"), site.state_dir("before"));
    copy(&task, &before);
    run(&site, false, SECOND);
    fs::remove_dir_all(&task).unwrap();
    copy(&before, &task);
    // These are beyond the committed offset: they are to be processed, not restored.
    produce(&site, THIRD);
    let streams = site.start_with(keys_by_value(&site, false), optimized(&site));
    site.drain(&["in"]);
    expect_counts(&streams, &[("blue", 1), ("green", 1), ("red", 1)]);
    assert_eq!(streams.restored_records(), SECOND.len() as u64);
    assert!(!topics(&site).iter().any(|(name, _)| name == "app-table-changelog"), "{:?}", topics(&site));
}

#[test]
fn a_lost_store_is_restored_from_the_input_up_to_the_committed_offset() {
    for in_memory in [false, true] {
        let site = Site::new(&[("in", 1)]);
        assert_eq!(run(&site, in_memory, FIRST), 0);
        if !in_memory {
            assert_eq!(run(&site, in_memory, SECOND), 0, "the state is at hand");
            fs::remove_dir_all(site.task_dir("one", "0_0")).unwrap();
        } else {
            assert_eq!(run(&site, in_memory, SECOND), FIRST.len() as u64);
        }
        produce(&site, THIRD);
        let streams = site.start_with(keys_by_value(&site, in_memory), optimized(&site));
        site.drain(&["in"]);
        expect_counts(&streams, &[("blue", 1), ("green", 1), ("red", 1)]);
        assert_eq!(streams.restored_records(), (FIRST.len() + SECOND.len()) as u64);
    }
}

/// Nothing is committed yet: all of the input is processed, none of it restored.
#[test]
fn what_was_never_committed_is_not_restored() {
    let site = Site::new(&[("in", 1)]);
    produce(&site, FIRST);
    let streams = site.start_with(keys_by_value(&site, false), optimized(&site));
    site.drain(&["in"]);
    expect_counts(&streams, &[("blue", 1), ("red", 2)]);
    assert_eq!(streams.restored_records(), 0);
}

/// One topic stands for those of a join and an aggregation: it has as many partitions as the table that is joined.
#[test]
fn a_merged_topic_is_partitioned_like_the_table_it_is_joined_with() {
    let site = Site::new(&[("in", 1), ("names", 3), ("out", 1)]);
    let builder = StreamsBuilder::new();
    let keyed = builder.stream_with("in", text()).select_key(|_, value: &String| value.clone());
    keyed.join_table(&builder.table::<String, String>("names"), |value, name| value + &name).to("out");
    keyed.group_by_key().count_with(Materialized::named(STORE));
    let topology = builder.build_with(&optimized(&site)).unwrap();
    let streams = site.start_with(topology, optimized(&site));
    let rows: Vec<_> = ["x", "y", "z", "x"].map(|value| ("k", Some(value))).into();
    produce(&site, &rows);
    site.drain(&["in"]);
    expect_counts(&streams, &[("x", 2), ("y", 1), ("z", 1)]);
    let repartition: Vec<_> = topics(&site).into_iter().filter(|(name, _)| name.ends_with("-repartition")).collect();
    assert_eq!(repartition.len(), 1, "{repartition:?}");
    assert_eq!(repartition[0].1, 3, "{repartition:?}");
    assert_eq!(site.end(&TopicPartition::new("in", 0)), 4);
}

/// Pairs of records of the same value.
fn pairs(site: &Site) -> Topology {
    let builder = StreamsBuilder::new();
    let keyed = builder.stream_with("in", text()).select_key(|_, value: &String| value.clone());
    // The key of the input is lost, so the values say which records they are.
    let numbered = keyed.map(|key, value| (key[..1].to_owned(), value));
    let windows = JoinWindows::of_time_difference_with_no_grace(Duration::from_secs(60));
    numbered.join(&numbered, |left, right| format!("{left}{right}"), windows).to("out");
    builder.build_with(&optimized(site)).unwrap()
}

fn rows_of(values: &[&'static str]) -> Vec<(&'static str, Option<&'static str>)> {
    values.iter().map(|&value| ("k", Some(value))).collect()
}

/// How often each pair was written.
fn written_pairs(site: &Site) -> BTreeMap<String, usize> {
    let mut pairs = BTreeMap::new();
    for record in site.broker.read_all("out", Isolation::ReadCommitted).unwrap() {
        *pairs.entry(String::from_utf8(record.value.unwrap().to_vec()).unwrap()).or_default() += 1;
    }
    pairs
}

/// What a stream that is joined with itself remembers is in one store and one changelog; lost, it is restored from there.
#[test]
fn a_stream_that_is_joined_with_itself_remembers_its_records_once() {
    let site = Site::new(&[("in", 1), ("out", 1)]);
    let streams = site.start_with(pairs(&site), optimized(&site));
    produce(&site, &rows_of(&["a1", "b1", "a2"]));
    wait("the first pairs are written", || written_pairs(&site).len() == 5);
    assert!(streams.close());
    let task = ["0_0", "1_0"].map(|task| site.task_dir("one", task));
    task.iter().filter(|task| task.exists()).for_each(|task| fs::remove_dir_all(task).unwrap());
    let streams = site.start_with(pairs(&site), optimized(&site));
    produce(&site, &rows_of(&["a3", "b2"]));
    wait("all pairs are written", || written_pairs(&site).len() == 13);
    assert_eq!(streams.restored_records(), 3);
    assert!(streams.close());
    let mut expected = BTreeMap::new();
    for group in [&["a1", "a2", "a3"][..], &["b1", "b2"]] {
        expected.extend(group.iter().flat_map(|left| group.iter().map(move |right| (format!("{left}{right}"), 1))));
    }
    assert_eq!(written_pairs(&site), expected);
    let changelogs = topics(&site).into_iter().filter(|(name, _)| name.ends_with("-changelog"));
    assert_eq!(changelogs.count(), 1);
}
