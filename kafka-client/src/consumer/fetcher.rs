//! The consumer's side on the reactor: which partition is fetched from where, and what becomes of the answer.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::ResponseError;
use tokio::sync::{Notify, mpsc};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until};

use super::arrivals::{Arrival, Arrivals};
use super::lane::{Lane, LaneAnswer};
use super::{Assignment, Command, ConsumerConfig};
use crate::ClientError;
use crate::calls::{FetchPartition, FetchedPartition};
use crate::cluster::{Cluster, NoLeader};
use crate::records::last_batch;

const OFFSET_OUT_OF_RANGE: i16 = 1;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;

/// Requests under way to one broker, each on a connection of its own: while one waits for news of quiet partitions, the other fetches those
/// that have been taken meanwhile.
const LANES: usize = 2;

pub(super) struct Fetcher {
    cluster: Rc<Cluster>,
    config: Rc<ConsumerConfig>,
    arrivals: Arc<Arrivals>,
    partitions: HashMap<Assignment, Partition>,
    lanes: HashMap<i32, Lanes>,
    /// Where the next request begins, so that no partition is always behind the others.
    turn: usize,
}

/// The lanes to one broker. One that is under way is away from here.
#[derive(Default)]
struct Lanes {
    idle: Vec<Lane>,
    under_way: usize,
}

impl Lanes {
    fn take(&mut self) -> Option<Lane> {
        let lane = match self.idle.pop() {
            Some(lane) => lane,
            None if self.under_way < LANES => Lane::default(),
            None => return None,
        };
        self.under_way += 1;
        Some(lane)
    }

    fn give_back(&mut self, lane: Lane) {
        self.under_way -= 1;
        self.idle.push(lane);
    }
}

struct Partition {
    topic: Rc<str>,
    index: i32,
    /// Offset from which to fetch next.
    offset: i64,
    /// Epoch of the batch before that offset; -1 where none has been read.
    last_epoch: i32,
    /// The topic as it was when fetching began: one made anew under the same name is another.
    topic_id: Option<[u8; 16]>,
    paused: bool,
    phase: Phase,
    failures: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Can be fetched.
    Idle,
    /// A request for it is under way.
    UnderWay,
    /// What was fetched waits to be taken.
    Waiting,
    /// Not before this instant.
    Resting(Instant),
    /// Given up for lack of memory while paused; fetched again when resumed.
    Parked,
    /// Something has been told that ends it.
    Over,
}

/// Runs until the consumer's handle is gone.
pub(super) async fn run(
    cluster: Rc<Cluster>,
    config: ConsumerConfig,
    arrivals: Arc<Arrivals>,
    mut commands: mpsc::UnboundedReceiver<Command>,
) {
    let answers = Rc::new(Answers::default());
    let mut fetcher = Fetcher {
        cluster: Rc::clone(&cluster),
        config: Rc::new(config),
        arrivals,
        partitions: HashMap::new(),
        lanes: HashMap::new(),
        turn: 0,
    };
    loop {
        let renewal = cluster.renewal();
        let wake = fetcher.dispatch(&answers);
        tokio::select! {
            command = commands.recv() => match command {
                Some(command) => {
                    fetcher.carry_out(command);
                    while let Ok(command) = commands.try_recv() {
                        fetcher.carry_out(command);
                    }
                }
                None => return,
            },
            () = answers.arrived.notified() => {
                let arrived = answers.take();
                arrived.into_iter().for_each(|answer| fetcher.take_answer(answer));
            }
            () = renewal => {}
            () = sleep_until(wake) => {}
        }
    }
}

/// Answers of lanes on their way to the fetcher.
#[derive(Default)]
struct Answers {
    waiting: RefCell<Vec<LaneAnswer>>,
    arrived: Notify,
}

impl Answers {
    fn take(&self) -> Vec<LaneAnswer> {
        std::mem::take(&mut self.waiting.borrow_mut())
    }
}

/// When there is nothing to wait for.
const FAR: Duration = Duration::from_secs(3600);

impl Fetcher {
    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Assign { assignment, topic, partition, offset } => {
                let partition = Partition {
                    topic: Rc::from(&*topic),
                    index: partition,
                    offset,
                    last_epoch: -1,
                    topic_id: None,
                    paused: false,
                    phase: Phase::Idle,
                    failures: 0,
                };
                self.partitions.insert(assignment, partition);
            }
            Command::Unassign(assignment) => {
                self.partitions.remove(&assignment);
                self.arrivals.forget(assignment);
            }
            Command::SetPaused(assignment, paused) => {
                if let Some(partition) = self.partitions.get_mut(&assignment) {
                    partition.paused = paused;
                    if !paused && partition.phase == Phase::Parked {
                        partition.phase = Phase::Idle;
                    }
                }
            }
            Command::Taken(assignments) => {
                for assignment in assignments {
                    if let Some(partition) = self.partitions.get_mut(&assignment)
                        && partition.phase == Phase::Waiting
                    {
                        partition.phase = Phase::Idle;
                    }
                }
            }
        }
    }

    /// Sends requests for what can be fetched; answers when to look again at the latest.
    fn dispatch(&mut self, answers: &Rc<Answers>) -> Instant {
        let now = Instant::now();
        let mut wake = now + FAR;
        let mut by_node: HashMap<i32, Vec<(Assignment, FetchPartition)>> = HashMap::new();
        for (&assignment, partition) in &mut self.partitions {
            match partition.phase {
                Phase::Resting(until) if until > now => wake = wake.min(until),
                Phase::Idle | Phase::Resting(_) => match partition.locate(&self.cluster) {
                    Located::At(node, wanted) => by_node.entry(node).or_default().push((assignment, wanted)),
                    Located::Later => {
                        self.cluster.doubt();
                        partition.rest(now + partition.delay(&self.cluster));
                        wake = wake.min(now + self.cluster.config.retry_backoff_max);
                    }
                    Located::Never(arrival) => {
                        partition.phase = Phase::Over;
                        self.arrivals.put([(assignment, arrival)], []);
                    }
                },
                _ => {}
            }
        }
        if !by_node.is_empty() && !self.has_room() {
            return wake;
        }
        self.turn = self.turn.wrapping_add(1);
        for (node, mut wanted) in by_node {
            let Some(lane) = self.lanes.entry(node).or_default().take() else { continue };
            wanted.sort_unstable_by_key(|(assignment, _)| *assignment);
            let first = self.turn % wanted.len();
            wanted.rotate_left(first);
            self.send(node, lane, wanted, answers);
        }
        wake
    }

    /// Whether more may be fetched. Where too much waits, what waits of paused partitions is forgotten and fetched again later, so that
    /// it never keeps the others from being fetched.
    fn has_room(&mut self) -> bool {
        if self.arrivals.bytes() < self.config.buffer_memory {
            return true;
        }
        let partitions = &self.partitions;
        let paused = |assignment| partitions.get(&assignment).is_some_and(|partition: &Partition| partition.paused);
        let discarded = self.arrivals.discard(paused);
        for (assignment, offset) in discarded {
            if let Some(partition) = self.partitions.get_mut(&assignment) {
                partition.offset = partition.offset.min(offset);
                partition.last_epoch = -1;
                partition.phase = Phase::Parked;
            }
        }
        self.arrivals.bytes() < self.config.buffer_memory
    }

    fn send(&mut self, node: i32, lane: Lane, wanted: Vec<(Assignment, FetchPartition)>, answers: &Rc<Answers>) {
        for (assignment, _) in &wanted {
            if let Some(partition) = self.partitions.get_mut(assignment) {
                partition.phase = Phase::UnderWay;
            }
        }
        let (cluster, config, answers) = (Rc::clone(&self.cluster), Rc::clone(&self.config), Rc::clone(answers));
        spawn_local(async move {
            let answer = lane.fetch(&cluster, &config, node, wanted).await;
            answers.waiting.borrow_mut().push(answer);
            answers.arrived.notify_one();
        });
    }

    fn take_answer(&mut self, answer: LaneAnswer) {
        let LaneAnswer { node, lane, asked, outcome } = answer;
        self.lanes.entry(node).or_default().give_back(lane);
        let now = Instant::now();
        let fetched = match outcome {
            Ok(fetched) => fetched,
            Err(error) => return self.failed(asked, &error, now),
        };
        let asked_for: HashMap<_, _> = asked.iter().map(|(id, partition)| (partition.key, (*id, partition))).collect();
        let (mut arrivals, mut ends) = (Vec::new(), Vec::new());
        for (id, _) in &asked {
            if let Some(partition) = self.partitions.get_mut(id) {
                partition.phase = Phase::Idle;
            }
        }
        for fetched in fetched {
            let Some(&(assignment, asked)) = asked_for.get(&fetched.key) else { continue };
            // Unassigned since, or moved.
            let Some(partition) = self.partitions.get_mut(&assignment) else { continue };
            if fetched.code == 0 {
                let end = if self.config.read_committed { fetched.last_stable } else { fetched.high_watermark };
                ends.push((assignment, end));
            }
            let arrival = partition.arrival(fetched, asked, &self.cluster, now);
            arrivals.extend(arrival.map(|arrival| (assignment, arrival)));
        }
        self.arrivals.put(arrivals, ends);
    }

    /// A request as a whole has failed: its partitions are fetched again after a while, maybe from elsewhere.
    fn failed(&mut self, asked: Vec<(Assignment, FetchPartition)>, error: &ClientError, now: Instant) {
        self.cluster.doubt();
        let mut arrivals = Vec::new();
        for (assignment, _) in asked {
            let Some(partition) = self.partitions.get_mut(&assignment) else { continue };
            match error {
                ClientError::Authentication(_) | ClientError::UnsupportedVersion { .. } => {
                    partition.phase = Phase::Over;
                    arrivals.push((assignment, Arrival::Failed(error.clone())));
                }
                _ => partition.rest(now + partition.delay(&self.cluster)),
            }
        }
        self.arrivals.put(arrivals, []);
    }
}

/// Where a partition can be fetched.
enum Located {
    At(i32, FetchPartition),
    Later,
    Never(Arrival),
}

impl Partition {
    fn locate(&mut self, cluster: &Cluster) -> Located {
        cluster.watch(&self.topic);
        let leader = match cluster.leader(&self.topic, self.index) {
            Ok(leader) => leader,
            Err(NoLeader::NoTopic(since)) if since.elapsed() > cluster.config.topic_metadata_propagation_max => {
                return Located::Never(Arrival::Failed(self.refused(UNKNOWN_TOPIC_OR_PARTITION)));
            }
            Err(NoLeader::NoPartition) => {
                return Located::Never(Arrival::Failed(self.refused(UNKNOWN_TOPIC_OR_PARTITION)));
            }
            Err(NoLeader::Refused(code)) if !is_retriable(code) => {
                return Located::Never(Arrival::Failed(self.refused(code)));
            }
            Err(NoLeader::NotYet | NoLeader::NoTopic(_) | NoLeader::Refused(_)) => {
                // Who is not accepted will not be told.
                return cluster.refusal().map_or(Located::Later, |refusal| Located::Never(Arrival::Failed(refusal)));
            }
        };
        if *self.topic_id.get_or_insert(leader.topic_id) != leader.topic_id {
            tracing::warn!(topic = &*self.topic, partition = self.index, "the topic has been made anew");
            return Located::Never(Arrival::OutOfRange);
        }
        let key = (leader.topic_id, self.index);
        let (offset, last_epoch) = (self.offset, self.last_epoch);
        Located::At(leader.node, FetchPartition { key, leader_epoch: leader.epoch, offset, last_epoch })
    }

    fn arrival(
        &mut self,
        fetched: FetchedPartition,
        asked: &FetchPartition,
        cluster: &Cluster,
        now: Instant,
    ) -> Option<Arrival> {
        let over = match fetched.code {
            0 if fetched.diverging_end >= 0 => Arrival::Truncated(fetched.diverging_end.min(asked.offset)),
            0 => {
                self.failures = 0;
                if fetched.records.is_empty() {
                    return None;
                }
                // Bytes that are no batch are handed over as well: whoever decodes them says what is wrong.
                if let Some(last) = last_batch(&fetched.records) {
                    self.offset = self.offset.max(last.last_offset + 1);
                    self.last_epoch = last.leader_epoch;
                }
                self.phase = Phase::Waiting;
                let FetchedPartition { records: batches, aborted, .. } = fetched;
                return Some(Arrival::Batches { from: asked.offset, batches, aborted });
            }
            OFFSET_OUT_OF_RANGE => Arrival::OutOfRange,
            code if is_retriable(code) => {
                tracing::debug!(topic = &*self.topic, partition = self.index, code, "not fetched; trying again");
                cluster.doubt();
                self.rest(now + self.delay(cluster));
                return None;
            }
            code => Arrival::Failed(self.refused(code)),
        };
        self.phase = Phase::Over;
        Some(over)
    }

    fn rest(&mut self, until: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.phase = Phase::Resting(until);
    }

    fn delay(&self, cluster: &Cluster) -> Duration {
        cluster.retry().delay(self.failures + 1)
    }

    fn refused(&self, code: i16) -> ClientError {
        ClientError::Refused { code, context: format!("fetching {}-{}", self.topic, self.index) }
    }
}

fn is_retriable(code: i16) -> bool {
    ResponseError::try_from_code(code).is_some_and(|error| error.is_retriable())
}
