//! Making tasks ready: their stores are opened and brought up to date from the changelog, and the offsets to start from are looked up,
//! on a thread of its own, so that running tasks go on meanwhile.

mod changelog;
mod listener;
mod positions;
mod thread;

pub use listener::{RestoreListener, StoreRestore};
pub(crate) use thread::{RestoreCommand, RestoreEvent, RestoreThread};
