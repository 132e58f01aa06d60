use crate::data::Data;
use crate::nulls::NullCheck;
use crate::table_view::ValueGetter;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, OperatorId, TaskContext};
use streams_core::record::Record;
use streams_core::store::JoinBuffer;

/// Joins each record with the row that the table has of its key now, or had at the record's time where it is versioned. The table's changes make
/// nothing by themselves. With a buffer records wait until their time has come; those that are too late for that are joined at once.
///
/// Records with null value are dropped and counted, and so are those with null key, unless they are kept without a row.
pub(crate) struct StreamTableJoin<K, V, VT, VR, J> {
    joiner: Arc<J>,
    rows: Box<dyn ValueGetter<K, VT>>,
    nulls: (Option<NullCheck<K>>, Option<NullCheck<V>>),
    /// Whether records without a row are kept.
    left: bool,
    buffer: Option<JoinBuffer<K, V>>,
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
        Self { joiner, rows, nulls, left, buffer: None, downstream }
    }

    /// The same join, in which records wait in a buffer.
    pub(crate) fn with_buffer(mut self, buffer: Option<JoinBuffer<K, V>>) -> Self {
        self.buffer = buffer;
        self
    }
}

impl<K: 'static, V: 'static, VT: 'static, VR: 'static, J: 'static> Operator for StreamTableJoin<K, V, VT, VR, J> {
    fn init(&mut self, _: &mut TaskContext, _: OperatorId) -> Result<(), StreamsError> {
        self.buffer.as_mut().map_or(Ok(()), JoinBuffer::load)
    }
}

impl<K, V, VT, VR, J> StreamTableJoin<K, V, VT, VR, J>
where
    K: Data,
    V: Data,
    VT: Data,
    VR: Data,
    J: Fn(&K, V, Option<VT>) -> Result<VR, StreamsError> + 'static,
{
    fn join(&mut self, context: &mut TaskContext, record: Record<K, V>, key_is_null: bool) -> Result<(), StreamsError> {
        let Record { key, value, timestamp, headers } = record;
        let row = if key_is_null { None } else { self.rows.get_as_of(&key, timestamp)?.map(|(_, row)| row) };
        if row.is_none() && !self.left {
            return Ok(());
        }
        let value = (self.joiner)(&key, value, row)?;
        self.downstream.forward(context, Record { key, value, timestamp, headers })
    }

    /// Joins the records of the buffer whose time has come, each as what is being processed.
    fn join_due(&mut self, context: &mut TaskContext) -> Result<(), StreamsError> {
        while let Some(buffer) = &mut self.buffer
            && let Some((origin, record)) = buffer.take_due()?
        {
            let processed = std::mem::replace(&mut context.record, origin);
            let joined = self.join(context, record, false);
            context.record = processed;
            joined?;
        }
        Ok(())
    }
}

impl<K, V, VT, VR, J> Node<K, V> for StreamTableJoin<K, V, VT, VR, J>
where
    K: Data,
    V: Data,
    VT: Data,
    VR: Data,
    J: Fn(&K, V, Option<VT>) -> Result<VR, StreamsError> + 'static,
{
    fn process(&mut self, context: &mut TaskContext, record: Record<K, V>) -> Result<(), StreamsError> {
        let (null_keys, null_values) = &mut self.nulls;
        if let Some(nulls) = null_values
            && nulls.is_null(&record.value)?
        {
            context.drop_record("its value is null");
            return Ok(());
        }
        let key_is_null = match null_keys {
            Some(nulls) => nulls.is_null(&record.key)?,
            None => false,
        };
        if key_is_null && !self.left {
            context.drop_record("its key is null");
            return Ok(());
        }
        let Some(buffer) = &mut self.buffer else { return self.join(context, record, key_is_null) };
        match buffer.put(context, record)? {
            Some(record) => self.join(context, record, key_is_null),
            None => self.join_due(context),
        }
    }
}
