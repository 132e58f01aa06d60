//! The standard wrappers of subscriptions and assignments, so that Kafka's own tools can show the group.
//!
//! A subscription or assignment is a two-byte version and a body. What an assignor of ours has to say goes into `user_data`.
//! Bodies written here have version 1. Later versions only add to the end, so bodies of any version can be read.

mod assignment;
mod subscription;

pub use assignment::Assignment;
pub use subscription::Subscription;

use bytes::{BufMut, Bytes, BytesMut};

use crate::GroupError;
use crate::wire::{Reader, WireError};

/// Some partitions of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPartitions {
    /// The topic.
    pub topic: String,
    /// The partitions.
    pub partitions: Vec<i32>,
}

const VERSION: i16 = 1;

impl TopicPartitions {
    fn read(reader: &mut Reader) -> Result<Self, WireError> {
        Ok(Self { topic: reader.string()?, partitions: reader.array(Reader::i32)? })
    }

    fn write(&self, buffer: &mut BytesMut) -> Result<(), GroupError> {
        write_string(buffer, &self.topic)?;
        write_length(buffer, self.partitions.len())?;
        for partition in &self.partitions {
            buffer.put_i32(*partition);
        }
        Ok(())
    }
}

fn read_version(reader: &mut Reader) -> Result<i16, WireError> {
    match reader.i16()? {
        version if version < 0 => Err(WireError("the version is negative")),
        version => Ok(version),
    }
}

fn write_length(buffer: &mut BytesMut, length: usize) -> Result<(), GroupError> {
    let length = i32::try_from(length).map_err(|_| {
        GroupError::InvalidRequest(format!("{length} elements or bytes in a subscription or assignment"))
    })?;
    buffer.put_i32(length);
    Ok(())
}

fn write_string(buffer: &mut BytesMut, text: &str) -> Result<(), GroupError> {
    let length = i16::try_from(text.len())
        .map_err(|_| GroupError::InvalidRequest(format!("a topic name of {} bytes; Kafka allows 249", text.len())))?;
    buffer.put_i16(length);
    buffer.put_slice(text.as_bytes());
    Ok(())
}

fn write_partitions(buffer: &mut BytesMut, partitions: &[TopicPartitions]) -> Result<(), GroupError> {
    write_length(buffer, partitions.len())?;
    partitions.iter().try_for_each(|topic| topic.write(buffer))
}

fn write_user_data(buffer: &mut BytesMut, user_data: Option<&Bytes>) -> Result<(), GroupError> {
    match user_data {
        None => buffer.put_i32(-1),
        Some(bytes) => {
            write_length(buffer, bytes.len())?;
            buffer.put_slice(bytes);
        }
    }
    Ok(())
}
