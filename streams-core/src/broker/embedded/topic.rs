use super::capacity::Capacity;
use super::partition_log::PartitionLog;
use super::sync::lock;
use super::topic_config::TopicConfig;
use crate::broker::{BrokerError, BrokerErrorKind};
use crate::record::TopicPartition;
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard};

/// The longest name of a topic.
const MAX_NAME: usize = 249;

/// A topic: made once, never changed, deleted as a whole.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: Arc<str>,
    pub(super) config: TopicConfig,
    pub(super) partitions: Vec<Arc<Partition>>,
}

/// A partition: its name and its log behind a lock.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) topic_partition: TopicPartition,
    log: Mutex<PartitionLog>,
}

impl Topic {
    pub(super) fn new(name: &str, partitions: i32, config: TopicConfig, capacity: &Arc<Capacity>) -> Self {
        let name: Arc<str> = name.into();
        let partition = |number| {
            let log = Mutex::new(PartitionLog::new(Arc::clone(capacity)));
            Arc::new(Partition { topic_partition: TopicPartition::new(Arc::clone(&name), number), log })
        };
        let partitions = (0..partitions).map(partition).collect();
        Self { name, config, partitions }
    }

    pub(super) fn partition(&self, number: i32) -> Option<&Arc<Partition>> {
        self.partitions.get(usize::try_from(number).ok()?)
    }
}

impl Partition {
    pub(super) fn log(&self) -> MutexGuard<'_, PartitionLog> {
        lock(&self.log)
    }
}

/// The error of a topic or partition that is not there.
pub(super) fn unknown(context: impl Display, what: impl Display) -> BrokerError {
    let message = format!("{what} does not exist; create the topic first");
    BrokerError::new(BrokerErrorKind::UnknownTopicOrPartition, context, message)
}

/// What is wrong with a topic's name, if anything is: Kafka's rules.
pub(super) fn name_fault(name: &str) -> Option<&'static str> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match name {
        "" => Some("a topic's name cannot be empty"),
        "." | ".." => Some("a topic cannot be named . or .."),
        _ if name.len() > MAX_NAME => Some("a topic's name has at most 249 characters"),
        _ if !name.chars().all(legal) => Some("a topic's name consists of ASCII letters and digits, '.', '_' and '-'"),
        _ => None,
    }
}
