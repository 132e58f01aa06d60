//! Kafka's record batches (message format 2, Kafka 0.11 and later), read and written where they lie.
//!
//! - [`RecordsReader`] turns the `records` of a fetch response into [`Records`]: one shared buffer and one [`RecordSpan`] per
//!   record. No allocation or copy per record; what is compressed is decompressed once per batch.
//! - [`BatchWriter`] builds one batch in one buffer, [`restamp`] gives it its producer and sequence when it is sent,
//!   [`split`] halves one that the broker finds too large.
//! - [`last_batch`] looks at batch headers only, for whoever needs the next fetch position before the records are read.
//!
//! Nothing here trusts the bytes: lengths and counts are checked against what is present, decompression has a limit, and what is
//! wrong becomes a [`RecordsError`] with the offset of the batch. Nothing here waits, locks or talks to a broker.
//!
//! # What compresses and checks
//! | for | crate | why this one |
//! |---|---|---|
//! | CRC32C | `crc32c` | the processor's own instruction, 27 GB/s; small, and `kafka-protocol` uses it already |
//! | gzip | `flate2` on `zlib-rs` | pure Rust, and faster than miniz |
//! | snappy | `snap` | pure Rust, the only well-kept one; the framing of Java's library is written here |
//! | lz4 | `lz4` | as fast as `lz4_flex` in measurements, has the high compression levels, and RocksDB builds the library anyway |
//! | zstd | `zstd-safe` | the reference library; reused contexts; nothing in Rust compresses as well |
//!
//! Checksums inside lz4 frames are not verified: the CRC32C of the batch covers the same bytes.

mod aborted;
mod compression;
mod error;
mod header;
mod headers;
mod last_batch;
mod parse;
mod reader;
mod span;
mod split;
mod stamp;
mod varint;
mod writer;

pub use aborted::AbortedTransaction;
pub use compression::{Compression, Compressor};
pub use error::{AppendError, RecordsError, WriteError};
pub use headers::EncodedHeaders;
pub use last_batch::{LastBatch, last_batch};
pub use reader::{DecodeOptions, Decoded, RecordsReader};
pub use span::{ByteRange, RecordSpan, RecordView, Records};
pub use split::split;
pub use stamp::{ProducerStamp, restamp};
pub use writer::{BatchWriter, Written};
