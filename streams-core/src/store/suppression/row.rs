use crate::processor::RecordContext;
use crate::record::{HeaderIter, Headers, HeadersBuilder};

/// Length that stands for null.
const NULL: i32 = -1;
/// Length that stands for "the same as the prior value".
const SAME_AS_PRIOR: i32 = -2;
/// What Kafka Streams counts for a timestamp or an offset.
const LONG: u64 = 8;
/// What it counts for a partition number.
const INT: u64 = 4;

/// A row of a suppression buffer, read where it lies: the origin, timestamp and headers of the record that is held back, the value before the
/// first and before the last of the updates that it stands for, the value now, and the time of its place in the buffer.
///
/// In bytes, with lengths and numbers in big endian (Kafka Streams' format version 3):
///
/// ```text
/// timestamp (8) offset (8) topic (4 + n) partition (4) number of headers (4) headers (each 4 + n, 4 + n)
/// prior value (4 + n) old value (4 + n) new value (4 + n) time (8)
/// ```
///
/// Length -1 is null; length -2 of the old value says that it equals the prior one.
#[derive(Debug, PartialEq)]
pub(in crate::store) struct Row<'a> {
    pub timestamp: i64,
    pub offset: i64,
    pub topic: &'a str,
    pub partition: i32,
    header_count: i32,
    headers: &'a [u8],
    pub prior: Option<&'a [u8]>,
    /// `None` also where it equals the prior value.
    old: Option<&'a [u8]>,
    pub new: Option<&'a [u8]>,
    pub time: i64,
}

impl<'a> Row<'a> {
    /// The row in `bytes`, where they are one.
    pub(in crate::store) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let (timestamp, offset) = (reader.long()?, reader.long()?);
        let topic = std::str::from_utf8(reader.sized()??).ok()?;
        let (partition, header_count) = (reader.int()?, reader.int()?);
        let start = reader.0;
        for _ in 0..header_count {
            std::str::from_utf8(reader.sized()??).ok()?;
            reader.sized()?;
        }
        let headers = &start[..start.len() - reader.0.len()];
        let prior = reader.sized()?;
        let old = match reader.int()? {
            SAME_AS_PRIOR => None,
            length => reader.nullable(length)?,
        };
        let (new, time) = (reader.sized()?, reader.long()?);
        let row = Self { timestamp, offset, topic, partition, header_count, headers, prior, old, new, time };
        reader.0.is_empty().then_some(row)
    }

    /// The headers of the record.
    pub(in crate::store) fn headers(&self) -> Headers {
        if self.header_count <= 0 {
            return Headers::default();
        }
        let mut builder = HeadersBuilder::default();
        self.each_header(|name, value| builder.push(name, value));
        builder.build()
    }

    /// What Kafka Streams reckons that the row takes in memory, given the length of its key: the unit of `max_bytes`.
    pub(super) fn size(&self, key_len: usize) -> u64 {
        let mut size = LONG + LONG + INT + characters(self.topic);
        self.each_header(|name, value| size += characters(name) + length(value));
        size + LONG + key_len as u64 + length(self.prior) + length(self.old) + length(self.new)
    }

    fn each_header(&self, mut see: impl FnMut(&'a str, Option<&'a [u8]>)) {
        let mut reader = Reader(self.headers);
        while let Some(Some(name)) = reader.sized() {
            // Checked when the row was parsed.
            let (Ok(name), Some(value)) = (std::str::from_utf8(name), reader.sized()) else { return };
            see(name, value);
        }
    }
}

/// Appends the first part of a row: origin, timestamp and headers of a record.
pub(in crate::store) fn write_origin(origin: &RecordContext, timestamp: i64, headers: &Headers, out: &mut Vec<u8>) {
    out.extend_from_slice(&timestamp.to_be_bytes());
    out.extend_from_slice(&origin.offset.to_be_bytes());
    write_sized(Some(origin.topic.as_bytes()), out);
    out.extend_from_slice(&origin.partition.to_be_bytes());
    let count = out.len();
    write_int(0, out);
    let mut headers_written = 0;
    for (name, value) in HeaderIter::over(headers.as_encoded()) {
        write_sized(Some(name.as_bytes()), out);
        write_sized(value, out);
        headers_written += 1;
    }
    set_int(headers_written, count, out);
}

/// Appends a value with its length before it.
pub(super) fn write_sized(value: Option<&[u8]>, out: &mut Vec<u8>) {
    match value {
        None => write_int(NULL, out),
        Some(value) => {
            write_int(value.len() as i32, out);
            out.extend_from_slice(value);
        }
    }
}

/// Lets `write` append a value, and puts its length before it; answers where it starts, `None` where it said null.
pub(in crate::store) fn write_with<E>(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<bool, E>,
) -> Result<Option<usize>, E> {
    let length_at = out.len();
    write_int(NULL, out);
    let start = out.len();
    if !write(out)? {
        out.truncate(start);
        return Ok(None);
    }
    set_int((out.len() - start) as i32, length_at, out);
    Ok(Some(start))
}

/// Replaces the value at the end, which starts at `start`, by the mark that it equals the prior one.
pub(super) fn replace_by_same(start: usize, out: &mut Vec<u8>) {
    out.truncate(start - size_of::<i32>());
    write_same(out);
}

/// Appends the mark of an old value that equals the prior one.
pub(super) fn write_same(out: &mut Vec<u8>) {
    write_int(SAME_AS_PRIOR, out);
}

/// Appends null.
pub(in crate::store) fn write_null(out: &mut Vec<u8>) {
    write_int(NULL, out);
}

fn write_int(value: i32, out: &mut Vec<u8>) {
    out.extend_from_slice(&value.to_be_bytes());
}

fn set_int(value: i32, at: usize, out: &mut [u8]) {
    out[at..at + size_of::<i32>()].copy_from_slice(&value.to_be_bytes());
}

/// Java counts UTF-16 units.
fn characters(text: &str) -> u64 {
    if text.is_ascii() { text.len() as u64 } else { text.encode_utf16().count() as u64 }
}

fn length(value: Option<&[u8]>) -> u64 {
    value.map_or(0, <[u8]>::len) as u64
}

/// Reads numbers and values from the front of what is left.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn long(&mut self) -> Option<i64> {
        Some(i64::from_be_bytes(self.take(size_of::<i64>())?.try_into().ok()?))
    }

    fn int(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take(size_of::<i32>())?.try_into().ok()?))
    }

    fn sized(&mut self) -> Option<Option<&'a [u8]>> {
        let length = self.int()?;
        self.nullable(length)
    }

    fn nullable(&mut self, length: i32) -> Option<Option<&'a [u8]>> {
        match length {
            NULL => Some(None),
            length => Some(Some(self.take(usize::try_from(length).ok()?)?)),
        }
    }
}

#[cfg(test)]
mod tests;
