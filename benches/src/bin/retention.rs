//! What a window store holds after a long time: one-minute windows of many keys through a store with one hour's retention. Prints, hour by
//! hour, the store's size on disk and the process's largest memory, beside what the live windows alone would take.
//!
//! `retention [HOURS] [KEYS]`, 24 and 100,000 where not said.

use state_stores::{
    Direction, PutOutcome, RowLayout, StorageEnvironment, StorageLimits, StoreSpec, TaskStores, WindowStore,
};
use std::error::Error;
use std::path::Path;
use std::time::Instant;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: i64| arguments.next().map_or(Ok(default), |text| text.parse());
    let (hours, keys) = (number(24)?, number(100_000)?);
    let directory = tempfile::tempdir()?;
    let environment = StorageEnvironment::new(StorageLimits::default())?;
    let spec = StoreSpec::rocksdb("views").with_layout(RowLayout::window(HOUR));
    let mut active = TaskStores::open(directory.path(), vec![spec], &environment)?.activate();
    let windows = WindowStore::new(active.handle(0)?)?;
    println!("{keys} keys, a window each minute, retention 1 h");
    println!(
        "hour | rows put | windows shown | MiB on disk | MiB of rows put in the last hour | peak MiB of memory | s"
    );
    let started = Instant::now();
    let mut offset = 0;
    for hour in 0..hours {
        let mut row_bytes = 0;
        for minute in 0..60 {
            let start = hour * HOUR + minute * MINUTE;
            for key in 0..keys {
                let key = format!("page-{key:06}");
                let value = [start.to_be_bytes(), key.len().to_be_bytes()].concat();
                row_bytes += key.len() + value.len() + 21;
                if windows.put(key.as_bytes(), Some(&value), start)? != PutOutcome::Stored {
                    return Err("a window that is not late was refused".into());
                }
                offset += 1;
                if active.needs_commit() {
                    commit(&mut active, offset)?;
                }
            }
            commit(&mut active, offset)?;
        }
        let shown = count(&windows)?;
        println!(
            "{} | {} | {shown} | {} | {} | {} | {:.0}",
            hour + 1,
            (hour + 1) * 60 * keys,
            mebibytes(size(directory.path())?),
            mebibytes(row_bytes as u64),
            mebibytes(peak_memory()?),
            started.elapsed().as_secs_f64()
        );
    }
    Ok(())
}

/// As a task does it: everything is logged (here: to nowhere), set aside and applied.
fn commit(active: &mut state_stores::ActiveStores, offset: i64) -> Result<(), Box<dyn Error>> {
    let handle = active.handle(0)?;
    let mut slots = Vec::new();
    while handle.borrow().has_unforwarded() {
        let mut buffer = handle.borrow_mut();
        buffer.begin_flush(&mut slots)?;
        slots.iter().for_each(|&slot| buffer.forwarded(slot));
    }
    active.seal()?;
    Ok(active.apply(&[(0, offset)])?)
}

fn count(windows: &WindowStore) -> Result<u64, Box<dyn Error>> {
    let mut found = windows.all(Direction::Forward)?;
    let mut count = 0;
    while found.next_row()?.is_some() {
        count += 1;
    }
    Ok(count)
}

fn size(directory: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { size(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

fn peak_memory() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM in /proc/self/status")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}

fn mebibytes(bytes: u64) -> u64 {
    bytes >> 20
}
