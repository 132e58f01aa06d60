use super::{BrokerError, Waker};
use crate::record::{RecordBatch, TopicPartition};
use std::time::Duration;

/// Reads record batches of manually assigned partitions.
///
/// Positions are always real offsets: where a partition has no position yet, the caller asks
/// [`Admin::list_offsets`](super::Admin::list_offsets) first, so that no logical offset is ever computed with.
pub trait Consumer: Send {
    /// Adds partitions, each to be read from the given offset on. Those assigned already are not disturbed;
    /// naming one of them again moves its position. After return no record below the offset is handed out for it.
    ///
    /// # Errors
    /// Where the client refuses; an unknown partition shows as [`Fetched::Failed`] later.
    fn assign(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), BrokerError>;

    /// Takes partitions away. No record of them is handed out afterwards.
    ///
    /// # Errors
    /// Where the client refuses.
    fn unassign(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError>;

    /// Stops handing out records of these partitions until [`resume`](Self::resume); the position stays.
    ///
    /// # Errors
    /// Where the client refuses.
    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError>;

    /// Goes on with partitions that were paused, without a gap or a repetition.
    ///
    /// # Errors
    /// Where the client refuses.
    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError>;

    /// Appends what has arrived to `fetched`: waits up to `timeout` for the first, then takes what there is, up to the
    /// client's limits (`max.poll.records` in all, a few MiB of data). Ends early when the [`waker`](Self::waker) is woken.
    ///
    /// # Errors
    /// Failures that concern no single partition and that the client does not retry by itself.
    fn poll(&mut self, timeout: Duration, fetched: &mut Vec<Fetched>) -> Result<(), BrokerError>;

    /// The offset of the next record to be handed out; `None` where the partition is not assigned.
    /// It passes transaction markers, aborted records and gaps of compaction also when no record follows them.
    fn position(&self, partition: &TopicPartition) -> Option<i64>;

    /// The end of the partition as last seen in a fetch: the high watermark, or the last stable offset when reading
    /// committed records. `None` before the first fetch. No round trip.
    fn end_offset(&self, partition: &TopicPartition) -> Option<i64>;

    /// Bytes fetched that this client holds back of paused partitions. What its library queues besides does not count.
    fn held_bytes(&self) -> usize;

    /// Ends a [`poll`](Self::poll) that waits.
    fn waker(&self) -> Waker;
}

/// What a poll brought for one partition.
#[derive(Debug)]
pub enum Fetched {
    /// Records, in offset order. A poll may bring several batches of one partition. A batch without records moves the position.
    Batch(RecordBatch),
    /// The position lies outside of what the broker has (records deleted by retention, the log truncated, the topic made anew). Nothing more
    /// comes of this partition until it is assigned anew.
    OutOfRange {
        /// The partition concerned.
        partition: TopicPartition,
        /// The position that was asked for.
        position: i64,
    },
    /// The log has lost records that were handed out already: those from `end` on, in an unclean election of a leader (KIP-320). Nothing more
    /// comes of this partition until it is assigned anew. Told by clients that follow leader epochs; to others it looks as if the
    /// position were out of range, or like nothing at all.
    Truncated {
        /// The partition concerned.
        partition: TopicPartition,
        /// The position.
        position: i64,
        /// Offset up to which the log is still what was read.
        end: i64,
    },
    /// The partition cannot be read. Nothing more comes of it until it is assigned anew.
    Failed {
        /// The partition concerned.
        partition: TopicPartition,
        /// Why.
        error: BrokerError,
    },
}
