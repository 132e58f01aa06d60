use super::config::{Role, client_config, own_millis};
use super::deliveries::Deliveries;
use super::errors::{from_code, from_kafka, from_transaction, kind};
use super::ffi::{DeliveryReport, NativeProducer, ProduceRecord, TopicHandle, TransactionError};
use crate::broker::{BrokerError, BrokerErrorKind, Delivery, Producer, Properties};
use crate::record::{OutputBatch, OutputRecordRef, TopicPartition};
use hashbrown::HashMap;
use kafka_client::group::{CommittedOffset, MemberIdentity};
use rdkafka::types::RDKafkaErrorCode as Code;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Writes records through librdkafka.
///
/// A record whose timestamp is 0 is sent with 1, since librdkafka takes 0 for "now"; without a timestamp (-1) it gets the
/// time at which it is sent.
///
/// Dropping the producer gives up what is not delivered yet: flush first.
pub struct LibrdkafkaProducer {
    native: NativeProducer<Deliveries>,
    max_block: Duration,
    topics: Vec<Topic>,
    by_name: HashMap<Arc<str>, usize>,
    /// Index into `topics` by the number that the batch being sent gives a topic.
    of_batch: Vec<Option<usize>>,
    /// Records taken over so far.
    taken: u64,
    /// What the tags of records begin with since the last mark.
    mark: usize,
}

struct Topic {
    name: Arc<str>,
    handle: TopicHandle,
    /// Number of the destination, by partition.
    destinations: Vec<Option<usize>>,
}

/// Partition numbers above are refused: nobody has so many, and the table of destinations is by number.
const MOST_PARTITIONS: usize = 1 << 20;

impl LibrdkafkaProducer {
    pub(super) fn new(bootstrap_servers: &str, properties: &Properties) -> Result<Self, BrokerError> {
        let config = client_config(Role::Producer, bootstrap_servers, properties)?;
        let max_block = own_millis(Role::Producer, properties, "max.block.ms", Duration::from_secs(60))?;
        let native = NativeProducer::new(&config, Deliveries::default());
        Ok(Self {
            native: native.map_err(|error| from_kafka(&error, Role::Producer))?,
            max_block,
            topics: Vec::new(),
            by_name: HashMap::new(),
            of_batch: Vec::new(),
            taken: 0,
            mark: 0,
        })
    }

    /// Hands records over until one is refused; says how many were taken, and why no more.
    fn take_over(&mut self, batch: &OutputBatch, from: usize) -> (usize, Option<Code>) {
        for index in from..batch.len() {
            let record = batch.get(index);
            let produced = self.destination(&record).and_then(|(topic, tag)| {
                let produced = self.native.produce(&ProduceRecord {
                    topic,
                    partition: record.partition,
                    timestamp: timestamp(record.record.timestamp),
                    key: record.record.key,
                    value: record.record.value,
                    headers: record.record.headers,
                    tag: self.mark | tag,
                });
                match produced {
                    // What will never be taken is the record's own failure; the others go on.
                    Err(code) if !matches!(code, Code::QueueFull) && !self.is_over(code) => {
                        self.native.with_reports(|reports| reports.failed(self.mark | tag, code));
                        Ok(())
                    }
                    produced => produced,
                }
            });
            if let Err(code) = produced {
                return (index, Some(code));
            }
            self.taken += 1;
        }
        (batch.len(), None)
    }

    /// Whether a refusal is about the producer, not about the record.
    fn is_over(&self, code: Code) -> bool {
        matches!(code, Code::Fatal | Code::Fenced | Code::State) || self.native.fatal_error().is_some()
    }

    /// Where a record goes.
    fn destination(&mut self, record: &OutputRecordRef<'_>) -> Result<(TopicHandle, usize), Code> {
        let number = match self.of_batch.get(record.topic_index) {
            Some(Some(number)) => *number,
            _ => self.topic(record)?,
        };
        let topic = &mut self.topics[number];
        let partition = usize::try_from(record.partition).map_err(|_| Code::UnknownPartition)?;
        if let Some(Some(tag)) = topic.destinations.get(partition) {
            return Ok((topic.handle, *tag));
        }
        if partition >= MOST_PARTITIONS {
            return Err(Code::UnknownPartition);
        }
        if topic.destinations.len() <= partition {
            topic.destinations.resize(partition + 1, None);
        }
        let id = TopicPartition { topic: Arc::clone(&topic.name), partition: record.partition };
        let tag = self.native.with_reports(|reports| reports.add(id));
        topic.destinations[partition] = Some(tag);
        Ok((topic.handle, tag))
    }

    fn topic(&mut self, record: &OutputRecordRef<'_>) -> Result<usize, Code> {
        let number = match self.by_name.get(record.topic) {
            Some(&number) => number,
            None => {
                let handle = self.native.open_topic(record.topic)?;
                let name = Arc::clone(record.topic);
                self.topics.push(Topic { name: Arc::clone(&name), handle, destinations: Vec::new() });
                self.by_name.insert(name, self.topics.len() - 1);
                self.topics.len() - 1
            }
        };
        if self.of_batch.len() <= record.topic_index {
            self.of_batch.resize(record.topic_index + 1, None);
        }
        self.of_batch[record.topic_index] = Some(number);
        Ok(number)
    }

    fn outcome(&self, result: Result<(), TransactionError>, context: &str) -> Result<(), BrokerError> {
        result.map_err(|error| match self.native.fatal_error() {
            // A fence is told as fatal by whatever call comes next; its cause says what it is.
            Some((code, message)) if error.fatal || error.code == Code::Fatal => self.over(code, &message, context),
            _ => from_transaction(&error, context),
        })
    }

    /// The error of a producer that cannot go on.
    fn over(&self, code: Code, message: &str, context: &str) -> BrokerError {
        let kind = match kind(code) {
            kind @ (BrokerErrorKind::Fenced | BrokerErrorKind::Authorization) => kind,
            _ => BrokerErrorKind::Fatal,
        };
        BrokerError::new(kind, context, format_args!("{code:?}: {message}"))
    }

    fn refused(&self, code: Code, left: usize) -> BrokerError {
        let context = format!("producing; {left} records are not taken over");
        match self.native.fatal_error() {
            Some((code, message)) => self.over(code, &message, &context),
            None if code == Code::QueueFull => {
                let message = "the buffer stayed full for max.block.ms; is the broker slow, or buffer.memory small?";
                BrokerError::new(BrokerErrorKind::Retriable, context, message)
            }
            None => from_code(code, context),
        }
    }
}

/// How long librdkafka is waited for at a time.
const LONGEST_POLL: Duration = Duration::from_millis(100);
/// How long what lingers is sent on account of a mark: enough for librdkafka's threads to wake up.
const MARK_FLUSH: Duration = Duration::from_millis(2);
/// `Duration::MAX` would overflow the clock.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// librdkafka's form of a timestamp.
fn timestamp(timestamp: i64) -> i64 {
    match timestamp {
        i64::MIN..0 => 0,
        0 => 1,
        timestamp => timestamp,
    }
}

impl Producer for LibrdkafkaProducer {
    fn send(&mut self, batch: &mut OutputBatch) -> Result<(), BrokerError> {
        self.of_batch.clear();
        let mut deadline = None;
        let mut taken = 0;
        loop {
            let (now_taken, refusal) = self.take_over(batch, taken);
            taken = now_taken;
            let Some(code) = refusal else { break };
            let deadline = *deadline.get_or_insert_with(|| Instant::now().checked_add(self.max_block));
            let left = deadline.map_or(Duration::from_secs(1), |end| end.saturating_duration_since(Instant::now()));
            if code != Code::QueueFull || left.is_zero() {
                batch.drop_first(taken);
                return Err(self.refused(code, batch.len()));
            }
            self.native.poll(left.min(LONGEST_POLL));
        }
        batch.clear();
        self.native.poll(Duration::ZERO);
        Ok(())
    }

    fn flush(&mut self, timeout: Duration) -> Result<(), BrokerError> {
        self.native.flush(timeout).map_err(|code| {
            let left = self.native.outstanding();
            from_code(code, format_args!("flushing; {left} records are not acknowledged yet"))
        })
    }

    fn mark(&mut self) {
        self.mark = self.native.with_reports(|reports| reports.mark(self.taken));
        // Has what lingers sent. That goes on while this waits, so it waits for a moment; the outcome is told later.
        let _ = self.native.flush(MARK_FLUSH);
    }

    fn reach_mark(&mut self, timeout: Duration, deliveries: &mut Vec<Delivery>) -> Result<bool, BrokerError> {
        let deadline = Instant::now() + timeout.min(LONGEST_WAIT);
        self.native.poll(Duration::ZERO);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let is_reached = self.native.with_reports(|reports| reports.is_mark_reached());
            if is_reached || left.is_zero() {
                self.native.with_reports(|reports| {
                    reports.take(deliveries);
                    if is_reached {
                        reports.remove_mark();
                    }
                });
                return Ok(is_reached);
            }
            self.native.poll(left.min(LONGEST_POLL));
        }
    }

    fn deliveries(&mut self, deliveries: &mut Vec<Delivery>) {
        self.native.poll(Duration::ZERO);
        self.native.with_reports(|reports| reports.take(deliveries));
    }

    fn outstanding(&self) -> usize {
        self.native.outstanding()
    }

    fn init_transactions(&mut self, timeout: Duration) -> Result<(), BrokerError> {
        self.outcome(self.native.init_transactions(timeout), "initializing transactions")
    }

    fn begin_transaction(&mut self) -> Result<(), BrokerError> {
        self.outcome(self.native.begin_transaction(), "beginning a transaction")?;
        self.native.with_reports(Deliveries::begin);
        Ok(())
    }

    fn send_offsets_to_transaction(
        &mut self,
        offsets: &[CommittedOffset],
        member: &MemberIdentity,
        timeout: Duration,
    ) -> Result<(), BrokerError> {
        let context = format!("adding offsets of group {} to the transaction", member.group_id);
        self.outcome(self.native.send_offsets(offsets, member, timeout), &context)
    }

    fn commit_transaction(&mut self, timeout: Duration) -> Result<(), BrokerError> {
        let context = "committing the transaction";
        let deadline = Instant::now() + timeout.min(LONGEST_WAIT);
        if self.native.outstanding() > 0 {
            self.flush(timeout)?;
        }
        // librdkafka itself would commit without a record that it refused or that had no partition to go to.
        if self.native.fatal_error().is_none()
            && let Some((id, code)) = self.native.with_reports(|reports| reports.failed_in_transaction())
        {
            let message = format_args!("a record to {id} failed ({code:?}: {code}); abort the transaction");
            return Err(BrokerError::new(BrokerErrorKind::AbortTransaction, context, message));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        self.outcome(self.native.commit_transaction(left), context)
    }

    fn abort_transaction(&mut self, timeout: Duration) -> Result<(), BrokerError> {
        self.outcome(self.native.abort_transaction(timeout), "aborting the transaction")?;
        self.native.with_reports(Deliveries::forget);
        Ok(())
    }
}
