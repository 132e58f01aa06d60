//! The running application: threads, tasks spread over them, group membership, restoring, commits.
//!
//! | thread | does |
//! |---|---|
//! | control | group membership; says which task runs where; the only one that decides |
//! | stream threads | process and commit; each owns its tasks, consumer and producer |
//! | restore | makes tasks ready before a stream thread gets them |

mod commit;
mod control;
mod global;
mod group_call;
mod instance;
mod internal_topics;
mod lifecycle;
mod partition_counts;
mod planning;
mod reset;
mod restore;
mod state_directory;
mod stream_thread;
mod streams;
mod threads;

pub use lifecycle::{State, UncaughtExceptionResponse};
pub use restore::{RestoreListener, StoreRestore};
pub use streams::{CloseOptions, KafkaStreams, TaskMetadata};

pub(crate) use instance::{Instance, TaskPhase};
pub(crate) use stream_thread::{TaskQuery, ThreadCommand, ThreadHandle};
pub(crate) use threads::lock;

use std::time::{SystemTime, UNIX_EPOCH};

/// Wall-clock time in milliseconds since the epoch.
pub(crate) fn wall_time() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as i64)
}
