//! Holds changes back until their time has come (KIP-328).

mod idle;
mod rows;
mod rule;

pub(crate) use idle::Idle;
pub(crate) use rows::SuppressedRows;
pub(crate) use rule::Rule;

use crate::data::Data;
use crate::options::WhenFull;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, OperatorId, Punctuation, TaskContext};
use streams_core::record::{NO_TIMESTAMP, Record};
use streams_core::store::{Change, SuppressionBuffer};

/// Holds changes back, and gives the last of each key when the time of the first is over.
///
/// Time is the largest timestamp of what came here. What is due goes on before the limits of the buffer count.
///
/// The old row of what goes on is the one that went on before. (Kafka Streams gives the row before the last of the updates held, which steps
/// below have never seen: they then subtract what they never added, or miss that a row is gone.)
pub(crate) struct Suppress<K, V> {
    buffer: SuppressionBuffer<K, V>,
    rule: Arc<Rule<K>>,
    /// In milliseconds; -1 before the first change.
    time: i64,
    idle: Option<Idle>,
    send_old: bool,
    downstream: Downstream<K, Change<V>>,
}

impl<K: Data, V: Data> Suppress<K, V> {
    pub(crate) fn new(
        buffer: SuppressionBuffer<K, V>,
        rule: Arc<Rule<K>>,
        send_old: bool,
        downstream: Downstream<K, Change<V>>,
    ) -> Self {
        let idle = rule.idle_timeout.map(|timeout| Idle::new(timeout, buffer.name()));
        Self { buffer, rule, time: NO_TIMESTAMP, idle, send_old, downstream }
    }

    fn emit_due(&mut self, context: &mut TaskContext) -> Result<(), StreamsError> {
        let due = self.time.saturating_sub(self.rule.wait);
        while self.buffer.first_time().is_some_and(|time| time <= due) {
            self.emit_first(context)?;
        }
        Ok(())
    }

    /// Sends the first record on as what it was when it came: with its timestamp, headers and origin.
    fn emit_first(&mut self, context: &mut TaskContext) -> Result<(), StreamsError> {
        let Some((origin, record)) = self.buffer.take_first(self.send_old)? else { return Ok(()) };
        if self.rule.is_final() && record.value.new.is_none() {
            return Ok(());
        }
        let present = std::mem::replace(&mut context.record, origin);
        let done = self.downstream.forward(context, record);
        context.record = present;
        done
    }

    fn keep_limits(&mut self, context: &mut TaskContext) -> Result<(), StreamsError> {
        while self.rule.exceeded_by(self.buffer.len() as u64, self.buffer.size_bytes()) {
            match self.rule.when_full {
                WhenFull::EmitEarly => self.emit_first(context)?,
                WhenFull::ShutDown => return Err(self.full()),
            }
        }
        Ok(())
    }

    #[cold]
    fn full(&self) -> StreamsError {
        let of = |max: u64| if max == u64::MAX { "unlimited".to_owned() } else { format!("at most {max}") };
        StreamsError::InvalidState(format!(
            "the suppression buffer {} is full: {} of {} records, {} of {} bytes; nothing may leave it before its time. Raise the limits, or let \
             windows close earlier; the task goes on from its last commit",
            self.buffer.name(),
            self.buffer.len(),
            of(self.rule.max_records),
            self.buffer.size_bytes(),
            of(self.rule.max_bytes),
        ))
    }
}

impl<K: Data, V: Data> Operator for Suppress<K, V> {
    fn init(&mut self, context: &mut TaskContext, operator: OperatorId) -> Result<(), StreamsError> {
        self.time = self.buffer.load()?;
        if let Some(idle) = &mut self.idle {
            self.time = self.time.max(idle.init(context, operator));
            idle.record_seen(self.time, context.wall_time);
            idle.watch(context, self.buffer.first_time(), self.rule.wait)?;
        }
        Ok(())
    }

    fn punctuate(&mut self, context: &mut TaskContext, punctuation: Punctuation) -> Result<(), StreamsError> {
        let Some(idle) = &mut self.idle else { return Ok(()) };
        let advanced = idle.called(context, punctuation.timestamp, self.buffer.first_time(), self.rule.wait);
        if let Some(time) = advanced {
            self.time = self.time.max(time);
            self.emit_due(context)?;
        }
        match &mut self.idle {
            Some(idle) => idle.watch_exactly(context, self.buffer.first_time(), self.rule.wait),
            None => Ok(()),
        }
    }
}

impl<K: Data, V: Data> Node<K, Change<V>> for Suppress<K, V> {
    fn process(&mut self, context: &mut TaskContext, record: Record<K, Change<V>>) -> Result<(), StreamsError> {
        self.time = self.time.max(record.timestamp);
        let place = self.rule.place_of(&record);
        if let Some(idle) = &mut self.idle {
            idle.record_seen(self.time, context.wall_time);
            if self.rule.is_final() && idle.has_closed(place, self.rule.wait) {
                context.drop_record("its window was closed by the idle timeout of the suppression");
                return Ok(());
            }
        }
        if !self.buffer.put(context, place, &record)? {
            context.drop_record("its key is null");
        }
        self.emit_due(context)?;
        self.keep_limits(context)?;
        match &mut self.idle {
            Some(idle) => idle.watch(context, self.buffer.first_time(), self.rule.wait),
            None => Ok(()),
        }
    }
}
