use super::TableRecord;
use crate::data::Data;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{FailOnInvalidTimestamp, TimestampExtractor, TimestampedRecord};

/// Records of a topic: null keys are to be dropped, null values delete.
pub(crate) struct TopicRecord;

impl<K: Data, V: Data> TableRecord<K, V> for TopicRecord {
    type Key = Option<K>;
    type Value = Option<V>;

    fn into_row(key: Option<K>, value: Option<V>) -> (Option<K>, Option<V>) {
        (key, value)
    }
}

/// Records of a stream, each a row.
pub(crate) struct Upsert;

impl<K: Data, V: Data> TableRecord<K, V> for Upsert {
    type Key = K;
    type Value = V;

    fn into_row(key: K, value: V) -> (Option<K>, Option<V>) {
        (Some(key), Some(value))
    }
}

/// Records of a stream of optional values, where `None` deletes.
pub(crate) struct UpsertOrDelete;

impl<K: Data, V: Data> TableRecord<K, V> for UpsertOrDelete {
    type Key = K;
    type Value = Option<V>;

    fn into_row(key: K, value: Option<V>) -> (Option<K>, Option<V>) {
        (Some(key), value)
    }
}

/// Asks the user's extractor about the rows of a table's topic; a record that is none has its own timestamp.
pub(crate) struct RowTimestamp<K, V>(pub Arc<dyn TimestampExtractor<K, V>>);

impl<K: Data, V: Data> TimestampExtractor<Option<K>, Option<V>> for RowTimestamp<K, V> {
    fn extract(
        &self,
        record: &TimestampedRecord<'_, Option<K>, Option<V>>,
        partition_time: i64,
    ) -> Result<i64, StreamsError> {
        let (Some(key), Some(value)) = (record.key, record.value) else {
            return FailOnInvalidTimestamp.extract(record, partition_time);
        };
        let &TimestampedRecord { timestamp, headers, context, wall_time, .. } = record;
        let row = TimestampedRecord { key, value, timestamp, headers, context, wall_time };
        self.0.extract(&row, partition_time)
    }
}
