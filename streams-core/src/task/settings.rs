use crate::error::{DeserializationExceptionHandler, LogAndFail, ProcessingExceptionHandler};
use std::sync::Arc;
use std::time::Duration;

/// What the configuration says about tasks.
#[derive(Clone)]
pub struct TaskSettings {
    /// `application.id`, the prefix of internal topics.
    pub application_id: String,
    /// `max.task.idle.ms`: how long to wait for records of an input partition that is empty although the task has others,
    /// so that records are taken in the order of their timestamps. `None` (-1): not at all, not even for records known to be on the broker.
    pub max_task_idle: Option<Duration>,
    /// `buffered.records.per.partition`: above it a partition is not fetched further.
    pub buffered_records_per_partition: usize,
    /// The same limit in bytes.
    pub buffered_bytes_per_partition: usize,
    /// How often, by the wall clock, windowed aggregations that emit on close look for windows that have closed, and left and outer joins of
    /// streams for records that need not wait for a partner any more. Kafka Streams' internal `__emit.interval.ms.kstreams.windowed.aggregation__`.
    pub emit_interval: Duration,
    /// Asked about input records that cannot be decoded.
    pub deserialization_handler: Arc<dyn DeserializationExceptionHandler>,
    /// Asked about failures of user code.
    pub processing_handler: Arc<dyn ProcessingExceptionHandler>,
}

impl TaskSettings {
    /// Kafka Streams' defaults.
    pub fn new(application_id: impl Into<String>) -> Self {
        Self {
            application_id: application_id.into(),
            max_task_idle: Some(Duration::ZERO),
            buffered_records_per_partition: 1000,
            buffered_bytes_per_partition: 8 << 20,
            emit_interval: Duration::from_secs(1),
            deserialization_handler: Arc::new(LogAndFail),
            processing_handler: Arc::new(LogAndFail),
        }
    }
}
