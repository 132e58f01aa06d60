use crate::data::Data;
use crate::nulls::NullCheck;
use crate::table_view::ValueGetter;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, TaskContext};
use streams_core::record::Record;

/// Joins each record with the row that the table has of its key now. The table's changes make nothing by themselves.
///
/// Records with null value are dropped and counted, and so are those with null key, unless they are kept without a row.
pub(crate) struct StreamTableJoin<K, V, VT, VR, J> {
    joiner: Arc<J>,
    rows: Box<dyn ValueGetter<K, VT>>,
    nulls: (Option<NullCheck<K>>, Option<NullCheck<V>>),
    /// Whether records without a row are kept.
    left: bool,
    downstream: Downstream<K, VR>,
}

impl<K, V, VT, VR, J> StreamTableJoin<K, V, VT, VR, J> {
    pub(crate) fn new(
        joiner: Arc<J>,
        rows: Box<dyn ValueGetter<K, VT>>,
        nulls: (Option<NullCheck<K>>, Option<NullCheck<V>>),
        left: bool,
        downstream: Downstream<K, VR>,
    ) -> Self {
        Self { joiner, rows, nulls, left, downstream }
    }
}

impl<K: 'static, V: 'static, VT: 'static, VR: 'static, J: 'static> Operator for StreamTableJoin<K, V, VT, VR, J> {}

impl<K, V, VT, VR, J> Node<K, V> for StreamTableJoin<K, V, VT, VR, J>
where
    K: Data,
    V: Data,
    VT: Data,
    VR: Data,
    J: Fn(&K, V, Option<VT>) -> Result<VR, StreamsError> + 'static,
{
    fn process(&mut self, context: &mut TaskContext, record: Record<K, V>) -> Result<(), StreamsError> {
        let Record { key, value, timestamp, headers } = record;
        let (null_keys, null_values) = &mut self.nulls;
        if let Some(nulls) = null_values
            && nulls.is_null(&value)?
        {
            context.drop_record("its value is null");
            return Ok(());
        }
        let key_is_null = match null_keys {
            Some(nulls) => nulls.is_null(&key)?,
            None => false,
        };
        if key_is_null && !self.left {
            context.drop_record("its key is null");
            return Ok(());
        }
        let row = if key_is_null { None } else { self.rows.get(context, &key)?.map(|(_, row)| row) };
        if row.is_none() && !self.left {
            return Ok(());
        }
        let value = (self.joiner)(&key, value, row)?;
        self.downstream.forward(context, Record { key, value, timestamp, headers })
    }
}
