use super::{Match, Side};
use crate::data::Data;
use crate::nulls::NullCheck;
use std::marker::PhantomData;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, OperatorId, TaskContext};
use streams_core::record::{Headers, Record};
use streams_core::store::{JoinReach, JoinWindowStore, Unmatched, UnmatchedStore};

/// Joins each record of one side with those of the other that have its key and a time within reach.
///
/// A result has the larger of the two timestamps, and the headers of the record that has come. Records with a null value are dropped and
/// counted, and so are those with a null key; but where this side's records go on without partner, one with a null key does so at once.
///
/// A record without partner waits for one in [`UnmatchedStore`], until both sides have come so far that there will be none. Both sides look
/// for those that have waited long enough, whenever one of their records is the latest so far.
pub(crate) struct StreamJoin<K, L: Data, R: Data, VR, F, S: Side<L, R>> {
    joiner: Arc<F>,
    /// What the other side remembers.
    others: JoinWindowStore<K, S::Other>,
    reach: JoinReach,
    /// Whether records of this side go on without partner.
    outer: bool,
    /// Present where those of one side at least do.
    waiting: Option<Waiting<K, L, R>>,
    nulls: Option<NullCheck<S::This>>,
    downstream: Downstream<K, VR>,
    sides: PhantomData<fn(L, R)>,
}

/// The records without partner, and how often to look for those that need not wait any more (in milliseconds of wall-clock time).
pub(crate) struct Waiting<K, L, R> {
    pub store: UnmatchedStore<K, L, R>,
    pub interval: i64,
}

impl<K: Data, L: Data, R: Data, VR: Data, F, S: Side<L, R>> StreamJoin<K, L, R, VR, F, S>
where
    F: Fn(&K, Match<'_, L, R>) -> Result<Option<VR>, StreamsError> + 'static,
{
    pub(crate) fn new(
        joiner: Arc<F>,
        others: JoinWindowStore<K, S::Other>,
        (reach, outer): (JoinReach, bool),
        waiting: Option<Waiting<K, L, R>>,
        nulls: Option<NullCheck<S::This>>,
        downstream: Downstream<K, VR>,
    ) -> Self {
        Self { joiner, others, reach, outer, waiting, nulls, downstream, sides: PhantomData }
    }

    /// Sends on what waits no more; `record` has come.
    fn emit_unmatched(&mut self, context: &mut TaskContext, record: &Record<K, S::This>) -> Result<(), StreamsError> {
        let Some(Waiting { store, interval }) = &mut self.waiting else { return Ok(()) };
        let is_latest = record.timestamp == store.stream_time();
        if !is_latest || !store.is_due(context.wall_time, S::SIDE, &self.reach, *interval) {
            return Ok(());
        }
        let (joiner, downstream) = (&self.joiner, &self.downstream);
        store.emit(context, record.timestamp, &self.reach, |context, key, timestamp, value| {
            let value = match &value {
                Unmatched::Left(value) => joiner(&key, Match::Left(value)),
                Unmatched::Right(value) => joiner(&key, Match::Right(value)),
            };
            forward(context, downstream, value?, &key, timestamp, &record.headers)
        })
    }

    /// Sends on a result with each record of the other side within reach. Answers whether there is one.
    fn join(&mut self, context: &mut TaskContext, record: &Record<K, S::This>) -> Result<bool, StreamsError> {
        let Self { joiner, others, reach, waiting, downstream, .. } = self;
        let Record { key, value, timestamp, headers } = record;
        let others_side = S::SIDE.other();
        let mut waiting = waiting.as_mut().map(|waiting| &mut waiting.store).filter(|store| store.holds(others_side));
        if let Some(waiting) = &mut waiting {
            waiting.begin(key)?;
        }
        let from = timestamp.saturating_sub(reach.before(S::SIDE)).max(0);
        let to = timestamp.saturating_add(reach.after(S::SIDE)).max(0);
        let mut found = false;
        others.visit(from, to, |at, other| {
            found = true;
            if let Some(waiting) = &mut waiting {
                waiting.remove(context, *timestamp, others_side, at)?;
            }
            let result = joiner(key, S::both(value, &other))?;
            forward(context, downstream, result, key, at.max(*timestamp), headers)
        })?;
        Ok(found)
    }

    /// A record has no partner: it waits for one, or goes on alone where none can come any more.
    fn keep_waiting(&mut self, context: &mut TaskContext, record: &Record<K, S::This>) -> Result<(), StreamsError> {
        let last_partner = record.timestamp.saturating_add(self.reach.after(S::SIDE)).max(0);
        match &mut self.waiting {
            Some(Waiting { store, .. }) if last_partner >= store.stream_time() => {
                store.begin(&record.key)?;
                store.put(context, record.timestamp, S::unmatched(&record.value))
            }
            _ => self.forward_alone(context, record),
        }
    }

    fn forward_alone(&self, context: &mut TaskContext, record: &Record<K, S::This>) -> Result<(), StreamsError> {
        let value = (self.joiner)(&record.key, S::alone(&record.value))?;
        forward(context, &self.downstream, value, &record.key, record.timestamp, &record.headers)
    }
}

fn forward<K: Data, V: Data>(
    context: &mut TaskContext,
    downstream: &Downstream<K, V>,
    value: Option<V>,
    key: &K,
    timestamp: i64,
    headers: &Headers,
) -> Result<(), StreamsError> {
    match value {
        Some(value) if !downstream.is_empty() => {
            downstream.forward(context, Record { key: key.clone(), value, timestamp, headers: headers.clone() })
        }
        _ => Ok(()),
    }
}

impl<K: Data, L: Data, R: Data, VR: Data, F: 'static, S: Side<L, R>> Operator for StreamJoin<K, L, R, VR, F, S> {
    fn init(&mut self, _: &mut TaskContext, _: OperatorId) -> Result<(), StreamsError> {
        match &mut self.waiting {
            Some(Waiting { store, .. }) => store.load(self.others.observed_time()),
            None => Ok(()),
        }
    }
}

impl<K, L, R, VR, F, S> Node<K, S::This> for StreamJoin<K, L, R, VR, F, S>
where
    K: Data,
    L: Data,
    R: Data,
    VR: Data,
    F: Fn(&K, Match<'_, L, R>) -> Result<Option<VR>, StreamsError> + 'static,
    S: Side<L, R>,
{
    fn process(&mut self, context: &mut TaskContext, record: Record<K, S::This>) -> Result<(), StreamsError> {
        if let Some(Waiting { store, .. }) = &self.waiting {
            store.advance(record.timestamp);
        }
        if let Some(nulls) = &mut self.nulls
            && nulls.is_null(&record.value)?
        {
            context.drop_record("its value is null");
            return Ok(());
        }
        if !self.others.begin(&record.key)? {
            if self.outer {
                return self.forward_alone(context, &record);
            }
            context.drop_record("its key is null");
            return Ok(());
        }
        self.emit_unmatched(context, &record)?;
        if !self.join(context, &record)? && self.outer {
            self.keep_waiting(context, &record)?;
        }
        Ok(())
    }
}
