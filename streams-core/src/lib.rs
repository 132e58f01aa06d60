//! Topology, tasks, runtime and broker access of a Kafka Streams for Rust
