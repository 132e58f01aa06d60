use super::aborted::{AbortedFilter, AbortedTransaction};
use super::compression::{Compression, Decompressor};
use super::header::{Frame, HEADER, Header};
use super::parse::parse;
use super::{RecordSpan, Records, RecordsError};
use bytes::Bytes;

/// How records are read.
#[derive(Debug, Clone, Copy)]
pub struct DecodeOptions<'a> {
    /// The fetch position: records below it, which share a batch with wanted ones, are left out. Default 0.
    pub from: i64,
    /// Whether checksums are verified, as `check.crcs`. Default true.
    pub check_crcs: bool,
    /// Bytes that one batch may have when decompressed; more is an error. Default 128 MiB.
    pub max_decompressed: usize,
    /// The aborted transactions of the fetch response, in any order; their records are left out. Empty, the default, reads
    /// everything.
    pub aborted: &'a [AbortedTransaction],
}

impl Default for DecodeOptions<'_> {
    fn default() -> Self {
        Self { from: 0, check_crcs: true, max_decompressed: 128 << 20, aborted: &[] }
    }
}

/// What the records of a fetch came to, besides the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded {
    /// The position after the last whole batch, markers and aborted records included; `from` where there was none.
    pub next_offset: i64,
    /// Leader epoch of the last whole batch; -1 in it where unknown.
    pub last_leader_epoch: Option<i32>,
    /// Where not even the first batch is whole: the bytes it needs, or at least needs.
    pub needs: Option<usize>,
}

/// Reads records; keeps what decompressing needs from one fetch to the next.
///
/// ```
/// use kafka_client::records::{BatchWriter, Compression, Compressor, DecodeOptions, EncodedHeaders, ProducerStamp, RecordsReader};
///
/// let mut writer = BatchWriter::new(1024);
/// writer.append(1_000, Some(b"key"), Some(b"value"), EncodedHeaders::NONE)?;
/// let batch = writer.finish(&mut Compressor::new(Compression::Zstd, None)?, &ProducerStamp::NONE)?;
///
/// let mut records = Vec::new();
/// let decoded = RecordsReader::new().decode(batch.into(), &DecodeOptions::default(), &mut records)?;
/// assert_eq!(decoded.next_offset, 1);
/// assert_eq!(records[0].get(0).unwrap().value, Some(&b"value"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct RecordsReader {
    decompressor: Decompressor,
}

impl RecordsReader {
    /// A reader that has allocated nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the `records` of one partition in a fetch response: whole batches, and maybe the beginning of one more, which is
    /// left for the next fetch.
    ///
    /// Appends to `out`, by ascending offset: one [`Records`] for uncompressed batches that follow each other, whose buffer is
    /// `records` itself, and one for each compressed batch. None is empty. Memory: 40 bytes per record, and what
    /// compressed batches hold.
    ///
    /// # Errors
    /// The first batch that is damaged or contradicts itself. What precedes it has been appended to `out`: it may be handed on, and the
    /// next fetch meets the error again.
    pub fn decode(
        &mut self,
        records: Bytes,
        options: &DecodeOptions<'_>,
        out: &mut Vec<Records>,
    ) -> Result<Decoded, RecordsError> {
        if u32::try_from(records.len()).is_err() {
            return Err(RecordsError::TooManyBytes(records.len()));
        }
        let mut pass = Pass {
            decompressor: &mut self.decompressor,
            options,
            aborted: AbortedFilter::new(options.aborted),
            data: records,
            spans: Vec::new(),
            own: out.len(),
            out,
            decoded: Decoded { next_offset: options.from, last_leader_epoch: None, needs: None },
        };
        let result = pass.batches();
        pass.flush();
        result.map(|()| pass.decoded)
    }
}

/// One call of [`RecordsReader::decode`].
struct Pass<'a> {
    decompressor: &'a mut Decompressor,
    options: &'a DecodeOptions<'a>,
    aborted: AbortedFilter,
    data: Bytes,
    /// Records of uncompressed batches that are not in `out` yet.
    spans: Vec<RecordSpan>,
    out: &'a mut Vec<Records>,
    /// Where what this call appends to `out` begins.
    own: usize,
    decoded: Decoded,
}

impl Pass<'_> {
    fn batches(&mut self) -> Result<(), RecordsError> {
        let data = self.data.clone();
        let mut at = 0;
        // What a batch may not begin below; unknown before the first.
        let mut least_offset = i64::MIN;
        while at < data.len() {
            let (header, batch) = match Frame::read(&data[at..])? {
                Frame::Batch(header, batch) => (header, batch),
                Frame::Partial(needs) => {
                    if at == 0 {
                        self.decoded.needs = Some(needs);
                    }
                    break;
                }
            };
            if header.base_offset < least_offset {
                return Err(invalid(&header, "its offset is not above that of the batch before"));
            }
            least_offset = header.next_offset();
            self.batch(&header, batch, at)?;
            at += batch.len();
            self.decoded.next_offset = header.next_offset().max(self.options.from);
            self.decoded.last_leader_epoch = Some(header.leader_epoch);
        }
        Ok(())
    }

    /// Reads one whole batch, which begins at `at`.
    fn batch(&mut self, header: &Header, batch: &[u8], at: usize) -> Result<(), RecordsError> {
        let aborted = self.aborted.is_aborted(header);
        if header.last_offset < self.options.from && !header.is_control() {
            return Ok(());
        }
        if self.options.check_crcs {
            header.check_crc(batch)?;
        }
        if header.is_control() {
            return self.control(header, batch);
        }
        let compression = header.compression()?;
        if aborted {
            return Ok(());
        }
        match compression {
            Compression::None => self.uncompressed(header, at, at + batch.len()),
            // Compaction may leave a batch that has lost all its records.
            _ if header.count == 0 => Ok(()),
            _ => self.compressed(header, compression, &batch[HEADER..]),
        }
    }

    fn uncompressed(&mut self, header: &Header, start: usize, end: usize) -> Result<(), RecordsError> {
        let before = self.spans.len();
        let parsed = parse(header, &self.data[..end], start + HEADER, self.options.from, &mut self.spans);
        if parsed.is_err() {
            self.spans.truncate(before);
        }
        parsed
    }

    fn compressed(&mut self, header: &Header, compression: Compression, records: &[u8]) -> Result<(), RecordsError> {
        let base_offset = header.base_offset;
        // Positions in spans have 32 bits.
        let limit = self.options.max_decompressed.min(u32::MAX as usize);
        let data = self.decompressor.decompress(compression, records, limit).map_err(|problem| match problem {
            Some(problem) => RecordsError::Decompression { base_offset, compression, problem },
            None => RecordsError::DecompressedTooLarge { base_offset, compression, limit },
        })?;
        let mut spans = Vec::new();
        parse(header, &data, 0, self.options.from, &mut spans)?;
        self.flush();
        if !spans.is_empty() {
            self.out.push(Records { data, spans, next_offset: header.next_offset() });
        }
        Ok(())
    }

    /// Reads a marker: the end of a transaction.
    fn control(&mut self, header: &Header, batch: &[u8]) -> Result<(), RecordsError> {
        if header.compression()? != Compression::None {
            return Err(invalid(header, "a batch of markers is compressed"));
        }
        let mut markers = Vec::new();
        parse(header, batch, HEADER, i64::MIN, &mut markers)?;
        // Compaction may leave a batch that has lost its marker.
        let Some(marker) = markers.first() else { return Ok(()) };
        let key = marker.key.of(batch).unwrap_or_default();
        // Version and type; of the types abort is 0 and commit 1, and later ones do not concern consumers.
        let Some(&[_, _, high, low]) = key.first_chunk::<4>() else {
            return Err(invalid(header, "the key of its marker is too short"));
        };
        if [high, low] == [0, 0] {
            self.aborted.abort_marker(header.producer_id);
        }
        Ok(())
    }

    /// Appends the uncompressed records so far; lets the last records of this call reach to where the call has come.
    fn flush(&mut self) {
        let next_offset = self.decoded.next_offset;
        if !self.spans.is_empty() {
            let (data, spans) = (self.data.clone(), std::mem::take(&mut self.spans));
            self.out.push(Records { data, spans, next_offset });
        } else if let Some(last) = self.out[self.own..].last_mut() {
            last.next_offset = last.next_offset.max(next_offset);
        }
    }
}

fn invalid(header: &Header, problem: &'static str) -> RecordsError {
    RecordsError::Invalid { base_offset: header.base_offset, problem }
}

#[cfg(test)]
mod tests;
