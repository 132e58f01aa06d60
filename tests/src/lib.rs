//! End-to-end suites on the embedded broker and on real Kafka.
//!
//! [`contract`] is what every implementation of the broker traits has to do, as functions that a test instantiates for one of them.

pub mod contract;
