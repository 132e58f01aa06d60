//! What the test files share.

#![allow(dead_code, reason = "each test file is a crate of its own and uses a part of this")]

pub mod process;

use std::path::Path;

use state_stores::{
    ActiveStores, BufferOptions, EngineKind, ReadOnlyKeyValueStore, Scan, ScanSource, StorageEnvironment,
    StorageLimits, StoreHandle, StoreSpec, TaskStores, WriteContext,
};

pub const ENGINES: [EngineKind; 2] = [EngineKind::RocksDb, EngineKind::InMemory];

pub type Row = (Vec<u8>, Vec<u8>);
/// What a flush forwarded: key, new value, old value.
pub type Change = (Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>);

/// A changelog record: key and value.
pub type Record = (Vec<u8>, Option<Vec<u8>>);

pub fn environment() -> StorageEnvironment {
    StorageEnvironment::new(StorageLimits::default()).unwrap()
}

pub fn spec(name: &str, engine: EngineKind) -> StoreSpec {
    match engine {
        EngineKind::RocksDb => StoreSpec::rocksdb(name),
        EngineKind::InMemory => StoreSpec::in_memory(name),
    }
}

/// A task with one store named `s`.
pub fn open_one(directory: &Path, engine: EngineKind, buffer: BufferOptions) -> TaskStores {
    let specs = vec![spec("s", engine).with_buffer(buffer)];
    TaskStores::open(directory, specs, &environment()).unwrap()
}

pub fn context(timestamp: i64) -> WriteContext {
    WriteContext { timestamp, ..WriteContext::default() }
}

/// Forwards everything, as the owner of a task does, and returns what was forwarded.
pub fn flush(handle: &StoreHandle) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut slots = Vec::new();
    while handle.borrow().has_unforwarded() {
        handle.borrow_mut().begin_flush(&mut slots).unwrap();
        for &slot in &slots {
            let mut buffer = handle.borrow_mut();
            let value = buffer.value(slot).map(<[u8]>::to_vec);
            let prior = buffer.prior(slot).map(<[u8]>::to_vec);
            changes.push((buffer.key(slot).to_vec(), value, prior));
            buffer.forwarded(slot);
        }
    }
    changes
}

/// Forwards everything, and returns what the changelog gets.
pub fn changelog(handle: &StoreHandle) -> Vec<Record> {
    let mut records = Vec::new();
    let mut slots = Vec::new();
    while handle.borrow().has_unforwarded() {
        handle.borrow_mut().begin_flush(&mut slots).unwrap();
        for &slot in &slots {
            let mut buffer = handle.borrow_mut();
            records.push((buffer.changelog_key(slot).to_vec(), buffer.value(slot).map(<[u8]>::to_vec)));
            buffer.forwarded(slot);
        }
    }
    records
}

/// Commits everything, with the same offset for every store.
pub fn commit(active: &mut ActiveStores, offset: i64) {
    for handle in active.handles() {
        flush(handle);
    }
    active.seal().unwrap();
    let offsets: Vec<_> = (0..active.handles().len()).map(|store| (store, offset)).collect();
    active.apply(&offsets).unwrap();
}

pub fn rows<S: ScanSource>(scan: Scan<S>) -> Vec<Row> {
    scan.map(Result::unwrap).collect()
}

pub fn keys<S: ScanSource>(scan: Scan<S>) -> Vec<Vec<u8>> {
    rows(scan).into_iter().map(|(key, _)| key).collect()
}

pub fn get(store: &impl ReadOnlyKeyValueStore, key: &[u8]) -> Option<Vec<u8>> {
    store.get(key).unwrap()
}
