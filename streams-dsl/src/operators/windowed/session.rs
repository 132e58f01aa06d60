use super::CloseEmitter;
use crate::data::Data;
use crate::operators::cogroup::Observes;
use crate::windows::SessionWindows;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, OperatorId, Punctuation, TaskContext};
use streams_core::record::{Headers, NO_TIMESTAMP, Record};
use streams_core::store::{Change, SessionTable};
use streams_core::windowed::{SessionWindow, Window, Windowed};

/// Adds each record to the session of its key that it falls into or extends; sessions that it connects become one, under the key of which
/// the result goes on, after deletions of theirs.
///
/// Records with null key are dropped and counted, and so are those whose session has closed. The timestamp of a result is the session's end.
///
/// Other than in Kafka Streams, a session is found by its next record as long as it is open, in the last millisecond too (where Kafka Streams
/// begins a new one that takes its place); a change within one session carries the row before for those who ask for it; and where a
/// function fails, the sessions stay as they were.
pub(crate) struct SessionWindowAggregate<K, V, A, F, M> {
    /// In milliseconds.
    gap: i64,
    /// From a session's end until it is closed, in milliseconds: the gap and the grace.
    open: i64,
    aggregator: Arc<F>,
    merger: Arc<M>,
    table: SessionTable<K, A>,
    /// Present where results are sent on only when their session closes.
    emitter: Option<CloseEmitter>,
    observed: i64,
    found: Vec<(SessionWindow, A)>,
    /// Sessions that become part of another, with what they were where that is asked for.
    merged: Vec<(SessionWindow, Option<A>)>,
    downstream: Downstream<Windowed<K, SessionWindow>, Change<A>>,
    /// Takes no part: what reaches this node goes to those below by the emitter only.
    nowhere: Downstream<Windowed<K, SessionWindow>, Change<A>>,
    values: std::marker::PhantomData<fn(V)>,
}

impl<K: Data, V, A: Data, F, M> SessionWindowAggregate<K, V, A, F, M> {
    pub(crate) fn new(
        windows: &SessionWindows,
        (aggregator, merger): (Arc<F>, Arc<M>),
        table: SessionTable<K, A>,
        emitter: Option<CloseEmitter>,
        downstream: Downstream<Windowed<K, SessionWindow>, Change<A>>,
    ) -> Self {
        Self {
            gap: windows.gap,
            open: windows.gap.saturating_add(windows.grace),
            aggregator,
            merger,
            table,
            emitter,
            observed: NO_TIMESTAMP,
            found: Vec::new(),
            merged: Vec::new(),
            downstream,
            nowhere: Downstream::new(Vec::new()),
            values: std::marker::PhantomData,
        }
    }

    /// The session that a record of this time belongs to. Fills `found` with those that become part of it.
    fn find(&mut self, timestamp: i64) -> Result<SessionWindow, StreamsError> {
        self.found.clear();
        let (earliest_end, latest_start) = (timestamp.saturating_sub(self.gap), timestamp.saturating_add(self.gap));
        self.table.find(earliest_end, latest_start, &mut self.found)?;
        let own = SessionWindow::new(timestamp, timestamp);
        Ok(self.found.iter().fold(own, |session, (found, _)| session.union(found)))
    }

    /// Sends on the results of all sessions that end before `close`, and have not been sent on. With `forgets` the store will show none that
    /// end before that time any more.
    fn emit(
        &mut self,
        context: &mut TaskContext,
        close: i64,
        forgets: i64,
        headers: &Headers,
    ) -> Result<(), StreamsError> {
        let Some(emitter) = &mut self.emitter else { return Ok(()) };
        let first = emitter.emitted().map_or(0, |emitted| emitted.max(0));
        if !emitter.is_due(context, close, first < forgets) || close < 1 {
            return Ok(());
        }
        let downstream = &self.downstream;
        self.table.visit_ended(first, close - 1, |key, aggregate| {
            let (timestamp, change) = (key.end(), Change { old: None, new: Some(aggregate) });
            downstream.forward(context, Record { key, value: change, timestamp, headers: headers.clone() })
        })?;
        emitter.reached(context, close);
        Ok(())
    }
}

impl<K, V, A, F, M> SessionWindowAggregate<K, V, A, F, M>
where
    K: Data,
    V: Data,
    A: Data,
    F: Fn(&K, V, Option<A>) -> Result<A, StreamsError> + 'static,
    M: Fn(&K, Option<A>, A) -> Result<A, StreamsError> + 'static,
{
    /// Makes one session of the record and what was found. Nothing is written before all of the user's functions have answered.
    fn add(
        &mut self,
        context: &mut TaskContext,
        record: Record<K, V>,
        session: SessionWindow,
    ) -> Result<(), StreamsError> {
        let Record { key, value, timestamp, headers } = record;
        let wants_old = self.table.wants_old();
        let mut aggregate = None;
        self.merged.clear();
        for (found, row) in self.found.drain(..) {
            self.merged.push((found, wants_old.then(|| row.clone())));
            aggregate = Some((self.merger)(&key, aggregate, row)?);
        }
        let new = (self.aggregator)(&key, value, aggregate)?;
        let downstream = if self.emitter.is_some() { &self.nowhere } else { &self.downstream };
        let mut old = None;
        for (found, row) in self.merged.drain(..) {
            // A session of one point in time that stays so is not deleted first.
            if session.start() == session.end() {
                old = row;
            } else {
                let deleted = Change { old: row, new: None };
                self.table.put(context, downstream, &key, found, (timestamp, &headers), deleted)?;
            }
        }
        self.table.put(context, downstream, &key, session, (timestamp, &headers), Change { old, new: Some(new) })
    }
}

impl<K: Data, V: Data, A: Data, F: 'static, M: 'static> Operator for SessionWindowAggregate<K, V, A, F, M> {
    fn init(&mut self, context: &mut TaskContext, operator: OperatorId) -> Result<(), StreamsError> {
        if let Some(emitter) = &mut self.emitter {
            self.observed = emitter.init(context, operator, self.open)?;
        }
        Ok(())
    }

    fn punctuate(&mut self, context: &mut TaskContext, _: Punctuation) -> Result<(), StreamsError> {
        let Some(emitter) = &mut self.emitter else { return Ok(()) };
        let Some(time) = emitter.idle_time(context, self.observed) else { return Ok(()) };
        self.observed = time;
        self.emit(context, time.saturating_sub(self.open), i64::MIN, &Headers::default())
    }

    fn flush(&mut self, context: &mut TaskContext) -> Result<(), StreamsError> {
        let downstream = if self.emitter.is_some() { &self.nowhere } else { &self.downstream };
        self.table.flush(context, downstream)
    }
}

impl<K, V, A, F, M> Observes for SessionWindowAggregate<K, V, A, F, M> {
    fn observed(&mut self) -> Option<&mut i64> {
        Some(&mut self.observed)
    }
}

impl<K, V, A, F, M> Node<K, V> for SessionWindowAggregate<K, V, A, F, M>
where
    K: Data,
    V: Data,
    A: Data,
    F: Fn(&K, V, Option<A>) -> Result<A, StreamsError> + 'static,
    M: Fn(&K, Option<A>, A) -> Result<A, StreamsError> + 'static,
{
    fn process(&mut self, context: &mut TaskContext, record: Record<K, V>) -> Result<(), StreamsError> {
        if !self.table.begin(&record.key)? {
            context.drop_record("its key is null");
            return Ok(());
        }
        let timestamp = record.timestamp;
        let advances = timestamp > self.observed;
        if let Some(emitter) = &mut self.emitter {
            emitter.seen(context);
        }
        self.observed = self.observed.max(timestamp);
        let close = self.observed.saturating_sub(self.open);
        let headers = if self.emitter.is_some() { record.headers.clone() } else { Headers::default() };
        if advances {
            // Before the record's session makes the store forget some that have closed.
            self.emit(context, close, self.table.kept_after(timestamp), &headers)?;
        }
        let session = self.find(timestamp)?;
        if session.end() < close {
            context.drop_record("it is late: its session has closed");
        } else {
            self.add(context, record, session)?;
        }
        if advances {
            return Ok(());
        }
        // Only now: the record may have made a session longer that had closed, and not been sent on.
        self.emit(context, close, i64::MIN, &headers)
    }
}
