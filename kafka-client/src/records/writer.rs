use super::header::{HEADER, Header, UNCOUNTED};
use super::varint::{self, MAX_VARINT};
use super::{AppendError, Compressor, EncodedHeaders, ProducerStamp, WriteError, restamp};

/// Bytes that a batch may have: its length is a positive number of 32 bits.
const LARGEST: usize = i32::MAX as usize;
/// Bytes of a record's attributes, which have no meaning yet and are 0.
const ATTRIBUTES: usize = 1;

/// What was written as a key or value: bytes, or null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// The bytes appended to the buffer, maybe none.
    Bytes,
    /// Null; what was appended is removed.
    Null,
}

/// Builds one record batch at a time, in place in one buffer.
///
/// Records are appended, [`seal`](Self::seal) or [`finish`](Self::finish) hands out the batch and leaves the writer empty for the next one. Offsets are
/// relative, from 0; timestamps relative to the first record's, and may go back.
#[derive(Debug)]
pub struct BatchWriter {
    /// Header (filled in when sealed) and records; empty before the first record.
    buffer: Vec<u8>,
    capacity: usize,
    count: u32,
    base_timestamp: i64,
    max_timestamp: i64,
    /// Sizes of the last record's lengths, which are those of the next one as a rule.
    guess: LengthSizes,
}

/// Bytes that the lengths of a record, its key and its value take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LengthSizes {
    record: usize,
    key: usize,
    value: usize,
}

impl BatchWriter {
    /// An empty writer. It allocates `capacity` bytes with the first record of each batch, and more where that does not suffice.
    pub fn new(capacity: usize) -> Self {
        Self {
            buffer: Vec::new(),
            capacity: capacity.max(HEADER),
            count: 0,
            base_timestamp: 0,
            max_timestamp: 0,
            guess: LengthSizes { record: 2, key: 1, value: 2 },
        }
    }

    /// The number of records.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Whether it has no records.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of the batch so far, uncompressed.
    pub fn size(&self) -> usize {
        self.buffer.len().max(HEADER)
    }

    /// The highest timestamp; -1 without records.
    pub fn max_timestamp(&self) -> i64 {
        if self.count == 0 { -1 } else { self.max_timestamp }
    }

    /// Whether the batch stays within `limit` bytes, uncompressed, with a record whose key and value have these lengths. An empty batch has room for any
    /// record, however large: what is too large for that has to be refused elsewhere.
    pub fn would_fit(
        &self,
        timestamp: i64,
        key_len: Option<usize>,
        value_len: Option<usize>,
        headers: EncodedHeaders<'_>,
        limit: usize,
    ) -> bool {
        self.count == 0 || {
            let fixed = Fixed::new(self, timestamp, headers);
            let (body, sizes) = fixed.measure(key_len, value_len);
            self.size() + sizes.record + body <= limit
        }
    }

    /// Appends a record.
    ///
    /// # Errors
    /// [`AppendError::TooLarge`]; the batch is unchanged.
    pub fn append(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: EncodedHeaders<'_>,
    ) -> Result<(), AppendError> {
        self.begin(timestamp);
        let mut head = Piece::after_length();
        head.push_u64(0);
        head.push_u64(varint::zigzag64(timestamp.wrapping_sub(self.base_timestamp)));
        head.push_u64(u64::from(self.count) << 1);
        head.push_length(key);
        // Longer ones are refused below, before they are written.
        let value_length = value.map_or(1, |value| (value.len() as u32) << 1);
        let header_count = headers.count() << 1;
        let (key, value) = (key.unwrap_or_default(), value.unwrap_or_default());
        let lengths = varint::size_u32(value_length) + varint::size_u32(header_count);
        let body = head.len() + key.len() + value.len() + headers.bytes().len() + lengths;
        let size = body + MAX_VARINT;
        if size > LARGEST - self.buffer.len() {
            return Err(AppendError::TooLarge);
        }
        head.prepend_length(body);
        // With what pieces need for a moment, see there: one check for all that follows.
        self.buffer.reserve(size + PIECE);
        head.append_to(&mut self.buffer);
        self.buffer.extend_from_slice(key);
        varint::push_u32(&mut self.buffer, value_length);
        self.buffer.extend_from_slice(value);
        varint::push_u32(&mut self.buffer, header_count);
        if !headers.bytes().is_empty() {
            self.buffer.extend_from_slice(headers.bytes());
        }
        self.appended(timestamp);
        Ok(())
    }

    /// Appends a record whose key and value are written by functions, straight into the buffer.
    ///
    /// Their lengths precede them and have one to five bytes. Room is left for as many as the record before needed, which is
    /// nearly always right, and then nothing moves; else the record is moved once. So nobody has to know sizes beforehand,
    /// which would cost a second pass over each value.
    ///
    /// # Errors
    /// What `key` or `value` fail with, and [`AppendError::TooLarge`]: the batch is unchanged. [`AppendError::Shrunk`] where
    /// one of them removes what it did not write: the batch is lost then.
    pub fn append_with<E>(
        &mut self,
        timestamp: i64,
        key: impl FnOnce(&mut Vec<u8>) -> Result<Written, E>,
        value: impl FnOnce(&mut Vec<u8>) -> Result<Written, E>,
        headers: EncodedHeaders<'_>,
    ) -> Result<(), AppendError<E>> {
        self.begin(timestamp);
        let start = self.buffer.len();
        let result = self.write_record(start, timestamp, key, value, headers);
        match result {
            Ok(()) => self.appended(timestamp),
            Err(AppendError::Shrunk) => self.clear(),
            Err(_) => self.buffer.truncate(start),
        }
        result
    }

    fn write_record<E>(
        &mut self,
        start: usize,
        timestamp: i64,
        key: impl FnOnce(&mut Vec<u8>) -> Result<Written, E>,
        value: impl FnOnce(&mut Vec<u8>) -> Result<Written, E>,
        headers: EncodedHeaders<'_>,
    ) -> Result<(), AppendError<E>> {
        let guess = self.guess;
        let fixed = Fixed::new(self, timestamp, headers);
        leave_room(&mut self.buffer, guess.record);
        fixed.deltas.append_to(&mut self.buffer);
        leave_room(&mut self.buffer, guess.key);
        let key_start = self.buffer.len();
        let key_len = write(&mut self.buffer, key)?;
        leave_room(&mut self.buffer, guess.value);
        let value_start = self.buffer.len();
        let value_len = write(&mut self.buffer, value)?;
        let (body, sizes) = fixed.measure(key_len, value_len);
        if body + MAX_VARINT > LARGEST.saturating_sub(start) {
            return Err(AppendError::TooLarge);
        }
        let record = Layout { start, body, key_start, key_len, value_start, value_len };
        if sizes == guess {
            record.fill_in(&mut self.buffer, sizes);
        } else {
            record.rewrite(&mut self.buffer, &fixed);
            self.guess = sizes;
        }
        fixed.append_headers(&mut self.buffer, headers);
        Ok(())
    }

    /// The batch, compressed, without producer and checksum: it has to be [stamped](restamp) before it is sent. The writer is empty afterwards.
    ///
    /// What compression makes no smaller is left uncompressed.
    ///
    /// # Errors
    /// There are no records, or the compression fails; the records stay then.
    pub fn seal(&mut self, compressor: &mut Compressor) -> Result<Vec<u8>, WriteError> {
        let Some(records) = self.buffer.get(HEADER..).filter(|_| self.count > 0) else { return Err(WriteError::Empty) };
        let mut attributes = 0;
        let mut batch = Vec::new();
        let compression = compressor.compression();
        if let Some(compressed) = compressor.compress(records)? {
            attributes = u16::from(compression.code());
            batch.reserve_exact(HEADER + compressed.len());
            batch.resize(HEADER, 0);
            batch.extend_from_slice(compressed);
            self.buffer.clear();
        } else {
            std::mem::swap(&mut batch, &mut self.buffer);
        }
        let header = Header {
            base_offset: 0,
            leader_epoch: -1,
            crc: 0,
            attributes,
            last_offset: i64::from(self.count) - 1,
            last_offset_delta: self.count as i32 - 1,
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            count: self.count,
        };
        self.count = 0;
        let length = (batch.len() - UNCOUNTED) as i32;
        if let Some(place) = batch.first_chunk_mut::<HEADER>() {
            header.write(place, length);
        }
        Ok(batch)
    }

    /// The batch, compressed and stamped: what a produce request carries. The writer is empty afterwards.
    ///
    /// # Errors
    /// As [`seal`](Self::seal).
    pub fn finish(&mut self, compressor: &mut Compressor, stamp: &ProducerStamp) -> Result<Vec<u8>, WriteError> {
        let mut batch = self.seal(compressor)?;
        restamp(&mut batch, stamp)?;
        Ok(batch)
    }

    /// Forgets all records.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.count = 0;
    }

    #[inline]
    fn begin(&mut self, timestamp: i64) {
        if self.count == 0 {
            self.begin_batch(timestamp);
        }
    }

    #[cold]
    fn begin_batch(&mut self, timestamp: i64) {
        self.buffer.clear();
        self.buffer.reserve(self.capacity);
        self.buffer.resize(HEADER, 0);
        (self.base_timestamp, self.max_timestamp) = (timestamp, timestamp);
    }

    #[inline]
    fn appended(&mut self, timestamp: i64) {
        self.count += 1;
        self.max_timestamp = self.max_timestamp.max(timestamp);
    }
}

mod piece;
use piece::{PIECE, Piece};
mod layout;
use layout::{Fixed, Layout, leave_room, write};

#[cfg(test)]
mod tests;
