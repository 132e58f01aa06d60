//! Reading the stores of a running instance (interactive queries), from any thread.
//!
//! | view | of | made by |
//! |---|---|---|
//! | [`ReadOnlyKeyValueView`] | tables, aggregations without windows | [`KafkaStreams::store`](crate::runtime::KafkaStreams::store) |
//! | [`ReadOnlyVersionedView`] | versioned tables | [`KafkaStreams::versioned_store`](crate::runtime::KafkaStreams::versioned_store) |
//! | [`ReadOnlyWindowView`] | aggregations in windows of time | [`KafkaStreams::window_store`](crate::runtime::KafkaStreams::window_store) |
//! | [`ReadOnlySessionView`] | aggregations in sessions | [`KafkaStreams::session_store`](crate::runtime::KafkaStreams::session_store) |
//!
//! By default a query sees what is still in the write buffer: it is carried out by the thread that owns the task, between two rounds of
//! processing, so that processing takes no lock. The method `committed` of each view makes one that reads what has been committed, without
//! asking that thread.
//!
//! Rows come task by task, those of one task in the order of its store: as in Kafka Streams, there is no order over all of them.

mod key_value;
mod pages;
mod session;
mod versioned;
mod view;
mod window;
mod windowed_scan;

pub use key_value::{ReadOnlyKeyValueView, ViewScan};
pub use session::ReadOnlySessionView;
pub use versioned::ReadOnlyVersionedView;
pub use window::ReadOnlyWindowView;
pub use windowed_scan::WindowedViewScan;
