//! Key-value state stores on RocksDB and in memory, with a write buffer
mod active;
mod buffer;
mod commit;
mod database;
mod engine;
mod environment;
mod error;
pub mod formats;
mod kv;
mod range;
mod reader;
mod scan;
mod spec;
mod task_stores;
pub use active::ActiveStores;
pub use buffer::{
    BufferOptions, BufferStats, SLOT_LIFETIME, Slot, StoreHandle, Update, WriteBuffer, WriteContext,
};
pub use environment::{Compression, StorageEnvironment, StorageLimits};
pub use error::{Result, StoreError};
pub use kv::{KeyValueStore, ReadOnlyKeyValueStore};
pub use range::{Direction, KeyRange, prefix_end};
pub use reader::CommittedReader;
pub use scan::{Page, Scan, ScanSource};
pub use spec::{EngineKind, StoreSpec};
pub use task_stores::TaskStores;
