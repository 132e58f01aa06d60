//! Topology, tasks, runtime and broker access of a Kafka Streams for Rust.

pub mod broker;
pub mod partitioner;
pub mod record;
pub mod serde;
