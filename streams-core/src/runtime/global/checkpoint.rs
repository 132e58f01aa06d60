use crate::record::TopicPartition;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How far a global store has come in the partitions of its topic: a text file beside it.
///
/// Written after the rows. Where it is behind them, records are applied once more, which changes nothing in the end: each is the present row of its
/// key, and none is skipped.
pub(super) struct Checkpoint {
    file: PathBuf,
}

/// First line of the file.
const VERSION: &str = "global-checkpoint 1";

impl Checkpoint {
    pub(super) fn of(directory: &Path) -> Self {
        Self { file: directory.join("checkpoint") }
    }

    /// The positions; none of a file that is missing or damaged, so that everything is read anew.
    pub(super) fn read(&self) -> BTreeMap<TopicPartition, i64> {
        let Ok(text) = fs::read_to_string(&self.file) else { return BTreeMap::new() };
        parse(&text).unwrap_or_else(|| {
            tracing::warn!("{} is damaged; its store is rebuilt", self.file.display());
            BTreeMap::new()
        })
    }

    pub(super) fn write<'a>(&self, positions: impl Iterator<Item = (&'a TopicPartition, i64)>) -> io::Result<()> {
        let lines: Vec<String> =
            positions.map(|(partition, at)| format!("{} {} {at}\n", partition.topic, partition.partition)).collect();
        let new = self.file.with_extension("new");
        let mut file = fs::File::create(&new)?;
        write!(file, "{VERSION}\n{}end {}\n", lines.concat(), lines.len())?;
        drop(file);
        fs::rename(&new, &self.file)
    }

    pub(super) fn delete(&self) -> io::Result<()> {
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn parse(text: &str) -> Option<BTreeMap<TopicPartition, i64>> {
    let mut lines = text.lines();
    if lines.next()? != VERSION {
        return None;
    }
    let mut positions = BTreeMap::new();
    for line in lines {
        let mut parts = line.split(' ');
        match (parts.next()?, parts.next()?, parts.next()) {
            ("end", count, None) => return (count.parse() == Ok(positions.len())).then_some(positions),
            (topic, partition, Some(at)) => {
                positions.insert(TopicPartition::new(topic, partition.parse().ok()?), at.parse().ok()?)
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
        let directory = tempfile::tempdir().unwrap();
        let checkpoint = Checkpoint::of(directory.path());
        assert!(checkpoint.read().is_empty());
        let positions = BTreeMap::from([(TopicPartition::new("t", 0), 7), (TopicPartition::new("t", 11), 0)]);
        checkpoint.write(positions.iter().map(|(partition, at)| (partition, *at))).unwrap();
        assert_eq!(checkpoint.read(), positions);
        let text = fs::read_to_string(&checkpoint.file).unwrap();
        for length in 0..text.len() - 1 {
            assert_eq!(parse(&text[..length]), None, "{length}");
        }
        checkpoint.delete().unwrap();
        checkpoint.delete().unwrap();
        assert!(checkpoint.read().is_empty());
    }
}
