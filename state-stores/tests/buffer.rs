//! The write buffer as the owner of a task uses it: flush rounds, prior values, commits that overlap with
//! processing, limits.

mod support;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use state_stores::{
    BufferOptions, CommittedReader, Direction, EngineKind, KeyRange, KeyValueStore, ReadOnlyKeyValueStore, Slot,
    StoreError, StoreHandle, Update,
};
use support::{ENGINES, commit, context, flush, get, keys, open_one};
use tempfile::TempDir;

fn with_prior() -> BufferOptions {
    BufferOptions { keep_prior: true, ..BufferOptions::default() }
}

fn limited(limit_bytes: usize) -> BufferOptions {
    BufferOptions { limit_bytes, ..BufferOptions::default() }
}

fn some(text: &str) -> Option<Vec<u8>> {
    Some(text.as_bytes().to_vec())
}

fn put(handle: &StoreHandle, key: &str, value: &str) {
    handle.put(key.as_bytes(), Some(value.as_bytes())).unwrap();
}

fn change(key: &str, new: Option<&str>, old: Option<&str>) -> support::Change {
    (key.as_bytes().to_vec(), new.and_then(some), old.and_then(some))
}

#[test]
fn an_aggregation_step_rewrites_in_place() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let active = open_one(directory.path(), engine, BufferOptions::default()).activate();
        let handle = active.handle(0).unwrap();
        for step in 1..=10_u64 {
            let mut buffer = handle.borrow_mut();
            let slot = buffer.lookup(b"counter").unwrap();
            let count = buffer.update(slot, context(step as i64), |old, out| {
                let old = old.map_or(0, |old| u64::from_be_bytes(old.try_into().unwrap()));
                assert_eq!(old, step - 1);
                out.extend_from_slice(&(old + 1).to_be_bytes());
                Ok::<_, StoreError>(Update::Put)
            });
            assert_eq!(count.unwrap(), Update::Put);
            assert_eq!(buffer.key(slot), b"counter");
            assert_eq!(buffer.value(slot), Some(&step.to_be_bytes()[..]));
            assert_eq!(buffer.context(slot), context(step as i64));
        }
        let stats = handle.borrow().stats();
        assert_eq!((stats.hits, stats.misses, stats.entries), (9, 1, 1));
        assert_eq!(flush(&handle).len(), 1);
    }
}

#[test]
fn an_update_that_fails_or_keeps_writes_nothing() {
    let directory = TempDir::new().unwrap();
    let active = open_one(directory.path(), EngineKind::InMemory, BufferOptions::default()).activate();
    let handle = active.handle(0).unwrap();
    put(&handle, "k", "old");
    flush(&handle);
    let mut buffer = handle.borrow_mut();
    let slot = buffer.lookup(b"k").unwrap();
    let failed = buffer.update(slot, context(1), |_, out| {
        out.push(1);
        Err(StoreError::StaleSlot { store: "as good as any".into() })
    });
    assert!(failed.is_err());
    let kept = buffer.update(slot, context(1), |_, out| {
        assert!(out.is_empty());
        Ok::<_, StoreError>(Update::Keep)
    });
    assert_eq!(kept.unwrap(), Update::Keep);
    assert_eq!(buffer.value(slot), Some(&b"old"[..]));
    assert!(!buffer.has_unforwarded());
    let deleted = buffer.update(slot, context(1), |_, _| Ok::<_, StoreError>(Update::Delete));
    assert_eq!(deleted.unwrap(), Update::Delete);
    assert_eq!(buffer.value(slot), None);
}

#[test]
fn updates_are_forwarded_in_the_order_of_last_writes() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let active = open_one(directory.path(), engine, BufferOptions::default()).activate();
        let handle = active.handle(0).unwrap();
        for (key, value) in [("a", "1"), ("b", "1"), ("c", "1"), ("a", "2"), ("b", "2")] {
            put(&handle, key, value);
        }
        let forwarded = flush(&handle);
        let expected = [change("c", Some("1"), None), change("a", Some("2"), None), change("b", Some("2"), None)];
        assert_eq!(forwarded, expected);
        assert_eq!(flush(&handle), []);
    }
}

#[test]
fn the_context_is_that_of_the_last_write() {
    let directory = TempDir::new().unwrap();
    let active = open_one(directory.path(), EngineKind::InMemory, BufferOptions::default()).activate();
    let handle = active.handle(0).unwrap();
    for timestamp in [3, 9, 4] {
        active.set_context(context(timestamp));
        put(&handle, "k", "v");
    }
    let mut slots = Vec::new();
    handle.borrow_mut().begin_flush(&mut slots).unwrap();
    assert_eq!(handle.borrow().context(slots[0]), context(4));
}

#[test]
fn old_values_are_those_of_the_last_flush() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let mut stores = open_one(directory.path(), engine, with_prior());
        stores.restore(0, [("stored", Some("s0"))], 1).unwrap();
        let mut active = stores.activate();
        let handle = active.handle(0).unwrap();
        put(&handle, "new", "n1");
        put(&handle, "new", "n2");
        // Without having been read before: the old value comes from the engine.
        put(&handle, "stored", "s1");
        let expected = [change("new", Some("n2"), None), change("stored", Some("s1"), Some("s0"))];
        assert_eq!(flush(&handle), expected);

        put(&handle, "new", "n3");
        handle.delete(b"stored").unwrap();
        let expected = [change("new", Some("n3"), Some("n2")), change("stored", None, Some("s1"))];
        assert_eq!(flush(&handle), expected);

        commit(&mut active, 2);
        put(&handle, "stored", "s2");
        put(&handle, "new", "n4");
        put(&handle, "new", "n5");
        let expected = [change("stored", Some("s2"), None), change("new", Some("n5"), Some("n3"))];
        assert_eq!(flush(&handle), expected);
    }
}

#[test]
fn what_came_and_went_is_known_not_to_have_existed() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let mut stores = open_one(directory.path(), engine, BufferOptions::default());
        stores.restore(0, [("stored", Some("s0"))], 1).unwrap();
        let active = stores.activate();
        let handle = active.handle(0).unwrap();
        put(&handle, "blind", "v");
        put(&handle, "gone", "v");
        handle.put(b"gone", None).unwrap();
        handle.put(b"stored", None).unwrap();
        let mut slots = Vec::new();
        let mut buffer = handle.borrow_mut();
        buffer.begin_flush(&mut slots).unwrap();
        let existed: Vec<_> = slots.iter().map(|&slot| buffer.existed(slot)).collect();
        assert_eq!(existed, [None, Some(false), Some(true)]);
        buffer.forwarded(slots[0]);
        assert_eq!(buffer.existed(slots[0]), Some(true));
    }
}

#[test]
fn writes_during_a_flush_belong_to_the_next_round() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let active = open_one(directory.path(), engine, with_prior()).activate();
        let handle = active.handle(0).unwrap();
        put(&handle, "a", "1");
        put(&handle, "b", "1");
        let mut forwarded = Vec::new();
        let mut slots = Vec::new();
        let mut rounds = 0;
        while handle.borrow().has_unforwarded() {
            rounds += 1;
            handle.borrow_mut().begin_flush(&mut slots).unwrap();
            for &slot in &slots {
                let (key, value, prior) = {
                    let mut buffer = handle.borrow_mut();
                    let read = (
                        buffer.key(slot).to_vec(),
                        buffer.value(slot).map(<[u8]>::to_vec),
                        buffer.prior(slot).map(<[u8]>::to_vec),
                    );
                    buffer.forwarded(slot);
                    read
                };
                // An operator downstream writes to the same store.
                if value == some("1") {
                    handle.put(&key, Some(b"2")).unwrap();
                }
                forwarded.push((key, value, prior));
            }
        }
        assert_eq!(rounds, 2);
        let expected = [
            change("a", Some("1"), None),
            change("b", Some("1"), None),
            change("a", Some("2"), Some("1")),
            change("b", Some("2"), Some("1")),
        ];
        assert_eq!(forwarded, expected);
    }
}

#[test]
fn a_flush_that_was_broken_off_comes_again() {
    let directory = TempDir::new().unwrap();
    let active = open_one(directory.path(), EngineKind::InMemory, BufferOptions::default()).activate();
    let handle = active.handle(0).unwrap();
    for key in ["a", "b", "c"] {
        put(&handle, key, "1");
    }
    let mut slots = Vec::new();
    handle.borrow_mut().begin_flush(&mut slots).unwrap();
    handle.borrow_mut().forwarded(slots[0]);
    let rest: Vec<_> = flush(&handle).into_iter().map(|(key, ..)| key).collect();
    assert_eq!(rest, [b"b", b"c"]);
}

#[test]
fn nothing_reaches_the_engine_before_apply() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let mut active = open_one(directory.path(), engine, BufferOptions::default()).activate();
        let handle = active.handle(0).unwrap();
        let reader = active.stores().reader(0).unwrap();
        put(&handle, "k", "1");
        assert!(matches!(active.seal(), Err(StoreError::UnforwardedWrites { entries: 1, .. })));
        flush(&handle);
        active.seal().unwrap();
        assert_eq!(get(&reader, b"k"), None);
        assert_eq!(get(&handle, b"k"), some("1"));

        // Processing goes on while the broker is asked.
        put(&handle, "k", "2");
        put(&handle, "l", "2");
        assert!(matches!(active.seal(), Err(StoreError::CommitOrder { .. })));
        active.apply(&[(0, 10)]).unwrap();
        assert_eq!((get(&reader, b"k"), get(&reader, b"l")), (some("1"), None));
        assert_eq!((get(&handle, b"k"), get(&handle, b"l")), (some("2"), some("2")));
        assert_eq!(active.stores().committed_offset(0), Some(10));
        assert!(matches!(active.apply(&[(0, 11)]), Err(StoreError::CommitOrder { .. })));

        commit(&mut active, 12);
        assert_eq!((get(&reader, b"k"), get(&reader, b"l")), (some("2"), some("2")));
    }
}

#[test]
fn after_a_failed_commit_there_is_no_other() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let mut active = open_one(directory.path(), engine, BufferOptions::default()).activate();
        let handle = active.handle(0).unwrap();
        put(&handle, "k", "1");
        flush(&handle);
        active.seal().unwrap();
        let no_such_store = active.apply(&[(0, 1), (7, 1)]);
        assert!(matches!(no_such_store, Err(StoreError::UnknownStore { .. })));
        // Otherwise the next would reach offset 2 without the row.
        assert!(matches!(active.seal(), Err(StoreError::CommitOrder { .. })));
        assert!(matches!(active.apply(&[(0, 2)]), Err(StoreError::CommitOrder { .. })));
        let stores = active.deactivate().unwrap();
        assert_eq!(stores.committed_offset(0), None);
        assert_eq!(get(&stores.reader(0).unwrap(), b"k"), None);
    }
}

#[test]
fn a_deletion_after_sealing_a_new_key_reaches_the_engine() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let mut active = open_one(directory.path(), engine, BufferOptions::default()).activate();
        let handle = active.handle(0).unwrap();
        assert_eq!(get(&handle, b"k"), None);
        put(&handle, "k", "1");
        flush(&handle);
        active.seal().unwrap();
        handle.delete(b"k").unwrap();
        active.apply(&[(0, 1)]).unwrap();
        let reader = active.stores().reader(0).unwrap();
        assert_eq!((get(&reader, b"k"), get(&handle, b"k")), (some("1"), None));
        assert_eq!(keys(handle.all()), Vec::<Vec<u8>>::new());
        commit(&mut active, 2);
        assert_eq!(get(&reader, b"k"), None);
    }
}

#[test]
fn an_uncached_store_forwards_at_once_and_commits_later() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let options = BufferOptions { write_through: true, limit_bytes: 0, ..with_prior() };
        let mut active = open_one(directory.path(), engine, options).activate();
        let handle = active.handle(0).unwrap();
        assert!(handle.borrow().is_write_through());
        for (value, prior) in [("1", None), ("2", Some("1")), ("3", Some("2"))] {
            let mut buffer = handle.borrow_mut();
            let slot = buffer.lookup(b"k").unwrap();
            buffer.set(slot, Some(value.as_bytes()), context(1)).unwrap();
            assert_eq!(buffer.prior(slot), prior.map(str::as_bytes));
            buffer.forwarded(slot);
            assert!(!buffer.has_unforwarded());
        }
        assert_eq!(flush(&handle), []);
        let reader = active.stores().reader(0).unwrap();
        assert_eq!(get(&reader, b"k"), None);
        commit(&mut active, 3);
        assert_eq!(get(&reader, b"k"), some("3"));
    }
}

#[test]
fn clean_entries_stay_within_the_limit() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let mut stores = open_one(directory.path(), engine, limited(100_000));
        let rows = (0..20_000_u32).map(|n| (n.to_be_bytes(), Some([7; 100])));
        stores.restore(0, rows, 1).unwrap();
        let mut active = stores.activate();
        let handle = active.handle(0).unwrap();
        for n in 0..20_000_u32 {
            assert_eq!(get(&handle, &n.to_be_bytes()), Some(vec![7; 100]));
            let stats = handle.borrow().stats();
            assert!(stats.bytes < 130_000, "{stats:?} after {n}");
        }
        assert!(handle.borrow().stats().entries > 300);
        assert!(!active.needs_commit());

        // Dirty ones may exceed it, and then ask for a commit, after which they may go.
        for n in 0..2_000_u32 {
            handle.put(&n.to_be_bytes(), Some(&[8; 100])).unwrap();
        }
        assert!(active.needs_commit());
        assert!(handle.borrow().stats().bytes > 400_000);
        commit(&mut active, 2);
        assert!(!active.needs_commit());
        let stats = handle.borrow().stats();
        assert!(stats.bytes <= 100_000 && stats.dirty_bytes == 0, "{stats:?}");
        assert_eq!(get(&handle, &1_u32.to_be_bytes()), Some(vec![8; 100]));

        handle.borrow_mut().set_limit(0);
        let stats = handle.borrow().stats();
        assert_eq!((stats.bytes, stats.entries, stats.limit_bytes), (0, 0, 0));
    }
}

#[test]
fn entries_in_use_survive_those_that_are_read_once() {
    let directory = TempDir::new().unwrap();
    let mut active = open_one(directory.path(), EngineKind::RocksDb, limited(100_000)).activate();
    let handle = active.handle(0).unwrap();
    put(&handle, "hot", "v");
    commit(&mut active, 1);
    let misses = handle.borrow().stats().misses;
    for n in 0..10_000_u32 {
        assert_eq!(get(&handle, b"hot"), some("v"));
        assert_eq!(get(&handle, &n.to_be_bytes()), None);
    }
    assert_eq!(handle.borrow().stats().misses, misses + 10_000);
}

#[test]
fn a_slot_that_was_evicted_is_an_error_not_a_wrong_answer() {
    let directory = TempDir::new().unwrap();
    let active = open_one(directory.path(), EngineKind::InMemory, limited(0)).activate();
    let handle = active.handle(0).unwrap();
    let mut buffer = handle.borrow_mut();
    let mut old: Vec<(u32, Slot)> = Vec::new();
    for n in 0..1_000_u32 {
        let slot = buffer.lookup(&n.to_be_bytes()).unwrap();
        old.push((n, slot));
        for (n, slot) in old.iter().rev().take(state_stores::SLOT_LIFETIME) {
            assert_eq!(buffer.key(*slot), n.to_be_bytes());
        }
    }
    buffer.set_limit(0);
    buffer.lookup(b"reuses the first slot").unwrap();
    for (_, slot) in old {
        assert!(buffer.key(slot).is_empty());
        assert_eq!(buffer.value(slot), None);
        let error = buffer.set(slot, Some(b"v"), context(1)).unwrap_err();
        assert!(matches!(error, StoreError::StaleSlot { .. }), "{error}");
    }
}

#[test]
fn handles_and_readers_of_a_closed_task_say_so() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let mut active = open_one(directory.path(), engine, BufferOptions::default()).activate();
        let handle = active.handle(0).unwrap();
        let reader = active.stores().reader(0).unwrap();
        put(&handle, "k", "v");
        commit(&mut active, 1);
        put(&handle, "k", "not committed");
        let mut scan = reader.all();
        drop(active);
        // Neither keeps the directory locked.
        let stores = open_one(directory.path(), engine, BufferOptions::default());
        assert!(matches!(handle.get(b"k"), Err(StoreError::Closed { .. })));
        assert!(matches!(handle.put(b"k", None), Err(StoreError::Closed { .. })));
        assert!(matches!(handle.all().next(), Some(Err(StoreError::Closed { .. }))));
        assert!(matches!(reader.get(b"k"), Err(StoreError::Closed { .. })));
        assert!(matches!(scan.next(), Some(Err(StoreError::Closed { .. }))));
        assert!(scan.next().is_none());
        let kept = (engine == EngineKind::RocksDb).then_some(b"v".to_vec());
        assert_eq!(get(&stores.reader(0).unwrap(), b"k"), kept);
    }
}

#[test]
fn a_deactivated_task_keeps_its_store_open_without_what_was_not_applied() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let mut active = open_one(directory.path(), engine, BufferOptions::default()).activate();
        let handle = active.handle(0).unwrap();
        put(&handle, "k", "1");
        commit(&mut active, 1);
        put(&handle, "k", "2");
        flush(&handle);
        active.seal().unwrap();
        let reader = active.stores().reader(0).unwrap();
        let stores = active.deactivate().unwrap();
        assert!(matches!(handle.get(b"k"), Err(StoreError::Closed { .. })));
        assert_eq!(get(&reader, b"k"), some("1"));
        // On another thread it becomes active again.
        let thread = std::thread::spawn(move || {
            let active = stores.activate();
            get(&active.handle(0).unwrap(), b"k")
        });
        assert_eq!(thread.join().unwrap(), some("1"));
    }
}

#[test]
fn keys_come_in_order_however_they_were_inserted() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let mut active = open_one(directory.path(), engine, BufferOptions::default()).activate();
        let handle = active.handle(0).unwrap();
        let mut inserted = BTreeSet::new();
        for number in 0..5_000_u64 {
            let key = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
            handle.put(&key, Some(b"v")).unwrap();
            inserted.insert(key.to_vec());
            // Scans in between make the order be kept instead of made; commits make it start over.
            if number % 250 == 249 {
                assert!(keys(handle.all()).iter().eq(&inserted));
                let (from, to) = (&key[..], &[0xee; 8][..]);
                let inside = inserted.range(from.to_vec()..=to.max(from).to_vec());
                assert!(keys(handle.range(Some(from), Some(to.max(from)))).iter().eq(inside));
            }
            if number % 1_500 == 1_499 {
                commit(&mut active, number as i64);
            }
        }
    }
}

#[test]
fn using_a_store_inside_its_own_scan_is_an_error() {
    let directory = TempDir::new().unwrap();
    let active = open_one(directory.path(), EngineKind::InMemory, BufferOptions::default()).activate();
    let handle = active.handle(0).unwrap();
    put(&handle, "k", "v");
    let seen = Rc::new(Cell::new(false));
    let inner = handle.clone();
    let mut buffer = handle.borrow_mut();
    buffer
        .scan(KeyRange::all(), Direction::Forward, |_, _| {
            assert!(matches!(inner.get(b"k"), Err(StoreError::InUse { .. })));
            seen.set(true);
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert!(seen.get());
}

/// Commits change all keys together, so a page of a reader, which is one moment's state, shows one value.
#[test]
fn readers_on_other_threads_see_whole_commits_only() {
    /// Reads until the owner closes the store.
    fn read(reader: &CommittedReader, reads: &AtomicUsize) -> StoreError {
        loop {
            let values: Result<Vec<_>, _> = reader.all().map(|row| Ok(row?.1)).collect();
            let values = match values {
                Ok(values) => values,
                Err(error) => return error,
            };
            assert!(values.is_empty() || values.len() == 10);
            assert!(values.windows(2).all(|two| two[0] == two[1]), "{values:?}");
            reads.fetch_add(usize::from(!values.is_empty()), Ordering::Relaxed);
        }
    }

    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let mut active = open_one(directory.path(), engine, BufferOptions::default()).activate();
        let handle = active.handle(0).unwrap();
        let reads = [0; 2].map(|_| Arc::new(AtomicUsize::new(0)));
        let threads = reads.clone().map(|reads| {
            let reader = active.stores().reader(0).unwrap();
            std::thread::spawn(move || read(&reader, &reads))
        });
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut number = 0;
        while reads.iter().any(|reads| reads.load(Ordering::Relaxed) < 100) {
            number += 1;
            for key in 0..10 {
                put(&handle, &key.to_string(), &number.to_string());
            }
            commit(&mut active, number);
            assert!(Instant::now() < deadline, "a reader is stuck or failed");
        }
        drop(active);
        // At once, although readers are at it.
        let _reopened = open_one(directory.path(), engine, BufferOptions::default());
        for thread in threads {
            let error = thread.join().unwrap();
            assert!(matches!(error, StoreError::Closed { .. }), "{error}");
        }
    }
}
