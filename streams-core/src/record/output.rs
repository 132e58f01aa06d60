use super::RecordRef;
use hashbrown::HashMap;
use std::sync::Arc;

/// Length that stands for null.
const NULL: u32 = u32::MAX;

/// Records to produce, in order, in one buffer: what a task returns for what it was given.
///
/// Serializers write straight into the buffer. It is drained by a producer and used again, so that a record
/// costs no allocation.
#[derive(Debug, Default)]
pub struct OutputBatch {
    topics: Vec<Arc<str>>,
    topic_ids: HashMap<Arc<str>, u32>,
    data: Vec<u8>,
    spans: Vec<Span>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    topic: u32,
    partition: i32,
    timestamp: i64,
    start: usize,
    key_len: u32,
    value_len: u32,
    headers_len: u32,
}

/// What a serializer wrote: bytes, or null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// The bytes appended to the buffer, maybe none.
    Bytes,
    /// Null; nothing was appended.
    Null,
}

/// One record to produce, borrowed from its batch.
#[derive(Debug, Clone, Copy)]
pub struct OutputRecordRef<'a> {
    /// Destination topic.
    pub topic: &'a Arc<str>,
    /// Number of the topic in this batch's table: equal numbers are equal topics, for as long as the batch object lives.
    pub topic_index: usize,
    /// Destination partition, never negative.
    pub partition: i32,
    /// Key, value, headers and timestamp; its offset is not known yet (-1).
    pub record: RecordRef<'a>,
}

impl OutputBatch {
    /// The number that stands for `topic` in this batch. Numbers stay valid when the batch is cleared.
    pub fn topic_index(&mut self, topic: &str) -> usize {
        if let Some(&index) = self.topic_ids.get(topic) {
            return index as usize;
        }
        let name: Arc<str> = topic.into();
        let index = self.topics.len();
        self.topics.push(Arc::clone(&name));
        self.topic_ids.insert(name, index as u32);
        index
    }

    /// The topics, by their numbers.
    pub(crate) fn topic_names(&self) -> &[Arc<str>] {
        &self.topics
    }

    /// Starts a record; [`OutputWriter::finish`] completes it, dropping the writer abandons it.
    pub fn begin(&mut self) -> OutputWriter<'_> {
        let start = self.data.len();
        OutputWriter { batch: self, start, key_len: NULL, value_len: NULL, finished: false }
    }

    /// Appends a record whose key and value are encoded already.
    pub fn push(
        &mut self,
        topic_index: usize,
        partition: i32,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[u8],
    ) {
        let mut writer = self.begin();
        writer.key_bytes(key);
        writer.value_bytes(value);
        writer.finish(topic_index, partition, timestamp, headers);
    }

    /// The number of records.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether it holds no records.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Bytes of keys, values and headers.
    pub fn size_bytes(&self) -> usize {
        self.data.len()
    }

    /// Forgets the records; keeps memory and topic numbers.
    pub fn clear(&mut self) {
        self.data.clear();
        self.spans.clear();
    }

    /// Forgets the first `count` records, or all where there are fewer; the others follow in their order.
    pub fn drop_first(&mut self, count: usize) {
        let Some(start) = self.spans.get(count).map(|span| span.start) else { return self.clear() };
        self.spans.drain(..count);
        self.data.drain(..start);
        for span in &mut self.spans {
            span.start -= start;
        }
    }

    /// Record number `index`.
    ///
    /// # Panics
    /// Where `index` is not below [`len`](Self::len).
    pub fn get(&self, index: usize) -> OutputRecordRef<'_> {
        let span = &self.spans[index];
        let mut at = span.start;
        let mut take = |length: u32| {
            (length != NULL).then(|| {
                let from = at;
                at += length as usize;
                &self.data[from..at]
            })
        };
        let (key, value) = (take(span.key_len), take(span.value_len));
        OutputRecordRef {
            topic: &self.topics[span.topic as usize],
            topic_index: span.topic as usize,
            partition: span.partition,
            record: RecordRef {
                offset: -1,
                timestamp: span.timestamp,
                key,
                value,
                headers: &self.data[at..at + span.headers_len as usize],
            },
        }
    }

    /// The records in the order in which they were appended.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = OutputRecordRef<'_>> {
        (0..self.len()).map(|index| self.get(index))
    }
}

/// Writes one record into an [`OutputBatch`]: key, then value, then [`finish`](Self::finish).
pub struct OutputWriter<'a> {
    batch: &'a mut OutputBatch,
    start: usize,
    key_len: u32,
    value_len: u32,
    finished: bool,
}

impl OutputWriter<'_> {
    /// Lets `serialize` append the key's bytes to the buffer.
    pub fn key<E>(&mut self, serialize: impl FnOnce(&mut Vec<u8>) -> Result<Written, E>) -> Result<(), E> {
        self.key_len = append(&mut self.batch.data, serialize)?;
        Ok(())
    }

    /// Lets `serialize` append the value's bytes to the buffer. Comes after the key.
    pub fn value<E>(&mut self, serialize: impl FnOnce(&mut Vec<u8>) -> Result<Written, E>) -> Result<(), E> {
        self.value_len = append(&mut self.batch.data, serialize)?;
        Ok(())
    }

    /// Appends key bytes.
    pub fn key_bytes(&mut self, key: Option<&[u8]>) {
        self.key_len = extend(&mut self.batch.data, key);
    }

    /// Appends value bytes. Comes after the key.
    pub fn value_bytes(&mut self, value: Option<&[u8]>) {
        self.value_len = extend(&mut self.batch.data, value);
    }

    /// The key's bytes as written, for a partitioner.
    pub fn written_key(&self) -> Option<&[u8]> {
        (self.key_len != NULL).then(|| &self.batch.data[self.start..self.start + self.key_len as usize])
    }

    /// Completes the record for its destination; `headers` in the encoding of [`Headers`](super::Headers).
    pub fn finish(mut self, topic_index: usize, partition: i32, timestamp: i64, headers: &[u8]) {
        self.batch.data.extend_from_slice(headers);
        self.batch.spans.push(Span {
            topic: topic_index as u32,
            partition,
            timestamp,
            start: self.start,
            key_len: self.key_len,
            value_len: self.value_len,
            headers_len: headers.len() as u32,
        });
        self.finished = true;
    }
}

impl Drop for OutputWriter<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.batch.data.truncate(self.start);
        }
    }
}

fn append<E>(data: &mut Vec<u8>, serialize: impl FnOnce(&mut Vec<u8>) -> Result<Written, E>) -> Result<u32, E> {
    let before = data.len();
    Ok(match serialize(data)? {
        Written::Bytes => (data.len() - before) as u32,
        Written::Null => {
            data.truncate(before);
            NULL
        }
    })
}

fn extend(data: &mut Vec<u8>, bytes: Option<&[u8]>) -> u32 {
    bytes.map_or(NULL, |bytes| {
        data.extend_from_slice(bytes);
        bytes.len() as u32
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_written_in_place_and_an_abandoned_one_leaves_nothing() {
        let mut batch = OutputBatch::default();
        let topic = batch.topic_index("out");
        assert_eq!(batch.topic_index("out"), topic);
        batch.push(topic, 2, 9, Some(b"k"), None, b"");
        let mut failed = batch.begin();
        failed
            .key::<()>(|out| {
                out.extend_from_slice(b"half");
                Ok(Written::Bytes)
            })
            .unwrap();
        assert!(failed.value(|_| Err("no")).is_err());
        drop(failed);
        let mut writer = batch.begin();
        writer
            .key::<()>(|out| {
                out.extend_from_slice(b"key");
                Ok(Written::Bytes)
            })
            .unwrap();
        assert_eq!(writer.written_key(), Some(&b"key"[..]));
        writer.value::<()>(|_| Ok(Written::Null)).unwrap();
        writer.finish(topic, 0, 10, &[2, b'h', 1]);
        assert_eq!(batch.len(), 2);
        let (first, second) = (batch.get(0), batch.get(1));
        assert_eq!((first.record.key, first.record.value), (Some(&b"k"[..]), None));
        assert_eq!((second.record.key, second.record.headers), (Some(&b"key"[..]), &[2, b'h', 1][..]));
        batch.drop_first(1);
        assert_eq!((batch.len(), batch.get(0).record.key), (1, Some(&b"key"[..])));
        assert_eq!(batch.get(0).record.headers, &[2, b'h', 1]);
        batch.drop_first(5);
        assert_eq!((batch.len(), batch.size_bytes(), batch.topic_index("out")), (0, 0, topic));
    }
}
