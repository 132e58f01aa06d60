//! Opening, closing and refusing: locks, formats, interrupted creation, damage, wiping.

mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rocksdb::{DB, Options};
use state_stores::{
    BufferOptions, CommittedReader, EngineKind, KeyValueStore, ReadOnlyKeyValueStore, StorageEnvironment, StoreError,
    StoreSpec, TaskStores,
};
use support::{ENGINES, commit, environment, get, keys, open_one};
use tempfile::TempDir;

const NAMES: [&str; 2] = ["first", "second"];

fn open(directory: &Path) -> Result<TaskStores, StoreError> {
    TaskStores::open(directory, NAMES.map(StoreSpec::rocksdb).to_vec(), &environment())
}

/// A task whose stores hold one row each, at offset 5.
fn fill(directory: &Path) {
    let mut active = open(directory).unwrap().activate();
    for handle in active.handles() {
        handle.put(b"key", Some(b"value")).unwrap();
    }
    commit(&mut active, 5);
}

/// Opens the database as a tool would, with all its column families.
fn raw(directory: &Path) -> DB {
    let directory = directory.join("rocksdb");
    let families = DB::list_cf(&Options::default(), &directory).unwrap();
    DB::open_cf(&Options::default(), &directory, families).unwrap()
}

fn assert_corrupt(directory: &Path) {
    let error = open(directory).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    let named = directory.join("rocksdb").display().to_string();
    assert!(error.to_string().contains(&named), "{error}");
    TaskStores::destroy(directory).unwrap();
    let stores = open(directory).unwrap();
    assert_eq!(stores.committed_offset(0), None);
}

#[test]
fn a_second_owner_in_this_process_is_refused() {
    let directory = TempDir::new().unwrap();
    let stores = open(directory.path()).unwrap();
    let error = open(directory.path()).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    assert!(error.to_string().contains(&directory.path().display().to_string()));
    assert!(matches!(TaskStores::destroy(directory.path()), Err(StoreError::Locked { .. })));
    stores.close();
    open(directory.path()).unwrap();
}

#[cfg(unix)]
#[test]
fn a_second_owner_under_another_name_of_the_directory_is_refused() {
    let directory = TempDir::new().unwrap();
    let real = directory.path().join("real");
    let link = directory.path().join("link");
    fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let _stores = open(&real).unwrap();
    assert!(matches!(open(&link), Err(StoreError::Locked { .. })));
}

#[test]
fn a_newer_format_of_the_database_is_refused_untouched() {
    let directory = TempDir::new().unwrap();
    fill(directory.path());
    raw(directory.path()).put(b"format-version", 2_u32.to_be_bytes()).unwrap();
    // Not even a column family for a store that this program has, and the newer one had not.
    let specs = vec![StoreSpec::rocksdb("third")];
    let error = TaskStores::open(directory.path(), specs, &environment()).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, StoreError::NewerFormat { found: 2, supported: 1, .. }), "{text}");
    assert!(text.contains(&directory.path().display().to_string()), "{text}");
    assert!(raw(directory.path()).cf_handle("store/third").is_none());
}

#[test]
fn a_newer_format_of_a_store_is_refused() {
    let directory = TempDir::new().unwrap();
    fill(directory.path());
    let database = raw(directory.path());
    let family = database.cf_handle("store/second").unwrap();
    database.put_cf(family, b"\x00v", 9_u32.to_be_bytes()).unwrap();
    drop(database);
    assert!(matches!(open(directory.path()), Err(StoreError::NewerFormat { found: 9, .. })));
}

#[test]
fn an_interrupted_creation_is_completed() {
    let database = |directory: &Path| directory.join("rocksdb");
    let interrupted: [fn(&Path); 4] = [
        // The directory only.
        |directory| fs::create_dir(directory.join("rocksdb")).unwrap(),
        // Before CURRENT was written.
        |directory| {
            fs::create_dir(directory.join("rocksdb")).unwrap();
            fs::write(directory.join("rocksdb/MANIFEST-000001"), b"half a man").unwrap();
            fs::write(directory.join("rocksdb/LOCK"), b"").unwrap();
            fs::write(directory.join("rocksdb/000004.log"), b"").unwrap();
        },
        // Before the format version was written.
        |directory| drop(DB::open_default(directory.join("rocksdb")).unwrap()),
        // Between a column family and its marker.
        |directory| {
            let mut database = DB::open_default(directory.join("rocksdb")).unwrap();
            database.create_cf("store/first", &Options::default()).unwrap();
        },
    ];
    for interrupt in interrupted {
        let directory = TempDir::new().unwrap();
        interrupt(directory.path());
        fill(directory.path());
        let stores = open(directory.path()).unwrap();
        assert_eq!(stores.committed_offset(1), Some(5));
        assert_eq!(get(&stores.reader(1).unwrap(), b"key"), Some(b"value".to_vec()));
        assert!(database(directory.path()).join("CURRENT").exists());
    }
}

#[test]
fn damage_is_named_and_can_be_destroyed() {
    let damages: [fn(&Path); 5] = [
        |database| fs::remove_file(database.join("CURRENT")).unwrap(),
        |database| fs::write(database.join("CURRENT"), b"rubbish").unwrap(),
        |database| fs::write(database.join("CURRENT"), b"MANIFEST-000099\n").unwrap(),
        |database| {
            let manifest = fs::read_to_string(database.join("CURRENT")).unwrap();
            let manifest = database.join(manifest.trim());
            let len = fs::metadata(&manifest).unwrap().len() as usize;
            fs::write(&manifest, vec![7; len]).unwrap();
        },
        // A row without any mark of the format.
        |database| {
            let database = raw(database.parent().unwrap());
            let family = database.cf_handle("store/first").unwrap();
            database.delete_cf(family, b"\x00v").unwrap();
        },
    ];
    for damage in damages {
        let directory = TempDir::new().unwrap();
        fill(directory.path());
        damage(&directory.path().join("rocksdb"));
        assert_corrupt(directory.path());
    }
}

#[test]
fn stores_that_are_no_longer_used_are_kept() {
    let directory = TempDir::new().unwrap();
    fill(directory.path());
    let specs = vec![StoreSpec::rocksdb("first")];
    drop(TaskStores::open(directory.path(), specs, &environment()).unwrap());
    let stores = open(directory.path()).unwrap();
    assert_eq!(stores.committed_offset(1), Some(5));
    assert_eq!(get(&stores.reader(1).unwrap(), b"key"), Some(b"value".to_vec()));
}

#[test]
fn wiping_forgets_rows_and_offset_of_one_store() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let specs = NAMES.map(|name| support::spec(name, engine)).to_vec();
        let mut stores = TaskStores::open(directory.path(), specs, &environment()).unwrap();
        for store in 0..2 {
            stores.restore(store, [(b"key", Some(b"value"))], 5).unwrap();
        }
        stores.wipe(0).unwrap();
        assert_eq!((stores.committed_offset(0), stores.committed_offset(1)), (None, Some(5)));
        assert_eq!(keys(stores.reader(0).unwrap().all()), Vec::<Vec<u8>>::new());
        assert_eq!(keys(stores.reader(1).unwrap().all()), [b"key".to_vec()]);
        stores.restore(0, [(b"again", Some(b"value"))], 2).unwrap();
        assert_eq!(keys(stores.reader(0).unwrap().all()), [b"again".to_vec()]);
    }
}

#[test]
fn a_wipe_lasts() {
    let directory = TempDir::new().unwrap();
    fill(directory.path());
    open(directory.path()).unwrap().wipe(0).unwrap();
    let stores = open(directory.path()).unwrap();
    assert_eq!((stores.committed_offset(0), stores.committed_offset(1)), (None, Some(5)));
    assert_eq!(keys(stores.reader(0).unwrap().all()), Vec::<Vec<u8>>::new());
}

#[test]
fn offsets_are_kept_in_rocksdb_and_forgotten_in_memory() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let mut stores = open_one(directory.path(), engine, BufferOptions::default());
        assert_eq!(stores.committed_offset(0), None);
        stores.set_committed_offset(0, 41).unwrap();
        stores.set_time(-1);
        stores.restore(0, [(b"k", Some(b"v"))], 42).unwrap();
        stores.restore(0, [(b"k", None::<&[u8]>)], 43).unwrap();
        assert_eq!(stores.committed_offset(0), Some(43));
        stores.close();
        let stores = open_one(directory.path(), engine, BufferOptions::default());
        let expected = (engine == EngineKind::RocksDb).then_some(43);
        assert_eq!(stores.committed_offset(0), expected);
        assert_eq!(stores.committed_time(0), expected.map(|_| -1));
        assert_eq!(keys(stores.reader(0).unwrap().all()), Vec::<Vec<u8>>::new());
    }
}

#[test]
fn a_note_is_written_with_its_rows() {
    for engine in ENGINES {
        let directory = TempDir::new().unwrap();
        let mut active = open_one(directory.path(), engine, BufferOptions::default()).activate();
        assert!(matches!(active.set_note(0, b"early"), Err(StoreError::CommitOrder { .. })));
        for (value, note) in [(b"1", b"first"), (b"2", b"later")] {
            active.handle(0).unwrap().put(b"k", Some(value)).unwrap();
            support::flush(&active.handle(0).unwrap());
            active.seal().unwrap();
            active.set_note(0, note).unwrap();
            if value == b"1" {
                active.apply(&[]).unwrap();
            }
        }
        // The second commit was sealed and never written.
        drop(active);
        let mut stores = open_one(directory.path(), engine, BufferOptions::default());
        let kept = (engine == EngineKind::RocksDb).then_some((b"first".to_vec(), b"1".to_vec()));
        assert_eq!(stores.committed_note(0).unwrap().zip(stores.reader(0).unwrap().get(b"k").unwrap()), kept);
        assert_eq!(stores.reader(0).unwrap().all().count(), kept.iter().count());
        stores.wipe(0).unwrap();
        assert_eq!(stores.committed_note(0).unwrap(), None);
    }
}

#[test]
fn what_is_shared_between_threads_can_be() {
    fn is_send<T: Send>() {}
    fn is_sync<T: Sync>() {}
    is_send::<TaskStores>();
    is_send::<CommittedReader>();
    is_sync::<CommittedReader>();
    is_send::<StorageEnvironment>();
    is_sync::<StorageEnvironment>();
    is_sync::<StoreError>();
    is_send::<StoreError>();
}

#[test]
fn names_that_cannot_be_told_apart_are_refused() {
    let directory = TempDir::new().unwrap();
    for names in [vec!["a", "a"], vec![""], vec!["a\0b"]] {
        let specs = names.into_iter().map(StoreSpec::rocksdb).collect();
        let error = TaskStores::open(directory.path(), specs, &environment()).unwrap_err();
        assert!(matches!(error, StoreError::InvalidSpec { .. }), "{error}");
    }
}

#[test]
fn stores_in_memory_leave_no_files() {
    let directory = TempDir::new().unwrap();
    let mut active = open_one(directory.path(), EngineKind::InMemory, BufferOptions::default()).activate();
    active.handle(0).unwrap().put(b"k", Some(b"v")).unwrap();
    commit(&mut active, 1);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn hundreds_of_stores_share_one_cache() {
    let directory = TempDir::new().unwrap();
    let environment = environment();
    let mut tasks: Vec<_> = (0..4)
        .map(|task| {
            let specs = (0..60).map(|store| StoreSpec::rocksdb(format!("store-{store}"))).collect();
            let directory = directory.path().join(task.to_string());
            TaskStores::open(&directory, specs, &environment).unwrap()
        })
        .collect();
    for stores in &mut tasks {
        for store in 0..60 {
            stores.restore(store, (0..10_u8).map(|key| ([key], Some([0; 1_000]))), 1).unwrap();
        }
    }
    // 240 memtables of 64 KiB at the most; with RocksDB's defaults they would be 1 MiB each.
    let (memtables, cache) = (environment.write_buffer_usage(), environment.block_cache_usage());
    assert!((240 * (16 << 10)..=240 * (80 << 10)).contains(&memtables), "{memtables}");
    assert!((memtables / 2..=64 << 20).contains(&cache), "{cache} for {memtables}");

    // Idle tasks give their memory back on request; what remains is an empty memtable for each store.
    for stores in &tasks {
        stores.flush_memtables().unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    while environment.write_buffer_usage() > 240 * (4 << 10) {
        assert!(Instant::now() < deadline, "{}", environment.write_buffer_usage());
        std::thread::yield_now();
    }
    drop(tasks);
    assert_eq!(environment.write_buffer_usage(), 0);
}
