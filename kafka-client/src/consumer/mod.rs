//! Reading partitions that are assigned by hand: whole batches from brokers, records where they lie in them.
//!
//! | file | is |
//! |---|---|
//! | `mod` | the handle: takes what has arrived, checks and decodes it on its user's thread |
//! | `arrivals` | what has arrived: the one thing that both threads touch |
//! | `fetcher` | on the reactor: which partition is fetched next and from where |
//! | `partition` | one partition: where it stands, and what an answer means for it |
//! | `lane`, `session` | one connection to one broker, and what that broker remembers of it |

mod arrivals;
mod config;
mod fetcher;
mod lane;
mod partition;
mod session;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::spawn_local;

use crate::cluster::Cluster;
use crate::records::{AbortedTransaction, DecodeOptions, Records, RecordsReader};
use crate::{ClientConfig, ClientError, Reactor};
use arrivals::{Arrival, Arrivals};
pub use config::ConsumerConfig;

/// One assignment of a partition to a [`Consumer`]. Assigning the same partition again makes another one, so that what was under way
/// for the first is never taken for the second's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Assignment(u64);

/// Reads partitions. Used from one thread; sockets belong to the [`Reactor`].
///
/// While what was polled last is being worked on, the next answer is fetched: at most one per partition waits, and over all partitions
/// `buffer_memory` bytes and the answers under way. Partitions that are paused are fetched ahead once, too; where memory gets short, what
/// waits of them is given up and fetched again later.
pub struct Consumer {
    commands: mpsc::UnboundedSender<Command>,
    arrivals: Arc<Arrivals>,
    config: ConsumerConfig,
    reader: RecordsReader,
    next: u64,
    assigned: HashMap<Assignment, Assigned>,
    /// Taken from the reactor, in order.
    taken: VecDeque<(Assignment, Arrival)>,
    /// Decoded and not handed out yet, in order; before everything in `taken` of the same partition.
    decoded: VecDeque<Decoded>,
    /// Keeps the thread alive.
    _reactor: Reactor,
}

struct Assigned {
    topic: Arc<str>,
    partition: i32,
    position: i64,
    paused: bool,
    /// Something has been told that ends it.
    over: bool,
}

struct Decoded {
    assignment: Assignment,
    records: Records,
    /// Records handed out already.
    done: usize,
}

/// What a poll brings of one partition.
#[derive(Debug)]
pub enum Event {
    /// Records, in offset order; maybe none, when only the position has moved.
    Records(Records),
    /// The position lies outside of what the broker has, or the topic has been made anew. Nothing more comes of this assignment.
    OutOfRange {
        /// The position.
        position: i64,
    },
    /// The log that was read so far has lost what lies from `end` on, in an unclean election of a leader. Nothing more comes of this assignment.
    Truncated {
        /// The position.
        position: i64,
        /// Up to where the log is still what was read.
        end: i64,
    },
    /// The partition cannot be read. Nothing more comes of this assignment.
    Failed(ClientError),
}

/// From the handle to the reactor. Few: for assignments, and one per answer taken.
#[derive(Debug)]
enum Command {
    Assign {
        assignment: Assignment,
        topic: Arc<str>,
        partition: i32,
        offset: i64,
    },
    Unassign(Assignment),
    SetPaused(Assignment, bool),
    /// What waited of these has been taken: they may be fetched again.
    Taken(Vec<Assignment>),
}

impl Consumer {
    /// A consumer without assignment. `notify` is called, on the reactor, whenever something has arrived; it must not block.
    ///
    /// # Errors
    /// [`ClientError::InvalidConfig`] with everything that is wrong.
    pub fn start(
        reactor: &Reactor,
        client: ClientConfig,
        config: ConsumerConfig,
        notify: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, ClientError> {
        let bootstrap = client.validate()?;
        config.validate()?;
        let arrivals = Arc::new(Arrivals::new(Box::new(notify)));
        let (commands, receiver) = mpsc::unbounded_channel();
        let (shared, settings) = (Arc::clone(&arrivals), config.clone());
        reactor.run(move || {
            let cluster = Cluster::start(client, bootstrap);
            spawn_local(fetcher::run(cluster, settings, shared, receiver));
        });
        Ok(Self {
            commands,
            arrivals,
            config,
            reader: RecordsReader::new(),
            next: 0,
            assigned: HashMap::new(),
            taken: VecDeque::new(),
            decoded: VecDeque::new(),
            _reactor: reactor.clone(),
        })
    }

    /// Reads a partition from an offset on.
    pub fn assign(&mut self, topic: &Arc<str>, partition: i32, offset: i64) -> Assignment {
        self.next += 1;
        let assignment = Assignment(self.next);
        let assigned = Assigned { topic: Arc::clone(topic), partition, position: offset, paused: false, over: false };
        self.assigned.insert(assignment, assigned);
        self.tell(Command::Assign { assignment, topic: Arc::clone(topic), partition, offset });
        assignment
    }

    /// Ends an assignment: nothing more is handed out of it.
    pub fn unassign(&mut self, assignment: Assignment) {
        if self.assigned.remove(&assignment).is_some() {
            self.taken.retain(|(other, _)| *other != assignment);
            self.decoded.retain(|decoded| decoded.assignment != assignment);
            self.tell(Command::Unassign(assignment));
        }
    }

    /// Holds back what comes of an assignment, or goes on handing it out, without a gap or a repetition.
    pub fn set_paused(&mut self, assignment: Assignment, paused: bool) {
        if let Some(assigned) = self.assigned.get_mut(&assignment)
            && assigned.paused != paused
        {
            assigned.paused = paused;
            self.tell(Command::SetPaused(assignment, paused));
        }
    }

    /// Offset of the next record to be handed out; none once the assignment has ended.
    pub fn position(&self, assignment: Assignment) -> Option<i64> {
        self.assigned.get(&assignment).map(|assigned| assigned.position)
    }

    /// The end of the partition in the last answer: the high watermark, or the last stable offset when reading committed records.
    pub fn end_offset(&self, assignment: Assignment) -> Option<i64> {
        self.arrivals.end(assignment)
    }

    /// Bytes fetched and not handed out.
    pub fn held_bytes(&self) -> usize {
        let taken: usize = self.taken.iter().map(|(_, arrival)| arrival.size()).sum();
        let decoded: usize = self.decoded.iter().map(|decoded| decoded.records.data.len()).sum();
        taken + decoded + self.arrivals.bytes()
    }

    /// Hands out what has arrived, without waiting: at most `max_poll_records` records.
    pub fn poll(&mut self, events: &mut Vec<(Assignment, Event)>) {
        let mut room = self.config.max_poll_records;
        loop {
            self.hand_out(&mut room, events);
            if room == 0 || !self.decode_next(events) {
                break;
            }
        }
        if events.is_empty() && self.take() {
            while room > 0 && self.decode_next(events) {
                self.hand_out(&mut room, events);
            }
        }
    }

    /// Takes what has arrived; says whether that was anything.
    fn take(&mut self) -> bool {
        let before = self.taken.len();
        let assigned = &self.assigned;
        let held = |assignment| assigned.get(&assignment).is_some_and(|assigned: &Assigned| assigned.paused);
        self.arrivals.take(held, &mut self.taken);
        let fresh: Vec<_> = self.taken.iter().skip(before).map(|(assignment, _)| *assignment).collect();
        if fresh.is_empty() {
            return false;
        }
        self.tell(Command::Taken(fresh));
        true
    }

    /// Decodes the first of what was taken that is not held back. False where there is none.
    fn decode_next(&mut self, events: &mut Vec<(Assignment, Event)>) -> bool {
        let assigned = &self.assigned;
        let is_ready = |(assignment, _): &(Assignment, Arrival)| {
            assigned.get(assignment).is_none_or(|assigned: &Assigned| !assigned.paused)
        };
        let Some(place) = self.taken.iter().position(is_ready) else { return false };
        let Some((assignment, arrival)) = self.taken.remove(place) else { return false };
        let Some(assigned) = self.assigned.get_mut(&assignment).filter(|assigned| !assigned.over) else { return true };
        let position = assigned.position;
        assigned.over = !matches!(arrival, Arrival::Batches { .. });
        match arrival {
            Arrival::Batches { from, batches, aborted } => self.decode(assignment, from, batches, &aborted),
            Arrival::OutOfRange => events.push((assignment, Event::OutOfRange { position })),
            Arrival::Truncated(end) => events.push((assignment, Event::Truncated { position, end })),
            Arrival::Failed(error) => events.push((assignment, Event::Failed(error))),
        }
        true
    }

    fn decode(&mut self, assignment: Assignment, from: i64, batches: Bytes, aborted: &[AbortedTransaction]) {
        let options = DecodeOptions {
            from,
            check_crcs: self.config.check_crcs,
            max_decompressed: self.config.max_decompressed_bytes,
            aborted,
        };
        let mut records = Vec::new();
        let decoded = self.reader.decode(batches, &options, &mut records);
        let any = !records.is_empty();
        self.decoded.extend(records.into_iter().map(|records| Decoded { assignment, records, done: 0 }));
        match decoded {
            Ok(decoded) => match decoded.needs {
                Some(needs) => self.fail(assignment, &format!("a batch of {needs} bytes came without its end")),
                // Only markers, aborted records or what lies below the position.
                None if !any => {
                    let records = Records { data: Bytes::new(), spans: Vec::new(), next_offset: decoded.next_offset };
                    self.decoded.push_back(Decoded { assignment, records, done: 0 });
                }
                None => {}
            },
            Err(error) => self.fail(assignment, &error.to_string()),
        }
    }

    /// Ends an assignment with an error, behind what has been decoded of it.
    fn fail(&mut self, assignment: Assignment, problem: &str) {
        let Some(assigned) = self.assigned.get_mut(&assignment) else { return };
        let problem = format!("{}-{}: {problem}", assigned.topic, assigned.partition);
        self.taken.retain(|(other, _)| *other != assignment);
        self.taken.push_front((assignment, Arrival::Failed(ClientError::Malformed(problem))));
        self.tell(Command::Unassign(assignment));
    }

    /// Hands out what is decoded and not held back, as far as there is room.
    fn hand_out(&mut self, room: &mut usize, events: &mut Vec<(Assignment, Event)>) {
        let mut place = 0;
        while *room > 0 && place < self.decoded.len() {
            let decoded = &mut self.decoded[place];
            let assignment = decoded.assignment;
            let Some(assigned) = self.assigned.get_mut(&assignment).filter(|assigned| !assigned.paused) else {
                place += 1;
                continue;
            };
            let (records, rest) = decoded.part(*room);
            *room -= records.spans.len();
            assigned.position = records.next_offset;
            events.push((assignment, Event::Records(records)));
            if !rest {
                self.decoded.remove(place);
            }
        }
    }

    fn tell(&self, command: Command) {
        // The reactor lives for as long as this handle does.
        let _ = self.commands.send(command);
    }
}

impl Decoded {
    /// The next records, at most so many, and whether more are left.
    fn part(&mut self, most: usize) -> (Records, bool) {
        let left = self.records.spans.len() - self.done;
        if self.done == 0 && left <= most {
            let spans = std::mem::take(&mut self.records.spans);
            return (Records { data: self.records.data.clone(), spans, next_offset: self.records.next_offset }, false);
        }
        let end = self.done + left.min(most);
        let spans = self.records.spans[self.done..end].to_vec();
        let rest = end < self.records.spans.len();
        let next_offset = if rest { self.records.spans[end].offset } else { self.records.next_offset };
        self.done = end;
        (Records { data: self.records.data.clone(), spans, next_offset }, rest)
    }
}
