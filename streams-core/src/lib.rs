//! Topology, tasks, runtime and broker access of a Kafka Streams for Rust.

pub mod broker;
pub mod config;
pub mod error;
pub mod membership;
pub mod metrics;
pub mod partitioner;
pub mod processor;
pub mod query;
pub mod record;
pub mod runtime;
pub mod serde;
pub mod store;
pub mod task;
pub mod test_driver;
pub mod topology;
