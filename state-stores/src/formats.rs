//! Byte formats of stored values, as Kafka Streams writes them.
//!
//! A *timestamped value* is the record's timestamp (milliseconds, 8 bytes, big endian) followed by the
//! value. It is what a timestamped key-value store holds; changelog topics carry the bare value.
//!
//! ```
//! use state_stores::formats::{join_timestamped, split_timestamped};
//!
//! let mut bytes = Vec::new();
//! join_timestamped(1_700_000_000_000, b"seven", &mut bytes);
//! assert_eq!(split_timestamped(&bytes), Some((1_700_000_000_000, &b"seven"[..])));
//! assert_eq!(split_timestamped(b"short"), None);
//! ```

/// Before the value of a version, and of one that is a deletion.
const VALUE: u8 = 1;
const DELETED: u8 = 0;

/// Appends a version of a key: since when it holds, and its value, `None` for a deletion. It is what
/// [`TaskStores::restore`](crate::TaskStores::restore) takes for versioned stores.
pub fn join_version(since: i64, value: Option<&[u8]>, out: &mut Vec<u8>) {
    out.extend_from_slice(&since.to_be_bytes());
    out.push(if value.is_some() { VALUE } else { DELETED });
    out.extend_from_slice(value.unwrap_or_default());
}

/// Takes a version apart; `None` if it is too short to be one.
pub fn split_version(bytes: &[u8]) -> Option<(i64, Option<&[u8]>)> {
    let (since, rest) = split_timestamped(bytes)?;
    let (&kind, value) = rest.split_first()?;
    Some((since, (kind == VALUE).then_some(value)))
}

/// Bytes of the timestamp in front of a timestamped value.
pub const TIMESTAMP_LEN: usize = 8;

/// Appends the timestamped value of `value` to `out`.
pub fn join_timestamped(timestamp: i64, value: &[u8], out: &mut Vec<u8>) {
    out.reserve(TIMESTAMP_LEN + value.len());
    out.extend_from_slice(&timestamp.to_be_bytes());
    out.extend_from_slice(value);
}

/// Splits a timestamped value into its timestamp and the value; `None` if it is too short to be one.
pub fn split_timestamped(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (timestamp, value) = bytes.split_first_chunk::<TIMESTAMP_LEN>()?;
    Some((i64::from_be_bytes(*timestamp), value))
}
