use std::time::Duration;

use crate::ClientError;

/// How a [`Consumer`](super::Consumer) fetches. Named after Kafka's own settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerConfig {
    /// How long a broker may keep a fetch waiting for data (`fetch.max.wait.ms`). 500 ms.
    pub fetch_max_wait: Duration,
    /// Bytes that a broker waits for (`fetch.min.bytes`). 1.
    pub fetch_min_bytes: i32,
    /// Limit of one answer (`fetch.max.bytes`); a batch that alone is larger comes whole. 3 MiB: larger answers only make caches colder.
    pub fetch_max_bytes: i32,
    /// Limit of one partition's part in an answer (`max.partition.fetch.bytes`). 1 MiB.
    pub max_partition_fetch_bytes: i32,
    /// Fetched bytes that wait to be taken, over all partitions; above it nothing more is fetched. An answer under way may exceed it by
    /// its size. 16 MiB.
    pub buffer_memory: usize,
    /// Largest number of records in one poll (`max.poll.records`). 500.
    pub max_poll_records: usize,
    /// Largest size of one batch when decompressed. 64 MiB.
    pub max_decompressed_bytes: usize,
    /// Whether checksums are compared (`check.crcs`). Yes.
    pub check_crcs: bool,
    /// Only records of committed transactions are handed out (`isolation.level=read_committed`). No.
    pub read_committed: bool,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            fetch_max_wait: Duration::from_millis(500),
            fetch_min_bytes: 1,
            fetch_max_bytes: 3 << 20,
            max_partition_fetch_bytes: 1 << 20,
            buffer_memory: 16 << 20,
            max_poll_records: 500,
            max_decompressed_bytes: 64 << 20,
            check_crcs: true,
            read_committed: false,
        }
    }
}

impl ConsumerConfig {
    pub(super) fn validate(&self) -> Result<(), ClientError> {
        let mut problems = Vec::new();
        for (name, value) in [
            ("fetch.min.bytes", i64::from(self.fetch_min_bytes)),
            ("fetch.max.bytes", i64::from(self.fetch_max_bytes)),
            ("max.partition.fetch.bytes", i64::from(self.max_partition_fetch_bytes)),
            ("max.poll.records", self.max_poll_records as i64),
            ("buffer memory", self.buffer_memory as i64),
            ("max decompressed bytes", self.max_decompressed_bytes as i64),
        ] {
            if value < 1 {
                problems.push(format!("{name}={value}: must be at least 1"));
            }
        }
        if self.fetch_max_wait > Duration::from_secs(3600) {
            problems.push(format!("fetch.max.wait.ms={}: must be at most an hour", self.fetch_max_wait.as_millis()));
        }
        if problems.is_empty() { Ok(()) } else { Err(ClientError::InvalidConfig(problems.join("; "))) }
    }
}
