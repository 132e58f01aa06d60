//! Rows restored per second, by one thread: `./dev bench restore-store`.
//!
//! Changelog records go into a store in RocksDB, in batches as a consumer brings them: decoded batches in, nothing else. Each key comes three times, at
//! places that have nothing to do with each other.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use state_stores::{StorageEnvironment, StorageLimits, StoreSpec, TaskStores};
use std::error::Error;
use std::time::Instant;

const RECORDS: u64 = 3_000_000;
const KEYS: u64 = 1_000_000;
const PER_BATCH: u64 = 10_000;
const ROUNDS: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    println!("{RECORDS} records of {KEYS} keys (20 bytes, values 16 bytes) in batches of {PER_BATCH}");
    println!("| round | records/s | wall s | CPU s of the thread | CPU s of the process |\n|---|---|---|---|---|");
    for round in 1..=ROUNDS {
        let folder = tempfile::tempdir()?;
        let environment = StorageEnvironment::new(StorageLimits::default())?;
        let mut stores = TaskStores::open(folder.path(), vec![StoreSpec::rocksdb("store")], &environment)?;
        let batches: Vec<_> = (0..RECORDS / PER_BATCH).map(batch).collect();
        let (thread, process, started) = (cpu(UsageWho::RUSAGE_THREAD)?, cpu(UsageWho::RUSAGE_SELF)?, Instant::now());
        for (number, batch) in batches.iter().enumerate() {
            let rows = batch.iter().map(|(key, value)| (key, Some(value)));
            stores.restore(0, rows, (number as u64 + 1) as i64 * PER_BATCH as i64)?;
        }
        // Until all is on its way to disk that is going there.
        let active = stores.activate();
        let wall = started.elapsed().as_secs_f64();
        let (thread, process) = (cpu(UsageWho::RUSAGE_THREAD)? - thread, cpu(UsageWho::RUSAGE_SELF)? - process);
        println!("| {round} | {:.0} | {wall:.2} | {thread:.2} | {process:.2} |", RECORDS as f64 / wall);
        let found = active.handle(0)?.borrow_mut().get(&batches[0][0].0)?.map(<[u8]>::to_vec);
        if found.is_none() || active.stores().committed_offset(0) != Some(RECORDS as i64) {
            return Err(format!("the store was not restored: {found:?}, {:?}", active.stores()).into());
        }
    }
    Ok(())
}

fn cpu(who: UsageWho) -> Result<f64, Box<dyn Error>> {
    let usage = getrusage(who)?;
    Ok((usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6)
}

type Row = ([u8; 20], [u8; 16]);

fn batch(number: u64) -> Vec<Row> {
    (number * PER_BATCH..(number + 1) * PER_BATCH).map(row).collect()
}

fn row(number: u64) -> Row {
    // An odd factor: each third goes once through all keys, in another order.
    let key = (number.wrapping_mul(387_420_489 + 2 * (number / KEYS))) % KEYS;
    let mut bytes = *b"customer-00000000000";
    let mut rest = key;
    for place in bytes.iter_mut().rev().take(11) {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    (bytes, u128::from(number).to_be_bytes())
}
