//! Topology, tasks, runtime and broker access of a Kafka Streams for Rust.

pub mod broker;
pub mod error;
pub mod membership;
pub mod partitioner;
pub mod processor;
pub mod record;
pub mod serde;
pub mod store;
pub mod task;
pub mod topology;
