use super::{Cancellable, Downstream, OperatorId, PunctuationType};
use crate::error::{ErrorContext, ProcessingExceptionHandler, StreamsError};
use crate::record::{NO_TIMESTAMP, OutputBatch, Record};
use crate::task::{ProcessorMetadata, Punctuations, TaskId, next_time};
use hashbrown::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// What nodes of a task see of their surroundings, and where they put what shall be produced.
///
/// Holds no clock: wall time is what the caller of the task last said.
pub struct TaskContext {
    /// The task.
    pub task_id: TaskId,
    /// Origin of the record being processed.
    pub record: RecordContext,
    /// Records to produce.
    pub output: OutputBatch,
    /// The largest timestamp of the records taken so far, in milliseconds; -1 before the first.
    pub stream_time: i64,
    /// Wall-clock time in milliseconds since the epoch.
    pub wall_time: i64,
    /// Number of partitions of each topic that is written to.
    pub topics: TopicPartitions,
    /// Records dropped (null keys, late, invalid timestamp, undecodable): Kafka's `dropped-records-total`.
    pub dropped_records: u64,
    /// Part of every change of a table that is being forwarded: whether it is the latest of its key. It is not only where a versioned table
    /// takes a record out of order (KIP-914): then the change is of the past, and what has only the present passes it over. It stands here so that
    /// changes, most of which are the latest, need not carry it.
    pub is_latest: bool,
    /// Set where a node asks for a commit; taken by the task.
    pub commit_requested: bool,
    processing_handler: Arc<dyn ProcessingExceptionHandler>,
    pub(crate) punctuations: Rc<Punctuations>,
    pub(crate) processor_metadata: ProcessorMetadata,
    /// Set where a node changed what it keeps; cleared by the commit.
    pub(crate) processor_metadata_changed: bool,
}

/// Where the record being processed comes from.
#[derive(Debug, Clone)]
pub struct RecordContext {
    /// Topic of the input record.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
}

impl RecordContext {
    /// What nodes see while no record is processed (initialization, punctuation): no topic (an empty name), partition and offset -1.
    pub fn none() -> Self {
        Self { topic: "".into(), partition: -1, offset: -1 }
    }

    /// Whether no record is processed.
    pub fn is_none(&self) -> bool {
        self.partition < 0
    }
}

/// Number of partitions by topic name.
#[derive(Debug, Clone, Default)]
pub struct TopicPartitions {
    counts: HashMap<Arc<str>, i32>,
    default: Option<i32>,
}

impl TopicPartitions {
    /// Every topic exists, and has this number of partitions where nothing else is noted.
    pub fn with_default(partitions: i32) -> Self {
        Self { counts: HashMap::new(), default: Some(partitions) }
    }

    /// The number of partitions of `topic`, where it is known.
    pub fn get(&self, topic: &str) -> Option<i32> {
        self.counts.get(topic).copied().or(self.default)
    }

    /// Notes that `topic` has `partitions` partitions.
    pub fn set(&mut self, topic: impl Into<Arc<str>>, partitions: i32) {
        self.counts.insert(topic.into(), partitions);
    }

    /// The topics and their counts.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, i32)> {
        self.counts.iter().map(|(topic, &count)| (topic, count))
    }
}

impl TaskContext {
    /// The surroundings of a task that has seen nothing yet.
    pub fn new(
        task_id: TaskId,
        topics: TopicPartitions,
        processing_handler: Arc<dyn ProcessingExceptionHandler>,
    ) -> Self {
        Self {
            task_id,
            record: RecordContext::none(),
            output: OutputBatch::default(),
            stream_time: NO_TIMESTAMP,
            wall_time: 0,
            topics,
            dropped_records: 0,
            is_latest: true,
            commit_requested: false,
            processing_handler,
            punctuations: Rc::new(Punctuations::new()),
            processor_metadata: ProcessorMetadata::default(),
            processor_metadata_changed: false,
        }
    }

    /// Has the node `operator` [called](super::Operator::punctuate) at regular times, until cancelled.
    ///
    /// By stream time: at 0 and every multiple of `interval`, so the first call comes with the first record. By wall clock: one `interval`
    /// from now, and so on. Times that pass without a chance to call (no records; a long commit) are skipped: it is one call then, and the
    /// next is at the next regular time. Calls by stream time come right after the record that moves it; calls by wall clock between
    /// records, as soon as the thread comes round.
    ///
    /// # Errors
    /// The interval is shorter than a millisecond.
    pub fn schedule(
        &self,
        operator: OperatorId,
        interval: Duration,
        punctuation_type: PunctuationType,
    ) -> Result<Cancellable, StreamsError> {
        let interval = interval_millis(interval)?;
        let first = match punctuation_type {
            PunctuationType::StreamTime => 0,
            PunctuationType::WallClockTime => self.wall_time.saturating_add(interval),
        };
        Ok(self.add_schedule(operator, punctuation_type, first, interval))
    }

    /// As [`schedule`](Self::schedule), at `start` (milliseconds since the epoch) and every `interval` after that (KIP-1146). A start
    /// in the past only says where in the interval the calls lie: the first then is the next one.
    ///
    /// # Errors
    /// The interval is shorter than a millisecond, or the start negative.
    pub fn schedule_at(
        &self,
        operator: OperatorId,
        start: i64,
        interval: Duration,
        punctuation_type: PunctuationType,
    ) -> Result<Cancellable, StreamsError> {
        let interval = interval_millis(interval)?;
        if start < 0 {
            return Err(StreamsError::user(format!("a punctuation cannot start at {start}; the first time is 0")));
        }
        let now = match punctuation_type {
            PunctuationType::StreamTime => self.stream_time,
            PunctuationType::WallClockTime => self.wall_time,
        };
        let first = if start < now { next_time(start, interval, now) } else { start };
        Ok(self.add_schedule(operator, punctuation_type, first, interval))
    }

    fn add_schedule(
        &self,
        operator: OperatorId,
        punctuation_type: PunctuationType,
        first: i64,
        interval: i64,
    ) -> Cancellable {
        let id = self.punctuations.add(operator, punctuation_type, first, interval);
        Cancellable::new(id, Rc::clone(&self.punctuations))
    }

    /// A number that a node of the task has kept under this name, also before a restart: as of the last commit then.
    pub fn processor_metadata(&self, key: &str) -> Option<i64> {
        self.processor_metadata.get(key)
    }

    /// Keeps a number, which is committed with the offsets (see [`ProcessorMetadata`]): it may only grow. Give nodes names of their own,
    /// as all nodes of the task share them.
    pub fn set_processor_metadata(&mut self, key: &str, value: i64) {
        self.processor_metadata_changed |= self.processor_metadata.put(key, value);
    }

    /// Forwards a change, or what comes of one, as the latest of its key or as one of the past.
    ///
    /// # Errors
    /// As [`Downstream::forward`].
    #[inline]
    pub fn forward_as<K: Clone + 'static, V: Clone + 'static>(
        &mut self,
        is_latest: bool,
        downstream: &Downstream<K, V>,
        record: Record<K, V>,
    ) -> Result<(), StreamsError> {
        let before = std::mem::replace(&mut self.is_latest, is_latest);
        let forwarded = downstream.forward(self, record);
        self.is_latest = before;
        forwarded
    }

    /// Counts a record that is dropped, and says why.
    #[cold]
    pub fn drop_record(&mut self, reason: &str) {
        self.dropped_records += 1;
        if self.record.is_none() {
            tracing::warn!(task = %self.task_id, "dropped, outside of a record: {reason}");
            return;
        }
        tracing::warn!(
            task = %self.task_id, topic = %self.record.topic, partition = self.record.partition,
            offset = self.record.offset, "record dropped: {reason}"
        );
    }

    /// Where the record being processed comes from, for messages.
    pub fn error_context(&self, node: &str) -> ErrorContext {
        ErrorContext {
            task_id: self.task_id,
            node: node.to_owned(),
            topic: self.record.topic.to_string(),
            partition: self.record.partition,
            offset: self.record.offset,
        }
    }

    /// Asks the processing exception handler about an error of user code at node `node`; errors of other kinds pass through.
    #[cold]
    pub(crate) fn handle_processing_error(&mut self, node: &str, error: StreamsError) -> Result<(), StreamsError> {
        let StreamsError::User(error) = error else { return Err(error) };
        let context = self.error_context(node);
        if self.processing_handler.handle(&context, error.as_ref()).is_continue() {
            self.drop_record(&format!("{error} (at node {node}; the processing exception handler said to continue)"));
            return Ok(());
        }
        Err(StreamsError::Processing { context: Box::new(context), error })
    }
}

fn interval_millis(interval: Duration) -> Result<i64, StreamsError> {
    match i64::try_from(interval.as_millis()).unwrap_or(i64::MAX) {
        0 => Err(StreamsError::user(format!("a punctuation every {interval:?} is not possible; the least is 1 ms"))),
        interval => Ok(interval),
    }
}
