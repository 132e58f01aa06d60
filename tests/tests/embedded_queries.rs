//! Queries from other threads while processing runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;
use streams_dsl::broker::Broker;
use streams_dsl::query::ReadOnlyKeyValueView;
use streams_dsl::{KafkaStreams, Materialized, State, StoreEngine, StreamsBuilder, StreamsError, Topology};
use tests::embedded::{STORE, Site, counts_of, wait};

const PARTITIONS: i32 = 3;

fn counts(materialized: Materialized<String, i64>) -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").group_by_key().count_with(materialized);
    builder.build().unwrap()
}

fn plain_counts() -> Topology {
    counts(Materialized::named(STORE))
}

fn site() -> Site {
    Site::new(&[("in", PARTITIONS)])
}

/// One record each of the keys `key00000` and so on, over the partitions in turn.
fn produce_keys(site: &Site, count: usize) {
    for number in 0..count {
        let key = key(number);
        site.broker.produce("in", number as i32 % PARTITIONS, Some(key.as_bytes()), Some(b"x"), number as i64).unwrap();
    }
}

fn key(number: usize) -> String {
    format!("key{number:05}")
}

fn view<B: Broker>(streams: &KafkaStreams<B>) -> ReadOnlyKeyValueView<B, String, i64> {
    streams.store(STORE).unwrap()
}

fn keys(rows: impl Iterator<Item = Result<(String, i64), StreamsError>>) -> Vec<String> {
    rows.map(|row| row.unwrap().0).collect()
}

#[test]
fn every_kind_of_query_finds_the_rows_of_all_tasks_in_both_engines_and_views() {
    for engine in [StoreEngine::RocksDb, StoreEngine::InMemory] {
        let site = site();
        let streams = site.start(counts(Materialized::named(STORE).with_store_type(engine)), "one");
        produce_keys(&site, 4000);
        site.drain(&["in"]);
        for view in [view(&streams), view(&streams).committed()] {
            assert_eq!(view.get(&key(3999)).unwrap(), Some(1));
            assert_eq!(view.get_with_timestamp(&key(17)).unwrap(), Some((1, 17)));
            assert_eq!(view.get(&key(4000)).unwrap(), None);
            // More rows than a page holds, of each task.
            let all = keys(view.all().unwrap());
            assert_eq!(all.len(), 4000);
            let mut sorted = all.clone();
            sorted.sort();
            sorted.dedup();
            assert_eq!(sorted, (0..4000).map(key).collect::<Vec<_>>());
            // In order within each task, forward and backward.
            let of_task = |keys: &[String], task: usize| -> Vec<String> {
                let number = |key: &str| key[3..].parse::<usize>().unwrap();
                keys.iter().filter(|key| number(key) % PARTITIONS as usize == task).cloned().collect()
            };
            let reverse = keys(view.reverse_all().unwrap());
            assert_eq!(reverse.len(), 4000);
            for task in 0..PARTITIONS as usize {
                assert!(of_task(&all, task).is_sorted(), "task {task}");
                assert!(of_task(&reverse, task).iter().rev().is_sorted(), "task {task}");
            }
            let (from, to) = (key(100), key(109));
            let mut range = keys(view.range(Some(&from), Some(&to)).unwrap());
            range.sort();
            assert_eq!(range, (100..110).map(key).collect::<Vec<_>>());
            let mut reverse = keys(view.reverse_range(Some(&from), Some(&to)).unwrap());
            reverse.sort();
            assert_eq!(reverse, range);
            assert_eq!(keys(view.range(None, Some(&key(9))).unwrap()).len(), 10);
            assert_eq!(keys(view.range(Some(&key(3990)), None).unwrap()).len(), 10);
            assert_eq!(keys(view.range(Some(&to), Some(&from)).unwrap()), Vec::<String>::new());
            let mut prefix = keys(view.prefix_scan(b"key0012").unwrap());
            prefix.sort();
            assert_eq!(prefix, (120..130).map(key).collect::<Vec<_>>());
            let entries = view.approximate_num_entries().unwrap();
            assert!((2000..=8000).contains(&entries), "{entries} of 4000");
        }
    }
}

#[test]
fn uncommitted_writes_are_seen_and_the_committed_view_waits_for_the_commit() {
    let site = site();
    let streams = site.start_with(plain_counts(), site.config("one").set("commit.interval.ms", 3_600_000));
    produce_keys(&site, 30);
    let (view, committed) = (view(&streams), view(&streams).committed());
    wait("the writes are seen", || view.all().unwrap().count() == 30);
    assert_eq!(view.get(&key(5)).unwrap(), Some(1));
    assert_eq!(committed.get(&key(5)).unwrap(), None);
    assert_eq!(committed.all().unwrap().count(), 0);
    assert!(streams.close());
    let streams = site.start(plain_counts(), "one");
    let committed = self::view(&streams).committed();
    assert_eq!(committed.all().unwrap().count(), 30);
    assert_eq!(committed.get(&key(5)).unwrap(), Some(1));
}

#[test]
fn queries_of_several_threads_while_processing_runs_see_counts_that_only_grow() {
    let site = site();
    let streams = Arc::new(site.start_with(plain_counts(), site.config("one").set("num.stream.threads", 2)));
    let done = Arc::new(AtomicBool::new(false));
    let askers: Vec<_> = (0..3)
        .map(|asker| {
            let (streams, done) = (Arc::clone(&streams), Arc::clone(&done));
            std::thread::spawn(move || {
                let view = match asker {
                    0 => view(&streams).committed(),
                    _ => view(&streams),
                };
                let (mut last, mut answers) = (0, 0u64);
                while !done.load(SeqCst) {
                    let sum: i64 = view.all().unwrap().map(|row| row.unwrap().1).sum();
                    assert!(sum >= last, "{sum} after {last}");
                    assert!(view.get(&key(0)).unwrap().unwrap_or(0) <= 40);
                    (last, answers) = (sum, answers + 1);
                }
                answers
            })
        })
        .collect();
    for _ in 0..40 {
        produce_keys(&site, 300);
    }
    site.drain(&["in"]);
    let view = view(&streams);
    assert_eq!(view.all().unwrap().map(|row| row.unwrap().1).sum::<i64>(), 40 * 300);
    done.store(true, SeqCst);
    for asker in askers {
        assert!(asker.join().unwrap() > 0);
    }
}

#[test]
fn a_view_follows_tasks_that_move_and_never_answers_from_a_part() {
    let site = site();
    let one = site.start(plain_counts(), "one");
    produce_keys(&site, 300);
    site.drain(&["in"]);
    let (at_one, before) = (view(&one), 300);
    assert_eq!(at_one.all().unwrap().count(), before);
    let two = site.make(plain_counts(), site.config("two"));
    let both = || Some(at_one.all().ok()?.filter(Result::is_ok).count() + counts_of(&two).ok()?.len());
    wait("the tasks are shared", || {
        let running = |streams: &KafkaStreams<_>| streams.tasks().iter().filter(|task| task.running).count();
        running(&one) + running(&two) == PARTITIONS as usize && running(&two) == 1
    });
    assert_eq!(both(), Some(before));
    assert!(two.close());
    wait("they are back", || at_one.all().is_ok_and(|rows| rows.filter(Result::is_ok).count() == before));
}

#[test]
fn a_store_cannot_be_asked_while_it_is_restored_and_can_afterwards() {
    struct Gate(Arc<AtomicBool>);
    impl streams_dsl::RestoreListener for Gate {
        fn on_restore_start(&self, _: &streams_dsl::StoreRestore<'_>) {
            wait("the gate is open", || self.0.load(SeqCst));
        }
    }
    let site = site();
    let streams = site.start(plain_counts(), "one");
    produce_keys(&site, 30);
    site.drain(&["in"]);
    assert!(streams.close());
    let streams = KafkaStreams::with_broker(plain_counts(), site.config("another"), site.broker.clone()).unwrap();
    let open = Arc::new(AtomicBool::new(false));
    streams.set_restore_listener(Gate(Arc::clone(&open)));
    streams.start().unwrap();
    wait("tasks are assigned", || !streams.tasks().is_empty());
    let error = streams.store::<String, i64>(STORE).err().expect("not yet").to_string();
    assert!(error.contains("being restored") && error.contains(STORE), "{error}");
    assert_eq!(streams.state(), State::Rebalancing);
    open.store(true, SeqCst);
    assert!(streams.wait_until_running(Duration::from_secs(20)));
    assert_eq!(view(&streams).all().unwrap().count(), 30);
}

#[test]
fn a_view_of_an_instance_that_is_gone_says_so() {
    let site = site();
    let streams = site.start(plain_counts(), "one");
    produce_keys(&site, 3000);
    site.drain(&["in"]);
    let view = view(&streams);
    let mut rows = view.all().unwrap();
    assert!(rows.next().unwrap().is_ok());
    drop(streams);
    // What was read already may still come; then an error, and the end.
    let rest: Vec<_> = rows.collect();
    assert!(rest.last().unwrap().is_err() && rest.iter().filter(|row| row.is_err()).count() == 1);
    assert!(view.get(&key(1)).is_err());
}
