use super::CloseEmitter;
use crate::data::Data;
use crate::nulls::NullCheck;
use crate::operators::cogroup::Observes;
use crate::windows::SlidingWindows;
use std::ops::ControlFlow;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, OperatorId, Punctuation, TaskContext};
use streams_core::record::{Headers, NO_TIMESTAMP, Record};
use streams_core::store::{Change, Direction, WindowTable};
use streams_core::windowed::Windowed;

/// Adds each record to the aggregates of its key in all the windows that it lies in, and makes the windows that appear with it: the one
/// that ends with the record (its *left* window), the one that begins just after it (its *right* window) where another record lies in
/// it, and the right window of the record before it.
///
/// Records with null key or null value are dropped and counted, and so is each window that is closed. The timestamp of an aggregate is the
/// largest of its records; so it tells where records are.
///
/// Other than in Kafka Streams, the record before is always found: Kafka Streams forgets it where a window ends with the record, and then does not make that
/// record's right window. A window that is new carries no row before, and where a function fails, the windows stay as they were.
pub(crate) struct SlidingWindowAggregate<K, V, A, F> {
    /// In milliseconds.
    difference: i64,
    /// In milliseconds.
    grace: i64,
    aggregator: Arc<F>,
    table: WindowTable<K, A>,
    /// Present where results are sent on only when their window closes.
    emitter: Option<CloseEmitter>,
    nulls: Option<NullCheck<V>>,
    observed: i64,
    steps: Vec<Step<A>>,
    downstream: Downstream<Windowed<K>, Change<A>>,
    /// Takes no part: what reaches this node goes to those below by the emitter only.
    nowhere: Downstream<Windowed<K>, Change<A>>,
}

/// What a record does to one window.
struct Step<A> {
    /// The window's, in milliseconds.
    start: i64,
    does: Does,
    /// Of the aggregate, at first before and then after the step.
    timestamp: i64,
    /// None begins anew.
    aggregate: Option<A>,
    /// What was there before, where that is asked for.
    old: Option<A>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    /// Adds the record to the window, which is there.
    Update,
    /// Makes the window, with the record.
    Create,
    /// Makes the window of records that were there already.
    Copy,
    /// Nothing: the window is closed.
    Drop,
}

impl<A> Step<A> {
    fn update(start: i64, (timestamp, aggregate): (i64, A)) -> Self {
        Self { start, does: Does::Update, timestamp, aggregate: Some(aggregate), old: None }
    }

    fn create(start: i64, timestamp: i64, aggregate: Option<A>) -> Self {
        Self { start, does: Does::Create, timestamp, aggregate, old: None }
    }
}

impl<A: Clone> Step<A> {
    /// Makes the right window of a record at `t` of the last window that holds what follows it, where something does.
    fn copy_right(t: i64, of: Option<&Self>) -> Option<Self> {
        let of = of.filter(|of| of.timestamp > t)?;
        let (start, does) = (t.saturating_add(1), Does::Copy);
        Some(Self { start, does, timestamp: of.timestamp, aggregate: of.aggregate.clone(), old: None })
    }
}

impl<K: Data, V: Data, A: Data, F> SlidingWindowAggregate<K, V, A, F> {
    pub(crate) fn new(
        windows: &SlidingWindows,
        aggregator: Arc<F>,
        table: WindowTable<K, A>,
        emitter: Option<CloseEmitter>,
        nulls: Option<NullCheck<V>>,
        downstream: Downstream<Windowed<K>, Change<A>>,
    ) -> Self {
        Self {
            difference: windows.difference,
            grace: windows.grace,
            aggregator,
            table,
            emitter,
            nulls,
            observed: NO_TIMESTAMP,
            steps: Vec::new(),
            downstream,
            nowhere: Downstream::new(Vec::new()),
        }
    }

    /// Finds what a record at `t` does to which windows: from the last one back to the first that ended before it.
    fn plan(&mut self, t: i64) -> Result<(), StreamsError> {
        let d = self.difference;
        let steps = &mut self.steps;
        let (mut previous, mut left, mut right) = (None, None, None);
        let (mut left_exists, mut right_exists) = (false, false);
        let from = t.saturating_sub(d.saturating_mul(2)).max(0);
        self.table.visit(from, t.saturating_add(1), Direction::Reverse, |window| {
            if window.start() > t {
                right_exists = true;
                return Ok(ControlFlow::Continue(()));
            }
            let (timestamp, aggregate) = window.row()?;
            let end = window.start().saturating_add(d);
            if end < t {
                // The left window, if it is there, knows better which record came before.
                previous = previous.or(Some(timestamp));
                left = Some(aggregate);
                return Ok(ControlFlow::Break(()));
            }
            if end > t {
                right = right.or(Some(steps.len()));
            } else {
                left_exists = true;
                previous = (timestamp < t).then_some(timestamp);
            }
            steps.push(Step::update(window.start(), (timestamp, aggregate)));
            if end == t && timestamp >= t {
                // Not the first record at this time: all windows are there.
                right_exists = true;
                return Ok(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let right = if right_exists { None } else { Step::copy_right(t, right.map(|at| &self.steps[at])) };
        self.plan_right_of_previous(t, previous);
        if !left_exists {
            let reaches = previous.is_some_and(|previous| t - d <= previous);
            self.steps.push(Step::create(t - d, t, left.filter(|_| reaches)));
        }
        self.steps.extend(right);
        Ok(())
    }

    /// The same for a record that is earlier than the difference after the beginning of time: one window from 0 on, the common one, is the
    /// left window of all such records. It is the last to change; the others do so in the order of their starts.
    fn plan_early(&mut self, t: i64) -> Result<(), StreamsError> {
        let steps = &mut self.steps;
        let (mut previous, mut common, mut right_exists) = (None, None, false);
        self.table.visit(0, t + 1, Direction::Forward, |window| {
            if window.start() > t {
                right_exists = true;
                return Ok(ControlFlow::Break(()));
            }
            let (timestamp, aggregate) = window.row()?;
            let step = Step::update(window.start(), (timestamp, aggregate));
            if window.start() == 0 {
                previous = (timestamp < t).then_some(timestamp);
                common = Some(step);
            } else {
                steps.push(step);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        // Where there is none but the common window, all of it lies after the record, or nothing.
        let right = if right_exists { None } else { Step::copy_right(t, self.steps.last().or(common.as_ref())) };
        self.steps.extend(right);
        self.plan_right_of_previous(t, previous);
        self.steps.push(common.unwrap_or_else(|| Step::create(0, t, None)));
        Ok(())
    }

    /// The right window of the record before, unless it is there, or ends before `t`.
    fn plan_right_of_previous(&mut self, t: i64, previous: Option<i64>) {
        let Some(start) = previous.map(|previous| previous + 1) else { return };
        if start.saturating_add(self.difference) >= t && self.steps.iter().all(|step| step.start != start) {
            self.steps.push(Step::create(start, t, None));
        }
    }

    /// Sends on the results of all windows that end before `close`, and have not been sent on. A window that starts at `opens` or before is
    /// about to be written.
    fn emit(
        &mut self,
        context: &mut TaskContext,
        close: i64,
        opens: i64,
        headers: &Headers,
    ) -> Result<(), StreamsError> {
        let Some(emitter) = &mut self.emitter else { return Ok(()) };
        let first = emitter.emitted().map_or(0, |emitted| emitted.saturating_sub(self.difference).max(0));
        let last = close.saturating_sub(self.difference).saturating_sub(1);
        // The window may make the store forget some that have closed.
        let urgent = first < self.table.visible_after(opens);
        if !emitter.is_due(context, close, urgent) || last < 0 {
            return Ok(());
        }
        let downstream = &self.downstream;
        self.table.visit_all(first, last, |key, timestamp, aggregate| {
            let change = Change { old: None, new: Some(aggregate) };
            downstream.forward(context, Record { key, value: change, timestamp, headers: headers.clone() })
        })?;
        emitter.reached(context, close);
        Ok(())
    }
}

impl<K, V, A, F> SlidingWindowAggregate<K, V, A, F>
where
    K: Data,
    V: Data,
    A: Data,
    F: Fn(&K, V, Option<A>) -> Result<A, StreamsError> + 'static,
{
    /// Does what is planned. Nothing is written before the user's function has answered for all windows.
    fn run(&mut self, context: &mut TaskContext, record: Record<K, V>, close: i64) -> Result<(), StreamsError> {
        let Record { key, value, timestamp, headers } = record;
        let wants_old = self.table.wants_old();
        for step in &mut self.steps {
            if step.start.saturating_add(self.difference) < close {
                step.does = Does::Drop;
            }
        }
        let takes = |step: &Step<A>| matches!(step.does, Does::Update | Does::Create);
        let last = self.steps.iter().rposition(takes);
        let mut value = Some(value);
        for (place, step) in self.steps.iter_mut().enumerate() {
            if !takes(step) {
                continue;
            }
            let taken = if Some(place) == last { value.take() } else { value.clone() };
            let Some(taken) = taken else { break };
            if step.does == Does::Update && wants_old {
                step.old = step.aggregate.clone();
            }
            step.aggregate = Some((self.aggregator)(&key, taken, step.aggregate.take())?);
            step.timestamp = step.timestamp.max(timestamp);
        }
        let downstream = if self.emitter.is_some() { &self.nowhere } else { &self.downstream };
        for step in self.steps.drain(..) {
            if step.does == Does::Drop {
                context.drop_record("it is late: its window has closed");
                continue;
            }
            let row = (step.timestamp, Change { old: step.old, new: step.aggregate });
            self.table.put(context, downstream, &key, step.start, &headers, row)?;
        }
        Ok(())
    }
}

impl<K: Data, V: Data, A: Data, F: 'static> Operator for SlidingWindowAggregate<K, V, A, F> {
    fn init(&mut self, context: &mut TaskContext, operator: OperatorId) -> Result<(), StreamsError> {
        if let Some(emitter) = &mut self.emitter {
            self.observed = emitter.init(context, operator, self.grace)?;
        }
        Ok(())
    }

    fn punctuate(&mut self, context: &mut TaskContext, _: Punctuation) -> Result<(), StreamsError> {
        let Some(emitter) = &mut self.emitter else { return Ok(()) };
        let Some(time) = emitter.idle_time(context, self.observed) else { return Ok(()) };
        self.observed = time;
        self.emit(context, time.saturating_sub(self.grace), i64::MIN, &Headers::default())
    }

    fn flush(&mut self, context: &mut TaskContext) -> Result<(), StreamsError> {
        let downstream = if self.emitter.is_some() { &self.nowhere } else { &self.downstream };
        self.table.flush(context, downstream)
    }
}

impl<K, V, A, F> Observes for SlidingWindowAggregate<K, V, A, F> {
    fn observed(&mut self) -> Option<&mut i64> {
        Some(&mut self.observed)
    }
}

impl<K, V, A, F> Node<K, V> for SlidingWindowAggregate<K, V, A, F>
where
    K: Data,
    V: Data,
    A: Data,
    F: Fn(&K, V, Option<A>) -> Result<A, StreamsError> + 'static,
{
    fn process(&mut self, context: &mut TaskContext, record: Record<K, V>) -> Result<(), StreamsError> {
        if let Some(nulls) = &mut self.nulls
            && nulls.is_null(&record.value)?
        {
            context.drop_record("its value is null");
            return Ok(());
        }
        if !self.table.begin(&record.key)? {
            context.drop_record("its key is null");
            return Ok(());
        }
        let t = record.timestamp;
        if let Some(emitter) = &mut self.emitter {
            emitter.seen(context);
        }
        self.observed = self.observed.max(t);
        let close = self.observed.saturating_sub(self.grace);
        if t.saturating_add(self.difference) < close {
            context.drop_record("it is late: its windows have closed");
            return Ok(());
        }
        self.steps.clear();
        if t < self.difference {
            self.plan_early(t)?;
        } else {
            self.emit(context, close, t, &record.headers)?;
            self.plan(t)?;
        }
        self.run(context, record, close)
    }
}
