//! A small Kafka client for what stream processing needs: whole record batches in both directions, transactions, topics and offsets, and
//! membership in groups whose work is assigned by the caller.
//!
//! It is meant for software that assigns partitions by itself: consumers are assigned by hand, and the group's protocol leaves to the caller what a
//! member decides. There is no assignor, no automatic heartbeat or commit, and nothing that knows of streams.
//!
//! ```no_run
//! use kafka_client::group::{FetchOffsets, GroupCoordinator};
//! use kafka_client::{ClientConfig, GroupClient};
//!
//! let client = GroupClient::connect(ClientConfig::new(["localhost:9092"], "example"))?;
//! let request = FetchOffsets {
//!     group_id: "my-group".into(),
//!     member: None,
//!     partitions: vec![("words".into(), 0)],
//!     require_stable: true,
//! };
//! let (sender, receiver) = std::sync::mpsc::channel();
//! client.fetch_offsets(request, Box::new(move |offsets| drop(sender.send(offsets))));
//! println!("{:?}", receiver.recv()?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Limits
//! - Brokers from Kafka 3.6 on; the versions of each request are agreed on when connecting.
//! - TLS with PEM files; SASL by PLAIN and SCRAM: see [`Security`].
//! - Everything has a bound, in [`ClientConfig`]: requests waiting, size of a frame, time to connect and to answer.
//!
//! # Modules
//! - [`consumer`]: reads partitions that are assigned by hand. [`producer`]: sends records, idempotent and in transactions. [`admin`]: topics and
//!   their offsets. All on a [`Reactor`], the thread that owns sockets.
//! - [`records`]: record batches, read and written where they lie. [`partitioner`]: keys to partitions.
//! - [`group`]: membership: the messages, their errors, and the trait [`GroupCoordinator`](group::GroupCoordinator), which [`GroupClient`] implements
//!   over TCP. [`consumer_protocol`]: the bytes that subscriptions and assignments travel in.
//! - Behind them: `cluster`: brokers, leaders, and connections to them; `connection`: one connection, with `security`; `calls`: one request each;
//!   `wire`: frames and primitive types.
//!
//! # Features
//! - `real-kafka`: builds the tests that need a broker, at the address in the variable `KAFKA_BOOTSTRAP_SERVERS`, and
//!   one with TLS and SASL, described by the file that `KAFKA_SECURE` names.

pub mod admin;
mod backoff;
mod calls;
mod cluster;
mod config;
mod connection;
pub mod consumer;
pub mod consumer_protocol;
mod error;
pub mod group;
mod group_client;
pub mod partitioner;
pub mod producer;
mod reactor;
pub mod records;
mod security;
mod wire;

pub use config::ClientConfig;
pub use error::{ClientError, name_of};
pub use group::GroupError;
pub use group_client::GroupClient;
pub use reactor::Reactor;
pub use security::Security;
