//! Records whose lengths become known when their bytes have been written.

use super::{ATTRIBUTES, BatchWriter, LengthSizes, Piece, Written};
use crate::records::varint::{self, size_u32};
use crate::records::{AppendError, EncodedHeaders};

/// What a record has besides key and value, known before they are written.
pub(super) struct Fixed {
    /// Attributes, timestamp delta, offset delta.
    pub deltas: Piece,
    header_count: Piece,
    headers_len: usize,
}

impl Fixed {
    pub(super) fn new(writer: &BatchWriter, timestamp: i64, headers: EncodedHeaders<'_>) -> Self {
        let mut deltas = Piece::new();
        for _ in 0..ATTRIBUTES {
            deltas.push_u64(0);
        }
        deltas.push_u64(varint::zigzag64(timestamp.wrapping_sub(writer.base_timestamp)));
        deltas.push_u64(u64::from(writer.count) << 1);
        let mut header_count = Piece::new();
        header_count.push_u64(u64::from(headers.count()) << 1);
        Self { deltas, header_count, headers_len: headers.bytes().len() }
    }

    /// The record's bytes behind its length, and the sizes of the lengths.
    pub(super) fn measure(&self, key_len: Option<usize>, value_len: Option<usize>) -> (usize, LengthSizes) {
        let (key, value) = (length_size(key_len), length_size(value_len));
        let contents = key_len.unwrap_or(0).saturating_add(value_len.unwrap_or(0)).saturating_add(self.headers_len);
        let body = contents.saturating_add(self.deltas.len() + key + value + self.header_count.len());
        (body, LengthSizes { record: length_size(Some(body)), key, value })
    }

    pub(super) fn append_headers(&self, buffer: &mut Vec<u8>, headers: EncodedHeaders<'_>) {
        self.header_count.append_to(buffer);
        if !headers.bytes().is_empty() {
            buffer.extend_from_slice(headers.bytes());
        }
    }
}

/// Where a record's parts were written.
pub(super) struct Layout {
    pub start: usize,
    pub body: usize,
    pub key_start: usize,
    pub key_len: Option<usize>,
    pub value_start: usize,
    pub value_len: Option<usize>,
}

impl Layout {
    /// Writes the lengths into the room left for them.
    pub(super) fn fill_in(&self, buffer: &mut [u8], sizes: LengthSizes) {
        put(buffer, self.start, Some(self.body));
        put(buffer, self.key_start - sizes.key, self.key_len);
        put(buffer, self.value_start - sizes.value, self.value_len);
    }

    /// Writes the record anew, behind itself, and moves it to where it belongs.
    pub(super) fn rewrite(&self, buffer: &mut Vec<u8>, fixed: &Fixed) {
        let end = buffer.len();
        varint::push_i32(buffer, self.body as i32);
        buffer.extend_from_slice(fixed.deltas.as_slice());
        for (start, length) in [(self.key_start, self.key_len), (self.value_start, self.value_len)] {
            varint::push_i32(buffer, length.map_or(-1, |length| length as i32));
            buffer.extend_from_within(start..start + length.unwrap_or(0));
        }
        buffer.copy_within(end.., self.start);
        buffer.truncate(self.start + buffer.len() - end);
    }
}

/// Appends room for a length of `size` bytes. As in [`Piece::append_to`], a fixed number of bytes needs no call.
#[inline(always)]
pub(super) fn leave_room(buffer: &mut Vec<u8>, size: usize) {
    let length = buffer.len() + size;
    buffer.extend_from_slice(&[0; 8]);
    buffer.truncate(length);
}

/// Lets `write` append to `buffer`; the length of what it wrote, `None` for null.
pub(super) fn write<E>(
    buffer: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<Written, E>,
) -> Result<Option<usize>, AppendError<E>> {
    let before = buffer.len();
    let written = write(buffer);
    let Some(length) = buffer.len().checked_sub(before) else { return Err(AppendError::Shrunk) };
    match written.map_err(AppendError::Write)? {
        Written::Bytes => Ok(Some(length)),
        Written::Null => {
            buffer.truncate(before);
            Ok(None)
        }
    }
}

/// Zigzagged length, -1 for null. What exceeds 31 bits is refused before it is written.
fn zigzag(length: Option<usize>) -> u32 {
    length.map_or(1, |length| (length as u32) << 1)
}

fn length_size(length: Option<usize>) -> usize {
    size_u32(zigzag(length))
}

fn put(buffer: &mut [u8], at: usize, length: Option<usize>) {
    let (mut at, mut rest) = (at, zigzag(length));
    while rest >= 0x80 {
        buffer[at] = rest as u8 | 0x80;
        rest >>= 7;
        at += 1;
    }
    buffer[at] = rest as u8;
}
