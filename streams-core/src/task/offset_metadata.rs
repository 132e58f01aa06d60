use super::ProcessorMetadata;
use crate::record::NO_TIMESTAMP;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// First byte of the metadata that Kafka Streams commits with an offset.
const MAGIC: u8 = 2;

/// What is committed beside an offset: the largest timestamp seen in the partition, so that time goes on where it stood, and
/// what the nodes of the task keep.
///
/// Text and bytes are those of Kafka Streams (Base64 of a version byte, the timestamp and the nodes' numbers), so either can go on from
/// the other's commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetMetadata {
    /// Largest timestamp of the records taken from the partition, in milliseconds; -1 for none.
    pub partition_time: i64,
    /// What the nodes of the task keep; the same in all its partitions.
    pub processor_metadata: ProcessorMetadata,
}

impl Default for OffsetMetadata {
    fn default() -> Self {
        Self { partition_time: NO_TIMESTAMP, processor_metadata: ProcessorMetadata::default() }
    }
}

impl OffsetMetadata {
    /// The text to commit.
    pub fn encode(&self) -> String {
        encode(self.partition_time, &self.processor_metadata)
    }

    /// Reads committed text. Version 1 has a time only; anything else than 1 and 2 (another program's metadata) counts as none.
    pub fn decode(text: &str) -> Self {
        let bytes = BASE64.decode(text).unwrap_or_default();
        let Some((&magic @ (1 | MAGIC), rest)) = bytes.split_first() else { return Self::default() };
        let Some((time, rest)) = rest.split_first_chunk() else { return Self::default() };
        let processor_metadata = match magic {
            MAGIC => ProcessorMetadata::decode(rest),
            _ => ProcessorMetadata::default(),
        };
        Self { partition_time: i64::from_be_bytes(*time).max(NO_TIMESTAMP), processor_metadata }
    }
}

/// The text to commit with an offset.
pub(super) fn encode(partition_time: i64, processor_metadata: &ProcessorMetadata) -> String {
    let mut bytes = vec![MAGIC];
    bytes.extend_from_slice(&partition_time.to_be_bytes());
    processor_metadata.encode(&mut bytes);
    BASE64.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Kafka Streams 4.3.1 wrote it: the names are put in by order of this list.
    const MANY: &str = "Av//////////AAAABgAAAAFhAAAAAAAAA+gAAAABYgAAAAAAAAPoAAAAHEtTVFJFQU0tQUdHUkVHQVRFLTAwMDAwMDAwMDEAAAAAAABtYAA\
        AABxLU1RSRUFNLUFHR1JFR0FURS0wMDAwMDAwMDEyAAAAAAAAbWAAAAAHesO8cmljaAAAAAAAABdwAAAACmVtaXQtZmluYWwAAAAAAAAnEA==";
    const NAMES: [&str; 6] =
        ["KSTREAM-AGGREGATE-0000000001", "KSTREAM-AGGREGATE-0000000012", "b", "a", "zürich", "emit-final"];

    fn metadata(partition_time: i64, entries: &[(&str, i64)]) -> OffsetMetadata {
        let mut metadata = OffsetMetadata { partition_time, ..OffsetMetadata::default() };
        for (key, value) in entries {
            metadata.processor_metadata.put(key, *value);
        }
        metadata
    }

    #[test]
    fn text_is_that_of_kafka_streams() {
        let many = NAMES.map(|name| (name, name.chars().count() as i64 * 1000));
        for (metadata, text) in [
            (metadata(1_700_000_000_000, &[]), "AgAAAYvP5WgA"),
            (metadata(5, &[("key1", 100)]), "AgAAAAAAAAAFAAAAAQAAAARrZXkxAAAAAAAAAGQ="),
            (metadata(-1, &many), MANY),
        ] {
            assert_eq!(metadata.encode(), text);
            let read = OffsetMetadata::decode(text);
            assert_eq!(read.encode(), text);
            assert_eq!(read.partition_time, metadata.partition_time);
            for (name, _) in many.iter().chain(&[("key1", 100)]) {
                assert_eq!(read.processor_metadata.get(name), metadata.processor_metadata.get(name), "{name}");
            }
        }
    }

    #[test]
    fn version_1_and_numbers_cut_short_still_have_a_time() {
        for text in ["AQAAAYvP5WgA", "AgAAAYvP5WgAAAAB"] {
            assert_eq!(OffsetMetadata::decode(text), metadata(1_700_000_000_000, &[]), "{text}");
        }
    }

    #[test]
    fn foreign_metadata_counts_as_none() {
        for text in ["", "not base64!", "AA==", "AgAA", "some text"] {
            assert_eq!(OffsetMetadata::decode(text), OffsetMetadata::default(), "{text}");
        }
    }
}
