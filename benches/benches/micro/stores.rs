use crate::case::{Amount, Case, Failure};
use state_stores::{
    ActiveStores, StorageEnvironment, StorageLimits, StoreError, StoreHandle, StoreSpec, TaskStores, Update,
    WriteContext,
};

const FEW: u64 = 10_000;
const MANY: u64 = 40_000;
/// Rows of the store before the first operation.
const ROWS: u64 = 20_000;
/// Rows that an operation on rows in the buffer is about.
const HOT: u64 = 1000;
const PER_COMMIT: u64 = 10_000;
const VALUE: &[u8] = b"0123456789abcdef";

/// Makes a spec of a store: in RocksDB or in memory.
type Make = fn(&'static str) -> StoreSpec;

pub fn cases() -> Vec<Case> {
    let engines: [(&str, Make); 2] = [("RocksDB", StoreSpec::rocksdb), ("memory", StoreSpec::in_memory)];
    let per_engine = engines.into_iter().flat_map(|(engine, make)| {
        [
            case(format!("read through the buffer from {engine}"), make, 0, |stores, amount| {
                read(stores, amount, |number| number % ROWS)
            }),
            case(format!("read of what is not in {engine}"), make, 0, |stores, amount| {
                read(stores, amount, |number| ROWS + number)
            }),
            case(format!("write of a new row, and its commit to {engine}"), make, usize::MAX, write),
        ]
    });
    let hot = [
        case("read of a row in the buffer".to_owned(), StoreSpec::rocksdb, usize::MAX, |stores, amount| {
            read(stores, amount, |number| number % HOT)
        }),
        case("update of a row in the buffer".to_owned(), StoreSpec::rocksdb, usize::MAX, update),
    ];
    hot.into_iter().chain(per_engine).collect()
}

fn case(name: String, make: Make, limit: usize, operate: fn(&mut ActiveStores, u64) -> Result<(), Failure>) -> Case {
    let run = move |amount: Amount| -> Result<(), Failure> {
        let folder = tempfile::tempdir()?;
        let environment = StorageEnvironment::new(StorageLimits::default())?;
        let mut stores = TaskStores::open(folder.path(), vec![make("store")], &environment)?;
        stores.restore(0, (0..ROWS).map(|number| (key(number), Some(VALUE))), 1)?;
        let mut stores = stores.activate();
        stores.handle(0)?.borrow_mut().set_limit(limit);
        operate(&mut stores, amount.records)
    };
    Case { group: "store", name, few: FEW, many: MANY, run: Box::new(run) }
}

fn key(number: u64) -> [u8; 12] {
    let mut key = *b"key-\0\0\0\0\0\0\0\0";
    // Spread, as keys are.
    key[4..].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    key
}

fn read(stores: &mut ActiveStores, reads: u64, which: fn(u64) -> u64) -> Result<(), Failure> {
    let handle = stores.handle(0)?;
    for number in 0..reads {
        std::hint::black_box(handle.borrow_mut().get(&key(which(number)))?);
    }
    Ok(())
}

fn update(stores: &mut ActiveStores, updates: u64) -> Result<(), Failure> {
    let handle = stores.handle(0)?;
    for number in 0..updates {
        let mut buffer = handle.borrow_mut();
        let slot = buffer.lookup(&key(number % HOT))?;
        buffer.update(slot, WriteContext::default(), |value, out| {
            out.extend_from_slice(value.unwrap_or_default());
            Ok::<_, StoreError>(Update::Put)
        })?;
    }
    Ok(())
}

fn write(stores: &mut ActiveStores, writes: u64) -> Result<(), Failure> {
    let handle = stores.handle(0)?;
    for number in 0..writes {
        handle.borrow_mut().put(&key(ROWS + number), Some(VALUE))?;
        if (number + 1) % PER_COMMIT == 0 {
            commit(stores, &handle, number as i64)?;
        }
    }
    Ok(())
}

fn commit(stores: &mut ActiveStores, handle: &StoreHandle, offset: i64) -> Result<(), Failure> {
    let mut slots = Vec::new();
    handle.borrow_mut().begin_flush(&mut slots)?;
    slots.iter().for_each(|&slot| handle.borrow_mut().forwarded(slot));
    stores.seal()?;
    Ok(stores.apply(&[(0, offset)])?)
}
