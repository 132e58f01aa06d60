use crate::record::RecordRef;

/// Length that stands for null.
const NULL: u32 = u32::MAX;
/// A segment is closed when it holds this many bytes of records.
const MAX_BYTES: usize = 1 << 20;
/// A segment is closed when it holds this many records.
const MAX_RECORDS: usize = 1 << 14;

/// The number that stands for no transaction.
pub(super) const NO_TRANSACTION: u64 = 0;

/// Consecutive records of a partition: one buffer of bytes, one of where each record lies in it.
#[derive(Debug, Default)]
pub(super) struct Segment {
    data: Vec<u8>,
    spans: Vec<Span>,
    max_timestamp: i64,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    offset: i64,
    timestamp: i64,
    transaction: u64,
    start: u32,
    key_len: u32,
    value_len: u32,
    headers_len: u32,
}

impl Segment {
    pub(super) fn new() -> Self {
        Self { data: Vec::new(), spans: Vec::new(), max_timestamp: i64::MIN }
    }

    /// Whether another segment has to be started.
    pub(super) fn is_full(&self) -> bool {
        self.data.len() >= MAX_BYTES || self.spans.len() >= MAX_RECORDS
    }

    /// Gives back what was reserved for more records.
    pub(super) fn close(&mut self) {
        self.data.shrink_to_fit();
        self.spans.shrink_to_fit();
    }

    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    pub(super) fn last_offset(&self) -> i64 {
        self.spans.last().map_or(-1, |span| span.offset)
    }

    pub(super) fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// Bytes held, bookkeeping included.
    pub(super) fn size_bytes(&self) -> usize {
        self.data.len() + self.spans.len() * size_of::<Span>()
    }

    /// Appends a record; the offset and timestamp are the record's.
    pub(super) fn push(&mut self, record: RecordRef<'_>, transaction: u64) {
        let start = self.data.len() as u32;
        let key_len = self.extend(record.key);
        let value_len = self.extend(record.value);
        self.data.extend_from_slice(record.headers);
        self.max_timestamp = self.max_timestamp.max(record.timestamp);
        self.spans.push(Span {
            offset: record.offset,
            timestamp: record.timestamp,
            transaction,
            start,
            key_len,
            value_len,
            headers_len: record.headers.len() as u32,
        });
    }

    fn extend(&mut self, bytes: Option<&[u8]>) -> u32 {
        bytes.map_or(NULL, |bytes| {
            self.data.extend_from_slice(bytes);
            bytes.len() as u32
        })
    }

    /// Index of the first record at `offset` or behind it.
    pub(super) fn index_of(&self, offset: i64) -> usize {
        self.spans.partition_point(|span| span.offset < offset)
    }

    /// Record number `index` and its transaction.
    pub(super) fn get(&self, index: usize) -> (RecordRef<'_>, u64) {
        let span = &self.spans[index];
        let mut at = span.start as usize;
        let mut take = |length: u32| {
            (length != NULL).then(|| {
                let from = at;
                at += length as usize;
                &self.data[from..at]
            })
        };
        let (key, value) = (take(span.key_len), take(span.value_len));
        let headers = &self.data[at..at + span.headers_len as usize];
        (RecordRef { offset: span.offset, timestamp: span.timestamp, key, value, headers }, span.transaction)
    }

    /// The records from number `from` on, each with its transaction.
    pub(super) fn iter_from(&self, from: usize) -> impl Iterator<Item = (RecordRef<'_>, u64)> {
        (from..self.len()).map(|index| self.get(index))
    }
}

/// Bytes that a record takes in a log, bookkeeping included.
pub(super) fn record_size(record: &RecordRef<'_>) -> usize {
    size_of::<Span>() + record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len) + record.headers.len()
}
