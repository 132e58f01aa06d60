//! Word count with several instances on one broker: they share the tasks, take over from each other, and lose nothing.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use streams_dsl::KafkaStreams;
use streams_dsl::broker::Broker;
use streams_dsl::broker::embedded::EmbeddedBroker;
use tests::embedded::{Counts, STORE, Site, counts_of, last_values, number, produce_words, wait, word_count};

const PARTITIONS: i32 = 4;
/// One task per partition of the input, and one per partition of the repartition topic.
const TASKS: usize = 2 * PARTITIONS as usize;

fn site() -> Site {
    Site::new(&[("in", PARTITIONS), ("out", PARTITIONS)])
}

/// Lines of words, of which `true_counts` knows the counts.
fn lines(count: usize) -> Vec<String> {
    (0..count).map(|line| format!("w{} w{} common", line % 17, line % 5)).collect()
}

fn true_counts(lines: &[String]) -> Counts {
    let mut counts = Counts::new();
    for word in lines.iter().flat_map(|line| line.split_whitespace()) {
        *counts.entry(word.to_owned()).or_default() += 1;
    }
    counts
}

fn produce(site: &Site, lines: &[String]) {
    produce_words(&site.broker, "in", PARTITIONS, lines.iter().cloned());
}

/// What is in the output topic as last count of each word.
fn written(site: &Site) -> Counts {
    let values = last_values(&site.broker, "out");
    values.into_iter().map(|(word, value)| (word, number(&value.expect("no count is deleted")))).collect()
}

fn task_count<B: Broker>(streams: &KafkaStreams<B>) -> usize {
    streams.tasks().iter().filter(|task| task.running).count()
}

/// Waits until all tasks are running, spread evenly over these instances.
#[track_caller]
fn wait_for_spread(instances: &[&KafkaStreams<EmbeddedBroker>]) {
    wait("the tasks are spread evenly", || {
        let counts: Vec<_> = instances.iter().map(|streams| task_count(streams)).collect();
        counts.iter().sum::<usize>() == TASKS && counts.iter().all(|count| count.abs_diff(TASKS / instances.len()) <= 1)
    });
}

/// The counts of all instances together; no word is at two of them.
fn counts_everywhere(instances: &[&KafkaStreams<EmbeddedBroker>]) -> Counts {
    let mut counts = Counts::new();
    for streams in instances {
        for (word, count) in counts_of(streams).unwrap() {
            assert_eq!(counts.insert(word.clone(), count), None, "{word} is counted twice");
        }
    }
    counts
}

#[test]
fn instances_that_join_while_the_first_is_busy_share_the_work_and_the_counts_are_exact() {
    let site = site();
    let all = lines(9000);
    let (first, rest) = all.split_at(3000);
    let (second, third) = rest.split_at(3000);
    produce(&site, first);
    let one = site.start(word_count(), "one");
    produce(&site, second);
    let two = site.make(word_count(), site.config("two"));
    wait_for_spread(&[&one, &two]);
    produce(&site, third);
    let three = site.make(word_count(), site.config("three"));
    wait_for_spread(&[&one, &two, &three]);
    site.drain(&["in"]);
    assert_eq!(counts_everywhere(&[&one, &two, &three]), true_counts(&all));
    assert_eq!(written(&site), true_counts(&all));
    // Each record was processed once by somebody: lines, and words out of the repartition topic.
    let processed = [&one, &two, &three].iter().map(|streams| streams.processed_records()).sum::<u64>();
    assert_eq!(processed, 9000 + 3 * 9000);
}

#[test]
fn co_partitioned_inputs_stay_together() {
    let site = Site::new(&[("a", 4), ("b", 4)]);
    let topology = || {
        use streams_dsl::{Materialized, StreamsBuilder};
        let builder = StreamsBuilder::new();
        let both = builder.stream::<String, String>("a").merge(&builder.stream::<String, String>("b"));
        both.group_by_key().count_with(Materialized::named(STORE));
        builder.build().unwrap()
    };
    let one = site.start(topology(), "one");
    let two = site.make(topology(), site.config("two"));
    wait("two tasks each", || task_count(&one) == 2 && task_count(&two) == 2);
    for number in 0..400 {
        let (topic, partition) = (if number % 2 == 0 { "a" } else { "b" }, number / 2 % 4);
        let key = format!("key-of-partition-{partition}");
        site.broker.produce(topic, partition, Some(key.as_bytes()), Some(b"x"), i64::from(number)).unwrap();
    }
    site.drain(&["a", "b"]);
    // Counts of both topics meet in one row each: were the topics apart, each instance would have half of them.
    let counts = counts_everywhere(&[&one, &two]);
    assert_eq!(counts.values().copied().collect::<Vec<_>>(), [100; 4]);
}

#[test]
fn an_instance_that_dies_without_goodbye_is_replaced_after_its_session() {
    let site = site();
    let (one, two) = (site.start(word_count(), "one"), site.link());
    let dead = site.start_linked(word_count(), site.config("two"), &two);
    wait("tasks are shared", || task_count(&one) == TASKS / 2 && task_count(&dead) == TASKS / 2);
    let all = lines(6000);
    produce(&site, &all[..3000]);
    wait("it is busy", || dead.processed_records() > 0);
    // From here on nothing comes from it, as from a host that lost its power.
    two.set_cut(true);
    let cut = Instant::now();
    produce(&site, &all[3000..]);
    wait("the other has all tasks", || task_count(&one) == TASKS);
    let done_alone = dead.processed_records();
    assert!(cut.elapsed() < Duration::from_secs(5), "taken over after {:?}, the session is 1.5 s", cut.elapsed());
    site.drain(&["in"]);
    let (counts, truth) = (counts_of(&one).unwrap(), true_counts(&all));
    assert_eq!(counts.keys().collect::<BTreeSet<_>>(), truth.keys().collect::<BTreeSet<_>>());
    for (word, count) in &truth {
        assert!(counts[word] >= *count, "{word}: {} of {count}", counts[word]);
    }
    // The zombie does nothing on its own; when it reaches the broker it gives up all it had, and works again.
    assert_eq!(dead.processed_records(), done_alone);
    two.set_cut(false);
    wait("it has tasks again", || task_count(&one) == TASKS / 2 && task_count(&dead) == TASKS / 2);
    produce(&site, &lines(100));
    site.drain(&["in"]);
    assert!(dead.close());
    wait("all is at the other", || task_count(&one) == TASKS);
    let before = counts["common"];
    assert_eq!(counts_of(&one).unwrap()["common"], before + 100);
}

#[test]
fn a_clean_close_hands_over_in_well_under_a_second() {
    let site = site();
    // Were it the session that ends, it would take 20 s.
    let config = |name| site.config(name).set("session.timeout.ms", 20_000);
    let one = site.start_with(word_count(), config("one"));
    let two = site.start_with(word_count(), config("two"));
    wait("tasks are shared", || task_count(&one) == TASKS / 2 && task_count(&two) == TASKS / 2);
    let all = lines(3000);
    produce(&site, &all);
    let closing = Instant::now();
    assert!(two.close());
    wait("the other has all tasks", || task_count(&one) == TASKS);
    assert!(closing.elapsed() < Duration::from_secs(3), "handed over after {:?}", closing.elapsed());
    site.drain(&["in"]);
    assert_eq!(counts_of(&one).unwrap(), true_counts(&all));
}

#[test]
fn a_restart_resumes_at_once_and_restores_only_the_tail() {
    let site = site();
    let config = |name| site.config(name).set("session.timeout.ms", 20_000);
    let one = site.start_with(word_count(), config("one"));
    let two = site.start_with(word_count(), config("two"));
    wait("tasks are shared", || task_count(&one) == TASKS / 2 && task_count(&two) == TASKS / 2);
    let all = lines(4000);
    produce(&site, &all[..2000]);
    site.drain(&["in"]);
    let had: BTreeSet<_> = two.tasks().into_iter().map(|task| task.task_id).collect();
    let words_at_two = counts_of(&two).unwrap().len() as u64;
    assert!(two.close());
    wait("the other has all tasks", || task_count(&one) == TASKS);
    // What comes meanwhile changes one word of all.
    produce(&site, &vec!["common".to_owned(); 2000]);
    site.drain(&["in"]);
    let begin = Instant::now();
    let two = site.start_with(word_count(), config("two"));
    wait("it has its tasks again", || task_count(&two) == TASKS / 2 && task_count(&one) == TASKS / 2);
    assert!(begin.elapsed() < Duration::from_secs(3), "it took {:?}", begin.elapsed());
    let has: BTreeSet<_> = two.tasks().into_iter().map(|task| task.task_id).collect();
    assert_eq!(has, had, "it gets the tasks whose state it has");
    // Commits wrote `common` several times; every other word of it came from its own disk.
    let changelog = "app-counts-changelog";
    let records = site.broker.read_all(changelog, streams_dsl::broker::embedded::Isolation::ReadUncommitted).unwrap();
    let tail = records.iter().filter(|record| record.key.as_deref() == Some(b"common")).count() as u64;
    assert!(two.restored_records() <= tail, "{} restored, {tail} of them new", two.restored_records());
    assert!(words_at_two > 2, "{words_at_two}");
    let mut truth = true_counts(&all[..2000]);
    *truth.get_mut("common").unwrap() += 2000;
    assert_eq!(counts_everywhere(&[&one, &two]), truth);
}

#[test]
fn state_that_was_lost_is_restored_exactly() {
    let site = site();
    let one = site.start(word_count(), "one");
    let all = lines(3000);
    produce(&site, &all);
    site.drain(&["in"]);
    assert!(one.close());
    std::fs::remove_dir_all(site.state_dir("one")).unwrap();
    let one = site.start(word_count(), "one");
    assert_eq!(counts_of(&one).unwrap(), true_counts(&all));
    assert!(one.restored_records() > 0);
}

#[test]
fn a_static_member_that_restarts_within_its_session_moves_no_task() {
    let site = site();
    let config = |name: &str| site.config(name).set("group.instance.id", name).set("session.timeout.ms", 20_000);
    let one_link = site.link();
    let one = site.start_linked(word_count(), config("one"), &one_link);
    let two = site.start_with(word_count(), config("two"));
    wait("tasks are shared", || task_count(&one) == TASKS / 2 && task_count(&two) == TASKS / 2);
    let all = lines(2000);
    produce(&site, &all);
    site.drain(&["in"]);
    let joins = one_link.joins();
    assert!(two.close());
    assert_eq!(task_count(&one), TASKS / 2, "nothing moves while it is away");
    let begin = Instant::now();
    let two = site.start_with(word_count(), config("two"));
    wait("it has its tasks again", || task_count(&two) == TASKS / 2);
    assert!(begin.elapsed() < Duration::from_secs(3), "it took {:?}", begin.elapsed());
    assert_eq!(two.restored_records(), 0);
    assert_eq!(one_link.joins(), joins, "the other had nothing to do with it");
    produce(&site, &all);
    site.drain(&["in"]);
    let doubled: Counts = true_counts(&all).into_iter().map(|(word, count)| (word, 2 * count)).collect();
    let mut counts = counts_of(&one).unwrap();
    counts.extend(counts_of(&two).unwrap());
    assert_eq!(counts, doubled);
}

#[test]
fn of_two_instances_with_one_static_name_the_older_ends_and_says_why() {
    let site = site();
    let config = |name: &str| site.config(name).set("group.instance.id", "same");
    let older = site.start_with(word_count(), config("one"));
    let newer = site.make(word_count(), config("two"));
    assert!(older.wait_until_ended(Duration::from_secs(20)), "{}", older.state());
    assert_eq!(older.state(), streams_dsl::State::Error);
    let error = older.last_error().unwrap();
    assert!(error.contains("same group instance id"), "{error}");
    wait("the newer one has all tasks", || task_count(&newer) == TASKS);
}
