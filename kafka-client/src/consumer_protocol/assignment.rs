use bytes::{BufMut, Bytes, BytesMut};

use super::{TopicPartitions, VERSION, read_version, write_partitions, write_user_data};
use crate::GroupError;
use crate::wire::{Reader, WireError};

/// What the leader gives a member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assignment {
    /// The partitions to read.
    pub partitions: Vec<TopicPartitions>,
    /// The assignor's own bytes.
    pub user_data: Option<Bytes>,
}

impl Assignment {
    /// The bytes to synchronize with, of version 1.
    ///
    /// # Errors
    /// [`GroupError::InvalidRequest`] if a topic name is longer than 32767 bytes.
    pub fn encode(&self) -> Result<Bytes, GroupError> {
        let mut buffer = BytesMut::new();
        buffer.put_i16(VERSION);
        write_partitions(&mut buffer, &self.partitions)?;
        write_user_data(&mut buffer, self.user_data.as_ref())?;
        Ok(buffer.freeze())
    }

    /// Reads an assignment of any version; `user_data` shares the memory of `bytes`. No bytes at all, which a member gets that
    /// the leader has left out, are the empty assignment.
    ///
    /// # Errors
    /// [`GroupError::Malformed`] if the bytes are no assignment.
    pub fn decode(bytes: &Bytes) -> Result<Self, GroupError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        Self::read(&mut Reader::new(bytes.clone()))
            .map_err(|error| GroupError::Malformed(format!("consumer protocol assignment: {error}")))
    }

    fn read(reader: &mut Reader) -> Result<Self, WireError> {
        read_version(reader)?;
        Ok(Self { partitions: reader.array(TopicPartitions::read)?, user_data: reader.nullable_bytes()? })
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::ConsumerProtocolAssignment;
    use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition;
    use kafka_protocol::protocol::{Encodable, StrBytes};
    use proptest::prelude::*;

    use super::*;

    fn example() -> Assignment {
        Assignment {
            partitions: vec![TopicPartitions { topic: "in".into(), partitions: vec![0, 258] }],
            user_data: Some(Bytes::from_static(&[1])),
        }
    }

    #[test]
    fn golden_bytes() {
        let bytes = example().encode().unwrap();
        let golden =
            [&[0, 1, 0, 0, 0, 1, 0, 2, b'i', b'n'][..], &[0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1, 2], &[0, 0, 0, 1, 1]]
                .concat();
        assert_eq!(bytes, golden);
        assert_eq!(Assignment::decode(&bytes).unwrap(), example());
        assert_eq!(Assignment::decode(&Bytes::new()).unwrap(), Assignment::default());
    }

    #[test]
    fn every_version_of_the_reference_codec_is_the_same() {
        let partitions =
            TopicPartition::default().with_topic(StrBytes::from("in").into()).with_partitions(vec![0, 258]);
        let reference = ConsumerProtocolAssignment::default()
            .with_assigned_partitions(vec![partitions])
            .with_user_data(Some(Bytes::from_static(&[1])));
        for version in 0..=3 {
            let mut bytes = BytesMut::new();
            bytes.put_i16(version);
            reference.encode(&mut bytes, version).unwrap();
            assert_eq!(Assignment::decode(&bytes.freeze()).unwrap(), example(), "version {version}");
        }
    }

    #[test]
    fn truncated_bytes_are_an_error_at_every_length() {
        let bytes = example().encode().unwrap();
        for length in 1..bytes.len() {
            assert!(Assignment::decode(&bytes.slice(..length)).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(read) = Assignment::decode(&Bytes::from(bytes)) {
                prop_assert_eq!(Assignment::decode(&read.encode().unwrap()).unwrap(), read);
            }
        }
    }
}
