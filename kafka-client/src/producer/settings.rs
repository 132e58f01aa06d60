use std::time::Duration;

use super::ProducerConfig;
use crate::backoff::Backoff;
use crate::calls::ProducedPartition;
use crate::records::Compression;
use crate::{ClientConfig, ClientError};

/// What the rules about batches depend on.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) transactional: bool,
    pub(super) max_in_flight: usize,
    pub(super) delivery_timeout: Duration,
    pub(super) backoff: Backoff,
    /// For what passes within milliseconds.
    pub(super) soon: Backoff,
    pub(super) compression: Compression,
    pub(super) compression_level: Option<i32>,
}

/// The markers of a transaction that has just ended take a few milliseconds.
pub(super) const SOON: Backoff = Backoff { first: Duration::from_millis(2), longest: Duration::from_millis(50) };

impl Settings {
    pub(super) fn new(config: &ProducerConfig, client: &ClientConfig) -> Self {
        Self {
            transactional: config.transactional_id.is_some(),
            max_in_flight: config.max_in_flight,
            delivery_timeout: config.delivery_timeout,
            backoff: Backoff { first: client.retry_backoff, longest: client.retry_backoff_max },
            soon: SOON,
            compression: config.compression,
            compression_level: config.compression_level,
        }
    }

    /// The error for a batch that was refused; whoever tells it adds the partition.
    pub(super) fn refusal(&self, answer: ProducedPartition) -> ClientError {
        ClientError::Refused { code: answer.code, context: answer.message.unwrap_or_default() }
    }
}
