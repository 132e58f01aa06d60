//! Numbered records produced and consumed at the same time, and checked one by one.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use kafka_client::admin::{Admin, NewTopic};
use kafka_client::consumer::{Consumer, ConsumerConfig, Event};
use kafka_client::producer::{Delivery, Producer, ProducerConfig};
use kafka_client::records::{EncodedHeaders, Records};
use kafka_client::{ClientConfig, Reactor};

use crate::chance::Chance;

pub const PARTITIONS: usize = 3;
/// Longer than anything takes; whoever waits for so long waits for ever.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// How long a record may be on its way: no fault of these tests lasts so long.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(600);
const VALUE: usize = 100;

/// A client that notices soon that nothing comes back.
pub fn client(servers: &str) -> ClientConfig {
    let mut client = ClientConfig::new(servers.split(','), "faults");
    client.request_timeout = Duration::from_secs(2);
    client.socket_connection_setup_timeout = Duration::from_secs(2);
    client
}

/// A name that no other test and no earlier run has used.
pub fn unique(prefix: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    format!("{prefix}-{}-{nanos}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst))
}

/// A new topic of [`PARTITIONS`] partitions.
pub fn create_topic(servers: &str, replicas: i16, config: &[(&str, &str)]) -> Arc<str> {
    let mut topic = NewTopic::new(unique("faults"), PARTITIONS as i32);
    topic.replication_factor = replicas;
    topic.config = config.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let reactor = Reactor::start("faults-admin").unwrap();
    let admin = Admin::start(&reactor, client(servers)).unwrap();
    for created in admin.create_topics(&[topic.clone()], PATIENCE).unwrap() {
        created.unwrap();
    }
    topic.name.into()
}

/// A record's time, close to the present. A broker forgets a producer whose last records are older than `producer.id.expiration.ms` (a day),
/// by their own timestamps, when it starts from a clean stop: then it takes what is repeated for new, whichever client it comes from.
pub fn timestamp(number: usize) -> i64 {
    static START: LazyLock<i64> =
        LazyLock::new(|| SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64);
    *START + (number % 1000) as i64
}

/// What a record says of itself: its partition and its number there.
pub fn value(partition: usize, number: usize) -> [u8; VALUE] {
    let mut value = [b'.'; VALUE];
    value[..4].copy_from_slice(&(partition as u32).to_be_bytes());
    value[4..12].copy_from_slice(&(number as u64).to_be_bytes());
    value
}

pub fn number_of(value: Option<&[u8]>) -> (usize, usize) {
    let value = value.expect("a value");
    assert_eq!(value.len(), VALUE);
    let partition = u32::from_be_bytes(value[..4].try_into().unwrap());
    (partition as usize, u64::from_be_bytes(value[4..12].try_into().unwrap()) as usize)
}

/// How much is produced: a number, or until somebody says that it is enough.
pub struct Goal {
    most: usize,
    enough: AtomicBool,
    total: AtomicUsize,
    /// Records acknowledged by now.
    done: AtomicUsize,
    failed: AtomicBool,
}

const UNKNOWN: usize = usize::MAX;

impl Goal {
    pub fn exactly(number: usize) -> Self {
        Self { most: number, ..Self::until_enough() }
    }

    pub fn until_enough() -> Self {
        let (enough, total) = (AtomicBool::new(false), AtomicUsize::new(UNKNOWN));
        Self { most: UNKNOWN, enough, total, done: AtomicUsize::new(0), failed: AtomicBool::new(false) }
    }

    pub fn enough(&self) {
        self.enough.store(true, Ordering::SeqCst);
    }

    /// Whether more than `done` are wanted. With no number given the caller waits a little, so that not too many come together.
    pub fn wants_more_than(&self, done: usize) -> bool {
        if self.most == UNKNOWN {
            thread::sleep(Duration::from_millis(30));
        }
        done < self.most && !self.enough.load(Ordering::SeqCst)
    }

    /// Waits until so many more are acknowledged; answers how long the first of them took.
    pub fn wait_for(&self, more: usize) -> Duration {
        let (start, before) = (Instant::now(), self.done.load(Ordering::SeqCst));
        let mut first = None;
        loop {
            let done = self.done.load(Ordering::SeqCst);
            assert!(!self.failed.load(Ordering::SeqCst), "the other side has failed");
            assert!(start.elapsed() < PATIENCE, "{} of {more} records came in {PATIENCE:?}", done - before);
            if done > before {
                first.get_or_insert(start.elapsed());
            }
            match first {
                Some(first) if done >= before + more => return first,
                _ => thread::park_timeout(Duration::from_millis(5)),
            }
        }
    }

    fn note(&self, acknowledged: &[i64]) {
        self.done.store(acknowledged.iter().map(|last| (last + 1) as usize).sum(), Ordering::SeqCst);
    }

    /// There will be no more.
    pub fn reached(&self, total: usize) {
        self.total.store(total, Ordering::SeqCst);
    }

    /// How many there will be in the end, once that is known.
    pub fn total(&self) -> Option<usize> {
        assert!(!self.failed.load(Ordering::SeqCst), "the other side has failed");
        Some(self.total.load(Ordering::SeqCst)).filter(|total| *total != UNKNOWN)
    }

    /// Tells the other side if what this is kept for panics.
    pub fn guard(&self) -> Guard<'_> {
        Guard(self)
    }
}

pub struct Guard<'a>(&'a Goal);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.failed.store(true, Ordering::SeqCst);
            self.0.enough();
        }
    }
}

/// Records of each partition that are appended before anything else is looked at.
const CHUNK: usize = 500;

/// Sends as many records to each partition as the goal wants; answers when each is acknowledged at the offset of its number.
fn produce(servers: &str, topic: &str, goal: &Goal, config: ProducerConfig) {
    let config = ProducerConfig { delivery_timeout: DELIVERY_TIMEOUT, ..config };
    let reactor = Reactor::start("faults-producer").unwrap();
    let mut producer = Producer::start(&reactor, client(servers), config).unwrap();
    let id = producer.topic(topic);
    let mut acknowledged = [-1; PARTITIONS];
    let mut next = 0;
    while goal.wants_more_than(next / PARTITIONS) {
        let end = (next + CHUNK * PARTITIONS).min(goal.most.saturating_mul(PARTITIONS));
        while next < end {
            let mut appender = producer.appender().unwrap();
            let mut is_full = false;
            while next < end && !is_full {
                let (partition, number) = (next % PARTITIONS, next / PARTITIONS);
                let record = value(partition, number);
                let time = timestamp(number);
                let headers = EncodedHeaders::NONE;
                is_full = appender.append(id, partition as i32, time, None, Some(&record), headers).is_err();
                next += usize::from(!is_full);
            }
            drop(appender);
            if is_full {
                producer.wait_for_room(Some(PATIENCE)).expect("room for one more record");
                told(&mut producer, &mut acknowledged);
                goal.note(&acknowledged);
            }
        }
        told(&mut producer, &mut acknowledged);
        goal.note(&acknowledged);
    }
    let per_partition = next / PARTITIONS;
    goal.reached(per_partition);
    let flushed = producer.flush(PATIENCE);
    told(&mut producer, &mut acknowledged);
    flushed.unwrap_or_else(|error| panic!("{error}: acknowledged up to {acknowledged:?} of {per_partition}"));
    assert_eq!(acknowledged, [per_partition as i64 - 1; PARTITIONS]);
}

fn told(producer: &mut Producer, acknowledged: &mut [i64; PARTITIONS]) {
    let mut deliveries = Vec::new();
    producer.deliveries(&mut deliveries);
    for delivery in deliveries {
        match delivery {
            Delivery::Acknowledged { partition, offset, .. } => {
                let before = &mut acknowledged[partition as usize];
                assert!(offset > *before, "{partition}: acknowledged {offset} after {before}");
                *before = offset;
            }
            Delivery::Failed { .. } => panic!("{delivery:?}; acknowledged up to {acknowledged:?}"),
        }
    }
}

/// What checks the records of one partition.
pub trait Check {
    /// The next ones.
    fn take(&mut self, records: &Records);
    /// Whether the partition is complete, if there are so many of what is counted.
    fn is_complete(&self, total: usize) -> bool;
}

/// Polls all partitions until each is complete. Partitions are paused and resumed by chance meanwhile.
pub fn consume<C: Check>(
    servers: &str,
    topic: &Arc<str>,
    read_committed: bool,
    seed: u64,
    goal: &Goal,
    check: impl Fn(usize) -> C,
) {
    let user = thread::current();
    // Little memory, so that what waits of paused partitions is given up from time to time.
    let config = ConsumerConfig {
        read_committed,
        fetch_max_wait: Duration::from_millis(200),
        buffer_memory: 2 << 20,
        fetch_max_bytes: 1 << 20,
        max_partition_fetch_bytes: 300_000,
        ..ConsumerConfig::default()
    };
    let reactor = Reactor::start("faults-consumer").unwrap();
    let mut consumer = Consumer::start(&reactor, client(servers), config, move || user.unpark()).unwrap();
    let assignments: Vec<_> = (0..PARTITIONS).map(|partition| consumer.assign(topic, partition as i32, 0)).collect();
    let mut checks: Vec<C> = (0..PARTITIONS).map(check).collect();
    let mut chance = Chance::new(seed);
    let (mut events, mut last) = (Vec::new(), Instant::now());
    while !goal.total().is_some_and(|total| checks.iter().all(|check| check.is_complete(total))) {
        if chance.below(20) == 0 {
            let place = chance.below(PARTITIONS);
            consumer.set_paused(assignments[place], chance.below(3) == 0);
        }
        consumer.poll(&mut events);
        if events.is_empty() {
            let positions: Vec<_> = assignments.iter().map(|assignment| consumer.position(*assignment)).collect();
            assert!(last.elapsed() < PATIENCE, "nothing came for {PATIENCE:?}, at {positions:?}");
            thread::park_timeout(Duration::from_millis(20));
            continue;
        }
        last = Instant::now();
        for (assignment, event) in events.drain(..) {
            let partition = assignments.iter().position(|known| *known == assignment).unwrap();
            match event {
                Event::Records(records) => checks[partition].take(&records),
                other => panic!("{topic}-{partition}: {other:?}"),
            }
        }
    }
}

/// Takes numbers and offsets that must both count from 0 without a gap.
struct Counted {
    partition: usize,
    next: usize,
}

impl Check for Counted {
    fn take(&mut self, records: &Records) {
        let next = &mut self.next;
        for record in records.iter() {
            assert_eq!((record.offset, number_of(record.value)), (*next as i64, (self.partition, *next)));
            assert_eq!(record.timestamp, timestamp(*next));
            *next += 1;
        }
        assert_eq!(records.next_offset, *next as i64, "partition {}", self.partition);
    }

    fn is_complete(&self, total: usize) -> bool {
        assert!(self.next <= total, "{} records in partition {} instead of {total}", self.next, self.partition);
        self.next == total
    }
}

/// Produces and consumes at the same time, while `meanwhile` does what it likes. Answers how many records of each partition there were.
pub fn run(
    servers: &str,
    topic: &Arc<str>,
    seed: u64,
    goal: &Goal,
    config: ProducerConfig,
    meanwhile: impl FnOnce(),
) -> usize {
    thread::scope(|scope| {
        let consumer = scope.spawn(|| {
            let _guard = goal.guard();
            consume(servers, topic, false, seed, goal, |partition| Counted { partition, next: 0 });
        });
        let producer = scope.spawn(|| {
            let _guard = goal.guard();
            produce(servers, topic, goal, config);
        });
        let guard = goal.guard();
        meanwhile();
        drop(guard);
        let (produced, consumed) = (producer.join(), consumer.join());
        assert!(produced.is_ok() && consumed.is_ok(), "seed {seed}: see above");
    });
    goal.total().unwrap()
}
