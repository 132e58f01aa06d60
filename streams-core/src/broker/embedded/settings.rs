use super::Isolation;
use super::clock::millis;
use crate::broker::{BrokerError, BrokerErrorKind, Properties};
use std::time::Duration;

/// What a consumer takes from its properties.
#[derive(Debug, Clone)]
pub(super) struct ConsumerSettings {
    pub(super) isolation: Isolation,
    pub(super) max_poll_records: usize,
    /// Of one batch.
    pub(super) max_partition_bytes: usize,
    /// Of one poll.
    pub(super) max_bytes: usize,
}

/// What a producer takes from its properties.
#[derive(Debug, Clone)]
pub(super) struct ProducerSettings {
    pub(super) transactional_id: Option<String>,
    pub(super) transaction_timeout_ms: i64,
    pub(super) max_block: Duration,
    pub(super) max_request_size: usize,
}

/// What a group coordinator takes from its properties.
#[derive(Debug, Clone)]
pub(super) struct GroupSettings {
    /// Begins the ids of members.
    pub(super) client_id: String,
    pub(super) request_timeout_ms: i64,
}

impl ConsumerSettings {
    pub(super) fn new(properties: &Properties) -> Result<Self, BrokerError> {
        let isolation = match properties.get("isolation.level") {
            None | Some("read_uncommitted") => Isolation::ReadUncommitted,
            Some("read_committed") => Isolation::ReadCommitted,
            Some(other) => return Err(invalid("isolation.level", other, "read_uncommitted or read_committed")),
        };
        Ok(Self {
            isolation,
            max_poll_records: number(properties, "max.poll.records", 500)?.max(1),
            max_partition_bytes: number(properties, "max.partition.fetch.bytes", 1 << 20)?.max(1),
            max_bytes: number(properties, "fetch.max.bytes", 4 << 20)?.max(1),
        })
    }
}

impl ProducerSettings {
    pub(super) fn new(properties: &Properties) -> Result<Self, BrokerError> {
        let transactional_id = properties.get("transactional.id").map(str::to_owned);
        if transactional_id.as_deref() == Some("") {
            return Err(invalid("transactional.id", "", "an id that is not empty"));
        }
        Ok(Self {
            transactional_id,
            transaction_timeout_ms: number(properties, "transaction.timeout.ms", 60_000)?,
            max_block: Duration::from_millis(number(properties, "max.block.ms", 60_000)?),
            max_request_size: number(properties, "max.request.size", usize::MAX)?,
        })
    }
}

impl GroupSettings {
    pub(super) fn new(properties: &Properties) -> Result<Self, BrokerError> {
        let timeout = Duration::from_millis(number(properties, "request.timeout.ms", 30_000)?);
        Ok(Self {
            client_id: properties.get("client.id").unwrap_or("embedded").to_owned(),
            request_timeout_ms: millis(timeout),
        })
    }
}

/// The value of `key` as a number that is not negative.
fn number<T: std::str::FromStr>(properties: &Properties, key: &str, default: T) -> Result<T, BrokerError> {
    properties.get(key).map_or(Ok(default), |value| {
        let negative = value.starts_with('-');
        value.parse().ok().filter(|_| !negative).ok_or_else(|| invalid(key, value, "a number that is not negative"))
    })
}

fn invalid(key: &str, value: &str, expected: &str) -> BrokerError {
    BrokerError::new(BrokerErrorKind::InvalidConfig, key, format!("invalid value {value:?}; give {expected}"))
}
