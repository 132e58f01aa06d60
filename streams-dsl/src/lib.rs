//! Kafka Streams for Rust: a typed DSL of streams and tables, run inside your process.

mod builder;
mod data;
mod graph;
mod kgrouped_stream;
mod kstream;
mod ktable;
mod nulls;
mod operators;
mod options;
mod table_state;

pub use builder::StreamsBuilder;
pub use data::Data;
pub use kgrouped_stream::KGroupedStream;
pub use kstream::{BranchedKStream, EndOfStream, KStream};
pub use ktable::KTable;
pub use options::{Branched, Consumed, Grouped, IntoTopics, Materialized, Printed, Produced, Repartitioned};

pub use streams_core::config::StreamsConfig;
pub use streams_core::error::StreamsError;
pub use streams_core::error::{HandlerResponse, LogAndContinue, LogAndFail};
pub use streams_core::processor::{
    FailOnInvalidTimestamp, LogAndSkipOnInvalidTimestamp, Partitioning, RecordContext, StreamPartitioner,
    TimestampExtractor, TimestampedRecord, TopicNameExtractor, UsePartitionTimeOnInvalidTimestamp,
    WallclockTimestampExtractor,
};
pub use streams_core::record::{Headers, Record};
pub use streams_core::runtime::{
    CloseOptions, KafkaStreams, RestoreListener, State, StoreRestore, UncaughtExceptionResponse,
};
pub use streams_core::serde;
pub use streams_core::topology::{AutoOffsetReset, StoreEngine, Topology};
pub use streams_core::{broker, query, record};
