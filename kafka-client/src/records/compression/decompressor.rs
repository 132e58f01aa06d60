use super::output::Stopped;
use super::{Compression, Output, gzip, lz4, snappy, zstd};
use bytes::Bytes;

/// Bytes of the buffer that are kept between batches. What is larger is handed out itself instead of a copy.
const KEPT: usize = 1 << 20;

/// Decompresses records; keeps a buffer and the state of the libraries that have one.
#[derive(Default)]
pub(in crate::records) struct Decompressor {
    buffer: Vec<u8>,
    zstd: zstd::Reader,
}

impl Decompressor {
    /// The decompressed records. Fails with `None` beyond `limit` bytes, else with what is wrong.
    ///
    /// Decompresses into the kept buffer and copies from there: so what is handed out is exactly as large as its contents, which no format
    /// states reliably beforehand. The copy is a few percent of the decompression.
    pub(in crate::records) fn decompress(
        &mut self,
        compression: Compression,
        input: &[u8],
        limit: usize,
    ) -> Result<Bytes, Stopped> {
        let mut output = Output::new(&mut self.buffer, limit);
        let result = match compression {
            Compression::None => Err(Some("it is not compressed")),
            Compression::Gzip => gzip::decompress(input, &mut output),
            Compression::Snappy => snappy::decompress(input, &mut output),
            Compression::Lz4 => lz4::decompress(input, &mut output),
            Compression::Zstd => self.zstd.decompress(input, &mut output),
        };
        let filled = output.filled();
        if self.buffer.len() <= KEPT {
            return result.map(|()| Bytes::copy_from_slice(&self.buffer[..filled]));
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.truncate(filled);
        buffer.shrink_to_fit();
        result.map(|()| buffer.into())
    }
}

#[cfg(test)]
impl Decompressor {
    /// Bytes held between batches.
    pub(super) fn kept(&self) -> usize {
        self.buffer.capacity()
    }
}
