//! What runs a stream processing application on Kafka: topology, tasks, threads, state, group membership, broker access.
//!
//! Applications depend on `streams-dsl`, which builds topologies by typed streams and tables and exports what else they need from here.
//! This crate is for those who put a [`Topology`](topology::Topology) together node by node, implement a [`Broker`](broker::Broker), or
//! change the library.
//!
//! It has no windows, joins, transactions, standby tasks or metrics yet.
//!
//! # The path of a record
//! A consumer hands over a [`RecordBatch`](record::RecordBatch) ([`broker`]). The stream thread ([`runtime`]) gives it to the [`Task`](task::Task)
//! that its partition belongs to, where it waits in a queue. The task takes the record with the lowest timestamp; its source decodes it
//! ([`serde`]) and forwards it from [`Node`](processor::Node) to node, by value. Nodes with state write to a [`TableStore`](store::TableStore), over the
//! write buffers of `state_stores`; sinks write to the task's [`OutputBatch`](record::OutputBatch), which goes to the producer. At a commit the
//! buffers are flushed downstream and to the changelogs; when the cluster has acknowledged all of it and the input offsets, the rows go
//! to RocksDB, together with the changelog offsets that they reach.
//!
//! # Modules
//! - [`record`], [`serde`], [`partitioner`]: records, typed and in batches; types to bytes; keys to partitions.
//! - [`broker`]: the traits through which Kafka is reached, on librdkafka and in memory.
//! - [`config`], [`error`]: keys, defaults and checks; what can go wrong, and the handlers that decide about it.
//! - [`topology`]: the graph of nodes and stores, its parts and its description.
//! - [`processor`], [`store`]: what a running task is made of: nodes, and typed stores with changelogs.
//! - [`processor_api`]: nodes that users write, with stores of their own.
//! - [`task`]: one task as a state machine without clock, thread or socket.
//! - [`membership`]: the member of the consumer group, likewise; the assignor.
//! - [`runtime`]: threads, clocks and connections around them; [`KafkaStreams`](runtime::KafkaStreams).
//! - [`query`]: reading the stores of a running instance.
//! - [`test_driver`]: a topology run record by record, without brokers, threads and clock.
//!
//! # Unsafe code
//! One private module, `broker::librdkafka::ffi`, calls librdkafka where rdkafka does not.

pub mod broker;
pub mod config;
pub mod error;
pub mod membership;
pub mod metrics;
pub mod partitioner;
pub mod processor;
pub mod processor_api;
pub mod query;
pub mod record;
pub mod runtime;
pub mod serde;
pub mod store;
pub mod task;
pub mod test_driver;
pub mod topology;
pub mod windowed;
