//! Key-value, versioned, window and session stores for the tasks of a stream processor: bytes in, bytes out.
//!
//! A task's state lives here: in RocksDB or in memory, under a write buffer that deduplicates updates, caches
//! reads and holds back what is not yet committed. It is made for state whose durable copy is a changelog
//! elsewhere: a store always knows the changelog offset that its rows reach, rows and offset are written
//! together, and a store never holds what its changelog does not. So a crash anywhere leaves a store that
//! is merely behind, and nothing is ever synced to disk.
//!
//! It knows nothing of Kafka, serializes nothing, asks no clock, and starts no thread but those in which RocksDB flushes and compacts.
//!
//! # Limits
//! A store's rows are written by one thread, that of its task; others read what is committed. Stores in
//! memory are empty after opening. Between two rows of a scan the store may change: see
//! [`ReadOnlyKeyValueStore`]. A query of a windowed store costs one scan for each of its segments in the range.
//! After power loss a store is at some earlier commit, each store at its own.
//!
//! # Example
//! ```
//! use state_stores::*;
//!
//! # fn main() -> Result<()> {
//! # let directory = tempfile::tempdir().unwrap();
//! # let task_directory = directory.path();
//! // One environment per process, one `TaskStores` per task.
//! let environment = StorageEnvironment::new(StorageLimits::default())?;
//! let specs = vec![StoreSpec::rocksdb("counts"), StoreSpec::in_memory("scratch")];
//! let mut stores = TaskStores::open(task_directory, specs, &environment)?;
//!
//! // Restore from the changelog, from where the store is. `counts` is number 0.
//! assert_eq!(stores.committed_offset(0), None);
//! stores.restore(0, [("apple", Some("1"))], 1)?;
//!
//! // Process.
//! let mut active = stores.activate();
//! let counts = active.handle(0)?;
//! let slot = counts.borrow_mut().lookup(b"apple")?;
//! counts.borrow_mut().set(slot, Some(b"2"), WriteContext::default())?;
//! counts.put(b"pear", Some(b"1"))?;
//!
//! // Commit, step one: forward every change downstream and to the changelog.
//! let mut slots = Vec::new();
//! while counts.borrow().has_unforwarded() {
//!     counts.borrow_mut().begin_flush(&mut slots)?;
//!     for &slot in &slots {
//!         let mut buffer = counts.borrow_mut();
//!         println!("{:?} is now {:?}", buffer.key(slot), buffer.value(slot));
//!         buffer.forwarded(slot);
//!     }
//! }
//! // Step two: set them aside, and wait for the changelog's acknowledgement. Processing may go on.
//! active.seal()?;
//! // Step three: apply them, with the offset that follows them in the changelog.
//! active.apply(&[(0, 3)])?;
//!
//! // Any thread may read what is committed.
//! let reader = active.stores().reader(0)?;
//! let rows: Result<Vec<_>> = reader.all().collect();
//! assert_eq!(rows?, [(b"apple".to_vec(), b"2".to_vec()), (b"pear".to_vec(), b"1".to_vec())]);
//! # Ok(())
//! # }
//! ```
//!
//! # Where things are
//! - `task_stores`: the committed rows of a task: open, restore, wipe, close; `active`: the same with buffers,
//!   and the commit of all stores; `commit`: what a commit writes; `restored_rows`: what a batch of
//!   the changelog writes; `key_order`: in which order both do.
//! - `buffer`: the write buffer; its parts are in the order of a record's way through it: `key`, `entry`,
//!   `table`, `write`, `flush`, `ordered` and `scan`, `handle`.
//! - `layout`: how a store arranges its rows, in segments if it is windowed; `expiry`: when those are dropped.
//!   `window` and `session`: such stores, each with its key, its store and its scans; `segment_query`,
//!   `segment_scan` and `segment_restore`: what they have in common. `buffer::segments`: their part of the write
//!   buffer. `versioned`: key-value stores that remember what their rows were.
//! - `engine`: rows in RocksDB and in memory; `database`: one task's RocksDB and its format.
//! - `environment`: what all stores of a process share; `spec`: what a store is to be.
//! - `kv`, `range`, `scan`: how a store is read and written; `reader`: from other threads.
//! - [`formats`]: bytes of stored values; `error`: everything that can go wrong.

mod active;
mod buffer;
mod commit;
mod database;
mod engine;
mod environment;
mod error;
mod expiry;
pub mod formats;
mod key_order;
mod kv;
mod layout;
mod range;
mod reader;
mod restored_rows;
mod scan;
mod segment_query;
mod segment_restore;
mod segment_scan;
mod session;
mod spec;
mod task_stores;
mod versioned;
mod window;

pub use active::ActiveStores;
pub use buffer::{BufferOptions, BufferStats, SLOT_LIFETIME, Slot, StoreHandle, Update, WriteBuffer, WriteContext};
pub use environment::{Compression, StorageEnvironment, StorageLimits};
pub use error::{Result, StoreError};
pub use kv::{KeyValueStore, ReadOnlyKeyValueStore};
pub use layout::RowLayout;
pub use range::{Direction, KeyRange, prefix_end};
pub use reader::CommittedReader;
#[doc(hidden)]
pub use scan::Page;
pub use scan::{Scan, ScanSource};
pub use segment_scan::{PausedScan, SegmentSource};
pub use session::{ReadOnlySessionStore, SessionKey, SessionRow, SessionScan, SessionStore};
pub use spec::{EngineKind, StoreSpec};
pub use task_stores::TaskStores;
pub use versioned::{HeldVersion, ReadOnlyVersionedKeyValueStore, Version, VersionPut, VersionedKeyValueStore};
pub use window::{KeyScan, PutOutcome, ReadOnlyWindowStore, WindowKey, WindowRow, WindowScan, WindowStore};
