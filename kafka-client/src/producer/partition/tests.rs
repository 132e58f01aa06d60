//! A partition against a model of a broker that checks sequences as Kafka does, over connections that break.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::backoff::Backoff;
use crate::records::{BatchWriter, Compression, DecodeOptions, EncodedHeaders, RecordsReader};

const IDENTITY: ProducerIdentity = ProducerIdentity { id: 9, epoch: 0 };
/// The model takes batches of so many records at most.
const LARGEST: usize = 3;
const TICK: Duration = Duration::from_millis(10);

fn settings() -> Settings {
    let backoff = Backoff { first: TICK, longest: 4 * TICK };
    Settings {
        transactional: false,
        max_in_flight: 5,
        delivery_timeout: Duration::from_secs(2),
        backoff,
        soon: backoff,
        compression: Compression::None,
        compression_level: None,
    }
}

fn batch(numbers: std::ops::Range<u32>, created: Instant) -> Batch {
    let mut writer = BatchWriter::new(256);
    for number in numbers.clone() {
        writer.append(1, None, Some(&number.to_be_bytes()), EncodedHeaders::NONE).unwrap();
    }
    let data = writer.seal(&mut Compressor::new(Compression::None, None).unwrap()).unwrap();
    Batch::new(data, numbers.len() as u32, created)
}

/// What a request brings to the broker.
#[derive(Debug, Clone)]
struct Arrived {
    identity: ProducerIdentity,
    sequence: i32,
    numbers: Vec<u32>,
}

impl Arrived {
    fn read(data: &Bytes) -> Self {
        let mut records = Vec::new();
        RecordsReader::new().decode(data.clone(), &DecodeOptions::default(), &mut records).unwrap();
        let field = |at: usize, length: usize| {
            data[at..at + length].iter().fold(0u64, |value, byte| value << 8 | u64::from(*byte))
        };
        let number = |value: Option<&[u8]>| u32::from_be_bytes(value.unwrap().try_into().unwrap());
        Self {
            identity: ProducerIdentity { id: field(43, 8) as i64, epoch: field(51, 2) as i16 },
            sequence: field(53, 4) as i32,
            numbers: records[0].iter().map(|record| number(record.value)).collect(),
        }
    }

    /// A record that the broker never takes.
    fn is_poison(&self) -> bool {
        self.numbers.iter().any(|number| number % 23 == 22)
    }
}

/// One partition's log and what Kafka keeps about its producer.
#[derive(Default)]
struct Model {
    log: Vec<u32>,
    known: Option<ProducerIdentity>,
    /// First sequence, count and offset of the last five batches.
    last: VecDeque<(i32, usize, i64)>,
    next_sequence: i32,
}

impl Model {
    fn append(&mut self, arrived: &Arrived) -> ProducedPartition {
        let answer = |code, base_offset| ProducedPartition { code, base_offset, message: None };
        if arrived.numbers.len() > LARGEST || (arrived.numbers.len() == 1 && arrived.is_poison()) {
            return answer(10, -1);
        }
        // Whoever is alone in a batch too large shall be split off.
        if arrived.is_poison() {
            return answer(10, -1);
        }
        if let Some(known) = self.known {
            assert_eq!(known.id, arrived.identity.id);
            if arrived.identity.epoch < known.epoch {
                return answer(47, -1);
            }
            if arrived.identity.epoch > known.epoch {
                if arrived.sequence != 0 {
                    return answer(45, -1);
                }
                self.last.clear();
            } else {
                let same = |(first, count, _): &&(i32, usize, i64)| {
                    (*first, *count) == (arrived.sequence, arrived.numbers.len())
                };
                if let Some((.., offset)) = self.last.iter().find(same) {
                    return answer(0, *offset);
                }
                if arrived.sequence != self.next_sequence {
                    return answer(45, -1);
                }
            }
        }
        let offset = self.log.len() as i64;
        self.known = Some(arrived.identity);
        self.log.extend(&arrived.numbers);
        self.last.push_back((arrived.sequence, arrived.numbers.len(), offset));
        if self.last.len() > 5 {
            self.last.pop_front();
        }
        self.next_sequence = arrived.sequence + arrived.numbers.len() as i32;
        answer(0, offset)
    }
}

/// A partition, the model, and the connections between them.
struct World {
    partition: Partition,
    model: Model,
    settings: Settings,
    now: Instant,
    next_number: u32,
    ticket: u64,
    /// What each ticket carries.
    carried: HashMap<u64, Vec<u32>>,
    /// Requests on the connection that the broker has not read.
    on_wire: VecDeque<(u64, Arrived)>,
    answers: VecDeque<(u64, ProducedPartition)>,
    /// Requests on connections that are gone, which the broker may still read.
    stale: VecDeque<Arrived>,
    appended: u32,
    failed: u32,
    /// Failed, and certainly not in the log.
    refused: u32,
}

impl World {
    fn new() -> Self {
        Self {
            partition: Partition::new(),
            model: Model::default(),
            settings: settings(),
            now: Instant::now(),
            next_number: 0,
            ticket: 0,
            carried: HashMap::new(),
            on_wire: VecDeque::new(),
            answers: VecDeque::new(),
            stale: VecDeque::new(),
            appended: 0,
            failed: 0,
            refused: 0,
        }
    }

    fn act(&mut self, action: u8) {
        self.now += TICK;
        match action % 16 {
            0..=2 => {
                let count = 1 + u32::from(action / 16) % 5;
                self.partition.push(batch(self.next_number..self.next_number + count, self.now));
                self.next_number += count;
            }
            3..=6 => self.send(),
            7..=9 => self.serve(|model, arrived| model.append(arrived)),
            // The leader has moved, or too few replicas are there: not appended.
            10 => self.serve(|_, _| ProducedPartition { code: 6, base_offset: -1, message: None }),
            // Appended, but replication did not end in time.
            11 => self.serve(|model, arrived| {
                let answer = model.append(arrived);
                let code = if answer.code == 0 { 7 } else { answer.code };
                ProducedPartition { code, base_offset: -1, message: None }
            }),
            12..=13 => self.answer(),
            14 => self.disconnect(usize::from(action / 16)),
            _ if action / 16 < 4 => self.now += Duration::from_millis(700),
            _ => {
                if let Some(arrived) = self.stale.pop_front() {
                    self.model.append(&arrived);
                }
            }
        }
        let mut told = Vec::new();
        self.partition.expire(self.now, &self.settings, &mut told);
        self.tell(told);
    }

    fn send(&mut self) {
        let mut told = Vec::new();
        let ready = self.partition.ready(self.now, Some(IDENTITY), &self.settings, &mut told);
        self.tell(told);
        if matches!(ready, Ready::Yes(_)) {
            self.ticket += 1;
            let data = self.partition.send(self.ticket, &self.settings).unwrap();
            let arrived = Arrived::read(&data);
            self.carried.insert(self.ticket, arrived.numbers.clone());
            self.on_wire.push_back((self.ticket, arrived));
        }
    }

    fn serve(&mut self, broker: impl FnOnce(&mut Model, &Arrived) -> ProducedPartition) {
        if let Some((ticket, arrived)) = self.on_wire.pop_front() {
            let answer = broker(&mut self.model, &arrived);
            self.answers.push_back((ticket, answer));
        }
    }

    fn answer(&mut self) {
        if let Some((ticket, answer)) = self.answers.pop_front() {
            self.end(ticket, Outcome::Answered(answer));
        }
    }

    /// The connection breaks: answers are lost, and requests too, or not yet. They come back in any order.
    fn disconnect(&mut self, turn: usize) {
        let mut lost: Vec<u64> = self.answers.drain(..).map(|(ticket, _)| ticket).collect();
        for (ticket, arrived) in self.on_wire.drain(..) {
            lost.push(ticket);
            self.stale.push_back(arrived);
        }
        if !lost.is_empty() {
            let turn = turn % lost.len();
            lost.rotate_left(turn);
        }
        for ticket in lost {
            self.end(ticket, Outcome::Lost(ClientError::Disconnected));
        }
    }

    fn end(&mut self, ticket: u64, outcome: Outcome) {
        let mut told = Vec::new();
        self.partition.answered(ticket, outcome, self.now, &self.settings, &mut told);
        if let Some(Told::Appended { last_offset, .. }) = told.first() {
            let numbers = &self.carried[&ticket];
            let last = last_offset.expect("the model says offsets") as usize;
            assert_eq!(self.model.log[last + 1 - numbers.len()..=last], numbers[..], "the offset told");
        }
        self.tell(told);
    }

    fn tell(&mut self, told: Vec<Told>) {
        for told in told {
            match told {
                Told::Appended { records, .. } => self.appended += records,
                Told::Failed { records, error, .. } => {
                    self.failed += records;
                    if error.code() == Some(10) {
                        self.refused += records;
                    }
                }
                Told::Grown { .. } => {}
            }
        }
    }

    /// All is well from now on: whatever is open comes to its end.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            if self.partition.waiting.is_empty() && self.partition.under_way.is_empty() {
                return;
            }
            self.now += TICK;
            self.send();
            self.serve(|model, arrived| model.append(arrived));
            self.answer();
        }
        panic!("the partition does not come to rest: {:?}", self.partition);
    }

    fn check(&self) {
        let log = &self.model.log;
        assert!(log.windows(2).all(|pair| pair[0] < pair[1]), "doubled or reordered: {log:?}");
        assert_eq!(self.appended + self.failed, self.next_number, "each record is told once");
        let in_log: HashSet<_> = log.iter().collect();
        assert!(in_log.len() as u32 >= self.appended, "lost: {log:?}, {} told appended", self.appended);
        assert!(in_log.len() as u32 <= self.next_number - self.refused, "a refused record is in the log");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn nothing_is_lost_doubled_or_reordered(actions in proptest::collection::vec(any::<u8>(), 1..250)) {
        let mut world = World::new();
        for action in actions {
            world.act(action);
        }
        world.settle();
        while let Some(arrived) = world.stale.pop_front() {
            world.model.append(&arrived);
        }
        world.check();
    }
}

fn ready(world: &mut World) -> bool {
    let before = world.ticket;
    world.send();
    world.ticket > before
}

#[test]
fn the_first_batch_goes_alone_then_five_are_under_way() {
    let mut world = World::new();
    for _ in 0..10 {
        world.act(0);
    }
    assert!(ready(&mut world) && !ready(&mut world), "before the broker knows the producer, one at a time");
    world.act(7);
    world.act(12);
    let sent = (0..10).take_while(|_| ready(&mut world)).count();
    assert_eq!(sent, 5);
}

#[test]
fn a_failure_holds_the_others_back_and_keeps_sequences() {
    let mut world = World::new();
    (0..4).for_each(|_| world.act(0));
    world.send();
    world.act(7);
    world.act(12);
    (0..3).for_each(|_| assert!(ready(&mut world)));
    let sequences: Vec<_> = world.on_wire.iter().map(|(_, arrived)| arrived.sequence).collect();
    assert_eq!(sequences, [1, 2, 3]);
    world.act(10);
    world.act(12);
    world.now += 10 * TICK;
    assert!(!ready(&mut world), "two are still under way");
    for _ in 0..2 {
        world.serve(|model, arrived| model.append(arrived));
        world.answer();
    }
    world.now += 10 * TICK;
    assert!(ready(&mut world) && !ready(&mut world), "one at a time");
    assert_eq!(world.on_wire[0].1.sequence, 1);
    world.settle();
    assert_eq!((world.model.log.as_slice(), world.failed), (&[0, 1, 2, 3][..], 0));
}

#[test]
fn a_gap_restarts_in_the_next_epoch() {
    let mut world = World::new();
    (0..2).for_each(|_| world.act(0));
    world.send();
    world.act(7);
    world.act(12);
    // The second batch is sent, refused for the moment, and given up.
    world.send();
    world.act(10);
    world.act(12);
    world.now += Duration::from_secs(3);
    world.act(12);
    assert_eq!(world.failed, 1);
    world.act(0);
    world.settle();
    assert_eq!(world.model.log, [0, 2]);
    assert_eq!(world.model.known, Some(ProducerIdentity { epoch: 1, ..IDENTITY }));
}

#[test]
fn what_may_still_arrive_is_not_renumbered() {
    let mut world = World::new();
    world.act(0);
    world.settle();
    // Two batches on a connection that breaks; the first is given up.
    world.act(0);
    world.send();
    world.now += Duration::from_millis(1500);
    world.act(0);
    world.send();
    world.disconnect(0);
    world.now += Duration::from_millis(600);
    world.act(12);
    assert_eq!((world.failed, world.partition.waiting.len()), (1, 1));
    // The broker finds a gap. The second batch may yet come over the old connection: it fails rather than being doubled.
    world.settle();
    assert_eq!((world.failed, world.model.log.as_slice()), (2, &[0][..]));
}

/// The broker recognizes the last five batches. One that was sent again may be the fifth already: a new one beside it would push it out.
#[test]
fn nothing_new_goes_beside_a_repetition() {
    let mut world = World::new();
    world.act(0);
    world.settle();
    (0..5).for_each(|_| world.act(0));
    (0..5).for_each(|_| assert!(ready(&mut world)));
    world.act(11);
    (0..4).for_each(|_| world.act(7));
    (0..5).for_each(|_| world.act(12));
    assert_eq!((world.appended, world.partition.waiting.len()), (5, 1));
    world.act(0);
    world.now += 10 * TICK;
    assert!(ready(&mut world) && !ready(&mut world));
    world.settle();
    assert_eq!((world.model.log.as_slice(), world.failed), (&[0, 1, 2, 3, 4, 5, 6][..], 0));
}

#[test]
fn sequences_wrap_around() {
    let mut world = World::new();
    world.act(0);
    world.settle();
    world.partition.zero = 1;
    world.partition.next_position = (1 << 31) - 1;
    world.partition.push(batch(1..4, world.now));
    world.partition.push(batch(4..5, world.now));
    world.send();
    world.send();
    let sequences: Vec<_> = world.on_wire.iter().map(|(_, arrived)| arrived.sequence).collect();
    assert_eq!(sequences, [i32::MAX - 1, 1]);
}

#[test]
fn an_exhausted_epoch_needs_a_new_id() {
    let mut partition = Partition::new();
    let (settings, now, mut told) = (settings(), Instant::now(), Vec::new());
    partition.take_identity(ProducerIdentity { id: 9, epoch: i16::MAX });
    partition.push(batch(0..1, now));
    partition.restart = Restart::NextEpoch;
    assert_eq!(partition.ready(now, Some(IDENTITY), &settings, &mut told), Ready::NeedsIdentity);
    let new = ProducerIdentity { id: 10, epoch: 0 };
    assert!(matches!(partition.ready(now, Some(new), &settings, &mut told), Ready::Yes(_)));
    assert_eq!(partition.identity, new);
}

#[test]
fn what_is_forgotten_is_not_sent_again() {
    let mut world = World::new();
    (0..2).for_each(|_| world.act(0));
    world.send();
    assert_eq!(world.partition.forget().0, 1);
    world.disconnect(0);
    assert_eq!((world.failed, world.partition.waiting.len()), (1, 0));
}
