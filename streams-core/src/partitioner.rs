//! Which partition a record goes to, as Kafka's clients decide it.

pub use kafka_client::partitioner::{murmur2, partition_for_key};
