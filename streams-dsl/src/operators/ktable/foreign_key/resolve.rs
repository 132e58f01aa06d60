use super::RowHasher;
use crate::data::Data;
use crate::table_view::ValueGetter;
use std::marker::PhantomData;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, TaskContext};
use streams_core::record::Record;
use streams_core::store::SubscriptionResponse;

/// Joins the present row of the left table with the right row of a response; drops responses to rows that have changed since.
///
/// `J` makes the joined row.
pub(crate) struct ResponseJoin<K, V, VO, VR, J> {
    rows: Box<dyn ValueGetter<K, V>>,
    hasher: RowHasher<V>,
    joiner: Arc<J>,
    left_join: bool,
    downstream: Downstream<K, Option<VR>>,
    input: PhantomData<fn(VO)>,
}

impl<K: Data, V: Data, VO: Data, VR: Data, J> ResponseJoin<K, V, VO, VR, J> {
    pub(crate) fn new(
        rows: Box<dyn ValueGetter<K, V>>,
        hasher: RowHasher<V>,
        joiner: Arc<J>,
        left_join: bool,
        downstream: Downstream<K, Option<VR>>,
    ) -> Self {
        Self { rows, hasher, joiner, left_join, downstream, input: PhantomData }
    }
}

impl<K: Data, V: Data, VO: Data, VR: Data, J: 'static> Operator for ResponseJoin<K, V, VO, VR, J> {}

impl<K, V, VO, VR, J> Node<K, SubscriptionResponse<VO>> for ResponseJoin<K, V, VO, VR, J>
where
    K: Data,
    V: Data,
    VO: Data,
    VR: Data,
    J: Fn(V, Option<VO>) -> Result<VR, StreamsError> + 'static,
{
    fn process(
        &mut self,
        context: &mut TaskContext,
        record: Record<K, SubscriptionResponse<VO>>,
    ) -> Result<(), StreamsError> {
        let Record { key, value: response, timestamp, headers } = record;
        let row = self.rows.get(&key)?.map(|(_, row)| row);
        if self.hasher.hash(row.as_ref())? != response.hash {
            // Nothing is wrong: the response to the present row is under way. Counted as in Kafka Streams, but not logged.
            context.dropped_records += 1;
            return Ok(());
        }
        let value = match (row, response.row) {
            (Some(row), right) if right.is_some() || self.left_join => Some((self.joiner)(row, right)?),
            _ => None,
        };
        self.downstream.forward(context, Record { key, value, timestamp, headers })
    }
}
