//! What stands in the way of restoring state and of starting where the application stopped.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use streams_dsl::broker::embedded::Isolation;
use streams_dsl::broker::{Admin, Broker, Producer, Properties};
use streams_dsl::record::{OutputBatch, TopicPartition};
use streams_dsl::{
    Consumed, KafkaStreams, Materialized, RestoreListener, State, StoreRestore, StreamsBuilder, Topology,
    UncaughtExceptionResponse,
};
use tests::embedded::{Client, STORE, Site, captured_log, counts_of, wait};

const CHANGELOG: &str = "app-counts-changelog";

/// Counts per key, in one subtopology: the changelog has as many partitions as the input.
fn counts() -> Topology {
    counts_of_stream(Consumed::new())
}

fn counts_of_stream(consumed: Consumed<String, String>) -> Topology {
    use streams_dsl::serde::DefaultSerde;
    let consumed = consumed
        .with_key_serde(<String as DefaultSerde>::Serde::default())
        .with_value_serde(<String as DefaultSerde>::Serde::default());
    let builder = StreamsBuilder::new();
    builder.stream_with::<String, String>("in", consumed).group_by_key().count_with(Materialized::named(STORE));
    builder.build().unwrap()
}

fn produce(site: &Site, keys: &[&str]) {
    for key in keys {
        site.broker.produce("in", 0, Some(key.as_bytes()), Some(b"x"), 1000).unwrap();
    }
}

/// Rows as they stand in a changelog of counts.
fn row<'a>(key: &'a str, count: &'a [u8; 8]) -> (Option<&'a [u8]>, Option<&'a [u8]>) {
    (Some(key.as_bytes()), Some(count.as_slice()))
}

fn expect_counts<B: Broker>(streams: &KafkaStreams<B>, expected: &[(&str, i64)]) {
    let expected = expected.iter().map(|(key, count)| ((*key).to_owned(), *count)).collect();
    assert_eq!(counts_of(streams).unwrap(), expected);
}

/// A changelog that holds what transactions have left, as an application with exactly-once writes it.
fn write_in_transaction(site: &Site, rows: &[(&str, i64)], commit: bool) {
    let properties = [("transactional.id", "writer")].into_iter().collect::<Properties>();
    let mut producer = site.broker.producer(&properties).unwrap();
    let timeout = Duration::from_secs(1);
    producer.init_transactions(timeout).unwrap();
    producer.begin_transaction().unwrap();
    let mut batch = OutputBatch::default();
    let topic = batch.topic_index(CHANGELOG);
    for (key, count) in rows {
        batch.push(topic, 0, 1000, Some(key.as_bytes()), Some(&count.to_be_bytes()), &[]);
    }
    producer.send(&mut batch).unwrap();
    if commit {
        producer.commit_transaction(timeout).unwrap();
    } else {
        producer.abort_transaction(timeout).unwrap();
    }
}

fn changelog(site: &Site, config: &[(&str, &str)]) {
    site.broker.create_topic_with(CHANGELOG, 1, config).unwrap();
}

fn compacted(site: &Site) {
    changelog(site, &[("cleanup.policy", "compact")]);
}

#[test]
fn restoring_ends_where_the_last_offset_of_the_changelog_is_a_transaction_marker() {
    let site = Site::new(&[("in", 1)]);
    compacted(&site);
    write_in_transaction(&site, &[("a", 5), ("b", 7)], true);
    let streams = site.start(counts(), "one");
    expect_counts(&streams, &[("a", 5), ("b", 7)]);
    assert_eq!(streams.restored_records(), 2);
}

#[test]
fn restoring_ends_where_the_last_record_was_compacted_away() {
    let site = Site::new(&[("in", 1)]);
    compacted(&site);
    let one = 1i64.to_be_bytes();
    for (key, value) in [row("a", &one), row("b", &one), (Some(b"b"), None)] {
        site.broker.produce(CHANGELOG, 0, key, value, 1000).unwrap();
    }
    // Twice: the second pass takes the tombstone, and with it the last record.
    site.broker.compact(CHANGELOG).unwrap();
    site.broker.compact(CHANGELOG).unwrap();
    assert_eq!(site.broker.read_all(CHANGELOG, Isolation::ReadUncommitted).unwrap().len(), 1);
    assert_eq!(site.end(&TopicPartition::new(CHANGELOG, 0)), 3);
    let streams = site.start(counts(), "one");
    expect_counts(&streams, &[("a", 1)]);
}

#[test]
fn changelogs_of_no_record_and_of_one_are_restored_exactly() {
    for records in 0..=1 {
        let site = Site::new(&[("in", 1)]);
        compacted(&site);
        let one = 1i64.to_be_bytes();
        for _ in 0..records {
            let (key, value) = row("a", &one);
            site.broker.produce(CHANGELOG, 0, key, value, 1000).unwrap();
        }
        let streams = site.start(counts(), "one");
        expect_counts(&streams, if records == 0 { &[] } else { &[("a", 1)] });
        assert_eq!(streams.restored_records(), records);
        produce(&site, &["a"]);
        site.drain(&["in"]);
        expect_counts(&streams, &[("a", 1 + records as i64)]);
        assert!(streams.close());
        // Again with the state at hand: nothing is to be restored.
        let streams = site.start(counts(), "one");
        assert_eq!(streams.restored_records(), 0);
        expect_counts(&streams, &[("a", 1 + records as i64)]);
    }
}

#[test]
fn a_changelog_that_starts_above_offset_zero_is_restored() {
    let site = Site::new(&[("in", 1)]);
    changelog(&site, &[("cleanup.policy", "compact,delete")]);
    let numbers = [1i64, 2, 3].map(i64::to_be_bytes);
    for (key, number) in ["a", "b", "c"].iter().zip(&numbers) {
        let (key, value) = row(key, number);
        site.broker.produce(CHANGELOG, 0, key, value, 1000).unwrap();
    }
    let admin = site.broker.admin(&Properties::new()).unwrap();
    admin.delete_records(&[(TopicPartition::new(CHANGELOG, 0), 2)], Duration::from_secs(1)).unwrap();
    let streams = site.start(counts(), "one");
    expect_counts(&streams, &[("c", 3)]);
}

#[test]
fn a_changelog_whose_records_were_all_deleted_is_restored_to_nothing() {
    let site = Site::new(&[("in", 1)]);
    changelog(&site, &[("cleanup.policy", "compact,delete")]);
    let one = 1i64.to_be_bytes();
    let (key, value) = row("a", &one);
    site.broker.produce(CHANGELOG, 0, key, value, 1000).unwrap();
    let admin = site.broker.admin(&Properties::new()).unwrap();
    admin.delete_records(&[(TopicPartition::new(CHANGELOG, 0), 1)], Duration::from_secs(1)).unwrap();
    expect_counts(&site.start(counts(), "one"), &[]);
}

#[test]
fn the_state_is_restored_whole_whatever_the_reset_policy_of_the_users() {
    let site = Site::new(&[("in", 1)]);
    produce(&site, &["a", "b", "a"]);
    let streams = site.start(counts(), "one");
    site.drain(&["in"]);
    assert!(streams.close());
    let mut config = site.config("another");
    for prefix in ["", "consumer.", "main.consumer.", "restore.consumer."] {
        config = config.set(format!("{prefix}auto.offset.reset"), "latest");
    }
    let link = site.link();
    let streams = site.start_linked(counts(), config, &link);
    expect_counts(&streams, &[("a", 2), ("b", 1)]);
    assert_eq!(streams.restored_records(), 2);
    // No client ever chooses a position by itself.
    let policies: Vec<_> = link
        .clients(Client::Consumer)
        .iter()
        .map(|client| client.get("auto.offset.reset").map(str::to_owned))
        .collect();
    assert!(policies.len() >= 2 && policies.iter().all(|policy| policy.as_deref() == Some("none")), "{policies:?}");
}

/// Processes three records, then has the input deleted beyond the committed offset while the application is stopped, and appends one more.
fn committed_offset_is_gone() -> Site {
    let site = Site::new(&[("in", 1)]);
    produce(&site, &["a", "a", "a"]);
    let streams = site.start(counts(), "one");
    site.drain(&["in"]);
    assert!(streams.close());
    produce(&site, &["lost", "lost", "kept"]);
    let admin = site.broker.admin(&Properties::new()).unwrap();
    admin.delete_records(&[(TopicPartition::new("in", 0), 5)], Duration::from_secs(1)).unwrap();
    site
}

#[test]
fn a_committed_offset_older_than_retention_follows_the_reset_policy_and_says_so() {
    let _ = captured_log();
    let site = committed_offset_is_gone();
    let streams = site.start(counts(), "one");
    site.drain(&["in"]);
    expect_counts(&streams, &[("a", 3), ("kept", 1)]);
    let log = captured_log();
    let said = log.lines().any(|line| line.contains("in-0: offset 3 is out of range"));
    assert!(said, "{log}");
}

#[test]
fn a_committed_offset_older_than_retention_goes_to_the_end_where_the_policy_is_latest() {
    let site = committed_offset_is_gone();
    let config = site.config("one").set("auto.offset.reset", "latest");
    let streams = site.start_with(counts(), config);
    wait("the position is past what there was", || site.is_drained(&["in"]));
    produce(&site, &["new"]);
    site.drain(&["in"]);
    expect_counts(&streams, &[("a", 3), ("new", 1)]);
}

#[test]
fn a_committed_offset_older_than_retention_is_an_error_where_the_policy_is_none() {
    let site = committed_offset_is_gone();
    let streams = site.make(counts(), site.config("one").set("auto.offset.reset", "none"));
    assert!(streams.wait_until_ended(Duration::from_secs(20)));
    assert_eq!(streams.state(), State::Error);
    let error = streams.last_error().unwrap();
    assert!(error.contains("in-0") && error.contains("offset 3") && error.contains("auto.offset.reset"), "{error}");
}

#[test]
fn a_source_has_its_own_reset_policy() {
    use streams_dsl::AutoOffsetReset;
    let site = Site::new(&[("in", 1)]);
    produce(&site, &["before"]);
    let consumed = Consumed::new().with_offset_reset_policy(AutoOffsetReset::Latest);
    let streams = site.start(counts_of_stream(consumed), "one");
    produce(&site, &["after"]);
    site.drain(&["in"]);
    expect_counts(&streams, &[("after", 1)]);
}

#[test]
fn records_deleted_ahead_of_a_running_task_are_passed() {
    let site = Site::new(&[("in", 1)]);
    let link = site.link();
    produce(&site, &["a"]);
    let streams = site.start_linked(counts(), site.config("one").set("session.timeout.ms", 20_000), &link);
    site.drain(&["in"]);
    link.set_cut(true);
    produce(&site, &["lost", "kept"]);
    let admin = site.broker.admin(&Properties::new()).unwrap();
    admin.delete_records(&[(TopicPartition::new("in", 0), 2)], Duration::from_secs(1)).unwrap();
    link.set_cut(false);
    site.drain(&["in"]);
    wait("the count is there", || counts_of(&streams).is_ok_and(|counts| counts.len() == 2));
    expect_counts(&streams, &[("a", 1), ("kept", 1)]);
}

#[test]
fn a_logical_offset_that_was_committed_is_not_computed_with() {
    use kafka_client::group::{CommitOffsets, CommittedOffset, MemberIdentity};
    let _ = captured_log();
    let site = Site::new(&[("in", 1)]);
    produce(&site, &["a", "a"]);
    let coordinator = site.broker.group_coordinator(&Properties::new()).unwrap();
    let member = MemberIdentity {
        group_id: Site::APP.into(),
        generation: -1,
        member_id: String::new(),
        group_instance_id: None,
    };
    let offset = CommittedOffset {
        topic: "in".into(),
        partition: 0,
        offset: -1001,
        leader_epoch: None,
        metadata: String::new(),
    };
    let (sender, receiver) = std::sync::mpsc::channel();
    let request = CommitOffsets { member, offsets: vec![offset] };
    coordinator.commit_offsets(request, Box::new(move |answer| sender.send(answer).unwrap()));
    receiver.recv_timeout(Duration::from_secs(5)).unwrap().unwrap();
    let streams = site.start(counts(), "one");
    site.drain(&["in"]);
    expect_counts(&streams, &[("a", 2)]);
    // Neither asked for at the broker, which would refuse it, nor shown.
    assert!(!captured_log().contains("-1001"));
}

#[test]
fn restoring_is_not_held_up_by_limits_that_are_full_nor_by_tiny_batches() {
    let site = Site::new(&[("in", 1)]);
    let keys: Vec<_> = (0..300).map(|number| format!("key{number:03}")).collect();
    produce(&site, &keys.iter().map(String::as_str).collect::<Vec<_>>());
    let streams = site.start(counts(), "one");
    site.drain(&["in"]);
    assert!(streams.close());
    // More input than the queue may hold waits from the start.
    produce(&site, &keys.iter().map(String::as_str).collect::<Vec<_>>());
    let config = site
        .config("another")
        .set("buffered.records.per.partition", 1)
        .set("input.buffer.max.bytes", 1)
        .set("consumer.max.poll.records", 3)
        .set("consumer.max.partition.fetch.bytes", 64)
        .set("statestore.cache.max.bytes", 2000);
    let streams = site.start_with(counts(), config);
    site.drain(&["in"]);
    let counts = counts_of(&streams).unwrap();
    assert_eq!((counts.len(), counts.values().filter(|count| **count == 2).count()), (300, 300));
    assert_eq!(streams.restored_records(), 300);
}

/// What a restore listener has heard, one line per call.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn note(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }
}

impl RestoreListener for Heard {
    fn on_restore_start(&self, restore: &StoreRestore<'_>) {
        self.note(format!("start {} {}..{}", restore.store, restore.position, restore.end_offset));
    }

    fn on_batch_restored(&self, restore: &StoreRestore<'_>, count: u64) {
        self.note(format!("batch {count} to {}", restore.position));
    }

    fn on_restore_end(&self, _: &StoreRestore<'_>, total: u64) {
        self.note(format!("end {total}"));
    }
}

#[test]
fn the_restore_listener_hears_start_batches_and_end() {
    let site = Site::new(&[("in", 1)]);
    produce(&site, &["a", "b", "c"]);
    let streams = site.start(counts(), "one");
    site.drain(&["in"]);
    assert!(streams.close());
    let config = site.config("another").set("restore.consumer.max.poll.records", 2);
    let streams = KafkaStreams::with_broker(counts(), config, site.broker.clone()).unwrap();
    let heard = Heard::default();
    streams.set_restore_listener(heard.clone());
    streams.start().unwrap();
    assert!(streams.wait_until_running(Duration::from_secs(20)));
    let heard = heard.0.lock().unwrap().clone();
    assert_eq!(heard, ["start counts 0..3", "batch 2 to 2", "batch 1 to 3", "end 3"]);
}

#[test]
fn only_the_tail_of_the_changelog_is_restored_where_the_state_is_behind() {
    let site = Site::new(&[("in", 1)]);
    produce(&site, &["a", "b", "c"]);
    let streams = site.start(counts(), "one");
    site.drain(&["in"]);
    assert!(streams.close());
    let streams = site.start(counts(), "another");
    produce(&site, &["a", "d"]);
    site.drain(&["in"]);
    assert!(streams.close());
    let streams = site.start(counts(), "one");
    assert_eq!(streams.restored_records(), 2);
    expect_counts(&streams, &[("a", 2), ("b", 1), ("c", 1), ("d", 1)]);
}

#[test]
fn a_changelog_that_was_made_anew_is_followed_though_the_state_names_a_later_offset() {
    let _ = captured_log();
    let site = Site::new(&[("in", 1)]);
    produce(&site, &["a", "b", "c"]);
    let streams = site.start(counts(), "one");
    site.drain(&["in"]);
    assert!(streams.close());
    site.broker.delete_topic(CHANGELOG);
    compacted(&site);
    let nine = 9i64.to_be_bytes();
    let (key, value) = row("a", &nine);
    site.broker.produce(CHANGELOG, 0, key, value, 1000).unwrap();
    let streams = site.start(counts(), "one");
    expect_counts(&streams, &[("a", 9)]);
    let log = captured_log();
    assert!(
        log.contains("store counts of task 0_0 is rebuilt from app-counts-changelog-0: it stands at offset 3"),
        "{log}"
    );
}

#[test]
fn state_that_was_partly_deleted_is_rebuilt_every_time() {
    let site = Site::new(&[("in", 1)]);
    produce(&site, &["a", "b", "a"]);
    let streams = site.start(counts(), "one");
    site.drain(&["in"]);
    assert!(streams.close());
    let task = site.task_dir("one", "0_0");
    let files: Vec<_> = database_files(&task);
    assert!(!files.is_empty());
    for (round, file) in files.iter().enumerate() {
        if !file.exists() {
            continue;
        }
        fs::remove_file(file).unwrap();
        let streams = site.start(counts(), "one");
        let counts = counts_of(&streams).unwrap();
        assert_eq!(counts.get("a"), Some(&2), "round {round}, without {}", file.display());
        assert_eq!(counts.len(), 2, "round {round}, without {}", file.display());
        assert!(streams.close());
    }
}

/// The files without which a database is damaged.
fn database_files(task: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![task.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let name = entry.file_name().into_string().unwrap();
            if path.is_dir() {
                folders.push(path);
            } else if name == "CURRENT" || name.starts_with("MANIFEST") || name.ends_with(".sst") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_task_waits_for_the_former_owner_of_its_store() {
    use state_stores::{StorageEnvironment, StorageLimits, StoreSpec, TaskStores};
    let site = Site::new(&[("in", 1)]);
    produce(&site, &["a"]);
    let streams = site.start(counts(), "one");
    site.drain(&["in"]);
    assert!(streams.close());
    let environment = StorageEnvironment::new(StorageLimits::default()).unwrap();
    let owner = TaskStores::open(&site.task_dir("one", "0_0"), vec![StoreSpec::rocksdb(STORE)], &environment).unwrap();
    let streams = site.make(counts(), site.config("one"));
    wait("the task is assigned", || !streams.tasks().is_empty());
    assert!(!streams.wait_until_running(Duration::from_millis(300)), "it cannot run yet");
    assert!(!streams.state().is_ending(), "{:?}", streams.last_error());
    owner.close();
    assert!(streams.wait_until_running(Duration::from_secs(20)), "{:?}", streams.last_error());
    expect_counts(&streams, &[("a", 1)]);
}

#[test]
fn a_thread_that_is_replaced_again_and_again_finds_its_stores_free_and_whole() {
    let site = Site::new(&[("in", 2)]);
    let builder = StreamsBuilder::new();
    let panics = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&panics);
    builder
        .stream::<String, String>("in")
        .peek(move |_, value| {
            let mut panics = seen.lock().unwrap();
            if value == "panic" && *panics < 5 {
                *panics += 1;
                drop(panics);
                panic!("as asked");
            }
        })
        .group_by_key()
        .count_with(Materialized::named(STORE));
    let streams = KafkaStreams::with_broker(builder.build().unwrap(), site.config("one"), site.broker.clone()).unwrap();
    streams.set_uncaught_exception_handler(|_| UncaughtExceptionResponse::ReplaceThread);
    streams.start().unwrap();
    for partition in 0..2 {
        for (key, value) in [("a", "x"), ("b", "panic"), ("a", "x")] {
            let key = format!("{key}{partition}");
            site.broker.produce("in", partition, Some(key.as_bytes()), Some(value.as_bytes()), 1000).unwrap();
        }
    }
    site.drain(&["in"]);
    assert_eq!(*panics.lock().unwrap(), 5);
    assert!(streams.wait_until_running(Duration::from_secs(20)));
    expect_counts(&streams, &[("a0", 2), ("a1", 2), ("b0", 1), ("b1", 1)]);
}

#[test]
fn state_of_a_newer_format_is_refused_untouched() {
    let site = Site::new(&[("in", 1)]);
    produce(&site, &["a"]);
    let streams = site.start(counts(), "one");
    site.drain(&["in"]);
    assert!(streams.close());
    set_newer_format(&site.task_dir("one", "0_0"));
    let streams = site.make(counts(), site.config("one"));
    assert!(streams.wait_until_ended(Duration::from_secs(20)));
    assert_eq!(streams.state(), State::Error);
    let error = streams.last_error().unwrap();
    assert!(error.contains("format version") && error.contains("0_0"), "{error}");
}

/// Writes what a later version of the program would have written.
fn set_newer_format(task: &std::path::Path) {
    let directory = task.join("rocksdb");
    let families = rocksdb::DB::list_cf(&rocksdb::Options::default(), &directory).unwrap();
    let database = rocksdb::DB::open_cf(&rocksdb::Options::default(), &directory, families).unwrap();
    database.put(b"format-version", 99_u32.to_be_bytes()).unwrap();
}
