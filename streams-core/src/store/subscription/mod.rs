//! What tables that are joined by a foreign key tell each other, in Kafka Streams' formats (KIP-213, KIP-775).
//!
//! The left side subscribes its rows to rows of the right side; the right side keeps the subscriptions in a store and responds. Both messages carry
//! a hash of the left row that they are about, so that a response to a row that has changed since is recognized.

mod message;
mod murmur3;
mod response;
mod rows;

pub use message::{Instruction, Subscription, SubscriptionSerde};
pub use murmur3::RowHash;
pub use response::{SubscriptionResponse, SubscriptionResponseSerde};
pub use rows::{Subscriber, SubscriptionStore};

/// Set in the first byte of both messages where there is no hash; the other bits are the version.
const NO_HASH: u8 = 0x80;

/// Reads the byte of version and missing hash: the version, and whether there is a hash.
fn version(byte: u8) -> (u8, bool) {
    (byte & !NO_HASH, byte & NO_HASH == 0)
}

#[cfg(test)]
mod tests;
