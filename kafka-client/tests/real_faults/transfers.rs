//! Transactions of numbered records, some of them aborted, and what readers of committed records must see of them.

use std::sync::Arc;
use std::thread;

use kafka_client::Reactor;
use kafka_client::producer::{Delivery, Producer, ProducerConfig, ProducerError, ProducerErrorKind};
use kafka_client::records::{EncodedHeaders, Records};

use crate::chance::Chance;
use crate::load::{Check, Goal, PARTITIONS, PATIENCE, client, consume, number_of, timestamp, unique, value};

/// Records of one transaction.
const RECORDS: usize = 100;

/// Whether a transaction is meant to be committed.
fn is_committed(seed: u64, transaction: usize) -> bool {
    Chance::new(seed ^ transaction as u64).below(4) > 0
}

/// Runs as many transactions as the goal wants and reads them at the same time. Answers how many there were, and how many of them were
/// repeated because they failed on their way.
pub fn run(servers: &str, topic: &Arc<str>, seed: u64, goal: &Goal) -> (usize, usize) {
    let repeated = thread::scope(|scope| {
        let consumer = scope.spawn(|| {
            let _guard = goal.guard();
            consume(servers, topic, true, seed, goal, |partition| Expected::new(partition, seed));
        });
        let producer = scope.spawn(|| {
            let _guard = goal.guard();
            produce(servers, topic, seed, goal)
        });
        let (produced, consumed) = (producer.join(), consumer.join());
        assert!(consumed.is_ok(), "seed {seed}: see above");
        produced.unwrap_or_else(|_| panic!("seed {seed}: see above"))
    });
    (goal.total().unwrap(), repeated)
}

fn produce(servers: &str, topic: &str, seed: u64, goal: &Goal) -> usize {
    let config = ProducerConfig { transactional_id: Some(unique("transfers")), ..ProducerConfig::default() };
    let reactor = Reactor::start("faults-producer").unwrap();
    let mut producer = Producer::start(&reactor, client(servers), config).unwrap();
    again(|| producer.init_transactions(PATIENCE)).unwrap();
    let (mut transaction, mut repeated) = (0, 0);
    while goal.wants_more_than(transaction) {
        while !attempt(&mut producer, topic, transaction, is_committed(seed, transaction)) {
            repeated += 1;
        }
        transaction += 1;
    }
    goal.reached(transaction);
    repeated
}

/// Whether the transaction has ended as it was meant to. One that cannot be committed is aborted, to be repeated.
fn attempt(producer: &mut Producer, topic: &str, transaction: usize, commit: bool) -> bool {
    producer.begin_transaction().unwrap();
    let id = producer.topic(topic);
    let mut is_good = true;
    for index in 0..RECORDS {
        let number = transaction * RECORDS + index;
        let partition = number % PARTITIONS;
        let record = value(partition, number);
        let appended = producer.appender().map(|mut appender| {
            appender
                .append(id, partition as i32, timestamp(number), None, Some(&record), EncodedHeaders::NONE)
                .expect("there is room");
        });
        is_good &= appended.map_err(|error| assert_can_abort(&error)).is_ok();
        // Some are under way while others are appended, and while the transaction is aborted.
        if index == RECORDS / 2 && transaction.is_multiple_of(3) {
            drop(producer.flush(std::time::Duration::ZERO));
        }
    }
    if is_good && commit {
        match again(|| producer.commit_transaction(PATIENCE)) {
            Ok(()) => return true,
            Err(error) => assert_can_abort(&error),
        }
    }
    again(|| producer.abort_transaction(PATIENCE)).unwrap();
    // Records of an aborted transaction may have failed.
    producer.deliveries(&mut Vec::<Delivery>::new());
    !commit
}

fn assert_can_abort(error: &ProducerError) {
    assert_eq!(error.kind, ProducerErrorKind::AbortTransaction, "{error}");
}

/// Calls again what is not decided.
fn again(mut call: impl FnMut() -> Result<(), ProducerError>) -> Result<(), ProducerError> {
    loop {
        match call() {
            Err(error) if error.kind == ProducerErrorKind::Retriable => {}
            result => return result,
        }
    }
}

/// The numbers that one partition must show.
struct Expected {
    partition: usize,
    numbers: Box<dyn Iterator<Item = usize>>,
    next: usize,
    offset: i64,
}

impl Expected {
    fn new(partition: usize, seed: u64) -> Self {
        let committed = (0..).filter(move |transaction| is_committed(seed, *transaction));
        let numbers = committed.flat_map(|transaction| transaction * RECORDS..(transaction + 1) * RECORDS);
        let mut numbers = Box::new(numbers.filter(move |number| number % PARTITIONS == partition));
        let next = numbers.next().unwrap();
        Self { partition, numbers, next, offset: -1 }
    }
}

impl Check for Expected {
    fn take(&mut self, records: &Records) {
        for record in records.iter() {
            assert_eq!(number_of(record.value), (self.partition, self.next));
            assert!(record.offset > self.offset);
            self.offset = record.offset;
            self.next = self.numbers.next().unwrap();
        }
    }

    fn is_complete(&self, total: usize) -> bool {
        self.next >= total * RECORDS
    }
}
