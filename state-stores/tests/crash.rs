//! Killed processes: what they leave is exactly the last applied commit of each store, and its lock is free.
//!
//! The test starts its own binary again as the process to be killed.

mod support;

use std::io::{BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use state_stores::{ActiveStores, KeyValueStore, ReadOnlyKeyValueStore, StoreError, StoreSpec, TaskStores};
use support::process::{VICTIM, spawn, wait_for_commits};
use support::{commit, environment, flush, get, rows};
use tempfile::TempDir;

const STORES: usize = 3;
const ROWS_PER_COMMIT: i64 = 20;

fn open(directory: &Path) -> Result<TaskStores, StoreError> {
    let specs = (0..STORES).map(|store| StoreSpec::rocksdb(format!("s{store}"))).collect();
    TaskStores::open(directory, specs, &environment())
}

/// The writes of commit `number`: some keys are new, some rewritten, one deleted.
fn write(active: &ActiveStores, number: i64) {
    for handle in active.handles() {
        for row in 0..ROWS_PER_COMMIT {
            let key = (number * ROWS_PER_COMMIT / 2 + row).to_be_bytes();
            handle.put(&key, Some(&number.to_be_bytes())).unwrap();
        }
        handle.put(b"last", Some(&number.to_be_bytes())).unwrap();
        handle.delete(&(number * ROWS_PER_COMMIT / 2).to_be_bytes()).unwrap();
    }
}

/// Commits for ever, and says so.
fn be_a_victim(directory: &Path) {
    let mut active = open(directory).unwrap().activate();
    for number in 1.. {
        write(&active, number);
        commit(&mut active, number);
        println!("committed {number}");
        std::io::stdout().flush().unwrap();
        // The next commit's writes are in every state of the buffer when the process ends.
        write(&active, number + 1_000_000);
        flush(&active.handles()[0]);
        active.handles().iter().for_each(|handle| drop(flush(handle)));
        active.seal().unwrap();
        active = open_again(active, directory);
    }
}

/// Drops the sealed commit; the next one is written from the state that is on disk.
fn open_again(active: ActiveStores, directory: &Path) -> ActiveStores {
    drop(active);
    open(directory).unwrap().activate()
}

#[test]
fn a_killed_process_leaves_its_last_commit() {
    if let Some(directory) = std::env::var_os(VICTIM) {
        return be_a_victim(Path::new(&directory));
    }
    for commits in [1, 2, 7, 30] {
        let directory = TempDir::new().unwrap();
        let (mut child, mut output) = spawn(directory.path(), "a_killed_process_leaves_its_last_commit");
        wait_for_commits(&mut output, commits);
        child.kill().unwrap();
        child.wait().unwrap();

        let stores = open(directory.path()).unwrap();
        let offset = stores.committed_offset(0).unwrap();
        assert!(offset >= commits, "{offset} after {commits}");

        let model_directory = TempDir::new().unwrap();
        let mut model = open(model_directory.path()).unwrap().activate();
        for number in 1..=offset {
            write(&model, number);
            commit(&mut model, number);
        }
        for store in 0..STORES {
            assert_eq!(stores.committed_offset(store), Some(offset));
            let reader = stores.reader(store).unwrap();
            assert_eq!(get(&reader, b"last"), Some(offset.to_be_bytes().to_vec()));
            let expected = model.stores().reader(store).unwrap();
            assert_eq!(rows(reader.all()), rows(expected.all()));
        }
    }
}

#[test]
fn another_process_is_refused_while_the_owner_lives() {
    if let Some(directory) = std::env::var_os(VICTIM) {
        let _stores = open(Path::new(&directory)).unwrap();
        println!("committed 0");
        // Until killed: the parent holds the other end.
        std::io::stdin().lines().for_each(drop);
        return;
    }
    let directory = TempDir::new().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "another_process_is_refused_while_the_owner_lives", "--nocapture"]);
    command.env(VICTIM, directory.path());
    let mut child = (command.stdin(Stdio::piped()).stdout(Stdio::piped())).spawn().unwrap();
    wait_for_commits(&mut BufReader::new(child.stdout.take().unwrap()), 0);

    let error = open(directory.path()).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    assert!(error.to_string().contains(&directory.path().display().to_string()), "{error}");
    assert!(matches!(TaskStores::destroy(directory.path()), Err(StoreError::Locked { .. })));

    child.kill().unwrap();
    child.wait().unwrap();
    open(directory.path()).unwrap();
}
