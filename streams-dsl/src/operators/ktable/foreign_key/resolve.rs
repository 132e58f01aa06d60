use super::{Resubscriber, RowHasher};
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
pub(crate) struct ResponseJoin<K, V, KO, VO, VR, J> {
    rows: Box<dyn ValueGetter<K, V>>,
    hasher: RowHasher<V>,
    joiner: Arc<J>,
    kind: ResponseKind<K, V, KO>,
    downstream: Downstream<K, Option<VR>>,
    input: PhantomData<fn(VO)>,
}

/// Which rows a join has.
pub(crate) enum ResponseKind<K, V, KO> {
    /// Those with a right row. What comes too late and says that there is none may have been the last word about the joined row, so it is asked anew.
    Inner(Box<Resubscriber<K, V, KO>>),
    /// All left rows. Of each one is told, so the last word always comes.
    Left,
}

impl<K: Data, V: Data, KO: Data, VO: Data, VR: Data, J> ResponseJoin<K, V, KO, VO, VR, J> {
    pub(crate) fn new(
        rows: Box<dyn ValueGetter<K, V>>,
        hasher: RowHasher<V>,
        joiner: Arc<J>,
        kind: ResponseKind<K, V, KO>,
        downstream: Downstream<K, Option<VR>>,
    ) -> Self {
        Self { rows, hasher, joiner, kind, downstream, input: PhantomData }
    }
}

impl<K: Data, V: Data, KO: Data, VO: Data, VR: Data, J: 'static> Operator for ResponseJoin<K, V, KO, VO, VR, J> {}

impl<K, V, KO, VO, VR, J> Node<K, SubscriptionResponse<VO>> for ResponseJoin<K, V, KO, VO, VR, J>
where
    K: Data,
    V: Data,
    KO: Data,
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
        // The row that the right side was told of last. One that waits for the commit may be gone by then, and nobody would be told of its end.
        let row = self.rows.get_forwarded(&key)?.map(|(_, row)| row);
        let hash = self.hasher.hash(row.as_ref())?;
        if hash != response.hash {
            // Nothing is wrong, so it is counted, as in Kafka Streams, but not logged.
            context.dropped_records += 1;
            let ResponseKind::Inner(resubscriber) = &mut self.kind else { return Ok(()) };
            if response.row.is_some()
                || resubscriber.ask_anew(context, &key, row.as_ref(), hash, timestamp, &headers)?
            {
                return Ok(());
            }
            return self.downstream.forward(context, Record { key, value: None, timestamp, headers });
        }
        let value = match (row, response.row) {
            (Some(row), right) if right.is_some() || matches!(self.kind, ResponseKind::Left) => {
                Some((self.joiner)(row, right)?)
            }
            _ => None,
        };
        self.downstream.forward(context, Record { key, value, timestamp, headers })
    }
}
