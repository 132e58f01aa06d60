use super::CloseEmitter;
use crate::data::Data;
use crate::operators::cogroup::Observes;
use crate::windows::Windows;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, OperatorId, Punctuation, TaskContext};
use streams_core::record::{Headers, NO_TIMESTAMP, Record};
use streams_core::store::{Change, WindowTable};
use streams_core::windowed::{TimeWindow, Window, Windowed};

/// Adds each record to the aggregates of its key in all the windows that it belongs to, unless they have closed.
///
/// Records with null key are dropped and counted, and so is each window that is closed. The timestamp of an aggregate is the largest of its
/// records.
pub(crate) struct TimeWindowAggregate<K, V, A, W, F> {
    windows: Arc<W>,
    aggregator: Arc<F>,
    table: WindowTable<K, A>,
    /// Present where results are sent on only when their window closes.
    emitter: Option<CloseEmitter>,
    observed: i64,
    found: Vec<TimeWindow>,
    downstream: Downstream<Windowed<K>, Change<A>>,
    /// Takes no part: what reaches this node goes to those below by the emitter only.
    nowhere: Downstream<Windowed<K>, Change<A>>,
    values: std::marker::PhantomData<fn(V)>,
}

impl<K: Data, V, A: Data, W: Windows, F> TimeWindowAggregate<K, V, A, W, F> {
    pub(crate) fn new(
        windows: Arc<W>,
        aggregator: Arc<F>,
        table: WindowTable<K, A>,
        emitter: Option<CloseEmitter>,
        downstream: Downstream<Windowed<K>, Change<A>>,
    ) -> Self {
        Self {
            windows,
            aggregator,
            table,
            emitter,
            observed: NO_TIMESTAMP,
            found: Vec::new(),
            downstream,
            nowhere: Downstream::new(Vec::new()),
            values: std::marker::PhantomData,
        }
    }

    /// Sends on the results of all windows that end at `close` or before, and have not been sent on.
    fn emit(&mut self, context: &mut TaskContext, close: i64, headers: &Headers) -> Result<(), StreamsError> {
        let Some(emitter) = &mut self.emitter else { return Ok(()) };
        let size = self.windows.size();
        let last = close.saturating_sub(size);
        let first = emitter.emitted().map_or(0, |emitted| (emitted - size).max(-1) + 1);
        // The record may open a window that makes the store forget some that have closed.
        let opens = self.found.last().map_or(i64::MIN, Window::start);
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

impl<K: Data, V: Data, A: Data, W: Windows, F: 'static> Operator for TimeWindowAggregate<K, V, A, W, F> {
    fn init(&mut self, context: &mut TaskContext, operator: OperatorId) -> Result<(), StreamsError> {
        if let Some(emitter) = &mut self.emitter {
            self.observed = emitter.init(context, operator, self.windows.grace())?;
        }
        Ok(())
    }

    fn punctuate(&mut self, context: &mut TaskContext, _: Punctuation) -> Result<(), StreamsError> {
        let Some(emitter) = &mut self.emitter else { return Ok(()) };
        let Some(time) = emitter.idle_time(context, self.observed) else { return Ok(()) };
        self.observed = time;
        self.found.clear();
        self.emit(context, time.saturating_sub(self.windows.grace()), &Headers::default())
    }

    fn flush(&mut self, context: &mut TaskContext) -> Result<(), StreamsError> {
        let downstream = if self.emitter.is_some() { &self.nowhere } else { &self.downstream };
        self.table.flush(context, downstream)
    }
}

impl<K, V, A, W, F> Observes for TimeWindowAggregate<K, V, A, W, F> {
    fn observed(&mut self) -> Option<&mut i64> {
        Some(&mut self.observed)
    }
}

impl<K, V, A, W, F> Node<K, V> for TimeWindowAggregate<K, V, A, W, F>
where
    K: Data,
    V: Data,
    A: Data,
    W: Windows,
    F: Fn(&K, V, Option<A>) -> Result<A, StreamsError> + 'static,
{
    fn process(&mut self, context: &mut TaskContext, record: Record<K, V>) -> Result<(), StreamsError> {
        let Record { key, value, timestamp, headers } = record;
        if !self.table.begin(&key)? {
            context.drop_record("its key is null");
            return Ok(());
        }
        if let Some(emitter) = &mut self.emitter {
            emitter.seen(context);
        }
        self.observed = self.observed.max(timestamp);
        let close = self.observed.saturating_sub(self.windows.grace());
        self.found.clear();
        self.windows.windows_for(timestamp, &mut self.found);
        let belongs = self.found.len();
        self.found.retain(|window| window.end() > close);
        for _ in self.found.len()..belongs {
            context.drop_record("it is late: its window has closed");
        }
        self.emit(context, close, &headers)?;
        let downstream = if self.emitter.is_some() { &self.nowhere } else { &self.downstream };
        let Some((&last, others)) = self.found.split_last() else { return Ok(()) };
        let (aggregator, table) = (&self.aggregator, &mut self.table);
        let mut add = |window, value| {
            table.update(context, downstream, &key, window, &headers, |row| {
                let (stored, aggregate) =
                    row.map_or((timestamp, None), |(stored, aggregate)| (stored, Some(aggregate)));
                Ok((timestamp.max(stored), Some(aggregator(&key, value, aggregate)?)))
            })
        };
        for &window in others {
            add(window, value.clone())?;
        }
        add(last, value)
    }
}
