use super::row_transformer::RowTransformer;
use crate::table_view::ValueGetter;
use streams_core::error::StreamsError;
use streams_core::processor::TaskContext;

/// Reads the rows of a transformed table that is not kept: the rows of the other one, each transformed when it is asked for.
pub(crate) struct TransformedRows<K, V, T> {
    rows: Box<dyn ValueGetter<K, V>>,
    transformer: T,
}

impl<K, V, T> TransformedRows<K, V, T> {
    pub(crate) fn new(rows: Box<dyn ValueGetter<K, V>>, transformer: T) -> Self {
        Self { rows, transformer }
    }
}

impl<K, V, V2, T: RowTransformer<K, V, V2>> ValueGetter<K, V2> for TransformedRows<K, V, T> {
    fn get(&mut self, context: &mut TaskContext, key: &K) -> Result<Option<(i64, V2)>, StreamsError> {
        let row = self.rows.get(context, key)?;
        self.transformer.read(context, key, row)
    }

    fn get_forwarded(&mut self, context: &mut TaskContext, key: &K) -> Result<Option<(i64, V2)>, StreamsError> {
        let row = self.rows.get_forwarded(context, key)?;
        self.transformer.read(context, key, row)
    }

    fn get_as_of(&mut self, context: &mut TaskContext, key: &K, time: i64) -> Result<Option<(i64, V2)>, StreamsError> {
        let row = self.rows.get_as_of(context, key, time)?;
        self.transformer.read(context, key, row)
    }
}
