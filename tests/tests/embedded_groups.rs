//! Generations, rebalances and metadata that lags behind, seen from whole applications.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use streams_dsl::KafkaStreams;
use streams_dsl::broker::Broker;
use streams_dsl::{RestoreListener, StoreRestore};
use tests::embedded::{Counts, Link, Site, counts_of, produce_words, wait, word_count};

const PARTITIONS: i32 = 4;
const TASKS: usize = 2 * PARTITIONS as usize;

fn site() -> Site {
    Site::new(&[("in", PARTITIONS), ("out", PARTITIONS)])
}

fn words(from: usize, to: usize) -> impl Iterator<Item = String> {
    (from..to).map(|number| format!("w{}", number % 20))
}

fn tasks<B: Broker>(streams: &KafkaStreams<B>) -> BTreeSet<String> {
    let running = streams.tasks().into_iter().filter(|task| task.running);
    running.map(|task| task.task_id.to_string()).collect()
}

#[test]
fn commits_carry_the_identity_of_their_own_generation_over_many_rebalances() {
    let site = site();
    let link = site.link();
    let one = site.start_linked(word_count(), site.config("one"), &link);
    let mut produced = 0;
    let mut generations = BTreeSet::new();
    for round in 0..4 {
        let other = site.start(word_count(), "two");
        wait("tasks are shared", || tasks(&one).len() == TASKS / 2 && tasks(&other).len() == TASKS / 2);
        produce_words(&site.broker, "in", PARTITIONS, words(produced, produced + 400));
        produced += 400;
        let before = link.commits().len();
        site.drain(&["in"]);
        wait("a commit in this generation", || link.commits().len() > before);
        let last = link.commits().pop().unwrap();
        assert_eq!(last.result, Ok(()), "round {round}");
        assert!(generations.insert(last.generation), "round {round}: generation {} again", last.generation);
        assert!(other.close());
        wait("tasks are back", || tasks(&one).len() == TASKS);
    }
    assert!(generations.len() == 4, "{generations:?}");
    // No commit failed for good: nothing was processed a second time.
    let expected: Counts = (0..20).map(|word| (format!("w{word}"), produced as i64 / 20)).collect();
    assert_eq!(counts_of(&one).unwrap(), expected);
}

#[test]
fn commits_of_a_busy_instance_go_on_through_rebalances() {
    let site = site();
    let link = site.link();
    let one = site.start_linked(word_count(), site.config("one").set("commit.interval.ms", 1), &link);
    for round in 0..3 {
        produce_words(&site.broker, "in", PARTITIONS, words(0, 2000));
        let other = site.make(word_count(), site.config(&format!("two{round}")));
        wait("tasks are shared", || tasks(&one).len() == TASKS / 2 && tasks(&other).len() == TASKS / 2);
        assert!(other.close());
    }
    wait("tasks are back", || tasks(&one).len() == TASKS);
    site.drain(&["in"]);
    let expected: Counts = (0..20).map(|word| (format!("w{word}"), 300)).collect();
    assert_eq!(counts_of(&one).unwrap(), expected);
}

/// How often an instance has opened each task with state, by the task's changelog partition.
#[derive(Clone, Default)]
struct Opened(Arc<Mutex<BTreeMap<String, usize>>>);

impl Opened {
    /// Those of these tasks.
    fn of(&self, tasks: &BTreeSet<String>) -> BTreeMap<String, usize> {
        let changelog = |task: &String| task.strip_prefix("1_").map(|number| format!("app-counts-changelog-{number}"));
        let opened = self.0.lock().unwrap();
        let counts = tasks.iter().filter_map(changelog).map(|changelog| (opened[&changelog], changelog));
        counts.map(|(count, changelog)| (changelog, count)).collect()
    }
}

impl RestoreListener for Opened {
    fn on_restore_start(&self, restore: &StoreRestore<'_>) {
        *self.0.lock().unwrap().entry(restore.partition.to_string()).or_default() += 1;
    }
}

#[test]
fn members_that_restart_one_by_one_move_nothing_but_their_own_tasks() {
    let site = site();
    let names = ["one", "two", "three", "four"];
    let start = |name: &str| {
        let config = site.config(name).set("session.timeout.ms", 20_000);
        let streams = KafkaStreams::with_broker(word_count(), config, site.broker.clone()).unwrap();
        let opened = Opened::default();
        streams.set_restore_listener(opened.clone());
        streams.start().unwrap();
        assert!(streams.wait_until_running(Duration::from_secs(20)));
        (streams, opened)
    };
    let mut instances: Vec<_> = names.iter().map(|name| start(name)).collect();
    let settled = |instances: &[(KafkaStreams<_>, Opened)]| {
        instances.iter().all(|(streams, _)| tasks(streams).len() == TASKS / names.len())
    };
    wait("two tasks each", || settled(&instances));
    // Only tasks with state have a place where they belong.
    produce_words(&site.broker, "in", PARTITIONS, words(0, 400));
    site.drain(&["in"]);
    let before: Vec<_> = instances.iter().map(|(streams, _)| tasks(streams)).collect();
    for place in 0..names.len() {
        let others: Vec<_> = (0..names.len()).filter(|other| *other != place).collect();
        let had: Vec<_> = instances.iter().map(|(streams, _)| tasks(streams)).collect();
        let opened: Vec<_> = instances.iter().zip(&before).map(|((_, opened), before)| opened.of(before)).collect();
        let (streams, _) = instances.remove(place);
        assert!(streams.close());
        drop(streams);
        let all_taken = |instances: &[(KafkaStreams<_>, Opened)]| {
            instances.iter().map(|(streams, _)| tasks(streams).len()).sum::<usize>() == TASKS
        };
        wait("the others take over", || all_taken(&instances));
        for (index, other) in others.iter().enumerate() {
            let has = tasks(&instances[index].0);
            assert!(has.is_superset(&had[*other]), "{} had {:?} and has {has:?}", names[*other], had[*other]);
        }
        instances.insert(place, start(names[place]));
        wait("two tasks each again", || settled(&instances));
        for ((streams, _), before) in instances.iter().zip(&before) {
            let stateful = |tasks: &BTreeSet<String>| -> BTreeSet<String> {
                tasks.iter().filter(|task| task.starts_with("1_")).cloned().collect()
            };
            assert_eq!(stateful(&tasks(streams)), stateful(before), "after the restart of {}", names[place]);
        }
        for other in others {
            let now = instances[other].1.of(&before[other]);
            assert_eq!(now, opened[other], "{} closed a task of its own for {}", names[other], names[place]);
        }
        // What a member has of others' state, from when it took over, falls behind.
        for _ in 0..5 {
            produce_words(&site.broker, "in", PARTITIONS, words(0, 400));
            site.drain(&["in"]);
        }
    }
}

/// A restore listener that takes its time.
struct Slow;

impl RestoreListener for Slow {
    fn on_restore_start(&self, _: &StoreRestore<'_>) {
        // Longer than the session: the point is what such a callback does to the group.
        std::thread::sleep(Duration::from_millis(400));
    }
}

#[test]
fn a_slow_callback_neither_makes_a_rebalance_nor_loses_the_membership() {
    let site = site();
    let link = site.link();
    let config = site.config("one").set("session.timeout.ms", 300);
    let streams = KafkaStreams::with_broker(word_count(), config, link.clone()).unwrap();
    streams.set_restore_listener(Slow);
    streams.start().unwrap();
    assert!(streams.wait_until_running(Duration::from_secs(20)));
    // One to get an id, one to join, and perhaps one to tell that it has its tasks.
    assert!(link.joins() <= 3, "{} joins", link.joins());
    assert_eq!(tasks(&streams).len(), TASKS);
}

#[test]
fn a_slow_operator_does_not_cost_the_membership() {
    use streams_dsl::StreamsBuilder;
    let site = site();
    let link = site.link();
    let builder = StreamsBuilder::new();
    builder
        .stream::<Option<String>, String>("in")
        .peek(|_, value| {
            if value == "slow" {
                std::thread::sleep(Duration::from_millis(900));
            }
        })
        .to("out");
    let config = site.config("one").set("session.timeout.ms", 300);
    let streams = site.start_linked(builder.build().unwrap(), config, &link);
    let joins = link.joins();
    produce_words(&site.broker, "in", 1, ["slow".to_owned(), "quick".to_owned()]);
    site.drain(&["in"]);
    assert_eq!(streams.processed_records(), 2);
    assert_eq!(link.joins(), joins);
}

/// A second instance, whose view of the cluster lags behind.
fn start_lagging(site: &Site, hidden: &str) -> (KafkaStreams<Link>, Link) {
    let link = site.link();
    link.hide(hidden, 3);
    let streams = KafkaStreams::with_broker(word_count(), site.config("two"), link.clone()).unwrap();
    streams.start().unwrap();
    (streams, link)
}

#[test]
fn tasks_are_complete_though_the_metadata_of_their_topics_comes_late() {
    for hidden in ["in", "app-counts-repartition"] {
        let site = site();
        let one = site.start(word_count(), "one");
        let (two, link) = start_lagging(&site, hidden);
        wait("tasks are shared", || tasks(&one).len() == TASKS / 2 && tasks(&two).len() == TASKS / 2);
        produce_words(&site.broker, "in", PARTITIONS, words(0, 400));
        site.drain(&["in"]);
        assert_eq!(link.still_hidden(hidden), 0, "{hidden}");
        let mut counts = counts_of(&one).unwrap();
        counts.extend(counts_of(&two).unwrap());
        let expected: Counts = (0..20).map(|word| (format!("w{word}"), 20)).collect();
        assert_eq!(counts, expected, "{hidden}");
    }
}
