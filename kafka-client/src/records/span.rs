use bytes::Bytes;

/// A piece of a buffer, or null.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ByteRange {
    /// Where it begins; without meaning where it is null.
    pub start: u32,
    /// Its length in bytes; [`ByteRange::NULL`]'s stands for null.
    pub len: u32,
}

impl ByteRange {
    /// No bytes at all, which is not the same as zero bytes.
    pub const NULL: Self = Self { start: 0, len: u32::MAX };

    /// Whether it is null.
    pub fn is_null(self) -> bool {
        self.len == u32::MAX
    }

    /// Its bytes in `data`, `None` where it is null.
    ///
    /// # Panics
    /// Where it reaches beyond `data`: it belongs to another buffer.
    #[inline]
    pub fn of(self, data: &[u8]) -> Option<&[u8]> {
        (!self.is_null()).then(|| &data[self.start as usize..][..self.len as usize])
    }
}

/// Where one record lies in its buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordSpan {
    /// Offset in the partition.
    pub offset: i64,
    /// Milliseconds since the epoch, -1 where the record has none.
    pub timestamp: i64,
    /// The key.
    pub key: ByteRange,
    /// The value.
    pub value: ByteRange,
    /// The headers one after the other, without their number: valid, with names in UTF-8; never null, mostly empty.
    pub headers: ByteRange,
}

/// Consecutive records of one partition: one shared buffer, and one span per record.
///
/// Of uncompressed batches the buffer is the fetched bytes themselves; a compressed batch has one of its own.
#[derive(Debug, Clone)]
pub struct Records {
    /// What the spans point into.
    pub data: Bytes,
    /// The records by ascending offset; never empty when it comes from a reader.
    pub spans: Vec<RecordSpan>,
    /// The position after these records, and after what lies behind them unseen: markers, aborted records, gaps.
    pub next_offset: i64,
}

/// One record of [`Records`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordView<'a> {
    /// Offset in the partition.
    pub offset: i64,
    /// Milliseconds since the epoch, -1 where the record has none.
    pub timestamp: i64,
    /// The key, `None` for null.
    pub key: Option<&'a [u8]>,
    /// The value, `None` for null.
    pub value: Option<&'a [u8]>,
    /// The headers as [`RecordSpan::headers`] has them.
    pub headers: &'a [u8],
}

impl Records {
    /// The record at `index`, `None` from the end on.
    #[inline]
    pub fn get(&self, index: usize) -> Option<RecordView<'_>> {
        self.spans.get(index).map(|span| self.view(span))
    }

    /// The records in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = RecordView<'_>> {
        self.spans.iter().map(|span| self.view(span))
    }

    fn view(&self, span: &RecordSpan) -> RecordView<'_> {
        RecordView {
            offset: span.offset,
            timestamp: span.timestamp,
            key: span.key.of(&self.data),
            value: span.value.of(&self.data),
            headers: span.headers.of(&self.data).unwrap_or_default(),
        }
    }
}

// Batches hold one per record: what it weighs is what buffered records weigh.
const _: () = assert!(size_of::<RecordSpan>() == 40);
