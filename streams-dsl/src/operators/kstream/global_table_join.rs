use crate::data::Data;
use crate::nulls::NullCheck;
use std::marker::PhantomData;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, TaskContext};
use streams_core::record::Record;
use streams_core::store::GlobalTable;

/// Joins each record with the row that a global table has of the record's key there, which a function says.
///
/// Records with null value are dropped and counted, and so are those with null key there, unless they are kept without a row.
pub(crate) struct GlobalTableJoin<K, V, KG, VG, VR, S, J> {
    selector: Arc<S>,
    joiner: Arc<J>,
    rows: GlobalTable<KG, VG>,
    nulls: (Option<NullCheck<KG>>, Option<NullCheck<V>>),
    /// Whether records without a row are kept.
    left: bool,
    downstream: Downstream<K, VR>,
    input: PhantomData<fn(V)>,
}

impl<K, V, KG, VG, VR, S, J> GlobalTableJoin<K, V, KG, VG, VR, S, J> {
    pub(crate) fn new(
        (selector, joiner): (Arc<S>, Arc<J>),
        rows: GlobalTable<KG, VG>,
        nulls: (Option<NullCheck<KG>>, Option<NullCheck<V>>),
        left: bool,
        downstream: Downstream<K, VR>,
    ) -> Self {
        Self { selector, joiner, rows, nulls, left, downstream, input: PhantomData }
    }
}

impl<K, V, KG, VG, VR, S, J> Operator for GlobalTableJoin<K, V, KG, VG, VR, S, J> where Self: 'static {}

impl<K, V, KG, VG, VR, S, J> Node<K, V> for GlobalTableJoin<K, V, KG, VG, VR, S, J>
where
    K: Data,
    V: Data,
    KG: Data,
    VG: Data,
    VR: Data,
    S: Fn(&K, &V) -> Result<KG, StreamsError> + 'static,
    J: Fn(&K, V, Option<VG>) -> Result<VR, StreamsError> + 'static,
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
        let selected = (self.selector)(&key, &value)?;
        if let (Some(nulls), false) = (null_keys, self.left)
            && nulls.is_null(&selected)?
        {
            context.drop_record("its key in the global table is null");
            return Ok(());
        }
        let row = self.rows.get(&selected)?.map(|(_, row)| row);
        if row.is_none() && !self.left {
            return Ok(());
        }
        let value = (self.joiner)(&key, value, row)?;
        self.downstream.forward(context, Record { key, value, timestamp, headers })
    }
}
