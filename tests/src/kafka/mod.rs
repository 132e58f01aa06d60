//! What the suites on real Kafka share. They start the examples as processes of their own and look at them from outside: at their
//! output, their exit code, their topics and their group.
//!
//! | module | holds |
//! |---|---|
//! | [`environment`] | where the broker, the programs and `./dev` are |
//! | [`application`] | the names of one test's application, its topics, and their removal |
//! | [`page_views`] | the same for page views, with their independent count |
//! | [`joins`] | the same for joins, with results computed independently |
//! | [`instance`] | a running program |
//! | [`broker`] | a broker that a test may stop, and Kafka's own tools |
//! | [`cluster`] | topics, records and offsets, through rdkafka |
//! | [`random`] | numbers from a seed |
//! | [`words`] | input lines, and an independent count of their words |
//! | [`waiting`] | waiting for conditions, with a deadline |

pub mod application;
pub mod broker;
pub mod cluster;
pub mod environment;
pub mod instance;
pub mod joins;
pub mod page_views;
pub mod random;
pub mod waiting;
pub mod words;

pub use application::Application;
pub use broker::{OwnBroker, tool};
pub use cluster::{Cluster, Group};
pub use instance::{Ended, Instance, Setup};
pub use joins::Joins;
pub use page_views::PageViews;
pub use random::Random;
pub use waiting::{SOON, wait_until};
pub use words::{Counts, Lines};
