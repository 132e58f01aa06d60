//! The life of an instance: states, closing, threads, commits, back-pressure, purging, cleaning up.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use streams_dsl::broker::embedded::{EmbeddedBroker, Isolation};
use streams_dsl::record::TopicPartition;
use streams_dsl::{
    CloseOptions, KafkaStreams, Materialized, State, StreamsBuilder, StreamsConfig, StreamsError, Topology,
};
use tests::embedded::{STORE, Site, counts_of, last_values, number, produce_words, wait, word_count};

const SOON: Duration = Duration::from_secs(20);

fn site() -> Site {
    Site::new(&[("in", 2), ("out", 2)])
}

fn copy() -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<Option<String>, String>("in").to("out");
    builder.build().unwrap()
}

/// Changes of an instance's state: the former one and the new one.
type Changes = Arc<Mutex<Vec<(State, State)>>>;

/// All changes, when the listener has heard the last one; that may be a moment after those who wait for the state.
#[track_caller]
fn changes_up_to(changes: &Changes, last: State) -> Vec<(State, State)> {
    wait("the listener has heard the last change", || {
        changes.lock().unwrap().last().is_some_and(|(_, new)| *new == last)
    });
    changes.lock().unwrap().clone()
}

/// An instance that is not started yet, with all the changes of its state.
fn watched(site: &Site, topology: Topology, config: StreamsConfig) -> (KafkaStreams<EmbeddedBroker>, Changes) {
    let streams = KafkaStreams::with_broker(topology, config, site.broker.clone()).unwrap();
    let changes = Changes::default();
    let seen = Arc::clone(&changes);
    streams.set_state_listener(move |new, former| seen.lock().unwrap().push((former, new)));
    (streams, changes)
}

fn words(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("w{}", number % 10)).collect()
}

#[test]
fn states_follow_each_other_as_documented_and_the_listener_hears_each_once() {
    use State::{Created, NotRunning, PendingShutdown, Rebalancing, Running};
    let site = site();
    let (streams, changes) = watched(&site, copy(), site.config("one"));
    assert_eq!(streams.state(), Created);
    streams.start().unwrap();
    assert!(streams.wait_until_running(SOON));
    assert!(streams.close());
    assert_eq!(streams.state(), NotRunning);
    let changes = changes_up_to(&changes, NotRunning);
    let expected =
        [(Created, Rebalancing), (Rebalancing, Running), (Running, PendingShutdown), (PendingShutdown, NotRunning)];
    assert_eq!(changes, expected);
}

#[test]
fn an_error_goes_through_pending_error_to_error() {
    use State::{Created, Error, PendingError, Rebalancing};
    let site = Site::new(&[]);
    let (streams, changes) = watched(&site, copy(), site.config("one"));
    streams.start().unwrap();
    assert!(streams.wait_until_ended(SOON));
    let changes = changes_up_to(&changes, Error);
    assert_eq!(changes, [(Created, Rebalancing), (Rebalancing, PendingError), (PendingError, Error)]);
    assert!(streams.close(), "closing what has ended does no harm");
    assert_eq!(streams.state(), Error);
}

#[test]
fn every_change_of_state_is_one_that_the_state_before_allows_also_through_rebalances() {
    let site = site();
    let (one, changes) = watched(&site, word_count(), site.config("one"));
    one.start().unwrap();
    assert!(one.wait_until_running(SOON));
    let has_tasks = |streams: &KafkaStreams<_>, count| {
        streams.state() == State::Running && streams.tasks().iter().filter(|task| task.running).count() == count
    };
    for _ in 0..2 {
        let other = site.make(word_count(), site.config("two"));
        wait("tasks are shared", || has_tasks(&one, 2) && has_tasks(&other, 2));
        assert!(other.close());
        wait("tasks are back", || has_tasks(&one, 4));
    }
    assert!(one.close());
    let changes = changes_up_to(&changes, State::NotRunning);
    assert!(changes.windows(2).all(|pair| pair[0].1 == pair[1].0), "{changes:?}");
    assert!(changes.iter().filter(|(_, new)| *new == State::Running).count() >= 3, "{changes:?}");
}

#[test]
fn it_is_started_once_closed_as_often_as_one_likes_and_not_started_again() {
    let site = site();
    let streams = site.start(copy(), "one");
    let again = streams.start().expect_err("it is started already");
    assert!(matches!(again, StreamsError::InvalidState(_)), "{again}");
    assert_eq!(streams.state(), State::Running);
    assert!(streams.close());
    let begin = Instant::now();
    assert!(streams.close());
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    assert!(streams.start().is_err());
}

#[test]
fn a_drop_closes_with_a_last_commit() {
    let site = site();
    let streams = site.start_with(word_count(), site.config("one").set("commit.interval.ms", 3_600_000));
    produce_words(&site.broker, "in", 2, words(100));
    wait("all lines are processed", || streams.processed_records() >= 100);
    drop(streams);
    let committed = (0..2).map(|partition| site.committed(&TopicPartition::new("in", partition))).sum::<i64>();
    assert_eq!(committed, 100);
    // And the directory is free.
    site.start(word_count(), "one");
}

#[test]
fn a_close_whose_time_is_too_short_says_so_and_goes_on() {
    let site = site();
    let open = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&open);
    let entered = Arc::new(AtomicBool::new(false));
    let inside = Arc::clone(&entered);
    let builder = StreamsBuilder::new();
    builder.stream::<Option<String>, String>("in").for_each(move |_, _| {
        inside.store(true, SeqCst);
        wait("the gate is open", || gate.load(SeqCst));
    });
    let streams = site.start(builder.build().unwrap(), "one");
    produce_words(&site.broker, "in", 1, words(1));
    wait("a record is being processed", || entered.load(SeqCst));
    let begin = Instant::now();
    assert!(!streams.close_with(CloseOptions { timeout: Duration::from_millis(50), ..CloseOptions::default() }));
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    assert_eq!(streams.state(), State::PendingShutdown);
    open.store(true, SeqCst);
    assert!(streams.wait_until_ended(SOON));
    assert_eq!(streams.state(), State::NotRunning);
    assert_eq!(site.committed(&TopicPartition::new("in", 0)), 1);
}

#[test]
fn several_threads_share_the_tasks_and_count_exactly() {
    let site = Site::new(&[("in", 5), ("out", 5)]);
    let streams = site.start_with(word_count(), site.config("one").set("num.stream.threads", 3));
    produce_words(&site.broker, "in", 5, words(5000));
    site.drain(&["in"]);
    assert_eq!(streams.tasks().len(), 10);
    let counts = counts_of(&streams).unwrap();
    assert!(counts.len() == 10 && counts.values().all(|count| *count == 500), "{counts:?}");
}

// ---- the order of records ----

/// What comes out of `a` and `b` merged, where `b` gets its records only after the task has had time to take those of `a`.
fn merged_order(max_task_idle: i64) -> Vec<i64> {
    let site = Site::new(&[("a", 1), ("b", 1), ("out", 1)]);
    let builder = StreamsBuilder::new();
    builder.stream::<Option<String>, String>(["a", "b"]).to("out");
    let config = site.config("one").set("max.task.idle.ms", max_task_idle);
    let streams = site.start_with(builder.build().unwrap(), config);
    for timestamp in [10, 30, 50] {
        site.broker.produce("a", 0, None, Some(b"a"), timestamp).unwrap();
    }
    // The records of `a` are fetched by now, and processed if the task does not wait.
    wait("`a` is processed, or the task idles", || streams.processed_records() == 3 || max_task_idle > 0);
    for timestamp in [20, 40, 60] {
        site.broker.produce("b", 0, None, Some(b"b"), timestamp).unwrap();
    }
    wait("all is out", || site.end(&TopicPartition::new("out", 0)) >= if max_task_idle > 0 { 5 } else { 6 });
    let records = site.broker.read_all("out", Isolation::ReadUncommitted).unwrap();
    records.iter().map(|record| record.timestamp).collect()
}

#[test]
fn records_of_two_inputs_are_taken_by_time_where_the_task_may_wait_for_the_late_one() {
    assert_eq!(merged_order(20_000)[..5], [10, 20, 30, 40, 50]);
    // Without waiting, what is there is taken.
    assert_eq!(merged_order(0), [10, 30, 50, 20, 40, 60]);
}

#[test]
fn records_of_two_inputs_that_are_there_are_taken_by_time_without_any_waiting() {
    let site = Site::new(&[("a", 1), ("b", 1), ("out", 1)]);
    for number in 0..3000 {
        let topic = if number % 3 == 0 { "a" } else { "b" };
        site.broker.produce(topic, 0, None, Some(b"x"), number).unwrap();
    }
    let builder = StreamsBuilder::new();
    builder.stream::<Option<String>, String>(["a", "b"]).to("out");
    let config = site.config("one").set("buffered.records.per.partition", 10).set("consumer.max.poll.records", 7);
    let _streams = site.start_with(builder.build().unwrap(), config);
    site.drain(&["a", "b"]);
    let records = site.broker.read_all("out", Isolation::ReadUncommitted).unwrap();
    let times: Vec<_> = records.iter().map(|record| record.timestamp).collect();
    assert_eq!(times, (0..3000).collect::<Vec<_>>());
}

#[test]
fn a_task_that_waits_for_the_other_input_does_not_spin() {
    let site = Site::new(&[("a", 1), ("b", 1), ("out", 1)]);
    let builder = StreamsBuilder::new();
    builder.stream::<Option<String>, String>(["a", "b"]).to("out");
    let link = site.link();
    let config = site.config("one").set("max.task.idle.ms", 500);
    let streams = site.start_linked(builder.build().unwrap(), config, &link);
    site.broker.produce("a", 0, None, Some(b"a"), 10).unwrap();
    let before = link.polls();
    wait("it was waited long enough", || streams.processed_records() == 1);
    let polls = link.polls() - before;
    assert!(polls < 500, "{polls} polls in half a second");
}

// ---- limits ----

#[test]
fn a_queue_of_one_record_is_enough_for_any_input() {
    let site = site();
    let config = site.config("one").set("buffered.records.per.partition", 1).set("consumer.max.poll.records", 10);
    produce_words(&site.broker, "in", 2, words(5000));
    let streams = site.start_with(word_count(), config);
    site.drain(&["in"]);
    let counts = counts_of(&streams).unwrap();
    assert!(counts.len() == 10 && counts.values().all(|count| *count == 500), "{counts:?}");
}

#[test]
fn the_bytes_fetched_ahead_are_bounded_for_all_partitions_together() {
    const PARTITIONS: i32 = 20;
    const LIMIT: u64 = 1 << 20;
    let site = Site::new(&[("a", PARTITIONS), ("b", PARTITIONS)]);
    let value = vec![b'x'; 64 << 10];
    for partition in 0..PARTITIONS {
        for number in 0..20 {
            site.broker.produce("a", partition, None, Some(&value), number).unwrap();
        }
    }
    let builder = StreamsBuilder::new();
    builder.stream::<Option<String>, String>(["a", "b"]).for_each(|_, _| {});
    let link = site.link();
    // Each task waits for its other input with what it has of the first.
    let config = site.config("one").set("input.buffer.max.bytes", LIMIT).set("max.task.idle.ms", 600_000);
    let streams = site.start_linked(builder.build().unwrap(), config, &link);
    let mut last = (0, 0);
    wait("nothing more is fetched", || {
        let (polls, bytes) = (link.polls(), link.fetched_bytes());
        if bytes != last.1 {
            last = (polls, bytes);
        }
        bytes > 0 && polls > last.0 + 20
    });
    // 25 MiB wait on the broker, and no partition is at a limit of its own. One poll may bring 4 MiB more than there is room for.
    assert_eq!(streams.processed_records(), 0);
    let ahead = link.fetched_bytes();
    assert!(ahead < LIMIT + (5 << 20), "{ahead} bytes fetched ahead, the limit is {LIMIT}");
    // What the tasks wait for comes through all the same, and with it the rest.
    for partition in 0..PARTITIONS {
        site.broker.produce("b", partition, None, Some(b"x"), 1_000_000).unwrap();
    }
    site.drain(&["a"]);
}

#[test]
fn a_cache_of_a_few_bytes_commits_early_and_counts_right() {
    let site = site();
    let config = site.config("one").set("statestore.cache.max.bytes", 4000).set("commit.interval.ms", 3_600_000);
    let streams = site.start_with(word_count(), config);
    let lines: Vec<_> = (0..4000).map(|number| format!("word{number}")).collect();
    produce_words(&site.broker, "in", 2, lines);
    let repartition = |partition| TopicPartition::new("app-counts-repartition", partition);
    wait("commits long before their interval", || {
        (0..2).any(|partition| site.committed(&repartition(partition)) > 500)
    });
    assert!(streams.close());
    let streams = site.start(word_count(), "one");
    site.drain(&["in"]);
    let counts = counts_of(&streams).unwrap();
    assert!(counts.len() == 4000 && counts.values().all(|count| *count == 1), "{}", counts.len());
}

// ---- caching ----

/// All counts that were written for the word `w`.
fn updates_of_w(site: &Site) -> Vec<i64> {
    let records = site.broker.read_all("out", Isolation::ReadUncommitted).unwrap();
    let of_w = records.iter().filter(|record| record.key.as_deref() == Some(b"w"));
    of_w.map(|record| number(record.value.as_deref().unwrap())).collect()
}

#[test]
fn without_cache_every_update_goes_on_with_cache_the_last_one_of_each_commit() {
    let hundred = || vec!["w".to_owned(); 100];
    let site = Site::new(&[("in", 1), ("out", 1)]);
    produce_words(&site.broker, "in", 1, hundred());
    let _streams = site.start_with(word_count(), site.config("one").set("statestore.cache.max.bytes", 0));
    site.drain(&["in"]);
    assert_eq!(updates_of_w(&site), (1..=100).collect::<Vec<_>>());

    let site = Site::new(&[("in", 1), ("out", 1)]);
    produce_words(&site.broker, "in", 1, hundred());
    let streams = site.start_with(word_count(), site.config("one").set("commit.interval.ms", 3_600_000));
    wait("lines and words are processed", || streams.processed_records() == 200);
    assert_eq!(updates_of_w(&site), Vec::<i64>::new());
    assert!(streams.close());
    assert_eq!(updates_of_w(&site), [100]);
}

#[test]
fn a_store_whose_caching_is_disabled_sends_every_update_on() {
    let site = Site::new(&[("in", 1), ("out", 1)]);
    let builder = StreamsBuilder::new();
    builder
        .stream::<Option<String>, String>("in")
        .group_by(|_, word| word.clone())
        .count_with(Materialized::named(STORE).with_caching_disabled())
        .to_stream()
        .to("out");
    produce_words(&site.broker, "in", 1, vec!["w".to_owned(); 50]);
    let _streams = site.start(builder.build().unwrap(), "one");
    site.drain(&["in"]);
    assert_eq!(updates_of_w(&site), (1..=50).collect::<Vec<_>>());
}

// ---- housekeeping ----

#[test]
fn repartition_topics_are_purged_after_the_commit_and_never_before() {
    let site = site();
    let config = site.config("one").set("repartition.purge.interval.ms", 50);
    let streams = site.start_with(word_count(), config);
    produce_words(&site.broker, "in", 2, words(1000));
    site.drain(&["in"]);
    // The purge follows a commit: one more record makes one.
    let purged = || {
        (0..2).all(|partition| {
            let partition = TopicPartition::new("app-counts-repartition", partition);
            let start = site.broker.start_offset(&partition).unwrap();
            assert!(start <= site.committed(&partition), "purged to {start}, which is not committed");
            start > 0 && start + 20 >= site.committed(&partition)
        })
    };
    wait("what was committed is purged", || {
        produce_words(&site.broker, "in", 2, words(10));
        purged()
    });
    site.drain(&["in"]);
    let sum: i64 = counts_of(&streams).unwrap().values().sum();
    let lines: i64 = (0..2).map(|partition| site.end(&TopicPartition::new("in", partition))).sum();
    assert_eq!(sum, lines);
    // The input is the user's: never purged.
    assert_eq!(site.broker.start_offset(&TopicPartition::new("in", 0)).unwrap(), 0);
}

#[test]
fn state_of_tasks_that_are_gone_is_deleted_after_its_delay_and_what_is_in_use_is_not() {
    let site = Site::new(&[("in", 4), ("out", 4)]);
    let one = site.start_with(word_count(), site.config("one").set("state.cleanup.delay.ms", 300));
    produce_words(&site.broker, "in", 4, words(400));
    site.drain(&["in"]);
    let directories = |streams: &KafkaStreams<EmbeddedBroker>| {
        let stateful =
            streams.tasks().into_iter().map(|task| task.task_id.to_string()).filter(|task| task.starts_with("1_"));
        let (kept, gone): (Vec<_>, Vec<_>) = (0..4).map(|number| format!("1_{number}")).partition({
            let stateful: Vec<_> = stateful.collect();
            move |task| stateful.contains(task)
        });
        (kept, gone)
    };
    let _two = site.start(word_count(), "two");
    wait("tasks are shared", || one.tasks().len() == 4 && one.state() == State::Running);
    let (kept, gone) = directories(&one);
    assert!(kept.len() == 2 && gone.len() == 2);
    wait("state of tasks that are gone is deleted", || gone.iter().all(|task| !site.task_dir("one", task).exists()));
    assert!(kept.iter().all(|task| site.task_dir("one", task).exists()));
    assert!(one.state() == State::Running && counts_of(&one).is_ok());
}

#[test]
fn changed_partition_counts_of_the_input_are_noticed_while_running() {
    // More partitions of an existing topic are not to be had here: a topic of the same name with another count comes to the same.
    let site = Site::new(&[("a-in", 1), ("out", 1)]);
    let builder = StreamsBuilder::new();
    builder.stream_pattern::<Option<String>, String>(regex::Regex::new("[ab]-in").unwrap()).to("out");
    let streams = site.start(builder.build().unwrap(), "one");
    assert_eq!(streams.tasks().len(), 1);
    site.broker.create_topic("b-in", 3).unwrap();
    wait("there are more tasks", || streams.tasks().iter().filter(|task| task.running).count() == 3);
    for partition in 0..3 {
        let key = format!("k{partition}");
        site.broker.produce("b-in", partition, Some(key.as_bytes()), Some(b"x"), 1000).unwrap();
    }
    site.broker.produce("a-in", 0, Some(b"a"), Some(b"x"), 1000).unwrap();
    wait("all inputs are read", || last_values(&site.broker, "out").len() == 4);
}

#[test]
fn a_changed_partition_count_that_the_state_cannot_follow_ends_a_running_application() {
    let site = Site::new(&[("a-in", 1), ("out", 1)]);
    let builder = StreamsBuilder::new();
    builder
        .stream_pattern::<Option<String>, String>(regex::Regex::new("[ab]-in").unwrap())
        .group_by(|_, word| word.clone())
        .count_with(Materialized::named(STORE));
    let streams = site.start(builder.build().unwrap(), "one");
    site.broker.create_topic("b-in", 3).unwrap();
    assert!(streams.wait_until_ended(SOON));
    assert_eq!(streams.state(), State::Error);
    let error = streams.last_error().unwrap();
    assert!(error.contains("app-counts-repartition") && error.contains("needs 3"), "{error}");
}
