use super::Match;
use crate::data::Data;
use crate::nulls::NullCheck;
use std::any::{Any, type_name};
use std::marker::PhantomData;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, OperatorId, TaskContext};
use streams_core::record::Record;
use streams_core::store::{JoinReach, JoinSide, JoinWindowStore};

/// Joins each record of a stream with the earlier ones of the same stream that have its key and a time within reach, as both of its sides at once, and
/// with itself. So both sides need but one store.
///
/// No record goes on alone, whatever the kind of the join: it has itself as a partner. Records with a null key or a null value are dropped and counted.
/// `L` and `R` are the same type, by two names.
pub(crate) struct SelfJoin<K, L, R, VR, F> {
    joiner: Arc<F>,
    /// What came before.
    records: JoinWindowStore<K, L>,
    reach: JoinReach,
    /// For how long a record is remembered, in milliseconds. One that comes later than that does not meet itself either.
    retention: i64,
    /// The largest timestamp so far.
    stream_time: i64,
    nulls: Option<NullCheck<L>>,
    downstream: Downstream<K, VR>,
    right: PhantomData<fn(R)>,
}

impl<K: Data, L: Data, R: Data, VR: Data, F> SelfJoin<K, L, R, VR, F>
where
    F: Fn(&K, Match<'_, L, R>) -> Result<Option<VR>, StreamsError> + 'static,
{
    pub(crate) fn new(
        joiner: Arc<F>,
        records: JoinWindowStore<K, L>,
        (reach, retention): (JoinReach, i64),
        nulls: Option<NullCheck<L>>,
        downstream: Downstream<K, VR>,
    ) -> Self {
        Self { joiner, records, reach, retention, stream_time: -1, nulls, downstream, right: PhantomData }
    }

    /// The results of a record. As in Kafka Streams that with itself comes before those with later ones.
    fn join(&mut self, context: &mut TaskContext, record: &Record<K, L>) -> Result<(), StreamsError> {
        let Self { joiner, records, reach, downstream, .. } = self;
        let Record { key, value, timestamp, headers } = record;
        let joined = |context: &mut TaskContext, left: &L, right: &L, timestamp: i64| match joiner(
            key,
            Match::Both(left, as_right(right)?),
        )? {
            Some(value) if !downstream.is_empty() => {
                downstream.forward(context, Record { key: key.clone(), value, timestamp, headers: headers.clone() })
            }
            _ => Ok(()),
        };
        let range = |side| {
            let from = timestamp.saturating_sub(reach.before(side)).max(0);
            (from, timestamp.saturating_add(reach.after(side)).max(0))
        };
        let (from, to) = range(JoinSide::Left);
        records.visit(from, to, |at, other| joined(context, value, &other, at.max(*timestamp)))?;
        let (from, to) = range(JoinSide::Right);
        let in_window = reach.before >= 0 && reach.after >= 0;
        let mut with_itself = in_window && *timestamp > self.stream_time.saturating_sub(self.retention);
        records.visit(from, to, |at, other| {
            if at > *timestamp && std::mem::take(&mut with_itself) {
                joined(context, value, value, *timestamp)?;
            }
            joined(context, &other, value, at.max(*timestamp))
        })?;
        if with_itself {
            joined(context, value, value, *timestamp)?;
        }
        Ok(())
    }
}

/// A value of the left side as one of the right. No check remains of it where it runs.
fn as_right<L: 'static, R: 'static>(value: &L) -> Result<&R, StreamsError> {
    (value as &dyn Any).downcast_ref().ok_or_else(|| {
        let (left, right) = (type_name::<L>(), type_name::<R>());
        StreamsError::Topology(format!("a stream of {left} is joined with itself as one of {right}"))
    })
}

impl<K: Data, L: Data, R: Data, VR: Data, F: 'static> Operator for SelfJoin<K, L, R, VR, F> {
    fn init(&mut self, _: &mut TaskContext, _: OperatorId) -> Result<(), StreamsError> {
        self.stream_time = self.records.observed_time();
        Ok(())
    }
}

impl<K, L, R, VR, F> Node<K, L> for SelfJoin<K, L, R, VR, F>
where
    K: Data,
    L: Data,
    R: Data,
    VR: Data,
    F: Fn(&K, Match<'_, L, R>) -> Result<Option<VR>, StreamsError> + 'static,
{
    fn process(&mut self, context: &mut TaskContext, record: Record<K, L>) -> Result<(), StreamsError> {
        if let Some(nulls) = &mut self.nulls
            && nulls.is_null(&record.value)?
        {
            context.drop_record("its value is null");
            return Ok(());
        }
        if !self.records.begin(&record.key)? {
            context.drop_record("its key is null");
            return Ok(());
        }
        self.stream_time = self.stream_time.max(record.timestamp);
        self.join(context, &record)
    }
}
