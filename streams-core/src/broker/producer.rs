use super::BrokerError;
use crate::record::{OutputBatch, TopicPartition};
use kafka_client::group::{CommittedOffset, MemberIdentity};
use std::sync::Arc;
use std::time::Duration;

/// Says whether anything may be sent now. Asked before each request, from the client's own thread; must not block.
pub type SendGate = Arc<dyn Fn() -> bool + Send + Sync>;

/// Writes records. Idempotent, with `acks=all`: order within a partition is kept, nothing is doubled by a retry.
pub trait Producer: Send {
    /// Sends nothing while `gate` says no, not even again: whoever was cut off must not write, when the connection is back, what others have
    /// overwritten meanwhile. Records that were taken over wait, up to `delivery.timeout.ms`. A client that cannot hold back ignores it
    /// (librdkafka), as does one that sends within [`send`](Self::send) (the embedded broker).
    fn set_gate(&mut self, gate: SendGate) {
        let _ = gate;
    }

    /// Says whether the caller waits for something to do: what it has handed over need not wait for company then. A hint, which costs nothing
    /// where it is no news. Without effect with a client that knows only `linger.ms` (librdkafka), or that sends at once (the embedded broker).
    fn set_idle(&mut self, idle: bool) {
        let _ = idle;
    }

    /// Takes over all records of `batch`, in order, and clears it. Where the buffer is full it waits for room
    /// (`max.block.ms`, default 60 s). Delivery is told by [`flush`](Self::flush) and [`deliveries`](Self::deliveries).
    ///
    /// # Errors
    /// [`BrokerErrorKind::Retriable`](super::BrokerErrorKind::Retriable) where no room came in time; the records not taken
    /// over are then still in the batch. A record that can never be sent (too large, unknown topic) is a [`Delivery::Failed`] instead.
    fn send(&mut self, batch: &mut OutputBatch) -> Result<(), BrokerError>;

    /// Waits until every record taken over is acknowledged or has failed.
    ///
    /// # Errors
    /// Retriable where `timeout` passes first; the records stay under way.
    fn flush(&mut self, timeout: Duration) -> Result<(), BrokerError>;

    /// Sets a mark behind all records taken over so far, and sends them without waiting for company. Until it is [reached](Self::reach_mark),
    /// [`deliveries`](Self::deliveries) tells acknowledgements of records before it only, so that the offsets it names are those that these
    /// records have reached, whatever is sent meanwhile. There is one at most: another takes its place. Not for transactions.
    fn mark(&mut self);

    /// Waits, for `timeout` at most, until every record before the [mark](Self::mark) is acknowledged or has failed, and moves what has been told
    /// until then into `deliveries`. Says whether the mark is reached, which takes it away. Without a mark there is nothing to wait for.
    ///
    /// # Errors
    /// Retriable where the cluster cannot be asked now; the records stay under way, and the mark where it is.
    fn reach_mark(&mut self, timeout: Duration, deliveries: &mut Vec<Delivery>) -> Result<bool, BrokerError>;

    /// Moves what has been told since the last call into `deliveries`: at most one [`Delivery::Acknowledged`] per
    /// partition (the highest), and each failure.
    fn deliveries(&mut self, deliveries: &mut Vec<Delivery>);

    /// Records taken over whose delivery has not been told yet, roughly.
    fn outstanding(&self) -> usize;

    /// Registers the `transactional.id`, fences older producers of it and ends their transactions (KIP-98). Once, before the first transaction.
    ///
    /// # Errors
    /// Fatal where the producer has no `transactional.id`.
    fn init_transactions(&mut self, timeout: Duration) -> Result<(), BrokerError>;

    /// Starts a transaction.
    ///
    /// # Errors
    /// Fenced where a newer producer is known; fatal out of order.
    fn begin_transaction(&mut self) -> Result<(), BrokerError>;

    /// Adds consumed offsets to the transaction, fenced by the member's generation (KIP-447). The identity must be the present one, taken afresh.
    ///
    /// # Errors
    /// Fenced or AbortTransaction where the generation or member is no longer valid.
    fn send_offsets_to_transaction(
        &mut self,
        offsets: &[CommittedOffset],
        member: &MemberIdentity,
        timeout: Duration,
    ) -> Result<(), BrokerError>;

    /// Flushes and commits.
    ///
    /// # Errors
    /// AbortTransaction: abort and try again from the last commit. Fenced: the producer is dead.
    fn commit_transaction(&mut self, timeout: Duration) -> Result<(), BrokerError>;

    /// Aborts: records and offsets of this transaction never become visible to readers of committed records.
    ///
    /// # Errors
    /// Fenced: the producer is dead.
    fn abort_transaction(&mut self, timeout: Duration) -> Result<(), BrokerError>;
}

/// What became of produced records.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// All records of the partition up to and with this offset are in the log.
    Acknowledged {
        /// Where they were appended.
        partition: TopicPartition,
        /// Offset of the last one.
        offset: i64,
    },
    /// A record was not appended and will not be.
    Failed {
        /// Where it should have gone.
        partition: TopicPartition,
        /// Why.
        error: BrokerError,
    },
}

impl Delivery {
    /// The partition that it is about.
    pub fn partition(&self) -> &TopicPartition {
        match self {
            Self::Acknowledged { partition, .. } | Self::Failed { partition, .. } => partition,
        }
    }
}
