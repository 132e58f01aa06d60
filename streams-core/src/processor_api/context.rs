use super::ProcessorResult;
use super::environment::Environment;
use super::schedules::Schedules;
use super::stores::{ProcessorStore, StoreName};
use crate::error::StreamsError;
use crate::processor::{Cancellable, Downstream, PunctuationType, RecordContext, TaskContext};
use crate::record::Record;
use crate::task::TaskId;
use state_stores::WriteContext;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// What every processor sees of its surroundings, whatever it forwards.
pub struct ProcessingContext<'a> {
    pub(super) task: &'a mut TaskContext,
    pub(super) environment: &'a Environment,
    /// What the stores note with writes of the present call.
    pub(super) origin: WriteContext,
}

impl ProcessingContext<'_> {
    /// `application.id`.
    pub fn application_id(&self) -> &str {
        &self.environment.application_id
    }

    /// The task.
    pub fn task_id(&self) -> TaskId {
        self.task.task_id
    }

    /// The name of the node.
    pub fn node_name(&self) -> &str {
        &self.environment.node
    }

    /// Topic, partition and offset of the input record that is being processed; `None` in `init` and in punctuations.
    pub fn record_metadata(&self) -> Option<&RecordContext> {
        Some(&self.task.record).filter(|record| !record.is_none())
    }

    /// The largest timestamp of the task's records so far, in milliseconds; -1 before the first.
    pub fn current_stream_time(&self) -> i64 {
        self.task.stream_time
    }

    /// Wall-clock time in milliseconds since the epoch, as of the present turn of the task.
    pub fn current_system_time(&self) -> i64 {
        self.task.wall_time
    }

    /// A store that is connected to the processor. To be called once, in `init`: the answer is kept.
    ///
    /// # Errors
    /// There is no store of this name, it is not connected, or it has another kind or other types.
    pub fn state_store<S: ProcessorStore>(&self, store: impl StoreName<S>) -> Result<S, StreamsError> {
        self.environment.open_store(store.name())
    }
}

/// What a [`Processor`](super::Processor) sees of its surroundings, and the way to its children; typed by what it forwards.
///
/// All of [`ProcessingContext`] can be called on it.
pub struct ProcessorContext<'a, KOut, VOut> {
    base: ProcessingContext<'a>,
    outgoing: &'a Outgoing<KOut, VOut>,
}

/// A processor's links to its children, and its schedules.
pub(super) struct Outgoing<K, V> {
    pub(super) downstream: Downstream<K, V>,
    /// The children's names, in the order of `downstream`.
    pub(super) children: Box<[Arc<str>]>,
    pub(super) schedules: Schedules,
}

impl<'a, KOut: Clone + 'static, VOut: Clone + 'static> ProcessorContext<'a, KOut, VOut> {
    pub(super) fn new(
        task: &'a mut TaskContext,
        environment: &'a Environment,
        outgoing: &'a Outgoing<KOut, VOut>,
        timestamp: i64,
    ) -> Self {
        let origin = environment.begin(timestamp, task.record.offset);
        Self { base: ProcessingContext { task, environment, origin }, outgoing }
    }

    /// The same for a shorter time.
    pub(super) fn reborrow(&mut self) -> ProcessorContext<'_, KOut, VOut> {
        let ProcessingContext { task, environment, origin } = &mut self.base;
        ProcessorContext { base: ProcessingContext { task, environment, origin: *origin }, outgoing: self.outgoing }
    }

    /// Hands a record to all children: to each but the last a clone. They are done with it when this returns.
    ///
    /// # Errors
    /// What a child failed with, where the processing exception handler did not let it pass; to be returned. In `init`, and where its timestamp is negative: always.
    #[inline]
    pub fn forward(&mut self, record: Record<KOut, VOut>) -> Result<(), StreamsError> {
        self.base.environment.check_forward(record.timestamp)?;
        let done = self.outgoing.downstream.forward(self.base.task, record);
        self.base.environment.resume(self.base.origin);
        self.base.environment.forwarded(done)
    }

    /// Hands a record to the child of this name only.
    ///
    /// # Errors
    /// As [`forward`](Self::forward); there is no such child.
    pub fn forward_to(&mut self, child: &str, record: Record<KOut, VOut>) -> Result<(), StreamsError> {
        self.base.environment.check_forward(record.timestamp)?;
        let Some(index) = self.outgoing.children.iter().position(|name| **name == *child) else {
            return Err(unknown_child(self.base.environment, child, &self.outgoing.children));
        };
        let done = self.outgoing.downstream.forward_to(index, self.base.task, record);
        self.base.environment.resume(self.base.origin);
        self.base.environment.forwarded(done)
    }

    /// Asks for a commit as soon as possible, before `commit.interval.ms` is over.
    pub fn commit(&mut self) {
        self.base.task.commit_requested = true;
    }

    /// Has a function called at regular times, until cancelled. It gets the processor, its context, and the time: stream time or wall-clock time now,
    /// in milliseconds. A method of the processor is such a function:
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use streams_core::processor_api::{Processor, ProcessorContext, ProcessorResult, PunctuationType};
    /// # use streams_core::record::Record;
    /// struct Heartbeat {
    ///     records: i64,
    /// }
    ///
    /// impl Heartbeat {
    ///     fn emit(&mut self, context: &mut ProcessorContext<'_, String, i64>, now: i64) -> ProcessorResult {
    ///         context.forward(Record::new("records".to_owned(), self.records, now))?;
    ///         Ok(())
    ///     }
    /// }
    ///
    /// impl Processor<String, String, String, i64> for Heartbeat {
    ///     fn init(&mut self, context: &mut ProcessorContext<'_, String, i64>) -> ProcessorResult {
    ///         context.schedule(Duration::from_secs(10), PunctuationType::WallClockTime, Self::emit)?;
    ///         Ok(())
    ///     }
    ///
    ///     fn process(&mut self, _: &mut ProcessorContext<'_, String, i64>, _: Record<String, String>) -> ProcessorResult {
    ///         self.records += 1;
    ///         Ok(())
    ///     }
    /// }
    /// ```
    ///
    /// By stream time the calls come at 0 and every multiple of the interval, so the first one comes with the first record; by wall clock one interval from now, and
    /// so on. Times that pass without a chance to call (no records; a long commit) are skipped: it is one call then, and the next is at the next
    /// regular time. Errors of the function go to the processing exception handler.
    ///
    /// # Errors
    /// The interval is shorter than a millisecond; the function takes another processor than this one.
    pub fn schedule<P: 'static>(
        &mut self,
        interval: Duration,
        punctuation_type: PunctuationType,
        punctuator: impl FnMut(&mut P, &mut ProcessorContext<'_, KOut, VOut>, i64) -> ProcessorResult + 'static,
    ) -> Result<Cancellable, StreamsError> {
        let punctuator: Punctuator<P, KOut, VOut> = Box::new(punctuator);
        self.outgoing.schedules.add::<P, _>(self.base.task, None, interval, punctuation_type, punctuator)
    }

    /// [`schedule`](Self::schedule) at `start` (milliseconds since the epoch) and every `interval` after that (KIP-1146). A start in the past only says where
    /// in the interval the calls lie.
    ///
    /// # Errors
    /// As [`schedule`](Self::schedule); the start is negative.
    pub fn schedule_at<P: 'static>(
        &mut self,
        start: i64,
        interval: Duration,
        punctuation_type: PunctuationType,
        punctuator: impl FnMut(&mut P, &mut ProcessorContext<'_, KOut, VOut>, i64) -> ProcessorResult + 'static,
    ) -> Result<Cancellable, StreamsError> {
        let punctuator: Punctuator<P, KOut, VOut> = Box::new(punctuator);
        self.outgoing.schedules.add::<P, _>(self.base.task, Some(start), interval, punctuation_type, punctuator)
    }
}

/// What a schedule calls.
pub(super) type Punctuator<P, K, V> = Box<dyn FnMut(&mut P, &mut ProcessorContext<'_, K, V>, i64) -> ProcessorResult>;

impl<'a, KOut, VOut> Deref for ProcessorContext<'a, KOut, VOut> {
    type Target = ProcessingContext<'a>;

    fn deref(&self) -> &ProcessingContext<'a> {
        &self.base
    }
}

#[cold]
fn unknown_child(environment: &Environment, child: &str, children: &[Arc<str>]) -> StreamsError {
    let children = match children {
        [] => "none".to_owned(),
        children => children.join(", "),
    };
    StreamsError::Topology(format!(
        "{} has no child {child} to forward to; its children are: {children}",
        environment.node
    ))
}
