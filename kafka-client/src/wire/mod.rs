//! Bytes on the wire: reading primitive types within bounds, and frames.
//!
//! Requests are encoded by the `kafka-protocol` crate. Answers are read here, because that crate reserves memory for as many
//! array elements as the bytes claim, up to gigabytes, before it looks whether they are there.

mod frame;
mod reader;

pub(crate) use frame::read_frame;
pub(crate) use reader::{Reader, WireError};
