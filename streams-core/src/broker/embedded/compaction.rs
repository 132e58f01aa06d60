use super::Isolation;
use super::partition_log::PartitionLog;
use super::segment::Segment;
use hashbrown::HashMap;
use std::collections::VecDeque;

/// Records appended since the last pass below which no automatic pass starts.
const MIN_DIRTY_RECORDS: usize = 20_000;

/// What compaction remembers between its passes over a partition.
#[derive(Debug, Default)]
pub(super) struct Compaction {
    /// Records appended since the last pass.
    dirty: usize,
    /// Records that the last pass left.
    live: usize,
    /// The last pass that tombstones are counted from: the end of what it cleaned, and when.
    horizon: Option<(i64, i64)>,
}

/// What a topic's configuration says about compaction.
#[derive(Debug, Clone, Copy)]
pub(super) struct CompactionRule {
    /// Records younger than this stay untouched (`min.compaction.lag.ms`).
    pub(super) min_lag_ms: i64,
    /// How long a tombstone outlives the pass that cleaned up to it (`delete.retention.ms`).
    pub(super) delete_retention_ms: i64,
}

impl Compaction {
    pub(super) fn appended(&mut self, records: usize) {
        self.dirty += records;
    }
}

impl PartitionLog {
    /// Whether a pass pays: more was appended since the last than it left, so that passes cost a constant share of the appends.
    pub(super) fn wants_compaction(&self) -> bool {
        self.compaction.dirty >= MIN_DIRTY_RECORDS.max(self.compaction.live)
    }

    /// Keeps the last record of each key, up to the last stable offset; removes aborted records; removes tombstones that an earlier
    /// pass has left, once `delete.retention.ms` has passed since, or at once where `drop_tombstones`.
    pub(super) fn compact(&mut self, rule: CompactionRule, now_ms: i64, drop_tombstones: bool) {
        let clean_end = self.cleanable_end(now_ms.saturating_sub(rule.min_lag_ms), rule.min_lag_ms > 0);
        let horizon = self.compaction.horizon;
        let due = horizon.filter(|(_, at)| drop_tombstones || now_ms - at >= rule.delete_retention_ms);
        let kept = self.kept_records(clean_end, due.map_or(i64::MIN, |(end, _)| end));
        self.compaction.live = kept.iter().map(Segment::len).sum();
        self.compaction.dirty = 0;
        if due.is_some() || horizon.is_none() {
            self.compaction.horizon = Some((clean_end, now_ms));
        }
        self.replace_segments(kept);
    }

    /// The offset up to which records are stable and old enough.
    fn cleanable_end(&self, newest_ms: i64, has_lag: bool) -> i64 {
        let stable = self.end(Isolation::ReadCommitted);
        let records = self.segments.iter().flat_map(|segment| segment.iter_from(0));
        let young = records.map(|(record, _)| record).find(|record| has_lag && record.timestamp > newest_ms);
        young.map_or(stable, |record| record.offset.min(stable))
    }

    /// The records that stay, in new segments. Tombstones below `tombstones_until` go.
    fn kept_records(&self, clean_end: i64, tombstones_until: i64) -> VecDeque<Segment> {
        let mut last = HashMap::new();
        let all = || self.segments.iter().flat_map(|segment| segment.iter_from(segment.index_of(self.start())));
        for (record, transaction) in all().take_while(|(record, _)| record.offset < clean_end) {
            if !self.is_aborted(transaction) {
                last.insert(record.key, record.offset);
            }
        }
        let mut kept = VecDeque::from([Segment::new()]);
        for (record, transaction) in all() {
            let cleaned = record.offset < clean_end;
            let superseded = cleaned && last.get(&record.key) != Some(&record.offset);
            let expired = cleaned && record.value.is_none() && record.offset < tombstones_until;
            if superseded || expired {
                continue;
            }
            if kept.back().is_some_and(Segment::is_full) {
                kept.push_back(Segment::new());
            }
            if let Some(segment) = kept.back_mut() {
                segment.push(record, transaction);
            }
        }
        kept.retain(|segment| segment.len() > 0);
        kept.iter_mut().for_each(Segment::close);
        kept
    }
}
