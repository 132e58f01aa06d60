//! Killed processes: rows, time index, offset and observed stream time of windowed stores are of one commit.

mod support;

use std::io::Write;
use std::path::Path;

use state_stores::{
    ActiveStores, Direction, PutOutcome, ReadOnlyKeyValueStore, RowLayout, SessionStore, StoreSpec, TaskStores,
    WindowStore,
};
use support::process::{VICTIM, spawn, wait_for_commits};
use support::{commit, environment, flush, rows};
use tempfile::TempDir;

const STEP: i64 = 7_000;

fn open(directory: &Path) -> TaskStores {
    let specs = vec![
        StoreSpec::rocksdb("windows").with_layout(RowLayout::window(60_000).with_time_index()),
        StoreSpec::rocksdb("joins").with_layout(RowLayout::window(60_000).with_duplicates()),
        StoreSpec::rocksdb("sessions").with_layout(RowLayout::session(60_000).with_time_index()),
    ];
    TaskStores::open(directory, specs, &environment()).unwrap()
}

/// The writes of commit `number`. Each moves on in time, so that segments expire every few commits.
fn write(active: &ActiveStores, number: i64) {
    let (now, value) = (number * STEP, number.to_be_bytes());
    let windows = WindowStore::new(active.handle(0).unwrap()).unwrap();
    let joins = WindowStore::new(active.handle(1).unwrap()).unwrap();
    let sessions = SessionStore::new(active.handle(2).unwrap()).unwrap();
    for key in 0..10_u8 {
        assert_eq!(windows.put(&[key], Some(&value), now).unwrap(), PutOutcome::Stored);
        assert_eq!(windows.put(&[key + 1], None, now - STEP / 2).unwrap(), PutOutcome::Stored);
        assert_eq!(joins.put(&[key], Some(&value), now - STEP).unwrap(), PutOutcome::Stored);
        let outcome = sessions.put(&[key], now - STEP, now + i64::from(key), Some(&value)).unwrap();
        assert_eq!(outcome, PutOutcome::Stored);
        if number > 1 {
            assert_eq!(sessions.remove(&[key], now - 2 * STEP, now - STEP).unwrap(), PutOutcome::Stored);
        }
    }
}

/// Commits for ever, and says so.
fn be_a_victim(directory: &Path) {
    let mut active = open(directory).activate();
    for number in 1.. {
        write(&active, number);
        commit(&mut active, number);
        println!("committed {number}");
        std::io::stdout().flush().unwrap();
        // When the process ends there are writes far ahead in time, in every state.
        write(&active, number + 1_000_000);
        active.handles().iter().for_each(|handle| drop(flush(handle)));
        active.seal().unwrap();
        drop(active);
        active = open(directory).activate();
    }
}

#[test]
fn a_killed_process_leaves_windows_of_one_time() {
    if let Some(directory) = std::env::var_os(VICTIM) {
        return be_a_victim(Path::new(&directory));
    }
    for commits in [1, 3, 25, 60] {
        let directory = TempDir::new().unwrap();
        let (mut child, mut output) = spawn(directory.path(), "a_killed_process_leaves_windows_of_one_time");
        wait_for_commits(&mut output, commits);
        child.kill().unwrap();
        child.wait().unwrap();

        let stores = open(directory.path());
        let offset = stores.committed_offset(0).unwrap();
        assert!(offset >= commits, "{offset} after {commits}");
        let model_directory = TempDir::new().unwrap();
        let mut model = open(model_directory.path()).activate();
        for number in 1..=offset {
            write(&model, number);
            commit(&mut model, number);
        }
        for store in 0..3 {
            let (reader, expected) = (stores.reader(store).unwrap(), model.stores().reader(store).unwrap());
            assert_eq!(stores.committed_offset(store), Some(offset));
            assert_eq!(reader.observed_time(), expected.observed_time());
            // As they are in the engine: places in the index, and nothing that has expired.
            assert_eq!(rows(reader.all()), rows(expected.all()), "store {store}");
        }
        // It goes on where it was: the next row of a key gets the next number.
        let active = stores.activate();
        write(&active, offset + 1);
        write(&model, offset + 1);
        let rows = |active: &ActiveStores| {
            let joins = WindowStore::new(active.handle(1).unwrap()).unwrap();
            let rows = joins.all(Direction::Forward).unwrap();
            rows.map(Result::unwrap).collect::<Vec<_>>()
        };
        assert_eq!(rows(&active), rows(&model));
    }
}
