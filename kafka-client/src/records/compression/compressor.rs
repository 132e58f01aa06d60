use super::{Compression, gzip, lz4, snappy, zstd};
use crate::records::WriteError;
use ::lz4::block::CompressionMode;
use flate2::Compress;
use snap::raw::Encoder;
use zstd_safe::CCtx;

/// Compresses batches in one way; keeps the state of its library and a buffer, so that a batch allocates only itself.
pub struct Compressor {
    compression: Compression,
    state: State,
    buffer: Vec<u8>,
}

enum State {
    None,
    Gzip(Compress),
    Snappy(Box<Encoder>),
    Lz4(CompressionMode),
    Zstd(CCtx<'static>, i32),
}

impl Compressor {
    /// What compresses with `compression`. `level` is `compression.gzip.level` (1 to 9, or -1), `compression.lz4.level` (1 to 17)
    /// or `compression.zstd.level` (-131072 to 22); `None` means Kafka's default: -1, 9, 3.
    ///
    /// # Errors
    /// The compression does not have this level.
    pub fn new(compression: Compression, level: Option<i32>) -> Result<Self, WriteError> {
        let (state, allowed) = match compression {
            Compression::None => (level.is_none().then_some(State::None), "it has none"),
            Compression::Gzip => (gzip::writer(level).map(State::Gzip), "allowed are 1 to 9, and -1 for the default"),
            Compression::Snappy => (level.is_none().then(|| State::Snappy(Box::new(Encoder::new()))), "it has none"),
            Compression::Lz4 => (lz4::mode(level).map(State::Lz4), "allowed are 1 to 17"),
            Compression::Zstd => {
                let state = zstd::level(level).map(|level| match CCtx::try_create() {
                    Some(state) => Ok(State::Zstd(state, level)),
                    None => Err(WriteError::Compression { compression, problem: "no memory for its state" }),
                });
                (state.transpose()?, "allowed are -131072 to 22")
            }
        };
        match state {
            Some(state) => Ok(Self { compression, state, buffer: Vec::new() }),
            None => Err(WriteError::Level { compression, level: level.unwrap_or_default(), allowed }),
        }
    }

    /// How it compresses.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// `input` compressed; `None` where compression is off or makes it no smaller, so that it is better sent as it is.
    pub(in crate::records) fn compress(&mut self, input: &[u8]) -> Result<Option<&[u8]>, WriteError> {
        let buffer = &mut self.buffer;
        let length = match &mut self.state {
            State::None => return Ok(None),
            State::Gzip(state) => gzip::compress(state, input, buffer),
            State::Snappy(state) => snappy::compress(state, input, buffer),
            State::Lz4(mode) => lz4::compress(*mode, input, buffer),
            State::Zstd(state, level) => zstd::compress(state, *level, input, buffer),
        };
        let length = length.map_err(|problem| WriteError::Compression { compression: self.compression, problem })?;
        Ok((length < input.len()).then(|| &self.buffer[..length]))
    }
}
