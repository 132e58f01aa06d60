//! End-to-end suites on the embedded broker and on real Kafka.
//!
//! [`contract`] is what every implementation of the broker traits has to do, as functions that a test instantiates for one of them;
//! [`embedded`] is what the suites of whole applications on the embedded broker share; [`kafka`] is what those on real Kafka share:
//! programs as processes, topics, groups, and an independent word count.

pub mod contract;
pub mod embedded;
pub mod kafka;
