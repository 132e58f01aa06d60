use streams_core::error::StreamsError;
use streams_core::processor::TaskContext;
use streams_core::processor_api::{TransformerNode, ValueTransformerWithKey};
use streams_core::record::{Headers, NO_TIMESTAMP};

/// A row with its timestamp.
type Timed<V> = Option<(i64, V)>;

/// What makes of each row another one.
pub(crate) trait RowTransformer<K, V, V2>: 'static {
    /// Before the first row, where it is that of the table's own node.
    fn init(&mut self, _context: &mut TaskContext) -> Result<(), StreamsError> {
        Ok(())
    }

    /// Of a row that has changed.
    fn transform(
        &mut self,
        context: &mut TaskContext,
        key: &K,
        row: Option<V>,
        timestamp: i64,
        headers: &Headers,
    ) -> Result<Option<V2>, StreamsError>;

    /// Of a row that another node reads.
    fn read(&mut self, context: &mut TaskContext, key: &K, row: Timed<V>) -> Result<Timed<V2>, StreamsError>;

    /// Before a commit.
    fn flush(&mut self) -> Result<(), StreamsError> {
        Ok(())
    }
}

/// A closure, which sees nothing but key and row.
pub(crate) struct ByFunction<F>(pub(crate) F);

impl<K, V, V2, F> RowTransformer<K, V, V2> for ByFunction<F>
where
    F: FnMut(&K, Option<V>) -> Result<Option<V2>, StreamsError> + 'static,
{
    fn transform(
        &mut self,
        _: &mut TaskContext,
        key: &K,
        row: Option<V>,
        _: i64,
        _: &Headers,
    ) -> Result<Option<V2>, StreamsError> {
        (self.0)(key, row)
    }

    fn read(&mut self, _: &mut TaskContext, key: &K, row: Timed<V>) -> Result<Timed<V2>, StreamsError> {
        let (timestamp, row) = row.map_or((NO_TIMESTAMP, None), |(timestamp, row)| (timestamp, Some(row)));
        Ok((self.0)(key, row)?.map(|row| (timestamp, row)))
    }
}

impl<K, V, V2, T> RowTransformer<K, V, V2> for TransformerNode<K, V, V2, T>
where
    K: 'static,
    V: 'static,
    V2: 'static,
    T: ValueTransformerWithKey<K, V, V2>,
{
    fn init(&mut self, context: &mut TaskContext) -> Result<(), StreamsError> {
        TransformerNode::init(self, context)
    }

    fn transform(
        &mut self,
        context: &mut TaskContext,
        key: &K,
        row: Option<V>,
        timestamp: i64,
        headers: &Headers,
    ) -> Result<Option<V2>, StreamsError> {
        TransformerNode::transform(self, context, key, row, timestamp, headers)
    }

    fn read(&mut self, context: &mut TaskContext, key: &K, row: Timed<V>) -> Result<Timed<V2>, StreamsError> {
        TransformerNode::read(self, context, key, row)
    }

    fn flush(&mut self) -> Result<(), StreamsError> {
        TransformerNode::flush(self)
    }
}
