//! Commits go on beside processing: what is done, seen and kept while one is under way, and what is there after a crash at each of its steps.

use std::fs;
use std::path::Path;
use std::time::Duration;
use streams_dsl::broker::BrokerErrorKind;
use streams_dsl::record::TopicPartition;
use streams_dsl::{KafkaStreams, Materialized, StreamsBuilder, StreamsConfig, Topology, UncaughtExceptionResponse};
use tests::embedded::{Hold, Link, STORE, Site, counts_of, produce_words, wait, word_count};

const CHANGELOG: &str = "app-counts-changelog";

/// Counts per key in one task. With a cache the changelog gets a row when a commit begins, without one it gets every update at once.
fn counts() -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").group_by_key().count_with(Materialized::named(STORE));
    builder.build().unwrap()
}

fn site() -> Site {
    Site::new(&[("in", 1)])
}

fn config(site: &Site, cached: bool) -> StreamsConfig {
    let config = site.config("one");
    if cached { config } else { config.set("statestore.cache.max.bytes", 0) }
}

fn produce(site: &Site, key: &str, count: usize) {
    for _ in 0..count {
        site.broker.produce("in", 0, Some(key.as_bytes()), Some(b"x"), 1000).unwrap();
    }
}

fn committed(site: &Site) -> i64 {
    site.committed(&TopicPartition::new("in", 0))
}

fn changelog_end(site: &Site) -> i64 {
    site.end(&TopicPartition::new(CHANGELOG, 0))
}

fn processed(streams: &KafkaStreams<Link>, count: u64) {
    wait("records are processed", || streams.processed_records() == count);
}

/// The count of `key`, as committed or with what is not.
fn count(streams: &KafkaStreams<Link>, key: &str, is_committed: bool) -> Option<i64> {
    let view = streams.store::<String, i64>(STORE).unwrap();
    let view = if is_committed { view.committed() } else { view };
    view.get(&key.to_owned()).unwrap()
}

#[test]
fn records_are_processed_and_seen_while_acknowledgements_are_awaited() {
    let site = site();
    let link = site.link();
    let streams = site.start_linked(counts(), config(&site, true), &link);
    link.hold_acknowledgements(true);
    produce(&site, "a", 10);
    wait("a commit has begun", || changelog_end(&site) == 1);
    produce(&site, "a", 5);
    produce(&site, "b", 1);
    processed(&streams, 16);
    // What was written since, what is sealed below it, and nothing that is committed.
    assert_eq!((count(&streams, "a", false), count(&streams, "b", false)), (Some(15), Some(1)));
    assert_eq!((count(&streams, "a", true), count(&streams, "b", true)), (None, None));
    assert_eq!(counts_of(&streams).unwrap().len(), 2);
    assert_eq!((committed(&site), changelog_end(&site)), (0, 1), "a further commit waits for the first");
    link.hold_acknowledgements(false);
    wait("all is committed", || committed(&site) == 16);
    wait("the stores are written", || count(&streams, "b", true) == Some(1));
    assert_eq!(count(&streams, "a", true), Some(15));
    assert_eq!(changelog_end(&site), 3);
}

#[test]
fn records_are_processed_while_the_coordinator_is_awaited() {
    for hold in [Hold::Request, Hold::Answer] {
        let site = site();
        let link = site.link();
        link.hold_commits(hold);
        // They are there before it starts: one poll, one commit.
        produce(&site, "a", 10);
        let streams = site.start_linked(counts(), config(&site, false), &link);
        wait("offsets are being committed", || link.held_commits() == 1);
        produce(&site, "b", 10);
        processed(&streams, 20);
        assert_eq!(committed(&site), if hold == Hold::Answer { 10 } else { 0 }, "{hold:?}");
        assert_eq!((count(&streams, "a", true), count(&streams, "b", false)), (None, Some(10)));
        assert_eq!(link.held_commits(), 1, "one commit at a time");
        link.release_commits();
        wait("all is committed", || committed(&site) == 20 && count(&streams, "b", true) == Some(10));
        assert!(streams.close());
    }
}

// ---- crashes ----

/// How far a commit of ten records has come when the process dies. Five more were processed meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// All is sent, and nothing acknowledged.
    Sent,
    /// It is acknowledged; the offsets are on their way.
    Acknowledged,
    /// The offsets are committed; the stores are not written.
    OffsetsCommitted,
    /// All is written; the next commit is sent.
    Complete,
}

/// Kills an instance at this stage, and starts another on what the disk has by then; answers the count of `a`, of which there are 15.
fn count_after_crash(stage: Stage, cached: bool) -> i64 {
    let site = site();
    let link = site.link();
    match stage {
        Stage::Sent => link.hold_acknowledgements(true),
        Stage::Acknowledged => link.hold_commits(Hold::Request),
        Stage::OffsetsCommitted | Stage::Complete => link.hold_commits(Hold::Answer),
    }
    // They are there before it starts: one poll, one commit.
    produce(&site, "a", 10);
    let streams = site.start_linked(counts(), config(&site, cached), &link);
    processed(&streams, 10);
    match stage {
        Stage::Sent => wait("it is sent", || changelog_end(&site) == if cached { 1 } else { 10 }),
        _ => wait("offsets are being committed", || link.held_commits() == 1),
    }
    if stage == Stage::Complete {
        link.hold_acknowledgements(true);
        link.release_commits();
        wait("the store is written", || count(&streams, "a", true) == Some(10));
    }
    produce(&site, "a", 5);
    processed(&streams, 15);
    if stage == Stage::Complete {
        wait("the next commit is sent", || changelog_end(&site) == if cached { 2 } else { 15 });
    }
    let expected = if matches!(stage, Stage::OffsetsCommitted | Stage::Complete) { 10 } else { 0 };
    assert_eq!(committed(&site), expected);
    link.set_cut(true);
    copy(&site.state_dir("one"), &site.state_dir("two"));
    let config = config(&site, cached).set("state.dir", site.state_dir("two").display());
    let next = site.start_with(counts(), config);
    site.drain(&["in"]);
    wait("its count can be asked", || counts_of(&next).is_ok());
    let counted = counts_of(&next).unwrap()["a"];
    // So that the dead one ends.
    link.set_cut(false);
    link.hold_acknowledgements(false);
    link.release_commits();
    counted
}

/// A folder as the next process finds it after a kill.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[test]
fn a_crash_before_the_acknowledgement_counts_again_and_loses_nothing() {
    // The changelog has what the commit sent, or every update; the input begins anew.
    assert_eq!(count_after_crash(Stage::Sent, true), 10 + 15);
    assert_eq!(count_after_crash(Stage::Sent, false), 15 + 15);
}

#[test]
fn a_crash_before_the_offsets_are_committed_counts_again_and_loses_nothing() {
    assert_eq!(count_after_crash(Stage::Acknowledged, true), 10 + 15);
    assert_eq!(count_after_crash(Stage::Acknowledged, false), 15 + 15);
}

#[test]
fn a_crash_before_the_stores_are_written_restores_the_commit_and_counts_what_came_after_it() {
    assert_eq!(count_after_crash(Stage::OffsetsCommitted, true), 10 + 5);
    // Every update was sent at once, so that the later five are in the changelog, too.
    assert_eq!(count_after_crash(Stage::OffsetsCommitted, false), 15 + 5);
}

#[test]
fn a_crash_after_a_commit_restores_what_its_successor_had_sent() {
    // The store stands at ten and knows that the changelog goes on behind them.
    assert_eq!(count_after_crash(Stage::Complete, true), 15 + 5);
    assert_eq!(count_after_crash(Stage::Complete, false), 15 + 5);
}

// ---- what ends a commit that is under way ----

#[test]
fn closing_waits_for_the_commit_under_way_and_commits_the_rest() {
    let site = site();
    let link = site.link();
    let streams = site.start_linked(counts(), config(&site, true), &link);
    link.hold_commits(Hold::Request);
    produce(&site, "a", 10);
    wait("offsets are being committed", || link.held_commits() == 1);
    produce(&site, "a", 5);
    processed(&streams, 15);
    let closing = std::thread::spawn(move || streams.close());
    let other = link.clone();
    wait("it waits for the commit", || other.held_commits() == 1);
    link.release_commits();
    assert!(closing.join().unwrap());
    assert_eq!((committed(&site), changelog_end(&site)), (15, 2));
    let streams = site.start_linked(counts(), config(&site, true), &link);
    assert_eq!(counts_of(&streams).unwrap()["a"], 15);
}

#[test]
fn a_task_that_moves_while_its_commit_is_under_way_is_handed_over_after_it() {
    let site = Site::new(&[("in", 4), ("out", 4)]);
    let link = site.link();
    let one = site.start_linked(word_count(), site.config("one"), &link);
    link.hold_commits(Hold::Request);
    produce_words(&site.broker, "in", 4, (0..400).map(|number| format!("w{}", number % 40)));
    wait("offsets are being committed", || link.held_commits() == 1);
    let two = site.make(word_count(), site.config("two"));
    wait("tasks are to be handed over", || one.tasks().iter().any(|task| !task.running));
    assert!(two.tasks().iter().all(|task| !task.running), "no task is at two instances");
    link.release_commits();
    wait("the tasks are shared", || two.tasks().iter().filter(|task| task.running).count() == 4);
    produce_words(&site.broker, "in", 4, (0..400).map(|number| format!("w{}", number % 40)));
    site.drain(&["in"]);
    let mut counts = counts_of(&one).unwrap();
    for (word, count) in counts_of(&two).unwrap() {
        assert_eq!(counts.insert(word.clone(), count), None, "{word} is counted twice");
    }
    assert!(counts.len() == 40 && counts.values().all(|count| *count == 20), "{counts:?}");
}

#[test]
fn what_was_sealed_is_discarded_where_the_membership_is_lost() {
    let site = site();
    let link = site.link();
    let streams = site.start_linked(counts(), config(&site, true), &link);
    produce(&site, "a", 1);
    wait("a first commit", || committed(&site) == 1 && count(&streams, "a", true) == Some(1));
    link.hold_commits(Hold::Request);
    produce(&site, "a", 10);
    wait("offsets are being committed", || link.held_commits() == 1);
    link.set_cut(true);
    let other = site.start(counts(), "two");
    wait("the other instance has the task", || other.tasks().iter().any(|task| task.running));
    site.drain(&["in"]);
    let counted = counts_of(&other).unwrap()["a"];
    assert!(counted >= 11, "{counted}");
    link.set_cut(false);
    link.release_commits();
    assert!(other.close());
    wait("it has the task again", || streams.tasks().iter().any(|task| task.running));
    produce(&site, "a", 1);
    site.drain(&["in"]);
    wait("it goes on from what the other has written", || count(&streams, "a", true) == Some(counted + 1));
}

#[test]
fn an_error_while_a_commit_is_under_way_loses_nothing() {
    let site = site();
    let link = site.link();
    let config = config(&site, false);
    let streams = KafkaStreams::with_broker(counts(), config, link.clone()).unwrap();
    streams.set_uncaught_exception_handler(|_| UncaughtExceptionResponse::ReplaceThread);
    streams.start().unwrap();
    assert!(streams.wait_until_running(Duration::from_secs(20)));
    link.hold_commits(Hold::Answer);
    produce(&site, "a", 10);
    wait("offsets are being committed", || link.held_commits() == 1);
    site.broker.fail_next_produce(&TopicPartition::new(CHANGELOG, 0), BrokerErrorKind::Fatal);
    produce(&site, "a", 1);
    wait("the thread is replaced", || link.clients(tests::embedded::Client::Producer).len() == 2);
    link.release_commits();
    site.drain(&["in"]);
    wait("the count can be asked", || counts_of(&streams).is_ok());
    let counted = counts_of(&streams).unwrap()["a"];
    assert!(counted >= 11, "{counted} of 11");
}

// ---- bounds ----

#[test]
fn a_buffer_that_is_full_again_waits_for_the_commit_under_way() {
    const KEYS: usize = 20_000;
    let site = site();
    let link = site.link();
    let config = config(&site, true).set("statestore.cache.max.bytes", 100_000).set("commit.interval.ms", 3_600_000);
    let streams = site.start_linked(counts(), config, &link);
    link.hold_commits(Hold::Request);
    for key in 0..KEYS {
        produce(&site, &format!("key{key}"), 1);
    }
    wait("offsets are being committed", || link.held_commits() == 1);
    let (mut before, mut looks) = (0, 0);
    wait("nothing more is processed", || {
        let now = streams.processed_records();
        looks = if now == before { looks + 1 } else { 0 };
        before = now;
        looks > 50
    });
    assert!(before > 0 && before < KEYS as u64 / 2, "{before} of {KEYS} records were processed without a commit");
    link.release_commits();
    processed(&streams, KEYS as u64);
    assert!(streams.close());
    assert_eq!(committed(&site), KEYS as i64);
}
