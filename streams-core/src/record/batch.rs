use super::{TopicPartition, headers};
use bytes::Bytes;

/// Length that stands for null.
const NULL: u32 = u32::MAX;

/// Consecutive records of one partition as a consumer hands them over: two allocations for the whole batch,
/// none per record. Keys, values and headers are slices of one shared buffer.
#[derive(Debug, Clone)]
pub struct RecordBatch {
    topic_partition: TopicPartition,
    data: Bytes,
    spans: Vec<Span>,
    next_offset: i64,
}

/// Where one record lies in the buffer: key, then value, then headers, one after the other.
#[derive(Debug, Clone, Copy)]
struct Span {
    offset: i64,
    timestamp: i64,
    start: u32,
    key_len: u32,
    value_len: u32,
    headers_len: u32,
}

/// One encoded record, borrowed from its batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RecordRef<'a> {
    /// Offset in the partition.
    pub offset: i64,
    /// Timestamp in milliseconds since the epoch; -1 where the record has none.
    pub timestamp: i64,
    /// Key bytes, `None` for a null key.
    pub key: Option<&'a [u8]>,
    /// Value bytes, `None` for a null value.
    pub value: Option<&'a [u8]>,
    /// Headers in the encoding of [`Headers`](super::Headers).
    pub headers: &'a [u8],
}

impl RecordBatch {
    /// The partition the records come from.
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// The position after this batch: past its last record and what lies behind it unseen (transaction markers,
    /// aborted records, gaps of compaction). May be set in a batch without records.
    pub fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// The number of records.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether it holds no records.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Bytes held in memory.
    pub fn size_bytes(&self) -> usize {
        self.data.len() + self.spans.len() * size_of::<Span>()
    }

    /// The buffer that all records are slices of.
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// Record number `index` of the batch.
    ///
    /// # Panics
    /// Where `index` is not below [`len`](Self::len).
    pub fn get(&self, index: usize) -> RecordRef<'_> {
        let span = self.spans[index];
        let mut rest = &self.data[span.start as usize..];
        RecordRef {
            offset: span.offset,
            timestamp: span.timestamp,
            key: take(&mut rest, span.key_len),
            value: take(&mut rest, span.value_len),
            headers: &rest[..span.headers_len as usize],
        }
    }

    /// The records in offset order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = RecordRef<'_>> {
        (0..self.len()).map(|index| self.get(index))
    }
}

fn take<'a>(rest: &mut &'a [u8], length: u32) -> Option<&'a [u8]> {
    if length == NULL {
        return None;
    }
    let (taken, tail) = rest.split_at(length as usize);
    *rest = tail;
    Some(taken)
}

/// Collects the records of one batch.
#[derive(Debug)]
pub struct RecordBatchBuilder {
    topic_partition: TopicPartition,
    data: Vec<u8>,
    spans: Vec<Span>,
}

impl RecordBatchBuilder {
    /// An empty batch of `topic_partition`.
    pub fn new(topic_partition: TopicPartition) -> Self {
        Self { topic_partition, data: Vec::new(), spans: Vec::new() }
    }

    /// The partition the records come from.
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// Appends a record. Headers come one by one, so that no list of them need be built.
    pub fn push<'h>(
        &mut self,
        offset: i64,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl IntoIterator<Item = (&'h str, Option<&'h [u8]>)>,
    ) {
        let (start, key_len, value_len) = self.append(key, value);
        let headers_start = self.data.len();
        for (name, value) in headers {
            headers::write_header(&mut self.data, name, value);
        }
        let headers_len = (self.data.len() - headers_start) as u32;
        self.spans.push(Span { offset, timestamp, start, key_len, value_len, headers_len });
    }

    /// Appends a record whose headers are encoded already.
    pub fn push_encoded(&mut self, record: RecordRef<'_>) {
        let (start, key_len, value_len) = self.append(record.key, record.value);
        self.data.extend_from_slice(record.headers);
        self.spans.push(Span {
            offset: record.offset,
            timestamp: record.timestamp,
            start,
            key_len,
            value_len,
            headers_len: record.headers.len() as u32,
        });
    }

    fn append(&mut self, key: Option<&[u8]>, value: Option<&[u8]>) -> (u32, u32, u32) {
        let start = self.data.len() as u32;
        let mut lengths = [NULL; 2];
        for (bytes, length) in [key, value].into_iter().zip(&mut lengths) {
            if let Some(bytes) = bytes {
                self.data.extend_from_slice(bytes);
                *length = bytes.len() as u32;
            }
        }
        (start, lengths[0], lengths[1])
    }

    /// The number of records so far.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are none so far.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Bytes of keys, values and headers so far; a batch is closed well below 4 GiB.
    pub fn data_len(&self) -> usize {
        self.data.len()
    }

    /// Closes the batch. `next_offset` is the position after it; `None` means past the last record (0 where there is none).
    pub fn finish(self, next_offset: Option<i64>) -> RecordBatch {
        let after_last = self.spans.last().map_or(0, |span| span.offset + 1);
        RecordBatch {
            topic_partition: self.topic_partition,
            data: self.data.into(),
            spans: self.spans,
            next_offset: next_offset.unwrap_or(after_last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Headers;

    #[test]
    fn records_come_back_as_they_were_pushed() {
        let mut builder = RecordBatchBuilder::new(TopicPartition::new("t", 1));
        builder.push(5, 100, Some(b"k"), Some(b"value"), [("h", Some(&b"x"[..]))]);
        builder.push(7, -1, None, Some(b""), []);
        builder.push(8, 3, Some(b""), None, []);
        let batch = builder.finish(Some(10));
        assert_eq!((batch.len(), batch.next_offset()), (3, 10));
        let first = batch.get(0);
        assert_eq!((first.key, first.value), (Some(&b"k"[..]), Some(&b"value"[..])));
        let headers = Headers::from_encoded(batch.data().slice_ref(first.headers));
        assert_eq!(headers.last("h"), Some(Some(&b"x"[..])));
        assert_eq!((batch.get(1).key, batch.get(1).value), (None, Some(&b""[..])));
        assert_eq!((batch.get(2).key, batch.get(2).value), (Some(&b""[..]), None));
        let offsets: Vec<_> = batch.iter().map(|record| record.offset).collect();
        assert_eq!(offsets, [5, 7, 8]);
    }
}
