//! Kafka Streams for Rust: a typed DSL of streams and tables, run inside your process.
//!
//! A [`StreamsBuilder`] declares [streams](KStream) and [tables](KTable) of the records of Kafka topics and what is made of them; its
//! [`Topology`] is run by [`KafkaStreams`] in as many processes as one likes, which share the work and keep their state in local
//! stores. Names, internal topics and bytes are those of the Java library, so a program can take the place of another.
//!
//! It is not a cluster to submit jobs to, and not a client for plain consuming and producing.
//!
//! # Types
//! The types of keys and values are the types of the graph: a step that does not fit the stream before it does not compile. What
//! may be null is an [`Option`]: a topic with keyless records is a stream of `Option<K>`, and the stream of a table's changes has values
//! of `Option<V>`, `None` for a deleted row. Records move through the steps by value; closures take what they consume, and see the rest by reference.
//!
//! Types with an obvious format have a [`DefaultSerde`](serde::DefaultSerde), which the short methods use (`to`, `count`, `group_by_key`, …). The methods
//! ending in `_with` take [serdes, names and stores](#structs) instead. A serde that is named once holds for all steps below, as long as the type is the same.
//!
//! What has no method is a [processor](processor_api) written by hand: as a step of a stream ([`KStream::process`]), or in a topology of nothing else
//! ([`TopologyBuilder`]).
//!
//! # Example: word count
//! ```
//! use streams_dsl::test_driver::TopologyTestDriver;
//! use streams_dsl::{Materialized, StreamsBuilder};
//!
//! let builder = StreamsBuilder::new();
//! builder
//!     .stream::<Option<String>, String>("text-input")
//!     .flat_map_values(|line| line.to_lowercase().split_whitespace().map(str::to_owned).collect::<Vec<_>>())
//!     .group_by(|_, word| word.clone())
//!     .count_with(Materialized::named("word-count-store"))
//!     .to_stream()
//!     .to("word-counts");
//! let topology = builder.build()?;
//!
//! // A test drives the topology record by record; `KafkaStreams::new(topology, config)` runs it on a cluster.
//! let driver = TopologyTestDriver::new(&topology);
//! let lines = driver.create_input_topic::<Option<String>, String>("text-input");
//! lines.pipe_values(["hello world".to_owned(), "Hello Kafka".to_owned()])?;
//! let counts = driver.create_output_topic::<String, i64>("word-counts").read_key_values_to_map()?;
//! assert_eq!(counts["hello"], 2);
//! # Ok::<(), streams_dsl::StreamsError>(())
//! ```
//!
//! # Limits
//! Closures are `Fn + Send + Sync + 'static`, as every task has its own copy of the graph; what they share they guard. The order of declaration
//! gives the generated names of stores and topics: name what has state, and it survives a change of the program.

mod builder;
mod cogrouped_stream;
mod data;
mod global_ktable;
mod graph;
mod kgrouped_stream;
mod kgrouped_table;
mod kstream;
mod ktable;
mod nulls;
mod operators;
mod options;
mod table_state;
mod table_view;
mod windowed_stream;
pub mod windows;

pub use builder::StreamsBuilder;
pub use cogrouped_stream::{
    CogroupedKStream, CogroupedWindowedBy, SessionWindowedCogroupedKStream, TimeWindowedCogroupedKStream,
};
pub use data::Data;
pub use global_ktable::GlobalKTable;
pub use kgrouped_stream::KGroupedStream;
pub use kgrouped_table::KGroupedTable;
pub use kstream::{BranchedKStream, EndOfStream, KStream};
pub use ktable::KTable;
pub use options::{
    Branched, BufferConfig, Consumed, Grouped, IntoTopics, Joined, Materialized, Printed, Produced, Repartitioned,
    StreamJoined, StrictBufferConfig, Suppressed, TableJoined,
};
pub use windowed_stream::{
    CountWindowedKStream, EmitStrategy, SessionWindowedKStream, TimeDivision, TimeWindowedKStream, WindowedBy,
};

pub use streams_core::config::StreamsConfig;
pub use streams_core::error::{
    DeserializationExceptionHandler, ErrorContext, HandlerResponse, LogAndContinue, LogAndFail,
    ProcessingExceptionHandler, ProductionExceptionHandler, StreamsError,
};
pub use streams_core::membership::GroupMembershipOperation;
pub use streams_core::processor::{
    FailOnInvalidTimestamp, LogAndSkipOnInvalidTimestamp, Partitioning, RecordContext, StreamPartitioner,
    TimestampExtractor, TimestampedRecord, TopicNameExtractor, UsePartitionTimeOnInvalidTimestamp,
    WallclockTimestampExtractor,
};
pub use streams_core::record::{Headers, Record};
pub use streams_core::runtime::{
    CloseOptions, KafkaStreams, RestoreListener, State, StoreRestore, TaskMetadata, UncaughtExceptionResponse,
};
pub use streams_core::serde;
pub use streams_core::task::TaskId;
pub use streams_core::topology::{AutoOffsetReset, StoreEngine, Topology, TopologyBuilder};
pub use streams_core::windowed::{
    SessionWindow, SessionWindowedSerde, TimeWindow, TimeWindowedSerde, Window, Windowed,
};
pub use streams_core::{broker, metrics, partitioner, processor_api, query, record, test_driver};

pub use regex::Regex;

/// The examples of the project's README are compiled and run with this crate's own.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
