use crate::record::NO_TIMESTAMP;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// First byte of the metadata that Kafka Streams commits with an offset.
const MAGIC: u8 = 2;

/// What is committed beside an offset: the largest timestamp seen in the partition, so that time goes on where it stood.
///
/// Text and bytes are those of Kafka Streams (Base64 of a version byte and the timestamp), so either can go on from the other's commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetMetadata {
    /// Largest timestamp of the records taken from the partition, in milliseconds; -1 for none.
    pub partition_time: i64,
}

impl Default for OffsetMetadata {
    fn default() -> Self {
        Self { partition_time: NO_TIMESTAMP }
    }
}

impl OffsetMetadata {
    /// The text to commit.
    pub fn encode(&self) -> String {
        let mut bytes = vec![MAGIC];
        bytes.extend_from_slice(&self.partition_time.to_be_bytes());
        BASE64.encode(bytes)
    }

    /// Reads committed text. Versions 1 and 2 begin alike; anything else (another program's metadata) counts as none.
    pub fn decode(text: &str) -> Self {
        let bytes = BASE64.decode(text).unwrap_or_default();
        match bytes.split_first() {
            Some((&(1 | MAGIC), rest)) if rest.len() >= 8 => {
                let time = rest[..8].try_into().map_or(NO_TIMESTAMP, i64::from_be_bytes);
                Self { partition_time: time.max(NO_TIMESTAMP) }
            }
            _ => Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_that_of_kafka_streams() {
        let metadata = OffsetMetadata { partition_time: 1_700_000_000_000 };
        assert_eq!(metadata.encode(), "AgAAAYvP5WgA");
        assert_eq!(OffsetMetadata::decode("AgAAAYvP5WgA"), metadata);
    }

    #[test]
    fn foreign_metadata_counts_as_none() {
        for text in ["", "not base64!", "AA==", "AgAA", "some text"] {
            assert_eq!(OffsetMetadata::decode(text), OffsetMetadata::default(), "{text}");
        }
    }
}
