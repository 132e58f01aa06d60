//! The consumer's side on the reactor: which partition is fetched from where, and what becomes of the answer.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::arrivals::{Arrival, Arrivals};
use super::lane::{Lane, LaneAnswer, Lanes};
use super::partition::{Located, Partition, Phase};
use super::{Assignment, Command, ConsumerConfig};
use crate::ClientError;
use crate::calls::FetchPartition;
use crate::cluster::Cluster;

/// Which partitions there are, and what is under way for them.
pub(super) struct Fetcher {
    cluster: Rc<Cluster>,
    config: Rc<ConsumerConfig>,
    arrivals: Arc<Arrivals>,
    partitions: HashMap<Assignment, Partition>,
    lanes: HashMap<i32, Lanes>,
    /// Requests under way; they end with this.
    requests: JoinSet<LaneAnswer>,
    /// Where the next request begins, so that no partition is always behind the others.
    turn: usize,
}

/// Runs until the consumer's handle is gone.
pub(super) async fn run(
    cluster: Rc<Cluster>,
    config: ConsumerConfig,
    arrivals: Arc<Arrivals>,
    mut commands: mpsc::UnboundedReceiver<Command>,
) {
    let mut fetcher = Fetcher {
        cluster: Rc::clone(&cluster),
        config: Rc::new(config),
        arrivals,
        partitions: HashMap::new(),
        lanes: HashMap::new(),
        requests: JoinSet::new(),
        turn: 0,
    };
    loop {
        let renewal = cluster.renewal();
        let wake = fetcher.dispatch();
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
            Some(Ok(answer)) = fetcher.requests.join_next() => fetcher.take_answer(answer),
            () = renewal => {}
            () = sleep_until(wake) => {}
        }
    }
}

/// When there is nothing to wait for.
const FAR: Duration = Duration::from_secs(3600);

impl Fetcher {
    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Assign { assignment, topic, partition, offset } => {
                self.partitions.insert(assignment, Partition::new(&topic, partition, offset));
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
    fn dispatch(&mut self) -> Instant {
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
            self.send(node, lane, wanted);
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
        let discarded = self.arrivals.discard_batches(paused);
        for (assignment, offset) in discarded {
            if let Some(partition) = self.partitions.get_mut(&assignment) {
                partition.offset = partition.offset.min(offset);
                partition.last_epoch = -1;
                partition.phase = Phase::Parked;
            }
        }
        self.arrivals.bytes() < self.config.buffer_memory
    }

    fn send(&mut self, node: i32, lane: Lane, wanted: Vec<(Assignment, FetchPartition)>) {
        for (assignment, _) in &wanted {
            if let Some(partition) = self.partitions.get_mut(assignment) {
                partition.phase = Phase::UnderWay;
            }
        }
        let (cluster, config) = (Rc::clone(&self.cluster), Rc::clone(&self.config));
        self.requests.spawn_local(async move { lane.fetch(&cluster, &config, node, wanted).await });
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
