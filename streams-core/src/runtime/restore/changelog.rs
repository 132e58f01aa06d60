use super::StoreRestore;
use crate::error::StreamsError;
use crate::record::{RecordBatch, TopicPartition};
use crate::store::check_version;
use crate::topology::StoreFormat;
use state_stores::TaskStores;
use state_stores::formats::{join_timestamped, join_version};
use std::time::Duration;

/// A store on its way to the end of its changelog.
pub(super) struct RestoringStore {
    /// Its place among the task's stores.
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) partition: TopicPartition,
    pub(super) format: StoreFormat,
    /// Offset of the next record to restore.
    pub(super) position: i64,
    /// Offset at which it is up to date.
    pub(super) end_offset: i64,
    /// Records restored so far.
    pub(super) total: u64,
    pub(super) done: bool,
    /// Whether its changelog is an input of the task: then that input's committed offset, as it was at the start. The store is restored up to there,
    /// and what comes later is processed.
    pub(super) input: Option<Committed>,
}

/// The group's committed offset of a partition; none before the first commit.
pub(super) type Committed = Option<i64>;

/// The part of a changelog that the broker still has, and how long a reader may stay away without missing a deletion.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChangelogExtent {
    pub(super) earliest: i64,
    pub(super) end: i64,
    pub(super) delete_retention: Duration,
}

/// Where restoring starts, and why the store must be emptied first, if it must.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RestoreStart {
    pub(super) position: i64,
    pub(super) rebuild: Option<String>,
}

/// Decides from the store's own position (none: never committed) and age whether it can go on from there.
///
/// A store that stands below the start of its changelog is rebuilt. So is a windowed one, though its changelog (`compact,delete`) loses its
/// oldest records by age, which is how most of them come to stand there:
///
/// - It costs nothing. Either way all that the changelog still has is read; a rebuild only begins without the store's own rows.
/// - As a rule nothing is lost. What was deleted by age is older than the retention of the store and
///   `windowstore.changelog.additional.retention.ms` (a day) together, so all of it, and all that the store has from before, has expired by stream time.
/// - Where stream time lags behind the clock by more than that, records of living windows are gone, and there is no right answer. A store that
///   kept its rows would mix states that never were together: a session whose deletion was lost would stay beside the one that it was merged into, and
///   be counted twice by the next merger. Rebuilt, it is what every other instance would restore.
///
/// A store at the start of its changelog or above keeps its rows, however much was deleted: one that rests at the end of a changelog whose
/// records have all been deleted by age is whole. Only deletions may have been missed after `delete.retention.ms`, which merging sessions write; hence
/// the age counts for windowed stores too.
pub(super) fn restore_start(stored: Option<i64>, age: Option<Duration>, changelog: ChangelogExtent) -> RestoreStart {
    let ChangelogExtent { earliest, end, delete_retention } = changelog;
    let from_start = |reason: String| RestoreStart { position: earliest, rebuild: Some(reason) };
    match stored {
        None => RestoreStart { position: earliest, rebuild: None },
        Some(stored) if stored > end => {
            from_start(format!("it stands at offset {stored}, and there is nothing to restore beyond {end}"))
        }
        Some(stored) if stored < earliest => {
            from_start(format!("it stands at offset {stored}, and its changelog begins at {earliest} by now"))
        }
        Some(stored) if stored < end && age.is_some_and(|age| age > delete_retention) => from_start(format!(
            "it was last written {age:?} ago, and deletions older than delete.retention.ms ({delete_retention:?}) may be missing from its changelog",
            age = age.unwrap_or_default()
        )),
        Some(stored) => RestoreStart { position: stored, rebuild: None },
    }
}

impl RestoringStore {
    pub(super) fn progress(&self) -> StoreRestore<'_> {
        StoreRestore {
            store: &self.name,
            partition: &self.partition,
            position: self.position,
            end_offset: self.end_offset,
        }
    }

    /// Writes the records of successive batches below the end offset, as one; answers how many.
    pub(super) fn apply(&mut self, stores: &mut TaskStores, batches: &[RecordBatch]) -> Result<u64, StreamsError> {
        let mut values = Vec::new();
        let mut rows = Vec::with_capacity(batches.iter().map(RecordBatch::len).sum());
        let mut next = self.position;
        let records = batches.iter().flat_map(RecordBatch::iter);
        for record in records.filter(|record| record.offset >= self.position && record.offset < self.end_offset) {
            next = record.offset + 1;
            let Some(key) = record.key else {
                tracing::warn!(
                    "{} has a record without key at offset {}; it is passed over",
                    self.partition,
                    record.offset
                );
                continue;
            };
            let value = match (record.value, self.format) {
                (value, StoreFormat::Versioned) => {
                    let start = values.len();
                    join_version(record.timestamp, value, &mut values);
                    Value::Joined(start, values.len())
                }
                (None, _) => Value::Deleted,
                (Some(value), StoreFormat::SuppressionBuffer) => {
                    check_version(&self.partition, record.offset, record.headers)?;
                    Value::Plain(value)
                }
                (Some(value), StoreFormat::Plain | StoreFormat::JoinBuffer) => Value::Plain(value),
                (Some(value), StoreFormat::Timestamped) => {
                    let start = values.len();
                    join_timestamped(record.timestamp, value, &mut values);
                    Value::Joined(start, values.len())
                }
            };
            rows.push((key, value));
        }
        let count = rows.len() as u64;
        if next > self.position {
            let rows = rows.iter().map(|(key, value)| {
                let value = match *value {
                    Value::Deleted => None,
                    Value::Plain(value) => Some(value),
                    Value::Joined(start, end) => Some(&values[start..end]),
                };
                (*key, value)
            });
            stores.restore(self.index, rows, next)?;
            self.position = next;
            self.total += count;
        }
        Ok(count)
    }
}

/// A value to write: as it is, or in the vector of values with timestamp.
enum Value<'a> {
    Deleted,
    Plain(&'a [u8]),
    Joined(usize, usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn start(stored: Option<i64>, age: Option<Duration>) -> (i64, bool) {
        let start = restore_start(stored, age, ChangelogExtent { earliest: 10, end: 50, delete_retention: DAY });
        (start.position, start.rebuild.is_some())
    }

    #[test]
    fn a_store_goes_on_from_its_own_offset_unless_the_changelog_no_longer_covers_it() {
        assert_eq!(start(None, None), (10, false));
        assert_eq!(start(Some(10), Some(Duration::ZERO)), (10, false));
        assert_eq!(start(Some(49), Some(DAY)), (49, false));
        assert_eq!(start(Some(50), Some(10 * DAY)), (50, false));
        assert_eq!(start(Some(9), None), (10, true));
        assert_eq!(start(Some(51), None), (10, true));
        assert_eq!(start(Some(49), Some(DAY + Duration::from_secs(1))), (10, true));
        // All records were deleted by age while the store stood at the end.
        let empty = ChangelogExtent { earliest: 50, end: 50, delete_retention: DAY };
        assert_eq!(restore_start(Some(50), Some(10 * DAY), empty), RestoreStart { position: 50, rebuild: None });
    }
}
