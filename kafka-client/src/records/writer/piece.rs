use crate::records::varint::{self, MAX_VARINT, MAX_VARLONG};

/// Bytes that a piece may have: length, attributes, the two deltas and the length of the key.
pub(super) const PIECE: usize = 32;
const _: () = assert!(MAX_VARINT + 1 + MAX_VARLONG + 2 * MAX_VARINT < PIECE);

/// Some numbers of a record, made up apart from the buffer, so that each byte needs no check of the buffer's capacity.
pub(super) struct Piece {
    /// Twice as large, so that from any beginning `PIECE` bytes can be copied at once.
    bytes: [u8; 2 * PIECE],
    start: usize,
    end: usize,
}

impl Piece {
    pub(super) fn new() -> Self {
        Self { bytes: [0; 2 * PIECE], start: 0, end: 0 }
    }

    /// One with room for the length that is prepended when it is known.
    pub(super) fn after_length() -> Self {
        Self { bytes: [0; 2 * PIECE], start: MAX_VARINT, end: MAX_VARINT }
    }

    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }

    /// Appends a number that is zigzagged already.
    #[inline(always)]
    pub(super) fn push_u64(&mut self, value: u64) {
        let mut rest = value;
        if rest < 0x80 {
            return self.put(rest as u8);
        }
        if rest < 1 << 14 {
            self.put(rest as u8 | 0x80);
            return self.put((rest >> 7) as u8);
        }
        while rest >= 0x80 {
            self.put(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.put(rest as u8);
    }

    /// Appends the length of bytes, or -1 for null.
    #[inline(always)]
    pub(super) fn push_length(&mut self, bytes: Option<&[u8]>) {
        self.push_u64(bytes.map_or(1, |bytes| (bytes.len() as u64) << 1));
    }

    /// Writes the length of a record in front.
    #[inline(always)]
    pub(super) fn prepend_length(&mut self, length: usize) {
        let zigzagged = (length as u32) << 1;
        let end = self.end;
        self.start -= varint::size_u32(zigzagged);
        self.end = self.start;
        self.push_u64(u64::from(zigzagged));
        self.end = end;
    }

    /// Always inside; the mask says so to the compiler.
    #[inline(always)]
    fn put(&mut self, byte: u8) {
        self.bytes[self.end & (2 * PIECE - 1)] = byte;
        self.end += 1;
    }

    /// Appends the piece to `buffer`: more than it is and then less, since copying a fixed number of bytes takes two instructions and
    /// copying a varying one a call.
    #[inline(always)]
    pub(super) fn append_to(&self, buffer: &mut Vec<u8>) {
        let length = buffer.len() + self.len();
        if let Some(bytes) = self.bytes[self.start & (PIECE - 1)..].first_chunk::<PIECE>() {
            buffer.extend_from_slice(bytes);
        }
        buffer.truncate(length);
    }

    /// The bytes themselves.
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }
}
