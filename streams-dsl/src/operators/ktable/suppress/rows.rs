use crate::data::Data;
use crate::table_view::ValueGetter;
use streams_core::error::StreamsError;
use streams_core::record::NO_TIMESTAMP;
use streams_core::store::SuppressionBuffer;

/// Reads the rows of a suppressed table as the steps below know them.
pub(crate) struct SuppressedRows<K, V> {
    buffer: SuppressionBuffer<K, V>,
    parent: Box<dyn ValueGetter<K, V>>,
}

impl<K, V> SuppressedRows<K, V> {
    pub(crate) fn new(buffer: SuppressionBuffer<K, V>, parent: Box<dyn ValueGetter<K, V>>) -> Self {
        Self { buffer, parent }
    }
}

impl<K: Data, V: Data> ValueGetter<K, V> for SuppressedRows<K, V> {
    fn get(&mut self, key: &K) -> Result<Option<(i64, V)>, StreamsError> {
        match self.buffer.row_before(key)? {
            Some(before) => Ok(before.map(|row| (NO_TIMESTAMP, row))),
            None => self.parent.get(key),
        }
    }

    fn get_forwarded(&mut self, key: &K) -> Result<Option<(i64, V)>, StreamsError> {
        match self.buffer.row_before(key)? {
            Some(before) => Ok(before.map(|row| (NO_TIMESTAMP, row))),
            None => self.parent.get_forwarded(key),
        }
    }
}
