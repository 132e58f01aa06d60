use super::{TimestampExtractor, TimestampedRecord};
use crate::error::StreamsError;

/// The record's own timestamp; a negative one stops the task. The default.
#[derive(Debug, Clone, Copy, Default)]
pub struct FailOnInvalidTimestamp;

/// The record's own timestamp; a record with a negative one is dropped, with a warning, and counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogAndSkipOnInvalidTimestamp;

/// The record's own timestamp; where it is negative, the largest timestamp seen so far in the record's partition.
/// A record before which there was none stops the task.
#[derive(Debug, Clone, Copy, Default)]
pub struct UsePartitionTimeOnInvalidTimestamp;

/// The time at which the record is taken: processing time instead of event time.
#[derive(Debug, Clone, Copy, Default)]
pub struct WallclockTimestampExtractor;

impl<K, V> TimestampExtractor<K, V> for FailOnInvalidTimestamp {
    #[inline]
    fn extract(&self, record: &TimestampedRecord<'_, K, V>, _partition_time: i64) -> Result<i64, StreamsError> {
        if record.timestamp < 0 { Err(invalid(record)) } else { Ok(record.timestamp) }
    }
}

impl<K, V> TimestampExtractor<K, V> for LogAndSkipOnInvalidTimestamp {
    fn extract(&self, record: &TimestampedRecord<'_, K, V>, _partition_time: i64) -> Result<i64, StreamsError> {
        Ok(record.timestamp)
    }
}

impl<K, V> TimestampExtractor<K, V> for UsePartitionTimeOnInvalidTimestamp {
    fn extract(&self, record: &TimestampedRecord<'_, K, V>, partition_time: i64) -> Result<i64, StreamsError> {
        match (record.timestamp, partition_time) {
            (0.., _) => Ok(record.timestamp),
            (_, 0..) => Ok(partition_time),
            _ => Err(invalid(record)),
        }
    }
}

impl<K, V> TimestampExtractor<K, V> for WallclockTimestampExtractor {
    fn extract(&self, record: &TimestampedRecord<'_, K, V>, _partition_time: i64) -> Result<i64, StreamsError> {
        Ok(record.wall_time)
    }
}

/// A closure finds the time in the payload. Its answer may be negative: the record is then dropped and counted.
impl<K, V, F> TimestampExtractor<K, V> for F
where
    F: Fn(&TimestampedRecord<'_, K, V>, i64) -> i64 + Send + Sync + 'static,
{
    fn extract(&self, record: &TimestampedRecord<'_, K, V>, partition_time: i64) -> Result<i64, StreamsError> {
        Ok(self(record, partition_time))
    }
}

#[cold]
fn invalid<K, V>(record: &TimestampedRecord<'_, K, V>) -> StreamsError {
    StreamsError::InvalidTimestamp {
        topic: record.context.topic.to_string(),
        partition: record.context.partition,
        offset: record.context.offset,
        timestamp: record.timestamp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::processor::RecordContext;
    use crate::record::Headers;

    fn extract(extractor: &dyn TimestampExtractor<String, i64>, timestamp: i64, partition_time: i64) -> Option<i64> {
        let context = RecordContext { topic: "t".into(), partition: 0, offset: 7 };
        let (key, headers) = ("k".to_owned(), Headers::default());
        let record =
            TimestampedRecord { key: &key, value: &33, timestamp, headers: &headers, context: &context, wall_time: 99 };
        extractor.extract(&record, partition_time).ok()
    }

    #[test]
    fn invalid_timestamps_fail_are_skipped_or_replaced() {
        let closure = |record: &TimestampedRecord<'_, String, i64>, _: i64| *record.value;
        // extractor, timestamp, partition time => event time (negative: dropped; none: the task stops)
        let cases: [(&dyn TimestampExtractor<String, i64>, i64, i64, Option<i64>); 9] = [
            (&FailOnInvalidTimestamp, 5, 9, Some(5)),
            (&FailOnInvalidTimestamp, -1, 9, None),
            (&LogAndSkipOnInvalidTimestamp, 5, 9, Some(5)),
            (&LogAndSkipOnInvalidTimestamp, -1, 9, Some(-1)),
            (&UsePartitionTimeOnInvalidTimestamp, 5, 9, Some(5)),
            (&UsePartitionTimeOnInvalidTimestamp, -1, 9, Some(9)),
            (&UsePartitionTimeOnInvalidTimestamp, -1, -1, None),
            (&WallclockTimestampExtractor, -1, 9, Some(99)),
            (&closure, -1, 9, Some(33)),
        ];
        for (number, (extractor, timestamp, partition_time, expected)) in cases.into_iter().enumerate() {
            assert_eq!(extract(extractor, timestamp, partition_time), expected, "case {number}");
        }
    }
}
