//! Runs a topology record by record, without brokers, threads or clock: for tests of topologies.
//!
//! A record that is piped into a [`TestInputTopic`] is processed at once, to the end: after every record the task commits, so write
//! buffers are flushed and no update is ever skipped, and what was written to topics that the topology itself reads is processed as
//! well. There is one task per subtopology, and every topic has one partition. Time stands still unless the test moves it.
//! Punctuations by stream time come after the record that moves it, those by wall clock when the test moves the clock.
//!
//! It drives the same [`Task`](crate::task::Task) as a running application does, on the stores that the topology declares (in a temporary directory).

mod config;
mod directory;
mod driver;
mod error;
mod input;
mod machine;
mod output;
mod store;
mod versioned_store;
mod windowed_store;

pub use config::TestDriverConfig;
pub use driver::TopologyTestDriver;
pub use input::TestInputTopic;
pub use output::TestOutputTopic;
pub use store::TestKeyValueStore;
pub use versioned_store::TestVersionedStore;
pub use windowed_store::{TestSessionStore, TestWindowStore};
