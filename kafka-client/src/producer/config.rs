use std::time::Duration;

use crate::records::{Compression, Compressor};
use crate::{ClientConfig, ClientError};

/// How a producer sends. Named after Kafka's own settings; `acks` is always `all` and the producer always idempotent.
/// `request.timeout.ms` and the back-off of retries are those of [`ClientConfig`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerConfig {
    /// `batch.size`: bytes of a batch, uncompressed, at which it is sent without waiting for more. 64 KiB. Kafka's own default is 16 KiB;
    /// with 64 KiB records of 90 bytes cost about two thirds of the CPU or less, and with 128 or 256 KiB no less again.
    pub batch_size: usize,
    /// `linger.ms`: how long a batch that is not full waits for more records. 100 ms, as in Kafka Streams; 0 sends as soon as
    /// the sender comes by.
    pub linger: Duration,
    /// `linger.idle.ms`, a key of ours: how long a batch waits while the caller [has nothing to do](super::Producer::set_idle). It then goes out
    /// as soon as its broker has no request of this producer to answer, so that a slow broker gets fewer and larger ones. 5 ms; `linger.ms` where
    /// that is less.
    pub linger_idle: Duration,
    /// `buffer.memory`: bytes of records taken over and not yet acknowledged, at most. 32 MiB.
    pub buffer_memory: usize,
    /// `max.request.size`: bytes of batches in one request at most; a record that is larger fails. 1 MiB.
    pub max_request_size: usize,
    /// `max.block.ms`: how long the caller waits for room where it does not say itself. 60 s.
    pub max_block: Duration,
    /// `delivery.timeout.ms`: age at which a batch that is not acknowledged fails. 120 s. A request under way is waited for, so that its
    /// records may fail up to one request timeout later.
    pub delivery_timeout: Duration,
    /// `compression.type`. None.
    pub compression: Compression,
    /// `compression.gzip.level`, `compression.lz4.level` or `compression.zstd.level`; none is Kafka's default.
    pub compression_level: Option<i32>,
    /// `max.in.flight.requests.per.connection`: 5, which is also the most that keeps order.
    pub max_in_flight: usize,
    /// `transactional.id`: the name under which this producer has transactions and fences its predecessors. None: no transactions.
    pub transactional_id: Option<String>,
    /// `transaction.timeout.ms`: age at which the broker aborts a transaction by itself. 60 s.
    pub transaction_timeout: Duration,
}

impl Default for ProducerConfig {
    fn default() -> Self {
        Self {
            batch_size: 64 * 1024,
            linger: Duration::from_millis(100),
            linger_idle: Duration::from_millis(5),
            buffer_memory: 32 * 1024 * 1024,
            max_request_size: 1024 * 1024,
            max_block: Duration::from_secs(60),
            delivery_timeout: Duration::from_secs(120),
            compression: Compression::None,
            compression_level: None,
            max_in_flight: 5,
            transactional_id: None,
            transaction_timeout: Duration::from_secs(60),
        }
    }
}

/// Bytes of a request that are not batches: names, numbers, the header. Generous, and checked against the largest frame.
const FRAME_SLACK: usize = 256 * 1024;

impl ProducerConfig {
    /// Everything that is wrong, at once.
    pub(super) fn validate(&self, client: &ClientConfig) -> Result<(), ClientError> {
        let mut problems = Vec::new();
        let mut size = |name: &str, value: usize, least: usize, most: usize| {
            if value < least || value > most {
                problems.push(format!("{name}: {value} is not between {least} and {most}"));
            }
        };
        let most_request = client.max_frame_bytes.saturating_sub(FRAME_SLACK).max(1024);
        size("batch.size", self.batch_size, 1, i32::MAX as usize / 2);
        size("max.request.size", self.max_request_size, 1024, most_request);
        size("buffer.memory", self.buffer_memory, 1024, usize::MAX / 4);
        size("max.in.flight.requests.per.connection", self.max_in_flight, 1, MOST_IN_FLIGHT);
        let mut time = |name: &str, value: Duration, least: Duration| {
            if value < least || value > LONGEST {
                problems.push(format!("{name}: {value:?} is not between {least:?} and {LONGEST:?}"));
            }
        };
        time("linger.ms", self.linger, Duration::ZERO);
        time("linger.idle.ms", self.linger_idle, Duration::ZERO);
        time("max.block.ms", self.max_block, Duration::ZERO);
        time("transaction.timeout.ms", self.transaction_timeout, Duration::from_millis(1));
        // A batch that lingers and is sent once must have a chance.
        time("delivery.timeout.ms", self.delivery_timeout, self.linger.saturating_add(client.request_timeout));
        if self.transactional_id.as_ref().is_some_and(|id| id.is_empty() || id.len() > i16::MAX as usize) {
            problems.push("transactional.id: not between 1 and 32767 bytes".to_owned());
        }
        if let Err(problem) = Compressor::new(self.compression, self.compression_level) {
            problems.push(format!("compression.type {}: {problem}", self.compression));
        }
        if problems.is_empty() { Ok(()) } else { Err(ClientError::InvalidConfig(problems.join("; "))) }
    }
}

/// Brokers remember the last five batches of a producer in each partition, to recognize repetitions.
const MOST_IN_FLIGHT: usize = 5;
/// Kafka counts times as 32-bit milliseconds.
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_said_at_once() {
        let client = ClientConfig::new(["b:1"], "x");
        assert_eq!(ProducerConfig::default().validate(&client), Ok(()));
        let wrong = ProducerConfig {
            batch_size: 0,
            max_in_flight: 6,
            delivery_timeout: Duration::from_secs(30),
            transactional_id: Some(String::new()),
            compression: Compression::Gzip,
            compression_level: Some(99),
            ..ProducerConfig::default()
        };
        let error = wrong.validate(&client).unwrap_err().to_string();
        for part in ["batch.size", "max.in.flight", "delivery.timeout.ms", "transactional.id", "compression.type gzip"]
        {
            assert!(error.contains(part), "{error}");
        }
    }
}
