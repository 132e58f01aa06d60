//! What is below the queries of windowed stores: segments that come and go, the time index, duplicates, restoring.

mod support;

use std::ops::ControlFlow;
use std::path::Path;

use state_stores::{
    ActiveStores, BufferOptions, Direction, EngineKind, PutOutcome, ReadOnlyKeyValueStore, RowLayout, SessionStore,
    StoreError, StoreHandle, TaskStores, WindowKey, WindowScan, WindowStore,
};
use support::{ENGINES, changelog, commit, context, environment, rows, spec};
use tempfile::TempDir;

const MINUTE: i64 = 60_000;

/// A store named `s`; segments of a minute.
fn open(directory: &Path, engine: EngineKind, layout: RowLayout) -> TaskStores {
    let specs = vec![spec("s", engine).with_layout(layout)];
    TaskStores::open(directory, specs, &environment()).unwrap()
}

fn windows(active: &ActiveStores) -> WindowStore<StoreHandle> {
    WindowStore::new(active.handle(0).unwrap()).unwrap()
}

fn put(store: &WindowStore, key: &[u8], value: &[u8], start: i64) {
    assert_eq!(store.put(key, Some(value), start).unwrap(), PutOutcome::Stored);
}

/// All rows that the engine has, those of the time index too.
fn engine_rows(active: &ActiveStores) -> usize {
    rows(active.stores().reader(0).unwrap().all()).len()
}

fn values(store: &WindowStore, key: &[u8]) -> Vec<Vec<u8>> {
    let rows = store.fetch_between(key, 0, i64::MAX, Direction::Forward).unwrap();
    rows.map(|row| row.unwrap().value).collect()
}

#[test]
fn an_expired_segment_leaves_the_engine_with_the_next_commit() {
    for engine in ENGINES {
        for layout in [RowLayout::window(2 * MINUTE), RowLayout::window(2 * MINUTE).with_time_index()] {
            let rows_each = 1 + usize::from(layout.has_time_index());
            let directory = TempDir::new().unwrap();
            let mut active = open(directory.path(), engine, layout).activate();
            let store = windows(&active);
            for minute in 0..3 {
                for key in 0..100_u8 {
                    put(&store, &[key], b"v", minute * MINUTE);
                }
            }
            commit(&mut active, 1);
            assert_eq!(engine_rows(&active), 300 * rows_each);
            put(&store, b"new", b"v", 4 * MINUTE - 1);
            commit(&mut active, 2);
            assert_eq!(engine_rows(&active), 201 * rows_each, "the first minute is gone");
            put(&store, b"new", b"v", 1_000 * MINUTE);
            assert_eq!(engine_rows(&active), 201 * rows_each, "not before the commit");
            commit(&mut active, 3);
            assert_eq!(engine_rows(&active), rows_each);
        }
    }
}

#[test]
fn rows_that_expire_before_their_commit_are_forwarded_and_not_stored() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let layout = RowLayout::window(MINUTE).with_time_index();
        let mut active = open(directory.path(), engine, layout).activate();
        let store = windows(&active);
        put(&store, b"old", b"v", 0);
        put(&store, b"new", b"v", 100 * MINUTE);
        let records = changelog(&active.handle(0).unwrap());
        assert_eq!(records.len(), 2, "the time index is in no changelog: {records:?}");
        assert_eq!(records[0].0, b"old\0\0\0\0\0\0\0\0\0\0\0\0");
        commit(&mut active, 1);
        assert_eq!(engine_rows(&active), 2);
    }
}

#[test]
fn nothing_of_a_dropped_segment_is_found_by_its_row_either() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let layout = RowLayout::window(MINUTE);
        let mut active = open(directory.path(), engine, layout).activate();
        let store = windows(&active);
        put(&store, b"old", b"v", 0);
        commit(&mut active, 1);
        let mut row = Vec::new();
        layout.encode_window(b"old", 0, 0, &mut row);
        let handle = active.handle(0).unwrap();
        let slot = handle.borrow_mut().lookup(&row).unwrap();
        assert_eq!(handle.borrow().value(slot), Some(&b"v"[..]));

        put(&store, b"new", b"v", 100 * MINUTE);
        assert!(handle.borrow().is_expired(0));
        commit(&mut active, 2);
        let slot = handle.borrow_mut().lookup(&row).unwrap();
        assert_eq!(handle.borrow().value(slot), None, "a clean entry outlived its segment");

        // Written in spite of `is_expired`: not stored, and not kept either.
        handle.borrow_mut().set(slot, Some(b"again"), context(0)).unwrap();
        commit(&mut active, 3);
        assert_eq!(engine_rows(&active), 1);
        let slot = handle.borrow_mut().lookup(&row).unwrap();
        commit(&mut active, 4);
        assert_eq!(engine_rows(&active), 1);
        assert!(handle.borrow().value(slot).is_none_or(|value| value == b"again"));
    }
}

#[test]
fn a_time_that_was_not_committed_is_forgotten() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let mut active = open(directory.path(), engine, RowLayout::window(MINUTE)).activate();
        put(&windows(&active), b"k", b"v", 0);
        commit(&mut active, 1);
        put(&windows(&active), b"late", b"v", 100 * MINUTE);
        support::flush(&active.handle(0).unwrap());
        active.seal().unwrap();
        let handle = active.handle(0).unwrap();
        assert_eq!(handle.borrow().observed_time(), 100 * MINUTE);
        let active = active.deactivate().unwrap().activate();
        assert_eq!(active.handle(0).unwrap().borrow().observed_time(), 0);
        assert_eq!(windows(&active).fetch(b"k", 0).unwrap(), Some(b"v".to_vec()));
        put(&windows(&active), b"k", b"w", 1);
    }
}

#[test]
fn negative_times_have_always_expired() {
    let directory = TempDir::new().unwrap();
    let active = open(directory.path(), EngineKind::InMemory, RowLayout::window(i64::MAX)).activate();
    let store = windows(&active);
    assert_eq!(store.put(b"k", Some(b"v"), -1).unwrap(), PutOutcome::Expired);
    assert_eq!(store.put(b"k", Some(b"v"), i64::MIN).unwrap(), PutOutcome::Expired);
    put(&store, b"k", b"v", i64::MAX);
    put(&store, b"k", b"w", 0);
    assert_eq!(values(&store, b"k"), [b"v".to_vec()], "0 is one more than all of time away");
    assert_eq!(store.fetch_all(i64::MIN, i64::MAX, Direction::Forward).unwrap().count(), 1);
}

#[test]
fn duplicates_stay_apart_after_a_restart_and_a_restore() {
    for engine in ENGINES {
        let layout = RowLayout::window(MINUTE).with_duplicates();
        let directory = TempDir::new().unwrap();
        let mut active = open(directory.path(), engine, layout).activate();
        let store = windows(&active);
        for value in [b"1", b"2", b"3"] {
            put(&store, b"k", value, 5);
        }
        assert_eq!(store.put(b"k", None, 5).unwrap(), PutOutcome::Stored);
        assert_eq!(values(&store, b"k"), [b"1", b"2", b"3"]);
        assert_eq!(store.fetch(b"k", 5).unwrap(), Some(b"3".to_vec()));
        let records = changelog(&active.handle(0).unwrap());
        assert_eq!(records[0].0, b"k\0\0\0\0\0\0\0\x05\0\0\0\x01", "the first number is 1, as in Kafka Streams");
        commit(&mut active, 1);

        let restored_directory = TempDir::new().unwrap();
        let mut restored = open(restored_directory.path(), engine, layout);
        restored.restore(0, records, 1).unwrap();
        let mut tasks = vec![restored.activate(), active.deactivate().unwrap().activate()];
        if engine == EngineKind::RocksDb {
            drop(tasks.pop());
            tasks.push(open(directory.path(), engine, layout).activate());
        }
        for active in tasks {
            let store = windows(&active);
            put(&store, b"k", b"4", 5);
            assert_eq!(values(&store, b"k"), [b"1", b"2", b"3", b"4"]);
        }
    }
}

#[test]
fn an_aggregation_step_by_slot_keeps_the_time_index() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let layout = RowLayout::window(10 * MINUTE).with_time_index();
        let mut active = open(directory.path(), engine, layout).activate();
        let handle = active.handle(0).unwrap();
        let store = windows(&active);
        let mut row = Vec::new();
        for round in 0..3_i64 {
            for start in [7, 3, 5] {
                layout.encode_window(b"k", start, 0, &mut row);
                let mut buffer = handle.borrow_mut();
                assert!(!buffer.is_expired(start));
                let slot = buffer.lookup(&row).unwrap();
                buffer.observe(start);
                // Made, deleted and made again, within one commit and over several.
                let value = (round + start) % 2 == 0;
                buffer.set(slot, value.then_some(b"v"), context(start)).unwrap();
                buffer.set(slot, Some(b"v"), context(start)).unwrap();
                assert_eq!(buffer.changelog_key(slot), &row[9..]);
                if start == 5 {
                    buffer.set(slot, None, context(start)).unwrap();
                }
            }
            let starts = |store: &WindowStore| -> Vec<i64> {
                store.all(Direction::Forward).unwrap().map(|row| row.unwrap().start).collect()
            };
            assert_eq!(starts(&store), [3, 7]);
            commit(&mut active, round);
            assert_eq!(starts(&store), [3, 7]);
            assert_eq!(engine_rows(&active), 4);
        }
    }
}

#[test]
fn a_scan_does_not_show_windows_that_began_after_it() {
    for engine in ENGINES {
        for layout in [RowLayout::window(5 * MINUTE), RowLayout::window(5 * MINUTE).with_time_index()] {
            let directory = TempDir::new().unwrap();
            let layout = layout.with_segment_interval(MINUTE);
            let active = open(directory.path(), engine, layout).activate();
            let store = windows(&active);
            for start in 0..100 {
                put(&store, b"k", b"v", start * 1_000);
            }
            put(&store, b"k", b"v", 5 * MINUTE - 2);
            let mut seen = 0;
            let mut scan = store.all(Direction::Forward).unwrap();
            while let Some((window, _)) = scan.next_row().unwrap() {
                let start = window.start;
                seen += 1;
                put(&store, b"k", b"later", start + 1);
                put(&store, b"k", b"later", start + MINUTE + 1);
            }
            assert_eq!(seen, 101);
        }
    }
}

#[test]
fn a_changelog_of_something_else_is_refused() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        for (layout, length) in [(RowLayout::window(1), 11), (RowLayout::session(1), 15)] {
            let mut stores = open(directory.path(), engine, layout);
            let good = (vec![0; length + 1], Some(b"v".to_vec()));
            let bad = (vec![0; length], Some(b"v".to_vec()));
            let error = stores.restore(0, [good.clone(), bad], 2).unwrap_err();
            assert!(matches!(error, StoreError::InvalidChangelogKey { .. }), "{error}");
            assert!(error.to_string().contains(&format!("`s` has a record whose key of {length} bytes")), "{error}");
            assert_eq!(rows(stores.reader(0).unwrap().all()).len(), 0);
            stores.restore(0, [good], 1).unwrap();
            assert_eq!(rows(stores.reader(0).unwrap().all()).len(), 1);
        }
    }
}

#[test]
fn a_store_whose_layout_was_changed_is_emptied_to_be_restored() {
    let layout = RowLayout::window(4 * MINUTE);
    let same = RowLayout::window(9 * MINUTE).with_segment_interval(2 * MINUTE).with_duplicates();
    let others =
        [RowLayout::Plain, RowLayout::session(4 * MINUTE), layout.with_time_index(), RowLayout::window(MINUTE)];
    let fill = |directory: &Path| {
        let mut active = open(directory, EngineKind::RocksDb, layout).activate();
        put(&windows(&active), b"k", b"v", 5);
        commit(&mut active, 1);
    };
    for other in [same].into_iter().chain(others) {
        let directory = TempDir::new().unwrap();
        fill(directory.path());
        let kept = usize::from(other == same);
        let stores = open(directory.path(), EngineKind::RocksDb, other);
        assert_eq!(rows(stores.reader(0).unwrap().all()).len(), kept, "{other:?}");
        assert_eq!(stores.committed_offset(0), (kept == 1).then_some(1), "{other:?}");
        assert_eq!(stores.reader(0).unwrap().observed_time(), if kept == 1 { 5 } else { -1 });
        drop(stores);
        // And back again.
        let stores = open(directory.path(), EngineKind::RocksDb, layout);
        assert_eq!(rows(stores.reader(0).unwrap().all()).len(), kept, "{other:?}");
    }
}

#[test]
fn wiping_forgets_the_time_too() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let mut active = open(directory.path(), engine, RowLayout::window(MINUTE)).activate();
        put(&windows(&active), b"k", b"v", 100 * MINUTE);
        commit(&mut active, 1);
        let mut stores = active.deactivate().unwrap();
        stores.wipe(0).unwrap();
        assert_eq!(stores.reader(0).unwrap().observed_time(), -1);
        drop(stores);
        let active = open(directory.path(), engine, RowLayout::window(MINUTE)).activate();
        put(&windows(&active), b"k", b"v", 0);
    }
}

#[test]
fn layouts_that_cannot_be_are_refused() {
    let directory = TempDir::new().unwrap();
    for (layout, problem) in [
        (RowLayout::window(-1), "retention is negative"),
        (RowLayout::session(1).with_segment_interval(0), "segment interval is not positive"),
    ] {
        let specs = vec![spec("s", EngineKind::InMemory).with_layout(layout)];
        let error = TaskStores::open(directory.path(), specs, &environment()).unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
    }
}

#[test]
fn readers_on_other_threads_hide_what_has_expired() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let mut active = open(directory.path(), engine, RowLayout::session(MINUTE)).activate();
        let store = SessionStore::new(active.handle(0).unwrap()).unwrap();
        assert_eq!(store.put(b"k", 0, 10, Some(b"v")).unwrap(), PutOutcome::Stored);
        commit(&mut active, 1);
        let reader = SessionStore::new(active.stores().reader(0).unwrap()).unwrap();
        // Not committed, so not known there.
        assert_eq!(store.put(b"k", 0, MINUTE + 10, Some(b"w")).unwrap(), PutOutcome::Stored);
        assert_eq!(store.fetch_session(b"k", 0, 10).unwrap(), None);
        let read = || {
            let reader = reader.clone();
            let read = move || reader.fetch(b"k", Direction::Forward).unwrap().map(|row| row.unwrap().end).collect();
            std::thread::spawn(read).join().unwrap()
        };
        let ends: Vec<i64> = read();
        assert_eq!(ends, [10]);
        commit(&mut active, 2);
        let ends: Vec<i64> = read();
        assert_eq!(ends, [MINUTE + 10]);
    }
}

fn size_on_disk(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    // Files may go while they are listed.
    entries.map(|entry| entry.metadata().map_or(0, |metadata| metadata.len())).sum()
}

#[test]
fn a_day_of_windows_takes_no_more_than_those_that_live() {
    const KEYS: u32 = 300;
    const VALUE: [u8; 200] = [7; 200];
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let buffer = BufferOptions { limit_bytes: 64 << 10, ..BufferOptions::default() };
        let specs = vec![spec("s", engine).with_buffer(buffer).with_layout(RowLayout::window(20 * MINUTE))];
        let mut active = TaskStores::open(directory.path(), specs, &environment()).unwrap().activate();
        let store = windows(&active);
        let mut largest = 0;
        for minute in 0..1_440 {
            for key in 0..KEYS {
                put(&store, &key.to_be_bytes(), &VALUE, minute * MINUTE);
            }
            commit(&mut active, minute);
            if minute % 60 == 59 {
                // Three segments of ten minutes, at most.
                assert!(engine_rows(&active) <= 30 * KEYS as usize, "{}", engine_rows(&active));
                active.stores().flush_memtables().unwrap();
                if engine == EngineKind::RocksDb {
                    largest = largest.max(size_on_disk(&directory.path().join("rocksdb")));
                }
            }
        }
        // All of the day are 100 MB; what lives is 2, the log up to 32, and files are two commits late.
        assert!(largest < 50 << 20, "{largest} bytes");
    }
}

#[test]
fn a_row_whose_writer_told_no_time_is_not_lost_sight_of() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let layout = RowLayout::window(MINUTE);
        let mut active = open(directory.path(), engine, layout).activate();
        let (handle, mut row) = (active.handle(0).unwrap(), Vec::new());
        layout.encode_window(b"k", 50, 0, &mut row);
        let slot = handle.borrow_mut().lookup(&row).unwrap();
        handle.borrow_mut().set(slot, Some(b"v"), context(50)).unwrap();
        commit(&mut active, 1);
        let active = active.deactivate().unwrap().activate();
        let handle = active.handle(0).unwrap();
        assert_eq!(handle.borrow().observed_time(), 50);
        let slot = handle.borrow_mut().lookup(&row).unwrap();
        assert_eq!(handle.borrow().value(slot), Some(&b"v"[..]));
    }
}

#[test]
fn a_new_window_is_known_not_to_have_existed_without_a_read() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let mut active = open(directory.path(), engine, RowLayout::window(MINUTE)).activate();
        let store = windows(&active);
        put(&store, b"k", b"v", 10);
        commit(&mut active, 1);
        // The first may be in the engine, the second cannot be.
        for (start, existed) in [(10, None), (11, Some(false))] {
            let handle = active.handle(0).unwrap();
            handle.borrow_mut().set_limit(0);
            put(&store, b"k", b"w", start);
            let mut slots = Vec::new();
            handle.borrow_mut().begin_flush(&mut slots).unwrap();
            assert_eq!(handle.borrow().existed(slots[0]), existed);
            commit(&mut active, start);
        }
        assert_eq!(values(&store, b"k"), [b"w", b"w"]);
    }
}

/// The rows of a scan read page by page, each page by a scan of its own, and how many pages that took.
fn paged(
    store: &WindowStore<StoreHandle>,
    scan: WindowScan<StoreHandle>,
    between: impl Fn(usize),
) -> (Vec<(Vec<u8>, i64)>, usize) {
    let (mut rows, mut pages) = (Vec::new(), 1);
    let mut rest = scan.read_page(|window, _| rows.push((window.key.to_vec(), window.start))).unwrap();
    while let Some(paused) = rest {
        between(pages);
        pages += 1;
        let scan = WindowScan::resume(store.rows().clone(), paused);
        rest = scan.read_page(|window, _| rows.push((window.key.to_vec(), window.start))).unwrap();
    }
    (rows, pages)
}

#[test]
fn a_scan_that_is_read_in_pages_shows_the_same_rows() {
    for layout in [RowLayout::window(4 * MINUTE), RowLayout::window(4 * MINUTE).with_time_index()] {
        let directory = TempDir::new().unwrap();
        let mut active = open(directory.path(), EngineKind::RocksDb, layout).activate();
        let store = windows(&active);
        for number in 0..3000_i64 {
            put(&store, &(number / 3).to_be_bytes(), b"v", number % 3 * MINUTE);
        }
        commit(&mut active, 1);
        put(&store, b"buffered", b"v", MINUTE);
        for direction in [Direction::Forward, Direction::Reverse] {
            let scans = [
                store.all(direction).unwrap(),
                store.fetch_all(MINUTE, MINUTE, direction).unwrap(),
                store.fetch_range(Some(&7_i64.to_be_bytes()), None, 0, 2 * MINUTE - 1, direction).unwrap(),
            ];
            let again = [
                store.all(direction).unwrap(),
                store.fetch_all(MINUTE, MINUTE, direction).unwrap(),
                store.fetch_range(Some(&7_i64.to_be_bytes()), None, 0, 2 * MINUTE - 1, direction).unwrap(),
            ];
            for (scan, again) in scans.into_iter().zip(again) {
                let expected: Vec<_> = again.map(Result::unwrap).map(|row| (row.key, row.start)).collect();
                let (rows, pages) = paged(&store, scan, |_| {});
                assert_eq!(rows, expected);
                assert!(pages >= 2, "{pages} pages of {} rows", rows.len());
            }
        }
    }
}

#[test]
fn a_page_of_a_scan_is_short_though_few_of_the_rows_are_wanted() {
    let directory = TempDir::new().unwrap();
    let layout = RowLayout::window(4 * MINUTE).with_segment_interval(4 * MINUTE);
    let active = open(directory.path(), EngineKind::RocksDb, layout).activate();
    let store = windows(&active);
    for number in 0..5000_i64 {
        put(&store, &number.to_be_bytes(), b"v", number % 2);
    }
    put(&store, &5000_i64.to_be_bytes(), b"v", 7);
    let (rows, pages) = paged(&store, store.fetch_all(7, 7, Direction::Forward).unwrap(), |_| {});
    assert_eq!(rows, [(5000_i64.to_be_bytes().to_vec(), 7)]);
    assert!(pages >= 5, "{pages} pages");
}

#[test]
fn a_paused_scan_goes_on_in_a_store_that_was_written_meanwhile() {
    let directory = TempDir::new().unwrap();
    let active = open(directory.path(), EngineKind::RocksDb, RowLayout::window(4 * MINUTE)).activate();
    let store = windows(&active);
    for number in 0..2000_i64 {
        put(&store, &number.to_be_bytes(), b"v", 0);
    }
    let (rows, pages) = paged(&store, store.all(Direction::Forward).unwrap(), |page| {
        // Behind the scan, where it will come, and later than it was begun.
        put(&store, &(page as i64 - 1).to_be_bytes(), b"new", 0);
        assert_eq!(store.put(&1999_i64.to_be_bytes(), None, 0).unwrap(), PutOutcome::Stored);
        put(&store, b"later", b"v", 3 * MINUTE);
    });
    assert!(pages >= 2);
    let numbers: Vec<_> = rows.iter().map(|(key, _)| i64::from_be_bytes(key.as_slice().try_into().unwrap())).collect();
    assert_eq!(numbers, (0..1999).collect::<Vec<_>>());
}

/// Few rows of a key that are not applied yet are found one way, many another.
#[test]
fn a_key_is_read_alike_however_many_rows_it_has_and_wherever_they_are() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let layout = RowLayout::window(1_000 * MINUTE).with_duplicates();
        let mut active = open(directory.path(), engine, layout).activate();
        let store = windows(&active);
        let mut all = Vec::new();
        for number in 0..600_i64 {
            // Times go back and forth, over several segments; one key is much more frequent, and one begins as another does.
            let time = (number * 37) % 200 * 1_000 * MINUTE / 200;
            let key: &[u8] = if number % 3 == 0 { b"rare!" } else { b"rare" };
            let value = number.to_be_bytes();
            put(&store, key, &value, time);
            all.push((key, time, value));
            if number % 250 == 199 {
                commit(&mut active, number);
            }
            if number % 7 > 0 {
                continue;
            }
            for (from, to) in [(0, i64::MAX), (time - MINUTE, time + MINUTE), (0, time), (time + 1, 1_000 * MINUTE)] {
                for (key, reverse) in [(b"rare!" as &[u8], false), (b"rare", false), (b"rare", true), (b"none", false)]
                {
                    let direction = if reverse { Direction::Reverse } else { Direction::Forward };
                    let mut visited = Vec::new();
                    let visit = |window: WindowKey<'_>, value: &[u8]| {
                        visited.push((window.start, value.to_vec()));
                        ControlFlow::Continue(())
                    };
                    store.visit(key, from, to, direction, visit).unwrap();
                    let wanted = all.iter().filter(|row| row.0 == key && (from..=to).contains(&row.1));
                    let mut wanted: Vec<_> = wanted.map(|row| (row.1, row.2.to_vec())).collect();
                    wanted.sort();
                    if reverse {
                        wanted.reverse();
                    }
                    assert_eq!(visited, wanted, "{number}: {from} to {to}");
                }
            }
        }
    }
}
