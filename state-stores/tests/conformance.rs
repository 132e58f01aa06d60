//! One suite of reads for everything that can be read: both engines, and the write buffer over each with
//! rows on either side of it.

mod support;

use std::collections::BTreeMap;

use state_stores::{
    ActiveStores, BufferOptions, EngineKind, KeyRange, KeyValueStore, ReadOnlyKeyValueStore, TaskStores,
};
use support::{ENGINES, Row, commit, environment, get, keys, open_one, rows, spec};
use tempfile::TempDir;

/// Keys that are hard to order: empty, prefixes of each other, high bytes, longer than what is kept in place.
fn sample() -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut sample = BTreeMap::new();
    let long = [b'k'; 200];
    let odd: [&[u8]; 12] =
        [b"", b"\x00", b"\x00\x00", b"a", b"a\x00", b"ab", b"ab\xff", b"ac", b"\x7f", b"\x80", b"\xff\xff", &long];
    for key in odd {
        sample.insert(key.to_vec(), [b"value of ", key].concat());
    }
    sample.insert(b"empty value".to_vec(), Vec::new());
    for number in 0..2_000_u32 {
        sample.insert(number.to_be_bytes().to_vec(), number.to_string().into_bytes());
    }
    sample
}

/// Holds for any store with the rows of [`sample`].
fn check(store: &impl ReadOnlyKeyValueStore) {
    let sample = sample();
    for (key, value) in &sample {
        assert_eq!(get(store, key).as_ref(), Some(value));
    }
    for absent in [&b"b"[..], b"\x00\x00\x00", b"\xff", &[b'k'; 199]] {
        assert_eq!(get(store, absent), None);
    }
    let all: Vec<Row> = sample.clone().into_iter().collect();
    assert_eq!(rows(store.all()), all);
    let reverse: Vec<Row> = all.iter().rev().cloned().collect();
    assert_eq!(rows(store.reverse_all()), reverse);

    let ends: [Option<&[u8]>; 8] = [
        None,
        Some(b""),
        Some(b"a"),
        Some(b"aa"),
        Some(b"ab\xff"),
        Some(b"\x80"),
        Some(b"\x00\x00\x01\x00"),
        Some(b"\xff\xff\xff"),
    ];
    for from in ends {
        for to in ends {
            let inside = |key: &[u8]| from.is_none_or(|from| key >= from) && to.is_none_or(|to| key <= to);
            let mut expected: Vec<Row> = all.iter().filter(|(key, _)| inside(key)).cloned().collect();
            assert_eq!(rows(store.range(from, to)), expected, "{from:?} to {to:?}");
            expected.reverse();
            assert_eq!(rows(store.reverse_range(from, to)), expected, "{from:?} to {to:?}");
        }
    }
    for prefix in [&b""[..], b"a", b"ab", b"\xff", b"\x00\x00", b"nothing"] {
        let mut expected: Vec<Row> = (all.iter().filter(|(key, _)| key.starts_with(prefix))).cloned().collect();
        assert_eq!(rows(store.prefix_scan(prefix)), expected, "{prefix:?}");
        expected.reverse();
        assert_eq!(rows(store.reverse_prefix_scan(prefix)), expected, "{prefix:?}");
    }
    let count = store.approximate_num_entries().unwrap();
    let exact = sample.len() as u64;
    assert!((exact / 2..=exact * 2).contains(&count), "{count} for {exact}");
}

fn restored(directory: &TempDir, engine: EngineKind, rows: impl IntoIterator<Item = Row>) -> TaskStores {
    let mut stores = open_one(directory.path(), engine, BufferOptions::default());
    let rows = rows.into_iter().map(|(key, value)| (key, Some(value)));
    stores.restore(0, rows, 1).unwrap();
    stores
}

/// A buffer over an engine that has every other row, some with an outdated value, and rows that the buffer
/// has deleted.
fn half_buffered(directory: &TempDir, engine: EngineKind) -> ActiveStores {
    let sample = sample();
    let mut below = Vec::new();
    for (number, (key, value)) in sample.iter().enumerate() {
        match number % 4 {
            0 | 1 => below.push((key.clone(), value.clone())),
            2 => below.push((key.clone(), b"outdated".to_vec())),
            _ => below.push(([key, &b" deleted"[..]].concat(), b"deleted".to_vec())),
        }
    }
    let active = restored(directory, engine, below).activate();
    let handle = active.handle(0).unwrap();
    for (number, (key, value)) in sample.iter().enumerate() {
        match number % 4 {
            0 => {}
            1 => drop(handle.get(key).unwrap()),
            2 => handle.put(key, Some(value)).unwrap(),
            _ => {
                handle.delete(&[key, &b" deleted"[..]].concat()).unwrap();
                handle.put(key, Some(value)).unwrap();
            }
        }
    }
    active
}

#[test]
fn committed_rows_of_each_engine() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let stores = restored(&directory, engine, sample());
        check(&stores.reader(0).unwrap());
    }
}

#[test]
fn committed_rows_after_a_restart() {
    let directory = TempDir::new().unwrap();
    drop(restored(&directory, EngineKind::RocksDb, sample()));
    let stores = open_one(directory.path(), EngineKind::RocksDb, BufferOptions::default());
    check(&stores.reader(0).unwrap());
}

#[test]
fn buffer_over_an_empty_engine() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let active = open_one(directory.path(), engine, BufferOptions::default()).activate();
        let handle = active.handle(0).unwrap();
        handle.put_all(sample().into_iter().map(|(key, value)| (key, Some(value)))).unwrap();
        check(&handle);
    }
}

#[test]
fn buffer_over_a_full_engine() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let active = restored(&directory, engine, sample()).activate();
        check(&active.handle(0).unwrap());
    }
}

#[test]
fn buffer_and_engine_merged_before_during_and_after_a_commit() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let mut active = half_buffered(&directory, engine);
        let handle = active.handle(0).unwrap();
        check(&handle);
        support::flush(&handle);
        check(&handle);
        active.seal().unwrap();
        check(&handle);
        active.apply(&[(0, 2)]).unwrap();
        check(&handle);
        check(&active.stores().reader(0).unwrap());
        handle.borrow_mut().set_limit(0);
        check(&handle);
    }
}

#[test]
fn a_range_with_its_ends_exchanged_is_empty() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let mut active = half_buffered(&directory, engine);
        let handle = active.handle(0).unwrap();
        assert_eq!(keys(handle.range(Some(b"b"), Some(b"a"))), Vec::<Vec<u8>>::new());
        assert_eq!(keys(handle.reverse_range(Some(b"b"), Some(b"a"))), Vec::<Vec<u8>>::new());
        let range = KeyRange::inclusive(Some(b"b"), Some(b"a"));
        let direction = state_stores::Direction::Forward;
        (handle.borrow_mut()).scan(range, direction, |key, _| panic!("shown: {key:?}")).unwrap();
        commit(&mut active, 2);
        let reader = active.stores().reader(0).unwrap();
        assert_eq!(keys(reader.range(Some(b"b"), Some(b"a"))), Vec::<Vec<u8>>::new());
    }
}

#[test]
fn writes_answer_what_was_there() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let old = (b"old".to_vec(), b"1".to_vec());
        let active = restored(&directory, engine, [old]).activate();
        let store = active.handle(0).unwrap();
        assert_eq!(store.put_if_absent(b"old", b"2").unwrap(), Some(b"1".to_vec()));
        assert_eq!(store.put_if_absent(b"new", b"2").unwrap(), None);
        assert_eq!(store.put_if_absent(b"new", b"3").unwrap(), Some(b"2".to_vec()));
        assert_eq!(store.delete(b"old").unwrap(), Some(b"1".to_vec()));
        assert_eq!(store.delete(b"old").unwrap(), None);
        assert_eq!(store.put_if_absent(b"old", b"4").unwrap(), None);
        store.put(b"old", None).unwrap();
        assert_eq!(get(&store, b"old"), None);
        store.put_all([(b"x", Some(b"1")), (b"y", Some(b"2")), (b"x", None)]).unwrap();
        assert_eq!(keys(store.all()), [b"new".to_vec(), b"y".to_vec()]);
    }
}

#[test]
fn a_store_may_be_written_while_it_is_scanned() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let numbers = (0..1_000_u32).map(|n| (n.to_be_bytes().to_vec(), b"v".to_vec()));
        let active = restored(&directory, engine, numbers).activate();
        let store = active.handle(0).unwrap();
        let mut seen = 0;
        let mut scan = store.all();
        while let Some((key, _)) = scan.next_row().unwrap() {
            // Keys ahead of the scan that did not exist when it began would keep it going for ever.
            let mut ahead = key.to_vec();
            ahead.push(1);
            seen += 1;
            store.put(&ahead, Some(b"new")).unwrap();
            store.delete(&ahead[..4]).unwrap();
        }
        assert_eq!(seen, 1_000);
        assert_eq!(keys(store.all()).len(), 1_000);
    }
}

#[test]
fn stores_of_a_task_do_not_see_each_other() {
    let directory = TempDir::new().unwrap();
    let names = ["a", "default", "b"];
    let specs = names.map(|name| spec(name, EngineKind::RocksDb)).to_vec();
    let mut active = TaskStores::open(directory.path(), specs, &environment()).unwrap().activate();
    for (handle, name) in active.handles().iter().zip(names) {
        handle.put(b"name", Some(name.as_bytes())).unwrap();
    }
    commit(&mut active, 7);
    for (store, name) in names.iter().enumerate() {
        assert_eq!(active.stores().index_of(name).unwrap(), store);
        let reader = active.stores().reader(store).unwrap();
        assert_eq!(get(&reader, b"name"), Some(name.as_bytes().to_vec()));
        assert_eq!(keys(reader.all()).len(), 1);
    }
    assert!(active.stores().index_of("c").unwrap_err().to_string().contains("a, default, b"));
}
