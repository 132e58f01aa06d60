use super::Compression;

/// Why the records of a partition cannot be read. Offsets are base offsets, those that the batch begins with.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordsError {
    /// The batch has the message format 0 or 1.
    #[error(
        "the record batch at offset {base_offset} has message format {magic}, older than Kafka 0.11, which is not read; \
         rewrite the topic with a newer client, or reset the group's offset past it"
    )]
    OldFormat {
        /// Offset the batch begins with.
        base_offset: i64,
        /// The message format, 0 or 1.
        magic: i8,
    },

    /// The batch has a message format that this version does not know.
    #[error("the record batch at offset {base_offset} has the unknown message format {magic}; only format 2 is read")]
    UnknownFormat {
        /// Offset the batch begins with.
        base_offset: i64,
        /// The message format.
        magic: i8,
    },

    /// The checksum does not match: the bytes were damaged on a disk or on the way.
    #[error(
        "the record batch at offset {base_offset} is damaged: its checksum is {stored:#010x}, that of its bytes {computed:#010x}; \
         fetch it again, and if that does not help seek past it"
    )]
    Checksum {
        /// Offset the batch begins with.
        base_offset: i64,
        /// CRC32C in the batch.
        stored: u32,
        /// CRC32C of its bytes.
        computed: u32,
    },

    /// The batch contradicts itself.
    #[error("the record batch at offset {base_offset} is not valid: {problem}")]
    Invalid {
        /// Offset the batch begins with.
        base_offset: i64,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// A record in the batch is not valid.
    #[error("record number {index} of the record batch at offset {base_offset} is not valid: {problem}")]
    InvalidRecord {
        /// Offset the batch begins with.
        base_offset: i64,
        /// The record's place in the batch, from 0.
        index: u32,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// The batch is compressed in a way that this version does not know.
    #[error("the record batch at offset {base_offset} is compressed with the unknown code {code}; known are 0 to 4")]
    UnknownCompression {
        /// Offset the batch begins with.
        base_offset: i64,
        /// The compression code of the batch.
        code: u8,
    },

    /// The compressed records cannot be decompressed.
    #[error("the records of the batch at offset {base_offset} cannot be decompressed: {problem} ({compression})")]
    Decompression {
        /// Offset the batch begins with.
        base_offset: i64,
        /// How they are compressed.
        compression: Compression,
        /// What is wrong with them.
        problem: &'static str,
    },

    /// The batch needs more memory when decompressed than is allowed.
    #[error(
        "the records of the batch at offset {base_offset} ({compression}) exceed the limit of {limit} bytes when decompressed; \
         raise the limit if the batch is to be trusted"
    )]
    DecompressedTooLarge {
        /// Offset the batch begins with.
        base_offset: i64,
        /// How they are compressed.
        compression: Compression,
        /// The limit in bytes.
        limit: usize,
    },

    /// More bytes in one piece than positions of 32 bits reach.
    #[error("{0} bytes of records in one fetch are too many; fetch less than 4 GiB at a time")]
    TooManyBytes(usize),
}

/// Why a batch cannot be sealed, stamped or split.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// A batch to be sealed has no records.
    #[error("a record batch without records cannot be sent")]
    Empty,

    /// The bytes are not one whole record batch.
    #[error("the bytes are not one whole record batch: {0}")]
    NotABatch(&'static str),

    /// The batch to split cannot be read.
    #[error("the batch cannot be split: {0}")]
    Unreadable(#[from] RecordsError),

    /// The compression library failed.
    #[error("the batch cannot be compressed with {compression}: {problem}")]
    Compression {
        /// How it was to be compressed.
        compression: Compression,
        /// What the library says.
        problem: &'static str,
    },

    /// The compression does not have this level.
    #[error("{compression} has no compression level {level}; {allowed}")]
    Level {
        /// The compression.
        compression: Compression,
        /// The level asked for.
        level: i32,
        /// The levels it has.
        allowed: &'static str,
    },
}

/// Why a record cannot be appended to a batch. `E` is the error of what writes its key and value.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError<E = std::convert::Infallible> {
    /// The batch would exceed what Kafka's format can express (2 GiB, or 2³¹−1 records). The batch is unchanged.
    #[error("the record does not fit: a record batch ends at 2 GiB")]
    TooLarge,

    /// What writes the key or value failed. The batch is unchanged.
    #[error(transparent)]
    Write(E),

    /// What writes the key or value removed bytes that were in the buffer before. The batch is lost, and empty now.
    #[error("what writes a key or value has to append to the buffer it is given, but removed bytes of earlier records")]
    Shrunk,
}
