use super::cluster::Cluster;
use super::topic::{Partition, Topic, unknown};
use crate::broker::{BrokerError, BrokerErrorKind, Delivery};
use crate::record::{OutputBatch, OutputRecordRef, RecordRef, TopicPartition};
use hashbrown::HashMap;
use std::sync::Arc;

/// What a record batch adds around a single record, at most: batch header, lengths, offset and timestamp deltas.
const RECORD_OVERHEAD: usize = 61 + 21;

/// Sorts the records of a batch by partition, so that each partition is locked once per batch.
#[derive(Debug)]
pub(super) struct Routes {
    cluster: Arc<Cluster>,
    topics: Vec<Route>,
    by_name: HashMap<Arc<str>, usize>,
    /// By a batch's number of a topic: the name it stood for last, and the route. Batches number differently, so the name is compared.
    by_index: Vec<Option<(Arc<str>, usize)>>,
    /// Routes that have records of the present batch: route and partition.
    touched: Vec<(usize, usize)>,
    /// The cluster's count of deletions when the routes were looked up.
    deletions: u64,
    /// Acknowledgements of routes that are gone.
    acknowledged: Vec<Delivery>,
}

/// The way to one topic.
#[derive(Debug)]
struct Route {
    topic: Arc<Topic>,
    partitions: Vec<Slot>,
}

/// One partition's share of the present batch.
#[derive(Debug, Default)]
struct Slot {
    /// Numbers of its records in the batch.
    records: Vec<u32>,
    /// The last offset appended that has not been told yet.
    acknowledged: Option<i64>,
}

impl Routes {
    pub(super) fn new(cluster: Arc<Cluster>) -> Self {
        Self {
            deletions: cluster.deletions(),
            cluster,
            topics: Vec::new(),
            by_name: HashMap::new(),
            by_index: Vec::new(),
            touched: Vec::new(),
            acknowledged: Vec::new(),
        }
    }

    /// Looks at every record of the batch: finds its partition or tells why it can never be appended.
    pub(super) fn sort(&mut self, batch: &OutputBatch, max_request_size: usize, failures: &mut Vec<Delivery>) {
        self.forget_deleted();
        for (number, output) in batch.iter().enumerate() {
            match self.route(&output, max_request_size) {
                Ok((route, partition)) => {
                    let slot = &mut self.topics[route].partitions[partition];
                    if slot.records.is_empty() {
                        self.touched.push((route, partition));
                    }
                    slot.records.push(number as u32);
                }
                Err(error) => {
                    let partition = TopicPartition::new(Arc::clone(output.topic), output.partition);
                    failures.push(Delivery::Failed { partition, error });
                }
            }
        }
    }

    /// Appends what was sorted. `before` is told each partition that gets records.
    pub(super) fn append(
        &mut self,
        batch: &OutputBatch,
        transaction: u64,
        mut before: impl FnMut(&Arc<Partition>),
        failures: &mut Vec<Delivery>,
    ) {
        for (route, partition) in self.touched.drain(..) {
            let Route { topic, partitions } = &mut self.topics[route];
            let (slot, partition) = (&mut partitions[partition], &topic.partitions[partition]);
            before(partition);
            let records = slot.records.iter().map(|number| batch.get(*number as usize).record);
            match append(&self.cluster, topic, partition, records, transaction) {
                Ok(last) => slot.acknowledged = last.or(slot.acknowledged),
                Err(error) => failures.extend(slot.records.iter().map(|_| failed(partition, error.clone()))),
            }
            slot.records.clear();
        }
    }

    /// Forgets what was sorted; each of its records fails with this error.
    pub(super) fn fail(&mut self, error: &BrokerError, failures: &mut Vec<Delivery>) {
        for (route, partition) in self.touched.drain(..) {
            let Route { topic, partitions } = &mut self.topics[route];
            let records = std::mem::take(&mut partitions[partition].records);
            failures.extend(records.iter().map(|_| failed(&topic.partitions[partition], error.clone())));
        }
    }

    /// Moves the highest acknowledgement of each partition since the last call.
    pub(super) fn acknowledgements(&mut self, deliveries: &mut Vec<Delivery>) {
        deliveries.append(&mut self.acknowledged);
        for Route { topic, partitions } in &mut self.topics {
            for (slot, partition) in partitions.iter_mut().zip(&topic.partitions) {
                if let Some(offset) = slot.acknowledged.take() {
                    let partition = partition.topic_partition.clone();
                    deliveries.push(Delivery::Acknowledged { partition, offset });
                }
            }
        }
    }

    /// Where this record goes: numbers of the route and of the partition.
    fn route(&mut self, output: &OutputRecordRef<'_>, max_request_size: usize) -> Result<(usize, usize), BrokerError> {
        let route = match self.by_index.get(output.topic_index) {
            Some(Some((name, route))) if Arc::ptr_eq(name, output.topic) => *route,
            _ => self.look_up(output)?,
        };
        let topic = &self.topics[route].topic;
        let partition = usize::try_from(output.partition).ok().filter(|number| *number < topic.partitions.len());
        let Some(partition) = partition else {
            let what = format!("partition {}-{}", output.topic, output.partition);
            return Err(unknown("producing", what));
        };
        check(topic, output.partition, &output.record, max_request_size)?;
        Ok((route, partition))
    }

    #[cold]
    fn look_up(&mut self, output: &OutputRecordRef<'_>) -> Result<usize, BrokerError> {
        let route = match self.by_name.get(output.topic) {
            Some(route) => *route,
            None => {
                let topic = self.cluster.topic(output.topic, "producing")?;
                let partitions = topic.partitions.iter().map(|_| Slot::default()).collect();
                self.by_name.insert(Arc::clone(&topic.name), self.topics.len());
                self.topics.push(Route { topic, partitions });
                self.topics.len() - 1
            }
        };
        if self.by_index.len() <= output.topic_index {
            self.by_index.resize(output.topic_index + 1, None);
        }
        self.by_index[output.topic_index] = Some((Arc::clone(output.topic), route));
        Ok(route)
    }

    /// Drops all routes where a topic was deleted since they were looked up.
    fn forget_deleted(&mut self) {
        let deletions = self.cluster.deletions();
        if deletions != self.deletions {
            let mut acknowledged = Vec::new();
            self.acknowledgements(&mut acknowledged);
            self.acknowledged = acknowledged;
            self.topics.clear();
            self.by_name.clear();
            self.by_index.clear();
            self.deletions = deletions;
        }
    }
}

/// Appends records to one partition, and compacts it when that pays. Returns the last offset.
fn append<'a>(
    cluster: &Cluster,
    topic: &Topic,
    partition: &Partition,
    records: impl Iterator<Item = RecordRef<'a>>,
    transaction: u64,
) -> Result<Option<i64>, BrokerError> {
    let context = || format!("producing to {}", partition.topic_partition);
    if let Some(kind) = cluster.faults.take_produce(&partition.topic_partition) {
        return Err(BrokerError::new(kind, context(), "a fault that a test has asked for"));
    }
    let mut log = partition.log();
    if log.is_deleted() {
        return Err(unknown(context(), format_args!("partition {}", partition.topic_partition)));
    }
    let append_time = topic.config.log_append_time.then(|| cluster.now_ms());
    let last = log.append(records, append_time, transaction);
    if topic.config.compact && log.wants_compaction() {
        log.compact(topic.config.compaction, cluster.now_ms(), false);
    }
    Ok(last)
}

/// # Errors
/// RecordTooLarge; fatal where a record of a compacted topic has no key, as Kafka refuses it too.
fn check(topic: &Topic, partition: i32, record: &RecordRef<'_>, max_request_size: usize) -> Result<(), BrokerError> {
    let length = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len) + record.headers.len();
    let limit = topic.config.max_message_bytes.min(max_request_size);
    if length + RECORD_OVERHEAD > limit {
        let message = format!(
            "a record of {length} bytes is too large; the limit is {limit} (max.message.bytes of the topic, max.request.size of the producer)"
        );
        let context = format!("producing to {}-{partition}", topic.name);
        return Err(BrokerError::new(BrokerErrorKind::RecordTooLarge, context, message));
    }
    if topic.config.compact && record.key.is_none() {
        let context = format!("producing to {}-{partition}", topic.name);
        return Err(BrokerError::new(BrokerErrorKind::Fatal, context, "a compacted topic takes no record without key"));
    }
    Ok(())
}

fn failed(partition: &Partition, error: BrokerError) -> Delivery {
    Delivery::Failed { partition: partition.topic_partition.clone(), error }
}
