use super::{TopicPartition, headers};
use bytes::Bytes;
use kafka_client::records::{ByteRange, RecordSpan, Records};

/// Consecutive records of one partition as a consumer hands them over: two allocations for the whole batch,
/// none per record. Keys, values and headers are slices of one shared buffer, which may be what the broker sent.
#[derive(Debug, Clone)]
pub struct RecordBatch {
    topic_partition: TopicPartition,
    records: Records,
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
    /// Records of `topic_partition` as the client has them.
    pub(crate) fn from_records(topic_partition: TopicPartition, records: Records) -> Self {
        Self { topic_partition, records }
    }

    /// The partition the records come from.
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// The position after this batch: past its last record and what lies behind it unseen (transaction markers,
    /// aborted records, gaps of compaction). May be set in a batch without records.
    pub fn next_offset(&self) -> i64 {
        self.records.next_offset
    }

    /// The number of records.
    pub fn len(&self) -> usize {
        self.records.spans.len()
    }

    /// Whether it holds no records.
    pub fn is_empty(&self) -> bool {
        self.records.spans.is_empty()
    }

    /// Bytes held in memory: those of the records and their places. Batches that share a buffer count their own part of it.
    pub fn size_bytes(&self) -> usize {
        let end_of = |span: &RecordSpan| span.headers.start as usize + span.headers.len as usize;
        let start = self.records.spans.first().map_or(0, |span| span.key.start.min(span.headers.start) as usize);
        let end = self.records.spans.last().map_or(0, end_of);
        end.saturating_sub(start) + self.records.spans.len() * size_of::<RecordSpan>()
    }

    /// The buffer that all records are slices of.
    pub fn data(&self) -> &Bytes {
        &self.records.data
    }

    /// Record number `index` of the batch.
    ///
    /// # Panics
    /// Where `index` is not below [`len`](Self::len).
    #[inline]
    pub fn get(&self, index: usize) -> RecordRef<'_> {
        let span = &self.records.spans[index];
        let data = &self.records.data[..];
        RecordRef {
            offset: span.offset,
            timestamp: span.timestamp,
            key: span.key.of(data),
            value: span.value.of(data),
            headers: span.headers.of(data).unwrap_or_default(),
        }
    }

    /// The records in offset order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = RecordRef<'_>> {
        (0..self.len()).map(|index| self.get(index))
    }
}

/// Collects the records of one batch.
#[derive(Debug)]
pub struct RecordBatchBuilder {
    topic_partition: TopicPartition,
    data: Vec<u8>,
    spans: Vec<RecordSpan>,
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
        let (key, value) = (self.append(key), self.append(value));
        let start = self.data.len();
        for (name, value) in headers {
            headers::write_header(&mut self.data, name, value);
        }
        let headers = ByteRange { start: start as u32, len: (self.data.len() - start) as u32 };
        self.spans.push(RecordSpan { offset, timestamp, key, value, headers });
    }

    /// Appends a record whose headers are encoded already.
    pub fn push_encoded(&mut self, record: RecordRef<'_>) {
        let (key, value) = (self.append(record.key), self.append(record.value));
        let headers = self.append(Some(record.headers));
        let RecordRef { offset, timestamp, .. } = record;
        self.spans.push(RecordSpan { offset, timestamp, key, value, headers });
    }

    fn append(&mut self, bytes: Option<&[u8]>) -> ByteRange {
        let start = self.data.len() as u32;
        match bytes {
            None => ByteRange { start, ..ByteRange::NULL },
            Some(bytes) => {
                self.data.extend_from_slice(bytes);
                ByteRange { start, len: bytes.len() as u32 }
            }
        }
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
        let (data, spans) = (self.data.into(), self.spans);
        let records = Records { data, spans, next_offset: next_offset.unwrap_or(after_last) };
        RecordBatch { topic_partition: self.topic_partition, records }
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
