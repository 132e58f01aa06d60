use kafka_client::group::{
    CommitOffsets, FetchOffsets, FetchedOffset, GroupCoordinator, GroupError, Heartbeat, JoinGroup, JoinedGroup,
    LeaveGroup, Reply, SyncGroup, SyncedGroup,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use streams_core::broker::embedded::{EmbeddedAdmin, EmbeddedBroker, EmbeddedConsumer, EmbeddedProducer};
use streams_core::broker::{
    Admin, Broker, BrokerError, BrokerErrorKind, Consumer, Delivery, Fetched, NewTopic, OffsetSpec, Producer,
    Properties, TopicDescription, Waker,
};
use streams_core::record::{OutputBatch, TopicPartition};

/// The way of one instance to the embedded broker. Clones are the same way.
///
/// A test can cut it, which is what the others see when a host dies without goodbye: nothing comes from this instance any more. It can hide
/// topics, as a broker does whose metadata lags behind; and it sees what the instance asks.
#[derive(Clone)]
pub struct Link {
    broker: EmbeddedBroker,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    cut: AtomicBool,
    /// Topics with the number of descriptions in which they are still left out.
    hidden: Mutex<BTreeMap<String, usize>>,
    clients: Mutex<Vec<(Client, Properties)>>,
    commits: Mutex<Vec<CommitAttempt>>,
    polls: AtomicU64,
    fetched_bytes: AtomicU64,
    joins: AtomicU64,
    /// Acknowledgements of records do not arrive.
    acknowledgements_held: AtomicBool,
    /// Where commits are held back, and those that are.
    held_commits: Mutex<Option<(Hold, Vec<HeldCommit>)>>,
}

/// Lets go on what is held back.
type HeldCommit = Box<dyn FnOnce() + Send>;

/// What of a commit does not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// The request: nothing is committed.
    Request,
    /// The answer: the coordinator has committed.
    Answer,
}

/// A kind of client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// A consumer, of a stream thread or for restoring.
    Consumer,
    /// A producer.
    Producer,
}

/// A commit of offsets that an instance has asked for.
#[derive(Debug, Clone)]
pub struct CommitAttempt {
    /// The generation it was made in.
    pub generation: i32,
    /// The answer.
    pub result: Result<(), GroupError>,
}

impl Link {
    /// A way to `broker`.
    pub fn new(broker: EmbeddedBroker) -> Self {
        Self { broker, shared: Arc::default() }
    }

    /// Cuts the way, or mends it.
    pub fn set_cut(&self, cut: bool) {
        self.shared.cut.store(cut, SeqCst);
    }

    /// Holds back what acknowledges records, or lets it arrive again. The records themselves are in the log.
    pub fn hold_acknowledgements(&self, hold: bool) {
        self.shared.acknowledgements_held.store(hold, SeqCst);
    }

    /// Holds back commits of offsets, from the next one on.
    pub fn hold_commits(&self, hold: Hold) {
        *lock(&self.shared.held_commits) = Some((hold, Vec::new()));
    }

    /// Commits of offsets that are held back now.
    pub fn held_commits(&self) -> usize {
        lock(&self.shared.held_commits).as_ref().map_or(0, |(_, held)| held.len())
    }

    /// Lets what was held back arrive, and all that follows.
    pub fn release_commits(&self) {
        let held = lock(&self.shared.held_commits).take();
        held.into_iter().flat_map(|(_, held)| held).for_each(|arrive| arrive());
    }

    /// Leaves `topic` out of the next `times` descriptions of topics.
    pub fn hide(&self, topic: &str, times: usize) {
        lock(&self.shared.hidden).insert(topic.to_owned(), times);
    }

    /// How often `topic` will still be left out.
    pub fn still_hidden(&self, topic: &str) -> usize {
        lock(&self.shared.hidden).get(topic).copied().unwrap_or(0)
    }

    /// The properties of the clients made so far.
    pub fn clients(&self, kind: Client) -> Vec<Properties> {
        let clients = lock(&self.shared.clients);
        clients.iter().filter(|(client, _)| *client == kind).map(|(_, properties)| properties.clone()).collect()
    }

    /// The commits so far, in the order of their answers.
    pub fn commits(&self) -> Vec<CommitAttempt> {
        lock(&self.shared.commits).clone()
    }

    /// Number of polls of all consumers so far.
    pub fn polls(&self) -> u64 {
        self.shared.polls.load(SeqCst)
    }

    /// Bytes of the batches that consumers were given so far.
    pub fn fetched_bytes(&self) -> u64 {
        self.shared.fetched_bytes.load(SeqCst)
    }

    /// Number of times that the instance has asked to join its group.
    pub fn joins(&self) -> u64 {
        self.shared.joins.load(SeqCst)
    }
}

impl Shared {
    /// Lets a part of a commit go on, or holds it back.
    fn pass(&self, part: Hold, arrive: impl FnOnce() + Send + 'static) {
        if let Some((hold, held)) = &mut *lock(&self.held_commits)
            && *hold == part
        {
            return held.push(Box::new(arrive));
        }
        arrive();
    }

    fn is_cut(&self) -> bool {
        self.cut.load(SeqCst)
    }

    fn check(&self, context: &str) -> Result<(), BrokerError> {
        match self.is_cut() {
            true => Err(BrokerError::new(BrokerErrorKind::Retriable, context, "the link is cut")),
            false => Ok(()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Broker for Link {
    type Consumer = LinkConsumer;
    type Producer = LinkProducer;
    type Admin = LinkAdmin;

    fn consumer(&self, properties: &Properties) -> Result<LinkConsumer, BrokerError> {
        lock(&self.shared.clients).push((Client::Consumer, properties.clone()));
        Ok(LinkConsumer { inner: self.broker.consumer(properties)?, shared: Arc::clone(&self.shared) })
    }

    fn producer(&self, properties: &Properties) -> Result<LinkProducer, BrokerError> {
        lock(&self.shared.clients).push((Client::Producer, properties.clone()));
        Ok(LinkProducer { inner: self.broker.producer(properties)?, shared: Arc::clone(&self.shared) })
    }

    fn admin(&self, properties: &Properties) -> Result<LinkAdmin, BrokerError> {
        Ok(LinkAdmin { inner: self.broker.admin(properties)?, shared: Arc::clone(&self.shared) })
    }

    fn group_coordinator(&self, properties: &Properties) -> Result<Arc<dyn GroupCoordinator>, BrokerError> {
        let inner = self.broker.group_coordinator(properties)?;
        Ok(Arc::new(LinkCoordinator { inner, shared: Arc::clone(&self.shared) }))
    }
}

/// A consumer over a [`Link`].
pub struct LinkConsumer {
    inner: EmbeddedConsumer,
    shared: Arc<Shared>,
}

impl Consumer for LinkConsumer {
    fn assign(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        self.inner.assign(partitions)
    }

    fn unassign(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        self.inner.unassign(partitions)
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        self.inner.pause(partitions)
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), BrokerError> {
        self.inner.resume(partitions)
    }

    fn poll(&mut self, timeout: Duration, fetched: &mut Vec<Fetched>) -> Result<(), BrokerError> {
        self.shared.polls.fetch_add(1, SeqCst);
        if self.shared.is_cut() {
            self.inner.waker().wait(timeout);
            return Ok(());
        }
        let before = fetched.len();
        self.inner.poll(timeout, fetched)?;
        if self.shared.is_cut() {
            // Cut meanwhile: the answer does not arrive, and is asked for again.
            for item in fetched.drain(before..) {
                if let Fetched::Batch(batch) = item
                    && let Some(first) = batch.iter().next().map(|record| record.offset)
                {
                    self.inner.assign(&[(batch.topic_partition().clone(), first)])?;
                }
            }
            return Ok(());
        }
        for item in &fetched[before..] {
            if let Fetched::Batch(batch) = item {
                self.shared.fetched_bytes.fetch_add(batch.size_bytes() as u64, SeqCst);
            }
        }
        Ok(())
    }

    fn position(&self, partition: &TopicPartition) -> Option<i64> {
        self.inner.position(partition)
    }

    fn end_offset(&self, partition: &TopicPartition) -> Option<i64> {
        self.inner.end_offset(partition)
    }

    fn held_bytes(&self) -> usize {
        self.inner.held_bytes()
    }

    fn waker(&self) -> Waker {
        self.inner.waker()
    }
}

/// A producer over a [`Link`].
pub struct LinkProducer {
    inner: EmbeddedProducer,
    shared: Arc<Shared>,
}

impl Producer for LinkProducer {
    fn send(&mut self, batch: &mut OutputBatch) -> Result<(), BrokerError> {
        self.shared.check("producing")?;
        self.inner.send(batch)
    }

    fn flush(&mut self, timeout: Duration) -> Result<(), BrokerError> {
        self.shared.check("flushing")?;
        self.inner.flush(timeout)
    }

    fn mark(&mut self) {
        self.inner.mark();
    }

    fn reach_mark(&mut self, timeout: Duration, deliveries: &mut Vec<Delivery>) -> Result<bool, BrokerError> {
        let deadline = Instant::now() + timeout.min(Duration::from_secs(3600));
        while self.shared.acknowledgements_held.load(SeqCst) {
            self.shared.check("waiting for acknowledgements")?;
            if Instant::now() >= deadline {
                return Ok(false);
            }
            std::thread::park_timeout(Duration::from_millis(1));
        }
        self.shared.check("waiting for acknowledgements")?;
        self.inner.reach_mark(timeout, deliveries)
    }

    fn deliveries(&mut self, deliveries: &mut Vec<Delivery>) {
        if !self.shared.acknowledgements_held.load(SeqCst) {
            self.inner.deliveries(deliveries);
        }
    }

    fn outstanding(&self) -> usize {
        self.inner.outstanding()
    }

    fn init_transactions(&mut self, timeout: Duration) -> Result<(), BrokerError> {
        self.shared.check("transactions")?;
        self.inner.init_transactions(timeout)
    }

    fn begin_transaction(&mut self) -> Result<(), BrokerError> {
        self.inner.begin_transaction()
    }

    fn send_offsets_to_transaction(
        &mut self,
        offsets: &[kafka_client::group::CommittedOffset],
        member: &kafka_client::group::MemberIdentity,
        timeout: Duration,
    ) -> Result<(), BrokerError> {
        self.shared.check("transactions")?;
        self.inner.send_offsets_to_transaction(offsets, member, timeout)
    }

    fn commit_transaction(&mut self, timeout: Duration) -> Result<(), BrokerError> {
        self.shared.check("transactions")?;
        self.inner.commit_transaction(timeout)
    }

    fn abort_transaction(&mut self, timeout: Duration) -> Result<(), BrokerError> {
        self.shared.check("transactions")?;
        self.inner.abort_transaction(timeout)
    }
}

/// An admin client over a [`Link`].
pub struct LinkAdmin {
    inner: EmbeddedAdmin,
    shared: Arc<Shared>,
}

impl Admin for LinkAdmin {
    fn describe_topics(&self, names: Option<&[&str]>, timeout: Duration) -> Result<Vec<TopicDescription>, BrokerError> {
        self.shared.check("describing topics")?;
        let mut topics = self.inner.describe_topics(names, timeout)?;
        topics.retain(|topic| {
            let mut hidden = lock(&self.shared.hidden);
            let Some(times) = hidden.get_mut(&topic.name).filter(|times| **times > 0) else { return true };
            *times -= 1;
            false
        });
        Ok(topics)
    }

    fn create_topics(
        &self,
        topics: &[NewTopic],
        timeout: Duration,
    ) -> Result<Vec<Result<(), BrokerError>>, BrokerError> {
        self.shared.check("creating topics")?;
        self.inner.create_topics(topics, timeout)
    }

    fn delete_topics(&self, names: &[&str], timeout: Duration) -> Result<(), BrokerError> {
        self.shared.check("deleting topics")?;
        self.inner.delete_topics(names, timeout)
    }

    fn topic_config(&self, name: &str, timeout: Duration) -> Result<BTreeMap<String, String>, BrokerError> {
        self.shared.check("reading a topic's configuration")?;
        self.inner.topic_config(name, timeout)
    }

    fn list_offsets(
        &self,
        partitions: &[(TopicPartition, OffsetSpec)],
        timeout: Duration,
    ) -> Result<Vec<i64>, BrokerError> {
        self.shared.check("listing offsets")?;
        self.inner.list_offsets(partitions, timeout)
    }

    fn delete_records(&self, before: &[(TopicPartition, i64)], timeout: Duration) -> Result<(), BrokerError> {
        self.shared.check("deleting records")?;
        self.inner.delete_records(before, timeout)
    }
}

/// The group coordinator over a [`Link`].
struct LinkCoordinator {
    inner: Arc<dyn GroupCoordinator>,
    shared: Arc<Shared>,
}

impl LinkCoordinator {
    /// Neither a request nor an answer passes a link that is cut.
    fn reply<T: 'static>(&self, reply: Reply<T>) -> Option<Reply<T>> {
        if self.shared.is_cut() {
            reply(Err(GroupError::Disconnected));
            return None;
        }
        let shared = Arc::clone(&self.shared);
        Some(Box::new(move |answer| reply(if shared.is_cut() { Err(GroupError::Disconnected) } else { answer })))
    }
}

impl GroupCoordinator for LinkCoordinator {
    fn join(&self, request: JoinGroup, reply: Reply<JoinedGroup>) {
        self.shared.joins.fetch_add(1, SeqCst);
        if let Some(reply) = self.reply(reply) {
            self.inner.join(request, reply);
        }
    }

    fn sync(&self, request: SyncGroup, reply: Reply<SyncedGroup>) {
        if let Some(reply) = self.reply(reply) {
            self.inner.sync(request, reply);
        }
    }

    fn heartbeat(&self, request: Heartbeat, reply: Reply<()>) {
        if let Some(reply) = self.reply(reply) {
            self.inner.heartbeat(request, reply);
        }
    }

    fn leave(&self, request: LeaveGroup, reply: Reply<()>) {
        if let Some(reply) = self.reply(reply) {
            self.inner.leave(request, reply);
        }
    }

    fn commit_offsets(&self, request: CommitOffsets, reply: Reply<()>) {
        let shared = Arc::clone(&self.shared);
        let reply: Reply<()> = Box::new(move |answer| {
            shared.pass(Hold::Answer, move || reply(answer));
        });
        let Some(reply) = self.reply(reply) else { return };
        let (shared, generation) = (Arc::clone(&self.shared), request.member.generation);
        let noted: Reply<()> = Box::new(move |result| {
            lock(&shared.commits).push(CommitAttempt { generation, result: result.clone() });
            reply(result);
        });
        let inner = Arc::clone(&self.inner);
        self.shared.pass(Hold::Request, move || inner.commit_offsets(request, noted));
    }

    fn fetch_offsets(&self, request: FetchOffsets, reply: Reply<Vec<FetchedOffset>>) {
        if let Some(reply) = self.reply(reply) {
            self.inner.fetch_offsets(request, reply);
        }
    }
}
