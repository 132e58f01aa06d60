use bytes::{BufMut, Bytes, BytesMut};

use super::{TopicPartitions, VERSION, read_version, write_length, write_partitions, write_string, write_user_data};
use crate::GroupError;
use crate::wire::{Reader, WireError};

/// What a member tells the leader when it joins.
///
/// ```
/// use kafka_client::consumer_protocol::Subscription;
///
/// let subscription = Subscription { topics: vec!["words".into()], ..Subscription::default() };
/// let bytes = subscription.encode()?;
/// assert_eq!(Subscription::decode(&bytes)?, subscription);
/// # Ok::<(), kafka_client::GroupError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subscription {
    /// The topics that the member reads.
    pub topics: Vec<String>,
    /// The assignor's own bytes.
    pub user_data: Option<Bytes>,
    /// The partitions that the member holds; none before version 1.
    pub owned_partitions: Vec<TopicPartitions>,
}

impl Subscription {
    /// The bytes to join with, of version 1.
    ///
    /// # Errors
    /// [`GroupError::InvalidRequest`] if a topic name is longer than 32767 bytes.
    pub fn encode(&self) -> Result<Bytes, GroupError> {
        let mut buffer = BytesMut::new();
        buffer.put_i16(VERSION);
        write_length(&mut buffer, self.topics.len())?;
        for topic in &self.topics {
            write_string(&mut buffer, topic)?;
        }
        write_user_data(&mut buffer, self.user_data.as_ref())?;
        write_partitions(&mut buffer, &self.owned_partitions)?;
        Ok(buffer.freeze())
    }

    /// Reads a subscription of any version; `user_data` shares the memory of `bytes`.
    ///
    /// # Errors
    /// [`GroupError::Malformed`] if the bytes are no subscription.
    pub fn decode(bytes: &Bytes) -> Result<Self, GroupError> {
        Self::read(&mut Reader::new(bytes.clone()))
            .map_err(|error| GroupError::Malformed(format!("consumer protocol subscription: {error}")))
    }

    fn read(reader: &mut Reader) -> Result<Self, WireError> {
        let version = read_version(reader)?;
        Ok(Self {
            topics: reader.array(Reader::string)?,
            user_data: reader.nullable_bytes()?,
            owned_partitions: if version >= 1 { reader.array(TopicPartitions::read)? } else { Vec::new() },
        })
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::ConsumerProtocolSubscription;
    use kafka_protocol::messages::consumer_protocol_subscription::TopicPartition;
    use kafka_protocol::protocol::{Encodable, StrBytes};
    use proptest::prelude::*;

    use super::*;

    fn example() -> Subscription {
        Subscription {
            topics: vec!["in".into(), "é".into()],
            user_data: Some(Bytes::from_static(&[9, 8])),
            owned_partitions: vec![TopicPartitions { topic: "in".into(), partitions: vec![0, 7] }],
        }
    }

    #[test]
    fn golden_bytes() {
        let bytes = example().encode().unwrap();
        let golden = [
            &[0, 1][..],
            &[0, 0, 0, 2, 0, 2, b'i', b'n', 0, 2, 0xc3, 0xa9],
            &[0, 0, 0, 2, 9, 8],
            &[0, 0, 0, 1, 0, 2, b'i', b'n', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 7],
        ]
        .concat();
        assert_eq!(bytes, golden);
        assert_eq!(Subscription::decode(&bytes).unwrap(), example());
        assert_eq!(Subscription::default().encode().unwrap(), &[0, 1, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0][..]);
    }

    #[test]
    fn every_version_of_the_reference_codec_can_be_read() {
        let partitions = TopicPartition::default().with_topic(StrBytes::from("in").into()).with_partitions(vec![0, 7]);
        let reference = ConsumerProtocolSubscription::default()
            .with_topics(vec!["in".into(), "é".into()])
            .with_user_data(Some(Bytes::from_static(&[9, 8])))
            .with_owned_partitions(vec![partitions])
            .with_generation_id(4)
            .with_rack_id(Some("rack".into()));
        for version in 0..=3 {
            let body = if version == 0 { reference.clone().with_owned_partitions(vec![]) } else { reference.clone() };
            let mut bytes = BytesMut::new();
            bytes.put_i16(version);
            body.encode(&mut bytes, version).unwrap();
            let mut expected = example();
            if version == 0 {
                expected.owned_partitions.clear();
            }
            let bytes = bytes.freeze();
            assert_eq!(Subscription::decode(&bytes).unwrap(), expected, "version {version}");
            if version == 1 {
                assert_eq!(expected.encode().unwrap(), bytes);
            }
        }
    }

    #[test]
    fn truncated_bytes_are_an_error_at_every_length() {
        let bytes = example().encode().unwrap();
        for length in 0..bytes.len() {
            assert!(Subscription::decode(&bytes.slice(..length)).is_err(), "{length}");
        }
    }

    #[test]
    fn a_topic_name_too_long_to_write_is_an_error() {
        let subscription = Subscription { topics: vec!["x".repeat(40_000)], ..Subscription::default() };
        assert!(matches!(subscription.encode(), Err(GroupError::InvalidRequest(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(read) = Subscription::decode(&Bytes::from(bytes)) {
                prop_assert_eq!(Subscription::decode(&read.encode().unwrap()).unwrap(), read);
            }
        }

        #[test]
        fn a_flipped_byte_is_read_or_refused(at in 0usize..44, value: u8) {
            let mut bytes = example().encode().unwrap().to_vec();
            let at = at % bytes.len();
            bytes[at] = value;
            if let Ok(read) = Subscription::decode(&Bytes::from(bytes)) {
                prop_assert!(read.topics.len() <= 44);
            }
        }
    }
}
