use std::collections::BTreeMap;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use uuid::Uuid;

use crate::task::TaskId;

/// The version of the formats written here.
pub(super) const VERSION: u8 = 1;

/// The oldest version whose readers understand what is written here. Fields may be added at the end under a new version
/// without raising it; whatever else changes raises it.
pub(super) const READABLE_FROM: u8 = 1;

/// Why the bytes of another member cannot be used.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// A newer release wrote them, in a form that this one cannot read.
    #[error(
        "format version {version} can be read by releases that know version {readable_from}, this one knows {VERSION}; run the same release of the library in all instances"
    )]
    Unsupported {
        /// The version that they were written in.
        version: u8,
        /// The oldest version that can read them.
        readable_from: u8,
    },
    /// They follow no version of the format.
    #[error("malformed bytes: {0}")]
    Malformed(&'static str),
}

/// Reads fields one after the other. No length is believed that the bytes do not bear out.
pub(super) struct Reader {
    bytes: Bytes,
}

impl Reader {
    /// Begins after the versions.
    pub(super) fn new(mut bytes: Bytes) -> Result<Self, CodecError> {
        if bytes.len() < 2 {
            return Err(CodecError::Malformed("no version"));
        }
        let (version, readable_from) = (bytes.get_u8(), bytes.get_u8());
        if version == 0 || readable_from == 0 || readable_from > version {
            return Err(CodecError::Malformed("no such version"));
        }
        if readable_from > VERSION {
            return Err(CodecError::Unsupported { version, readable_from });
        }
        Ok(Self { bytes })
    }

    fn take(&mut self, length: usize) -> Result<Bytes, CodecError> {
        if self.bytes.len() < length {
            return Err(CodecError::Malformed("they end too early"));
        }
        Ok(self.bytes.split_to(length))
    }

    pub(super) fn u8(&mut self) -> Result<u8, CodecError> {
        Ok(self.take(1)?.get_u8())
    }

    pub(super) fn u16(&mut self) -> Result<u16, CodecError> {
        Ok(self.take(2)?.get_u16())
    }

    pub(super) fn u32(&mut self) -> Result<u32, CodecError> {
        Ok(self.take(4)?.get_u32())
    }

    pub(super) fn i32(&mut self) -> Result<i32, CodecError> {
        Ok(self.take(4)?.get_i32())
    }

    pub(super) fn u64(&mut self) -> Result<u64, CodecError> {
        Ok(self.take(8)?.get_u64())
    }

    pub(super) fn i64(&mut self) -> Result<i64, CodecError> {
        Ok(self.take(8)?.get_i64())
    }

    pub(super) fn uuid(&mut self) -> Result<Uuid, CodecError> {
        Ok(Uuid::from_u128(self.take(16)?.get_u128()))
    }

    pub(super) fn flag(&mut self) -> Result<bool, CodecError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(CodecError::Malformed("a flag is neither 0 nor 1")),
        }
    }

    pub(super) fn string(&mut self) -> Result<String, CodecError> {
        let length = self.u16()?;
        String::from_utf8(self.take(length.into())?.into()).map_err(|_| CodecError::Malformed("text is not UTF-8"))
    }

    pub(super) fn list<T>(&mut self, read: fn(&mut Self) -> Result<T, CodecError>) -> Result<Vec<T>, CodecError> {
        let count = self.u32()?;
        // Grows with what is really there: each element takes bytes.
        (0..count).map(|_| read(self)).collect()
    }

    pub(super) fn task(&mut self) -> Result<TaskId, CodecError> {
        let subtopology = self.u32()?;
        Ok(TaskId { subtopology, partition: self.partition()? })
    }

    fn partition(&mut self) -> Result<i32, CodecError> {
        let partition = self.i32()?;
        if partition < 0 { Err(CodecError::Malformed("a partition is negative")) } else { Ok(partition) }
    }

    /// Tasks, as [`Writer::tasks`] writes them; in order and without duplicates.
    pub(super) fn tasks(&mut self) -> Result<Vec<TaskId>, CodecError> {
        let mut tasks = Vec::new();
        for (subtopology, partitions) in self.list(|reader| Ok((reader.u32()?, reader.list(Self::partition)?)))? {
            tasks.extend(partitions.into_iter().map(|partition| TaskId { subtopology, partition }));
        }
        tasks.sort_unstable();
        tasks.dedup();
        Ok(tasks)
    }
}

/// Writes what [`Reader`] reads.
pub(super) struct Writer {
    pub(super) bytes: BytesMut,
}

impl Writer {
    /// Begins with the versions.
    pub(super) fn new() -> Self {
        let mut bytes = BytesMut::new();
        bytes.put_u8(VERSION);
        bytes.put_u8(READABLE_FROM);
        Self { bytes }
    }

    /// Text of at most 65535 bytes; what is longer is cut.
    pub(super) fn string(&mut self, text: &str) {
        let mut end = text.len().min(u16::MAX.into());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let text = &text[..end];
        self.bytes.put_u16(text.len() as u16);
        self.bytes.put_slice(text.as_bytes());
    }

    pub(super) fn count(&mut self, count: usize) {
        self.bytes.put_u32(u32::try_from(count).expect("a member has less than 2^32 tasks"));
    }

    pub(super) fn task(&mut self, task: TaskId) {
        self.bytes.put_u32(task.subtopology);
        self.bytes.put_i32(task.partition);
    }

    /// Tasks, by subtopology.
    pub(super) fn tasks(&mut self, tasks: &[TaskId]) {
        let mut partitions: BTreeMap<u32, Vec<i32>> = BTreeMap::new();
        for task in tasks {
            partitions.entry(task.subtopology).or_default().push(task.partition);
        }
        self.count(partitions.len());
        for (subtopology, partitions) in partitions {
            self.bytes.put_u32(subtopology);
            self.count(partitions.len());
            partitions.iter().for_each(|&partition| self.bytes.put_i32(partition));
        }
    }
}
