use crate::error::{ErrorContext, ProcessingExceptionHandler, StreamsError};
use crate::record::{NO_TIMESTAMP, OutputBatch};
use crate::task::TaskId;
use hashbrown::HashMap;
use std::sync::Arc;

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
    /// Set where a node asks for a commit; taken by the task.
    pub commit_requested: bool,
    processing_handler: Arc<dyn ProcessingExceptionHandler>,
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
            record: RecordContext { topic: "".into(), partition: -1, offset: -1 },
            output: OutputBatch::default(),
            stream_time: NO_TIMESTAMP,
            wall_time: 0,
            topics,
            dropped_records: 0,
            commit_requested: false,
            processing_handler,
        }
    }

    /// Counts a record that is dropped, and says why.
    #[cold]
    pub fn drop_record(&mut self, reason: &str) {
        self.dropped_records += 1;
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
    pub(super) fn handle_processing_error(&mut self, node: &str, error: StreamsError) -> Result<(), StreamsError> {
        let StreamsError::User(error) = error else { return Err(error) };
        let context = self.error_context(node);
        if self.processing_handler.handle(&context, error.as_ref()).is_continue() {
            self.drop_record(&format!("{error} (at node {node}; the processing exception handler said to continue)"));
            return Ok(());
        }
        Err(StreamsError::Processing { context: Box::new(context), error })
    }
}
