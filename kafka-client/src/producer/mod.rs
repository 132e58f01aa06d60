//! Sends records: idempotent, with `acks=all`, in order within each partition, and in transactions where wished.
//!
//! [`Producer`] is a handle for one thread. Records are encoded straight into the open batch of their partition; a batch goes to the
//! reactor when it is full, has lingered (less where the caller [is idle](Producer::set_idle)), or is [flushed](Producer::flush), and from there to the leader of its partition, with as many
//! others as a request holds. What becomes of records is told by [`deliveries`](Producer::deliveries).
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use kafka_client::producer::{Producer, ProducerConfig};
//! use kafka_client::records::EncodedHeaders;
//! use kafka_client::{ClientConfig, Reactor};
//!
//! let reactor = Reactor::start("kafka")?;
//! let client = ClientConfig::new(["localhost:9092"], "example");
//! let mut producer = Producer::start(&reactor, client, ProducerConfig::default())?;
//! let words = producer.topic("words");
//! let mut appender = producer.appender()?;
//! appender.append(words, 0, 1_700_000_000_000, Some(b"key"), Some(b"value"), EncodedHeaders::NONE)?;
//! drop(appender);
//! producer.flush(Duration::from_secs(30))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is kept
//! - A batch whose request got no answer, or one that may pass, is sent again with the same sequence: nothing is doubled, nothing
//!   overtakes. Where it cannot be known whether a batch is in the log and the broker would not recognize it, its records fail.
//! - One case is the broker's alone: stopped cleanly, it forgets producers whose last records are, by their own timestamps, older than
//!   `producer.id.expiration.ms` (a day). Such a batch, appended just before without an answer, is doubled when it is sent again, by any client.
//!   An open transaction is not forgotten.
//! - Memory is bounded by `buffer.memory`, the entries of deliveries by the number of partitions and errors.
//! - A dropped producer sends nothing more. What is not acknowledged by then may or may not be in the log.
//!
//! # Modules
//! `open`: batches being filled. `queue`: sealed ones, by `partition`, which has the rules of sequences. `sender`: the task on the
//! reactor, with `node` and `missing`. `transaction`: its state, its coordinator, and what each error ends.

mod command;
mod config;
mod error;
mod missing;
mod node;
mod open;
mod partition;
mod queue;
mod sender;
mod settings;
mod shared;
mod transaction;
mod transactional;
mod verdict;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::spawn_local;

pub use config::ProducerConfig;
pub use error::{ProducerError, ProducerErrorKind};
pub use open::Full;

use crate::cluster::Cluster;
use crate::records::EncodedHeaders;
use crate::{ClientConfig, ClientError, Reactor};
use command::Command;
use open::Open;
use queue::Queue;
use sender::Sender;
use settings::Settings;
use shared::Shared;
use transactional::Kind;

/// A topic's number in one producer; equal numbers are equal topics for as long as the producer lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicId(usize);

/// What became of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// All records of the partition up to and with this offset, as far as they have not failed, are in the log.
    Acknowledged {
        /// The topic.
        topic: Arc<str>,
        /// The partition.
        partition: i32,
        /// Offset of the last one.
        offset: i64,
    },
    /// Records are given up. After a timeout or a lost connection they may be in the log all the same; else they are not.
    Failed {
        /// The topic.
        topic: Arc<str>,
        /// The partition.
        partition: i32,
        /// Why. Code 3 is an unknown topic or partition, 10 a record that is too large.
        error: ClientError,
        /// How many records.
        records: u32,
    },
}

/// Sends records; see the [module](self). Belongs to one thread at a time.
pub struct Producer {
    shared: Arc<Shared>,
    commands: UnboundedSender<Command>,
    /// A request that the caller did not wait for long enough. The next one waits for its end.
    pending: Option<(Kind, Receiver<Result<(), ProducerError>>)>,
    buffer_memory: usize,
    max_block: Duration,
    transactional: bool,
    _reactor: Reactor,
}

impl Producer {
    /// Starts a producer on a reactor. Connects to no broker yet: brokers that are down are waited for.
    ///
    /// # Errors
    /// [`ClientError::InvalidConfig`] with everything that is wrong.
    pub fn start(reactor: &Reactor, client: ClientConfig, config: ProducerConfig) -> Result<Self, ClientError> {
        let bootstrap = client.validate()?;
        config.validate(&client)?;
        let used = Arc::new(AtomicUsize::new(0));
        let queue = Queue::new(Settings::new(&config, &client), Arc::clone(&used));
        let open = Open::new(&config).map_err(|error| ClientError::InvalidConfig(error.to_string()))?;
        let shared = Arc::new(Shared::new(open, queue, used, &config));
        let (commands, receiver) = unbounded_channel();
        let producer = Self {
            shared: Arc::clone(&shared),
            commands,
            pending: None,
            buffer_memory: config.buffer_memory,
            max_block: config.max_block,
            transactional: config.transactional_id.is_some(),
            _reactor: reactor.clone(),
        };
        reactor.run(move || {
            let cluster = Cluster::start(client, bootstrap);
            spawn_local(Sender::new(shared, cluster, config).run(receiver));
        });
        Ok(producer)
    }

    /// The number that stands for a topic. Ask once for each topic, not for each record.
    pub fn topic(&mut self, name: &str) -> TopicId {
        self.shared.open().topic(name, &self.shared)
    }

    /// Sends no record while `gate` says no, not even again; what was taken over waits, and expires with `delivery.timeout.ms`. It is asked on the
    /// reactor before each request, and now and then while records wait: it must not block.
    pub fn set_gate(&mut self, gate: Arc<dyn Fn() -> bool + Send + Sync>) {
        self.shared.set_gate(gate);
    }

    /// Says whether the caller waits for something to do. While it does, batches are sent after `linger.idle.ms`, since nobody is about to fill
    /// them; never more than one such request is under way to a broker. A producer begins as one that is busy.
    pub fn set_idle(&mut self, idle: bool) {
        self.shared.set_idle(idle);
    }

    /// Where records are appended: locked once for as many as there are.
    ///
    /// # Errors
    /// With a transactional id, where no transaction is open (fatal), or it can only be aborted, or the producer is fenced.
    pub fn appender(&mut self) -> Result<Appender<'_>, ProducerError> {
        if self.transactional {
            self.shared.queue().transaction.may_append()?;
        }
        Ok(Appender { open: self.shared.open(), shared: &self.shared })
    }

    /// Waits until there is room for the record that an [`Appender`] was too [full](Full) for; meanwhile all that was taken over goes out. `None`
    /// waits for `max.block.ms`.
    ///
    /// # Errors
    /// Retriable where no room came in time.
    pub fn wait_for_room(&mut self, timeout: Option<Duration>) -> Result<(), ProducerError> {
        let deadline = in_time(timeout.unwrap_or(self.max_block));
        let needed = self.seal_all();
        let (used, memory) = (&self.shared.used, self.buffer_memory);
        // With nothing left in the queue there is room for whatever is not refused for its size.
        let has_room = |_: &Queue| {
            let used = used.load(Ordering::Relaxed);
            used == 0 || used.saturating_add(needed) <= memory
        };
        if self.shared.wait_until(deadline, has_room) { Ok(()) } else { Err(ProducerError::timeout()) }
    }

    /// Hands all open batches over; answers how many bytes had no room.
    fn seal_all(&mut self) -> usize {
        let mut open = self.shared.open();
        open.seal_all(&self.shared);
        self.shared.wake.notify_one();
        open.needed
    }

    /// Sends all that was taken over, and waits until all of it is told.
    ///
    /// # Errors
    /// Retriable where that takes longer than `timeout`; the records stay under way.
    pub fn flush(&mut self, timeout: Duration) -> Result<(), ProducerError> {
        self.flush_until(in_time(timeout))
    }

    fn flush_until(&mut self, deadline: Instant) -> Result<(), ProducerError> {
        self.seal_all();
        if self.shared.wait_until(deadline, |queue| queue.outstanding == 0) {
            Ok(())
        } else {
            Err(ProducerError::timeout())
        }
    }

    /// Sets a mark behind all records taken over so far, and sends them without waiting for company. Until it is [reached](Self::reach_mark),
    /// [`deliveries`](Self::deliveries) tells acknowledgements of records before it only. There is one at most: another takes its place.
    pub fn mark(&mut self) {
        let mut open = self.shared.open();
        open.seal_all(&self.shared);
        self.shared.queue().mark();
        drop(open);
        self.shared.wake.notify_one();
    }

    /// Waits, for `timeout` at most, until all records before the [mark](Self::mark) are told, and moves the [`deliveries`](Self::deliveries) until
    /// then to the end of `deliveries`. Says whether the mark is reached, which takes it away. Without a mark there is nothing to wait for.
    pub fn reach_mark(&mut self, timeout: Duration, deliveries: &mut Vec<Delivery>) -> bool {
        let is_reached = self.shared.wait_until(in_time(timeout), |queue| queue.before_mark == 0);
        let mut queue = self.shared.queue();
        queue.deliveries(deliveries);
        if is_reached {
            queue.remove_mark();
        }
        is_reached
    }

    /// Records taken over whose end is not known yet.
    pub fn outstanding(&self) -> usize {
        let open = self.shared.open().records;
        open + self.shared.queue().outstanding
    }

    /// Moves what has been told since the last call to the end of `deliveries`: one acknowledgement per partition, with the highest offset, and
    /// the failures.
    pub fn deliveries(&mut self, deliveries: &mut Vec<Delivery>) {
        self.shared.queue().deliveries(deliveries);
    }

    /// Drops all records that are not on their way, without telling their end; answers how many. What is on its way is told as its answer comes
    /// (or fails, if none comes), and not sent again.
    ///
    /// An open transaction can only be aborted afterwards.
    pub fn purge(&mut self) -> usize {
        let open = self.shared.open().clear();
        let mut queue = self.shared.queue();
        let purged = open + queue.forget();
        if self.transactional && purged > 0 {
            queue.transaction.purged();
        }
        purged
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.shared.queue().closed = true;
        self.shared.wake.notify_one();
    }
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer").field("transactional", &self.transactional).finish_non_exhaustive()
    }
}

/// Appends records to a producer. While it lives the producer's own thread alone fills batches; keep it for a run of records and drop it.
pub struct Appender<'a> {
    open: MutexGuard<'a, Open>,
    shared: &'a Shared,
}

impl Appender<'_> {
    /// Takes a record over. A record that can never be sent (too large, a partition number that cannot be) becomes a [`Delivery::Failed`].
    ///
    /// # Errors
    /// [`Full`]: it was not taken over. Drop this, [wait for room](Producer::wait_for_room) and append it again.
    #[inline]
    pub fn append(
        &mut self,
        topic: TopicId,
        partition: i32,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: EncodedHeaders<'_>,
    ) -> Result<(), Full> {
        self.open.append(self.shared, (topic, partition), timestamp, key, value, headers)
    }
}

/// Timeouts may be longer than times can be added up.
fn in_time(timeout: Duration) -> Instant {
    Instant::now() + timeout.min(Duration::from_millis(i32::MAX as u64))
}
