//! Queries of window and session stores from other threads while processing runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;
use streams_dsl::broker::Broker;
use streams_dsl::query::{ReadOnlySessionView, ReadOnlyWindowView};
use streams_dsl::windows::TimeWindows;
use streams_dsl::{
    KafkaStreams, Materialized, SessionWindow, StoreEngine, StreamsBuilder, StreamsError, TimeWindow, Topology,
    Windowed,
};
use tests::embedded::{STORE, Site, wait, written_sessions};

const PARTITIONS: i32 = 3;
const MINUTE: i64 = 60_000;
const KEYS: usize = 1200;
const WINDOWS: i64 = 3;

/// Counts per minute, in segments of two minutes.
fn counts(engine: StoreEngine) -> Topology {
    let builder = StreamsBuilder::new();
    let materialized = Materialized::named(STORE).with_store_type(engine);
    let minutes = TimeWindows::of_size_with_no_grace(Duration::from_secs(60));
    builder
        .stream::<String, String>("in")
        .group_by_key()
        .windowed_by(minutes)
        .count_with(materialized.with_retention(Duration::from_secs(240)));
    builder.build().unwrap()
}

fn key(number: usize) -> String {
    format!("key{number:05}")
}

/// One record of each key in each window, over the partitions in turn.
fn produce_keys(site: &Site, keys: usize) {
    for window in 0..WINDOWS {
        for number in 0..keys {
            let (key, time) = (key(number), window * MINUTE + number as i64);
            site.broker.produce("in", number as i32 % PARTITIONS, Some(key.as_bytes()), Some(b"x"), time).unwrap();
        }
    }
}

fn view<B: Broker>(streams: &KafkaStreams<B>) -> ReadOnlyWindowView<B, String, i64> {
    streams.window_store(STORE).unwrap()
}

type Found<W> = Result<(Windowed<String, W>, i64), StreamsError>;

fn starts(rows: Result<impl Iterator<Item = Found<TimeWindow>>, StreamsError>) -> Vec<(String, i64)> {
    rows.unwrap().map(|row| row.unwrap().0).map(|key| (key.key.clone(), key.start())).collect()
}

fn sorted<T: Ord>(mut rows: Vec<T>) -> Vec<T> {
    rows.sort();
    rows
}

/// Windows of some keys.
fn windows_of(keys: std::ops::Range<usize>, windows: std::ops::Range<i64>) -> Vec<(String, i64)> {
    keys.flat_map(|number| windows.clone().map(move |window| (key(number), window * MINUTE))).collect()
}

#[test]
fn every_kind_of_query_finds_the_windows_of_all_tasks_in_both_engines_and_views() {
    for engine in [StoreEngine::RocksDb, StoreEngine::InMemory] {
        let site = Site::new(&[("in", PARTITIONS)]);
        let streams = site.start(counts(engine), "one");
        produce_keys(&site, KEYS);
        site.drain(&["in"]);
        for view in [view(&streams), view(&streams).committed()] {
            // More rows than a page holds, of each task.
            let all = starts(view.all());
            assert_eq!(sorted(all.clone()), windows_of(0..KEYS, 0..WINDOWS));
            let backward = starts(view.backward_all());
            for task in 0..PARTITIONS as usize {
                // In order within each task: segments, keys, starts.
                let number = |key: &str| key[3..].parse::<usize>().unwrap();
                let of_task = |rows: &[(String, i64)]| -> Vec<(i64, String, i64)> {
                    let rows = rows.iter().filter(|(key, _)| number(key) % PARTITIONS as usize == task);
                    rows.map(|(key, start)| (start / (2 * MINUTE), key.clone(), *start)).collect()
                };
                assert!(of_task(&all).is_sorted(), "task {task}");
                let mut reversed = of_task(&backward);
                reversed.reverse();
                assert_eq!(reversed, of_task(&all), "task {task}");
            }
            one_key(&view);
            some_keys(&view);
        }
    }
}

fn one_key(view: &ReadOnlyWindowView<impl Broker, String, i64>) {
    let seven = key(7);
    assert_eq!(view.fetch(&seven, MINUTE).unwrap(), Some(1));
    assert_eq!(view.fetch_with_timestamp(&seven, MINUTE).unwrap(), Some((1, MINUTE + 7)));
    assert_eq!(view.fetch(&seven, MINUTE + 1).unwrap(), None);
    assert_eq!(view.fetch(&key(KEYS), MINUTE).unwrap(), None);
    let rows: Vec<_> = view.fetch_between(&seven, 0, MINUTE).unwrap().with_timestamps().map(Result::unwrap).collect();
    let row = |start: i64| (Windowed::new(seven.clone(), TimeWindow::new(start, start + MINUTE)), 1, start + 7);
    assert_eq!(rows, [row(0), row(MINUTE)]);
    let backward = starts(view.backward_fetch_between(&seven, 1, i64::MAX));
    assert_eq!(backward, [(seven.clone(), 2 * MINUTE), (seven.clone(), MINUTE)]);
    assert_eq!(starts(view.fetch_between(&seven, 1, MINUTE - 1)), []);
}

fn some_keys(view: &ReadOnlyWindowView<impl Broker, String, i64>) {
    let (from, to) = (key(100), key(109));
    let (from, to) = (Some(&from), Some(&to));
    assert_eq!(sorted(starts(view.fetch_range(from, to, 0, MINUTE))), windows_of(100..110, 0..2));
    assert_eq!(sorted(starts(view.backward_fetch_range(from, to, MINUTE, MINUTE))), windows_of(100..110, 1..2));
    assert_eq!(sorted(starts(view.fetch_range(None, Some(&key(9)), 0, i64::MAX))), windows_of(0..10, 0..WINDOWS));
    assert_eq!(sorted(starts(view.fetch_range(Some(&key(1190)), None, 0, 0))), windows_of(1190..KEYS, 0..1));
    assert_eq!(starts(view.fetch_range(to, from, 0, i64::MAX)), []);
    assert_eq!(sorted(starts(view.fetch_all(MINUTE, MINUTE))), windows_of(0..KEYS, 1..2));
    assert_eq!(sorted(starts(view.backward_fetch_all(1, i64::MAX))), windows_of(0..KEYS, 1..WINDOWS));
}

#[test]
fn uncommitted_windows_are_seen_and_the_committed_view_waits_for_the_commit() {
    let site = Site::new(&[("in", PARTITIONS)]);
    let config = site.config("one").set("commit.interval.ms", 3_600_000);
    let streams = site.start_with(counts(StoreEngine::RocksDb), config);
    produce_keys(&site, 30);
    let (view, committed) = (view(&streams), view(&streams).committed());
    wait("the writes are seen", || view.all().unwrap().count() == 90);
    assert_eq!(view.fetch(&key(5), 0).unwrap(), Some(1));
    assert_eq!(committed.fetch(&key(5), 0).unwrap(), None);
    assert_eq!(committed.all().unwrap().count(), 0);
    assert!(streams.close());
    let error = view.fetch(&key(5), 0).unwrap_err().to_string();
    assert!(error.contains("can be read while it runs"), "{error}");
    let streams = site.start(counts(StoreEngine::RocksDb), "one");
    let committed = self::view(&streams).committed();
    assert_eq!(committed.all().unwrap().count(), 90);
    assert_eq!(committed.fetch(&key(5), 0).unwrap(), Some(1));
}

#[test]
fn queries_of_several_threads_while_windows_are_counted_see_counts_that_only_grow() {
    let site = Site::new(&[("in", PARTITIONS)]);
    let streams = Arc::new(site.start(counts(StoreEngine::RocksDb), "one"));
    let done = Arc::new(AtomicBool::new(false));
    let askers: Vec<_> = (0..2)
        .map(|asker| {
            let (streams, done) = (Arc::clone(&streams), Arc::clone(&done));
            std::thread::spawn(move || {
                let view = if asker == 0 { view(&streams).committed() } else { view(&streams) };
                let (mut last, mut answers) = (0, 0u64);
                while !done.load(SeqCst) {
                    let sum: i64 = view.all().unwrap().map(|row| row.unwrap().1).sum();
                    assert!(sum >= last, "{sum} after {last}");
                    (last, answers) = (sum, answers + 1);
                }
                answers
            })
        })
        .collect();
    // Each window once more while it is open.
    for round in 0..20 {
        for number in 0..300 {
            let key = key(number);
            let partition = number as i32 % PARTITIONS;
            site.broker.produce("in", partition, Some(key.as_bytes()), Some(b"x"), round * 1000).unwrap();
        }
    }
    site.drain(&["in"]);
    assert_eq!(view(&streams).all().unwrap().map(|row| row.unwrap().1).sum::<i64>(), 20 * 300);
    done.store(true, SeqCst);
    for asker in askers {
        assert!(asker.join().unwrap() > 0);
    }
}

#[test]
fn a_scan_of_an_instance_that_is_gone_ends_with_an_error() {
    let site = Site::new(&[("in", PARTITIONS)]);
    let streams = site.start(counts(StoreEngine::RocksDb), "one");
    produce_keys(&site, KEYS);
    site.drain(&["in"]);
    let scans = [view(&streams), view(&streams).committed()].map(|view| view.all().unwrap());
    let scans = scans.map(|mut rows| {
        assert!(rows.next().unwrap().is_ok());
        rows
    });
    drop(streams);
    for rows in scans {
        // What was read already may still come; then an error, and the end.
        let rest: Vec<_> = rows.collect();
        assert!(rest.last().unwrap().is_err() && rest.iter().filter(|row| row.is_err()).count() == 1);
    }
}

#[test]
fn a_store_of_another_kind_or_type_says_how_it_is_asked() {
    let site = Site::new(&[("in", 1)]);
    let streams = site.start(counts(StoreEngine::RocksDb), "one");
    let refused = [
        (
            streams.store::<String, i64>(STORE).err(),
            "counts is a window store, not a key-value store: use window_store()",
        ),
        (streams.session_store::<String, i64>(STORE).err(), "not a session store: use window_store()"),
        (streams.window_store::<Windowed<String>, i64>(STORE).err(), "has keys of type alloc::string::String"),
        (streams.window_store::<String, i32>(STORE).err(), "values of type i64"),
        (streams.window_store::<String, i64>("count").err(), "there is no store count; the topology has: counts"),
    ];
    for (error, part) in refused {
        let error = error.unwrap().to_string();
        assert!(error.contains(part), "{error}");
    }
    drop(streams);
    let site = Site::new(&[("in", 1), ("out", 1)]);
    let streams = site.start(tests::embedded::word_count(), "one");
    let error = streams.window_store::<String, i64>(STORE).err().unwrap().to_string();
    assert!(error.contains("counts is a key-value store, not a window store: use store()"), "{error}");
    drop(streams);
    let site = Site::new(&[("in", 1)]);
    let streams = site.start(written_sessions(StoreEngine::RocksDb, 5 * MINUTE), "one");
    let error = streams.window_store::<String, i64>(STORE).err().unwrap().to_string();
    assert!(error.contains("counts is a session store, not a window store: use session_store()"), "{error}");
}

/// Sessions of each key: from 0, of a minute and a half each, two minutes apart.
fn produce_sessions(site: &Site, keys: usize) -> BTreeMap<(String, i64), i64> {
    let mut written = BTreeMap::new();
    for number in 0..keys {
        for session in 0..WINDOWS {
            let start = session * 2 * MINUTE;
            let (key, value) = (key(number), number as i64 * 10 + session);
            let row = format!("{start}..{}={value}", start + 90_000);
            let partition = number as i32 % PARTITIONS;
            site.broker.produce("in", partition, Some(key.as_bytes()), Some(row.as_bytes()), 1000).unwrap();
            written.insert((key, start), value);
        }
    }
    written
}

fn sessions(rows: Result<impl Iterator<Item = Found<SessionWindow>>, StreamsError>) -> Vec<((String, i64), i64)> {
    let rows = rows.unwrap().map(Result::unwrap);
    rows.map(|(key, value)| {
        assert_eq!(key.end(), key.start() + 90_000);
        ((key.key.clone(), key.start()), value)
    })
    .collect()
}

#[test]
fn every_kind_of_query_finds_the_sessions_of_all_tasks_in_both_engines_and_views() {
    for engine in [StoreEngine::RocksDb, StoreEngine::InMemory] {
        let site = Site::new(&[("in", PARTITIONS)]);
        let streams = site.start(written_sessions(engine, 5 * MINUTE), "one");
        let written = produce_sessions(&site, KEYS);
        site.drain(&["in"]);
        let view: ReadOnlySessionView<_, String, i64> = streams.session_store(STORE).unwrap();
        for view in [view.clone(), view.committed()] {
            let all = sessions(view.fetch_range(None, None));
            assert_eq!(all.len(), KEYS * WINDOWS as usize);
            assert_eq!(all.into_iter().collect::<BTreeMap<_, _>>(), written);
            let seven = key(7);
            assert_eq!(view.fetch_session(&seven, 2 * MINUTE, 2 * MINUTE + 90_000).unwrap(), Some(71));
            assert_eq!(view.fetch_session(&seven, 2 * MINUTE, 2 * MINUTE + 90_001).unwrap(), None);
            let of_seven = |session: i64| ((seven.clone(), session * 2 * MINUTE), 70 + session);
            assert_eq!(sessions(view.fetch(&seven)), [of_seven(0), of_seven(1), of_seven(2)]);
            assert_eq!(sessions(view.backward_fetch(&seven)), [of_seven(2), of_seven(1), of_seven(0)]);
            assert_eq!(sessions(view.find_sessions(&seven, 90_000, 2 * MINUTE)), [of_seven(0), of_seven(1)]);
            assert_eq!(sessions(view.find_sessions(&seven, 90_001, 2 * MINUTE)), [of_seven(1)]);
            assert_eq!(sessions(view.backward_find_sessions(&seven, 90_000, 2 * MINUTE)), [of_seven(1), of_seven(0)]);
            let (from, to) = (key(100), key(109));
            let range = sessions(view.find_sessions_range(Some(&from), Some(&to), 90_001, i64::MAX));
            let expected =
                written.range((from.clone(), 1)..=(to.clone(), i64::MAX)).map(|(key, value)| (key.clone(), *value));
            let expected: Vec<_> = expected.filter(|((_, start), _)| *start > 0).collect();
            assert_eq!(sorted(range.clone()), expected);
            let backward = view.backward_find_sessions_range(Some(&from), Some(&to), 90_001, i64::MAX);
            assert_eq!(sorted(sessions(backward)), expected);
            assert_eq!(sessions(view.backward_fetch_range(Some(&from), Some(&from))).len(), WINDOWS as usize);
        }
    }
}
