use super::Headers;

/// The timestamp of a record that carries none (`-1`, Kafka's `NO_TIMESTAMP`).
pub const NO_TIMESTAMP: i64 = -1;

/// A record as an operator sees it: decoded key and value, event time and headers.
///
/// Records move through a topology by value. Where a stream has several children, each but the last
/// gets a clone.
#[derive(Debug, Clone, PartialEq)]
pub struct Record<K, V> {
    /// The key. Use an `Option` as key type where a topic has records without key.
    pub key: K,
    /// The value. Use an `Option` as value type where a topic has records without value (tombstones).
    pub value: V,
    /// Event time in milliseconds since the epoch; never negative inside a topology.
    pub timestamp: i64,
    /// Headers, empty for most records: then they cost nothing.
    pub headers: Headers,
}

impl<K, V> Record<K, V> {
    /// A record without headers.
    pub fn new(key: K, value: V, timestamp: i64) -> Self {
        Self { key, value, timestamp, headers: Headers::default() }
    }

    /// The same record with another value.
    pub fn with_value<V2>(self, value: V2) -> Record<K, V2> {
        Record { key: self.key, value, timestamp: self.timestamp, headers: self.headers }
    }

    /// The same record with another key.
    pub fn with_key<K2>(self, key: K2) -> Record<K2, V> {
        Record { key, value: self.value, timestamp: self.timestamp, headers: self.headers }
    }
}
