//! Serdes: how typed keys and values become bytes and back, with the formats of Kafka's own serializers.
//!
//! | type | bytes | Java's serde |
//! |---|---|---|
//! | [`String`] | UTF-8 | `StringSerde` |
//! | [`Vec<u8>`], [`bytes::Bytes`] | as they are | `ByteArraySerde`, `BytesSerde` |
//! | [`i16`], [`i32`], [`i64`] | 2, 4, 8 bytes, big endian | `ShortSerde`, `IntegerSerde`, `LongSerde` |
//! | [`f32`], [`f64`] | IEEE 754, big endian | `FloatSerde`, `DoubleSerde` |
//! | [`uuid::Uuid`] | its text, UTF-8 | `UUIDSerde` |
//! | `()` | null | `VoidSerde` |
//! | [`SharedStr`] | UTF-8, not copied out of the batch | `StringSerde` |
//! | [`Option<T>`] | null, or as `T` | a nullable value of any serde |
//! | [`serde_json::Value`], types of your own with [`JsonSerde`] | JSON text | a JSON serde of your own |
//! | [`Vec<T>`] with [`ListSerde`] | number of entries, each behind its length | `ListSerde` |
//! | [`Windowed<K>`](crate::windowed::Windowed) | key, then the window's times | `WindowedSerdes` |
//!
//! A type with one obvious format implements [`DefaultSerde`]; any [`Serde`] can be named where a topic, a grouping or a store is declared.
//!
//! # A type of your own
//! One line names the serde that the short methods use. For JSON that is [`JsonSerde`]; for a format of your own, write the [`Serde`]:
//! ```
//! use streams_core::serde::{DefaultSerde, Payload, Serde, SerdeError, Written, non_null};
//!
//! #[derive(Clone)]
//! struct Celsius(f64);
//!
//! #[derive(Default)]
//! struct TenthsOfDegree;
//!
//! impl Serde<Celsius> for TenthsOfDegree {
//!     fn serialize(&self, _topic: &str, value: &Celsius, out: &mut Vec<u8>) -> Result<Written, SerdeError> {
//!         out.extend_from_slice(&((value.0 * 10.0) as i16).to_be_bytes());
//!         Ok(Written::Bytes)
//!     }
//!
//!     fn deserialize(&self, _topic: &str, data: Option<Payload<'_>>) -> Result<Celsius, SerdeError> {
//!         let bytes = non_null(data, "Celsius")?.as_slice();
//!         let tenths = bytes.try_into().map_err(|_| SerdeError::Invalid("not 2 bytes".to_owned()))?;
//!         Ok(Celsius(f64::from(i16::from_be_bytes(tenths)) / 10.0))
//!     }
//! }
//!
//! impl DefaultSerde for Celsius {
//!     type Serde = TenthsOfDegree;
//! }
//! ```

mod bytes_serde;
mod json;
mod list;
mod numbers;
mod option;
mod shared_str;
mod string;
mod unit;
mod uuid_serde;

pub use bytes_serde::{ByteVecSerde, BytesSerde};
pub use json::JsonSerde;
pub use list::ListSerde;
pub use numbers::{BigEndianNumber, NumberSerde};
pub use option::OptionSerde;
pub use shared_str::{SharedStr, SharedStrSerde};
pub use string::StringSerde;
pub use unit::UnitSerde;
pub use uuid_serde::UuidSerde;

pub use crate::record::Written;

use bytes::Bytes;
use std::sync::Arc;

/// Turns values of type `T` into bytes and back. Open: implement it for a format of your own.
///
/// One serde serves all threads, so it keeps no changing state (or guards it).
pub trait Serde<T>: Send + Sync + 'static {
    /// Appends the bytes of `value` to `out`, or answers [`Written::Null`] and appends nothing. `topic` is the topic
    /// (for a store: its changelog topic) that the bytes are meant for.
    ///
    /// # Errors
    /// Where the value has no encoding; the production exception handler decides what then happens.
    fn serialize(&self, topic: &str, value: &T, out: &mut Vec<u8>) -> Result<Written, SerdeError>;

    /// Reads a value from the bytes of a record of `topic`; `None` is a null key or value.
    ///
    /// # Errors
    /// Where the bytes are no such value, or null where the type has none; the deserialization exception handler
    /// decides what then happens.
    fn deserialize(&self, topic: &str, data: Option<Payload<'_>>) -> Result<T, SerdeError>;
}

/// A serde shared by the nodes, stores and threads that use it.
pub type SerdeRef<T> = Arc<dyn Serde<T>>;

/// A type with one obvious serde, which is used wherever none is named.
///
/// Implement it for a type of your own, so that streams of it need no further declaration.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no default serde",
    label = "no serde known for `{Self}`",
    note = "name one (`Consumed::with`, `Produced::with`, `Grouped::with`, `Materialized::with` and the methods ending in `_with`), or implement `DefaultSerde` for `{Self}`"
)]
pub trait DefaultSerde: Sized + 'static {
    /// The serde's type.
    type Serde: Serde<Self> + Default;

    /// The serde, to be shared.
    fn default_serde() -> SerdeRef<Self> {
        Arc::new(Self::Serde::default())
    }
}

/// Encoded bytes of a key or value, borrowed, with the buffer that they are part of where there is one.
#[derive(Debug, Clone, Copy)]
pub struct Payload<'a> {
    bytes: &'a [u8],
    buffer: Option<&'a Bytes>,
}

impl<'a> Payload<'a> {
    /// Bytes that lie in no shared buffer.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, buffer: None }
    }

    /// Bytes that are a slice of `buffer`.
    pub fn in_buffer(bytes: &'a [u8], buffer: &'a Bytes) -> Self {
        Self { bytes, buffer: Some(buffer) }
    }

    /// The bytes.
    pub fn as_slice(&self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes before the last `length`, and those; `None` where there are fewer.
    pub fn split_last(&self, length: usize) -> Option<(Self, &'a [u8])> {
        let (bytes, last) = self.bytes.split_at_checked(self.bytes.len().checked_sub(length)?)?;
        Some((Self { bytes, buffer: self.buffer }, last))
    }

    /// The first `length` bytes and the rest; `None` where there are fewer.
    pub fn split_first(&self, length: usize) -> Option<(Self, Self)> {
        let (first, rest) = self.bytes.split_at_checked(length)?;
        Some((Self { bytes: first, buffer: self.buffer }, Self { bytes: rest, buffer: self.buffer }))
    }

    /// The bytes as an owned slice: shares the buffer where there is one (it then lives as long as the slice), else a copy.
    pub fn to_bytes(&self) -> Bytes {
        match self.buffer {
            Some(buffer) => buffer.slice_ref(self.bytes),
            None => Bytes::copy_from_slice(self.bytes),
        }
    }
}

/// Why a key or value could not be encoded or decoded.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum SerdeError {
    /// Null where the type has no null.
    #[error("null where a {expected} is expected; declare the type as Option<{expected}> to accept null")]
    UnexpectedNull {
        /// The type that was expected.
        expected: &'static str,
    },
    /// Not the number of bytes that the type has.
    #[error("{actual} bytes where a {expected} has {expected_len}")]
    WrongLength {
        /// The type that was expected.
        expected: &'static str,
        /// The length of its encoding.
        expected_len: usize,
        /// The number of bytes found.
        actual: usize,
    },
    /// Bytes that are no such value, or a value that has no encoding.
    #[error("{0}")]
    Invalid(String),
}

/// The bytes of a value that has no null.
///
/// # Errors
/// [`SerdeError::UnexpectedNull`].
pub fn non_null<'a>(data: Option<Payload<'a>>, expected: &'static str) -> Result<Payload<'a>, SerdeError> {
    data.ok_or(SerdeError::UnexpectedNull { expected })
}

#[cfg(test)]
mod tests;
