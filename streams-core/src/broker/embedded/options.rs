use std::time::Duration;

/// What can be set about an [`EmbeddedBroker`](super::EmbeddedBroker).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedOptions {
    /// Bytes of records, bookkeeping included, from which on producers have to wait for room; may be passed by one batch per producer.
    /// Default 1 GiB. Room comes from deleting records or topics and from compaction.
    pub capacity_bytes: usize,
    /// The shortest session timeout that members may ask for (`group.min.session.timeout.ms`). Default 6 s, as Kafka's.
    pub min_session_timeout: Duration,
    /// Time stands still until [`EmbeddedBroker::advance`](super::EmbeddedBroker::advance) moves it, and there is no timer thread.
    /// Default false.
    pub manual_clock: bool,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self { capacity_bytes: 1 << 30, min_session_timeout: Duration::from_secs(6), manual_clock: false }
    }
}
