use crate::data::Data;
use crate::table_view::ValueGetter;
use std::marker::PhantomData;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, TaskContext};
use streams_core::record::{NO_TIMESTAMP, Record};
use streams_core::store::Change;

/// One side of a join of two tables: takes its changes and looks the other side's row up.
///
/// The other side's row is the one that has been sent downstream, not one that its cache still holds back: each change of both sides is then joined with what
/// the joined table knows, in the order of the changes. (Kafka Streams takes the newest row: where both sides' rows are deleted between two commits, none of
/// the two deletions finds the other row, and the joined row stays for ever.)
///
/// `join` makes the joined row of this side's row and the other's; none where there is none. The timestamp is the larger one of both rows.
/// Changes of the past are dropped and counted.
pub(crate) struct TableJoin<K, V1, V2, VR, J> {
    join: Arc<J>,
    other: Box<dyn ValueGetter<K, V2>>,
    /// Whether there is no joined row, and never was one, without a row on the other side.
    needs_other: bool,
    send_old: bool,
    downstream: Downstream<K, Change<VR>>,
    input: PhantomData<fn(V1)>,
}

impl<K, V1, V2, VR, J> TableJoin<K, V1, V2, VR, J> {
    pub(crate) fn new(
        join: Arc<J>,
        other: Box<dyn ValueGetter<K, V2>>,
        needs_other: bool,
        send_old: bool,
        downstream: Downstream<K, Change<VR>>,
    ) -> Self {
        Self { join, other, needs_other, send_old, downstream, input: PhantomData }
    }
}

impl<K: Data, V1: 'static, V2: 'static, VR: Data, J: 'static> Operator for TableJoin<K, V1, V2, VR, J> {}

impl<K, V1, V2, VR, J> Node<K, Change<V1>> for TableJoin<K, V1, V2, VR, J>
where
    K: Data,
    V1: Data,
    V2: Data,
    VR: Data,
    J: Fn(Option<V1>, Option<V2>) -> Result<Option<VR>, StreamsError> + 'static,
{
    fn process(&mut self, context: &mut TaskContext, record: Record<K, Change<V1>>) -> Result<(), StreamsError> {
        if !context.is_latest {
            context.drop_record("it is a change of the past, from a versioned table");
            return Ok(());
        }
        let Record { key, value: Change { old, new }, timestamp, headers } = record;
        let (other_timestamp, other) = match self.other.get_forwarded(&key)? {
            Some((timestamp, row)) => (timestamp, Some(row)),
            None if self.needs_other || (old.is_none() && new.is_none()) => return Ok(()),
            None => (NO_TIMESTAMP, None),
        };
        let old = if self.send_old { (self.join)(old, other.clone())? } else { None };
        let new = (self.join)(new, other)?;
        let timestamp = timestamp.max(other_timestamp);
        self.downstream.forward(context, Record { key, value: Change { old, new }, timestamp, headers })
    }
}
