use crate::record::TopicPartition;
use crate::task::OffsetMetadata;
use kafka_client::group::CommittedOffset;
use std::collections::BTreeMap;
use std::fmt::Write;

/// How far a global store has come in the partitions of its topic, and what goes with that: noted in the store, in the same write as the rows.
///
/// So a store stands where its positions say after every crash, and no record is given twice to a processor whose writes were kept.
pub(super) type Positions = BTreeMap<TopicPartition, (i64, OffsetMetadata)>;

/// First line of a note.
const VERSION: &str = "global-positions 1";

/// The text of a note, in the place of what is in `note`.
pub(super) fn write(offsets: &[CommittedOffset], note: &mut String) {
    note.clear();
    note.push_str(VERSION);
    for offset in offsets {
        let CommittedOffset { topic, partition, offset, metadata, .. } = offset;
        // Writing to a string cannot fail.
        let _ = write!(note, "\n{topic} {partition} {offset} {metadata}");
    }
    let _ = write!(note, "\nend {}", offsets.len());
}

/// The positions in a note; `None` of one that no version of ours wrote.
pub(super) fn read(note: &[u8]) -> Option<Positions> {
    let mut lines = std::str::from_utf8(note).ok()?.split('\n');
    if lines.next()? != VERSION {
        return None;
    }
    let mut positions = Positions::new();
    for line in lines {
        let parts: Vec<&str> = line.split(' ').collect();
        match parts.as_slice() {
            ["end", count] => return (count.parse() == Ok(positions.len())).then_some(positions),
            [topic, partition, offset, metadata] => {
                let partition = TopicPartition::new(*topic, partition.parse().ok()?);
                positions.insert(partition, (offset.parse().ok()?, OffsetMetadata::decode(metadata)))
            }
            _ => return None,
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_as_written_and_damage_is_noticed() {
        let metadata = OffsetMetadata { partition_time: 17, ..OffsetMetadata::default() };
        let committed = |partition, offset, metadata: &OffsetMetadata| CommittedOffset {
            topic: "t".to_owned(),
            partition,
            offset,
            leader_epoch: None,
            metadata: metadata.encode(),
        };
        let offsets = [committed(0, 7, &metadata), committed(11, 0, &OffsetMetadata::default())];
        let mut note = "what was there before".to_owned();
        write(&offsets, &mut note);
        let expected = [(0, (7, metadata)), (11, (0, OffsetMetadata::default()))];
        let expected = expected.map(|(partition, position)| (TopicPartition::new("t", partition), position));
        assert_eq!(read(note.as_bytes()), Some(Positions::from(expected)));
        for length in 0..note.len() {
            assert_eq!(read(&note.as_bytes()[..length]), None, "{length}");
        }
        write(&[], &mut note);
        assert_eq!(read(note.as_bytes()), Some(Positions::new()));
    }
}
