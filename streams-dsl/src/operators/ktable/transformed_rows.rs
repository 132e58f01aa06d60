use crate::table_view::ValueGetter;
use streams_core::error::StreamsError;
use streams_core::record::NO_TIMESTAMP;

/// Reads the rows of a transformed table that is not kept: the rows of the other one, each transformed when it is asked for.
pub(crate) struct TransformedRows<K, V, T> {
    rows: Box<dyn ValueGetter<K, V>>,
    transformer: T,
}

impl<K, V, T> TransformedRows<K, V, T> {
    pub(crate) fn new(rows: Box<dyn ValueGetter<K, V>>, transformer: T) -> Self {
        Self { rows, transformer }
    }

    fn transform<V2>(&mut self, key: &K, row: Option<(i64, V)>) -> Result<Option<(i64, V2)>, StreamsError>
    where
        T: FnMut(&K, Option<V>) -> Result<Option<V2>, StreamsError>,
    {
        let (timestamp, row) = row.map_or((NO_TIMESTAMP, None), |(timestamp, row)| (timestamp, Some(row)));
        Ok((self.transformer)(key, row)?.map(|row| (timestamp, row)))
    }
}

impl<K, V, V2, T> ValueGetter<K, V2> for TransformedRows<K, V, T>
where
    T: FnMut(&K, Option<V>) -> Result<Option<V2>, StreamsError>,
{
    fn get(&mut self, key: &K) -> Result<Option<(i64, V2)>, StreamsError> {
        let row = self.rows.get(key)?;
        self.transform(key, row)
    }

    fn get_forwarded(&mut self, key: &K) -> Result<Option<(i64, V2)>, StreamsError> {
        let row = self.rows.get_forwarded(key)?;
        self.transform(key, row)
    }

    fn get_as_of(&mut self, key: &K, time: i64) -> Result<Option<(i64, V2)>, StreamsError> {
        let row = self.rows.get_as_of(key, time)?;
        self.transform(key, row)
    }
}
