//! The producer's task on the reactor: takes sealed batches to the leaders of their partitions.

mod done;

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::command::Command;
use super::missing::{Missing, Verdict as MissingVerdict};
use super::node::Node;
use super::queue::Taken;
use super::shared::Shared;
use super::transaction::Coordinator;
use super::{ProducerConfig, TopicId};
use crate::ClientError;
use crate::calls::{Call, InitProducerId, PartitionBatch, Produce, ProducerIdentity};
use crate::cluster::{Cluster, NoLeader};
use crate::connection::Connection;
use done::Done;

/// How long to wait where the handle is filling batches that have lingered.
const BUSY: Duration = Duration::from_millis(1);

/// How long until a gate that was closed is asked again.
const CLOSED_GATE: Duration = Duration::from_millis(20);

/// Bytes that a partition takes in a request beside its batch and its topic's name, at most.
const PARTITION_OVERHEAD: usize = 32;

pub(super) struct Sender {
    shared: Arc<Shared>,
    cluster: Rc<Cluster>,
    config: ProducerConfig,
    transactional_id: Option<Arc<str>>,
    coordinator: Option<Rc<Coordinator>>,
    /// Names as the cluster wants them, by topic.
    names: Vec<Rc<str>>,
    nodes: HashMap<i32, Node>,
    missing: HashMap<usize, Missing>,
    /// How often what is known of the cluster has been renewed.
    renewals: u64,
    tasks: JoinSet<Done>,
    is_identifying: bool,
    is_joining: bool,
    turn: usize,
}

impl Sender {
    pub(super) fn new(shared: Arc<Shared>, cluster: Rc<Cluster>, config: ProducerConfig) -> Self {
        let coordinator = config
            .transactional_id
            .clone()
            .map(|id| Rc::new(Coordinator::new(Rc::clone(&cluster), id, config.transaction_timeout)));
        Self {
            shared,
            cluster,
            transactional_id: config.transactional_id.as_deref().map(Into::into),
            config,
            coordinator,
            names: Vec::new(),
            nodes: HashMap::new(),
            missing: HashMap::new(),
            renewals: 0,
            tasks: JoinSet::new(),
            is_identifying: false,
            is_joining: false,
            turn: 0,
        }
    }

    /// Sends until the handle is gone. Dropping this closes the connections, whatever is on its way.
    pub(super) async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let (shared, cluster) = (Arc::clone(&self.shared), Rc::clone(&self.cluster));
        loop {
            let renewal = pin!(cluster.renewal());
            if self.shared.queue().closed {
                return;
            }
            let next = self.step(Instant::now()).await;
            self.shared.tell();
            let alarm = async {
                match next {
                    Some(next) => sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = shared.wake.notified() => {}
                Some(done) = self.tasks.join_next() => self.done(done.ok()),
                command = commands.recv() => match command {
                    Some(command) => self.command(command),
                    None => return,
                },
                () = renewal => self.renewals += 1,
                () = alarm => {}
            }
            while let Some(done) = self.tasks.try_join_next() {
                self.done(done.ok());
            }
        }
    }

    /// Does all that can be done now; answers when to come back if nothing happens before.
    async fn step(&mut self, now: Instant) -> Option<Instant> {
        let mut alarm = Alarm { now, next: None };
        self.seal_lingering(&mut alarm);
        let mut active = self.shared.queue().active();
        // Another partition comes first each time, so that a full request leaves nobody behind for long.
        self.turn = self.turn.wrapping_add(1);
        if !active.is_empty() {
            let first = self.turn % active.len();
            active.rotate_left(first);
        }
        self.expire(&active, &mut alarm);
        let by_node = self.by_leader(&active, &mut alarm);
        self.join_partitions(&active);
        for (node, slots) in by_node {
            self.serve(node, &slots, &mut alarm).await;
        }
        self.identify();
        alarm.next
    }

    fn seal_lingering(&mut self, alarm: &mut Alarm) {
        let Some(oldest) = self.shared.oldest_open() else { return };
        let (shared, now) = (Arc::clone(&self.shared), alarm.now.into_std());
        let patience = if shared.is_idle() { shared.linger_idle } else { shared.linger };
        if oldest + patience > now {
            return alarm.at((oldest + patience).into());
        }
        let Some(mut open) = shared.try_open() else { return alarm.at(alarm.now + BUSY) };
        let oldest = open.seal_due(&shared, |slot, opened| {
            opened + shared.linger <= now || (opened + patience <= now && self.is_quiet(slot))
        });
        shared.set_oldest_open(oldest);
        if let Some(oldest) = oldest {
            // What may not go out early is looked at again with the next answer.
            alarm.at((oldest + patience).into());
            alarm.at((oldest + shared.linger).into());
        }
    }

    /// Whether nothing of this partition is on its way, and nothing at all to its broker.
    fn is_quiet(&mut self, slot: usize) -> bool {
        let queue = self.shared.queue();
        let (is_quiet, (topic, partition)) = (queue.is_quiet(slot), queue.name(slot));
        drop(queue);
        if !is_quiet {
            return false;
        }
        let name = self.name_of(topic);
        let node = self.cluster.leader(&name, partition).ok().and_then(|leader| self.nodes.get(&leader.node));
        node.is_none_or(|node| node.in_flight == 0)
    }

    fn expire(&self, active: &[usize], alarm: &mut Alarm) {
        let mut queue = self.shared.queue();
        // What cannot go out any more is told at once, so that a flush does not wait for it.
        let broken = queue.transaction.broken();
        for &slot in active {
            if let Some(error) = &broken {
                queue.fail_waiting(slot, error);
            }
            queue.expire(slot, alarm.now.into_std());
            if let Some(due) = queue.due(slot) {
                alarm.at(due.into());
            }
        }
    }

    /// The slots by the node that leads them. Those without a leader wait, or fail where there will be none.
    fn by_leader(&mut self, active: &[usize], alarm: &mut Alarm) -> Vec<(i32, Vec<usize>)> {
        let mut by_node: Vec<(i32, Vec<usize>)> = Vec::new();
        for &slot in active {
            let (topic, partition) = self.shared.queue().name(slot);
            let name = self.name_of(topic);
            self.cluster.watch(&name);
            match self.cluster.leader(&name, partition) {
                Ok(leader) => {
                    if !self.missing.is_empty() {
                        self.missing.remove(&slot);
                    }
                    match by_node.iter_mut().find(|(node, _)| *node == leader.node) {
                        Some((_, slots)) => slots.push(slot),
                        None => by_node.push((leader.node, vec![slot])),
                    }
                }
                Err(reason) => {
                    // Who is not accepted will not be told.
                    if reason == NoLeader::NotYet
                        && let Some(refusal) = self.cluster.refusal()
                    {
                        self.missing.remove(&slot);
                        self.shared.queue().fail_waiting(slot, &refusal);
                        continue;
                    }
                    let patience = self.cluster.config.topic_metadata_propagation_max;
                    let missing = self.missing.entry(slot).or_insert(Missing::new(alarm.now, self.renewals));
                    match missing.look(reason, alarm.now, self.renewals, patience) {
                        MissingVerdict::Wait => {
                            self.cluster.doubt();
                            alarm.at(alarm.now + self.cluster.config.retry_backoff_max);
                        }
                        MissingVerdict::Fail(code) => {
                            self.missing.remove(&slot);
                            let error = ClientError::Refused { code, context: String::new() };
                            self.shared.queue().fail_waiting(slot, &error);
                        }
                    }
                }
            }
        }
        by_node
    }

    fn name_of(&mut self, topic: TopicId) -> Rc<str> {
        if self.names.len() <= topic.0 {
            let queue = self.shared.queue();
            let known = self.names.len();
            self.names.extend(queue.topics[known..].iter().map(|name| Rc::from(&**name)));
        }
        Rc::clone(&self.names[topic.0])
    }

    /// Sends what is ready of these slots to their leader.
    async fn serve(&mut self, node: i32, slots: &[usize], alarm: &mut Alarm) {
        let place = self.nodes.entry(node).or_default();
        place.look(alarm.now, self.cluster.config.connections_max_idle);
        if let Some(error) = place.refused.take() {
            let mut queue = self.shared.queue();
            return slots.iter().for_each(|&slot| queue.fail_waiting(slot, &error));
        }
        if place.connection.is_none() {
            return self.connect(node);
        }
        if let Some(until) = place.throttled_until {
            return alarm.at(until);
        }
        loop {
            if !self.shared.may_send() {
                return alarm.at(alarm.now + CLOSED_GATE);
            }
            let Some(connection) = self.nodes[&node].free(self.config.max_in_flight).map(Rc::clone) else { return };
            let taken = self.take(slots, alarm);
            if taken.is_empty() {
                return;
            }
            let implicit = self.transactional_id.is_some() && self.shared.queue().transaction.implicit;
            if implicit {
                self.send::<true>(node, connection, taken).await;
            } else {
                self.send::<false>(node, connection, taken).await;
            }
        }
    }

    /// The batches of the next request: one of each slot, as far as it holds them.
    fn take(&self, slots: &[usize], alarm: &Alarm) -> Vec<Taken> {
        let (mut taken, mut room) = (Vec::new(), self.config.max_request_size);
        let mut queue = self.shared.queue();
        for &slot in slots {
            // A single batch goes out whatever its size: only the broker knows whether that is too much.
            let limit = if taken.is_empty() { usize::MAX } else { room };
            if let Some(batch) = queue.take(slot, alarm.now.into_std(), limit) {
                room = room.saturating_sub(batch.data.len() + queue.topics[batch.topic.0].len() + PARTITION_OVERHEAD);
                taken.push(batch);
            }
        }
        taken
    }

    async fn send<const ADDS: bool>(&mut self, node: i32, connection: Rc<Connection>, mut taken: Vec<Taken>) {
        taken.sort_by_key(|taken| taken.topic);
        let timeout = self.cluster.config.request_timeout;
        let sent = taken.iter().map(|taken| (taken.slot, taken.ticket)).collect();
        let topics = self.by_topic(taken);
        let request = Produce::<ADDS> { transactional_id: self.transactional_id.clone(), timeout, topics };
        self.nodes.entry(node).or_default().in_flight += 1;
        let mut call = Box::pin(async move {
            let answer = match connection.call(&request, Instant::now() + timeout).await {
                Ok(answer) => answer.map_err(ClientError::from),
                Err(error) => Err(error),
            };
            Done::Produced { node, connection, sent, answer }
        });
        // Requests go out in the order in which they are polled first: that is here, and not left to the order of tasks.
        match poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await {
            Poll::Ready(done) => self.done(Some(done)),
            Poll::Pending => drop(self.tasks.spawn_local(call)),
        }
    }

    /// The batches as a request has them; they are sorted by topic.
    fn by_topic(&self, taken: Vec<Taken>) -> Vec<(Arc<str>, Vec<PartitionBatch>)> {
        let queue = self.shared.queue();
        let mut topics: Vec<(Arc<str>, Vec<PartitionBatch>)> = Vec::new();
        let mut last = None;
        for Taken { topic, partition, data, .. } in taken {
            if last.replace(topic) != Some(topic) {
                topics.push((Arc::clone(&queue.topics[topic.0]), Vec::new()));
            }
            if let Some((_, batches)) = topics.last_mut() {
                batches.push(PartitionBatch { partition, batch: data });
            }
        }
        topics
    }

    fn connect(&mut self, node: i32) {
        let place = self.nodes.entry(node).or_default();
        if place.is_connecting {
            return;
        }
        // A leader without an address is news that has not come whole.
        let Some(address) = self.cluster.address(node) else { return self.cluster.doubt() };
        place.is_connecting = true;
        let cluster = Rc::clone(&self.cluster);
        self.tasks.spawn_local(async move { Done::Connected { node, connected: cluster.connect(&address).await } });
    }

    /// Asks for a producer id, where one is needed and none is being asked for.
    fn identify(&mut self) {
        let wanted = self.shared.queue().wants_identity && self.coordinator.is_none();
        if !wanted || self.is_identifying {
            return;
        }
        self.is_identifying = true;
        let cluster = Rc::clone(&self.cluster);
        let transaction_timeout = self.config.transaction_timeout;
        self.tasks.spawn_local(async move {
            let call = InitProducerId { transactional_id: None, transaction_timeout, current: ProducerIdentity::NONE };
            Done::Identified(repeat(&cluster, &call).await)
        });
    }

    /// Tells the coordinator of partitions that are new to the transaction.
    fn join_partitions(&mut self, active: &[usize]) {
        let Some(coordinator) = self.coordinator.as_ref().filter(|_| !self.is_joining).map(Rc::clone) else { return };
        let mut queue = self.shared.queue();
        let slots: Vec<usize> = active.iter().copied().filter(|&slot| queue.transaction.lacks(slot)).collect();
        let Some(identity) = queue.identity.filter(|_| !slots.is_empty()) else { return };
        queue.transaction.joining();
        let names = slots.iter().map(|&slot| queue.name(slot));
        let partitions = names.map(|(topic, partition)| (String::from(&*queue.topics[topic.0]), partition)).collect();
        let number = queue.transaction.number;
        drop(queue);
        self.is_joining = true;
        let (shared, deadline) = (Arc::clone(&self.shared), Instant::now() + self.config.delivery_timeout);
        self.tasks.spawn_local(async move {
            let joined = coordinator.add_partitions(identity, partitions, deadline).await;
            let mut queue = shared.queue();
            match joined {
                Ok(()) => queue.transaction.joined(number, &slots),
                Err((ends, error)) if number == queue.transaction.number => {
                    queue.transaction.fail(ends, error.clone());
                    // What cannot be sent in this transaction is told, so that nobody waits for it.
                    slots.iter().for_each(|&slot| queue.fail_waiting(slot, &error));
                }
                Err(_) => {}
            }
            Done::Joined
        });
    }

    fn command(&mut self, command: Command) {
        let Some(coordinator) = self.coordinator.as_ref().map(Rc::clone) else { return };
        let shared = Arc::clone(&self.shared);
        self.tasks.spawn_local(async move {
            command.run(&coordinator, &shared).await;
            Done::Commanded
        });
    }
}

/// Asks any broker, again and again as long as that may help. Records that wait for it have a time of their own.
async fn repeat<C: Call>(cluster: &Cluster, call: &C) -> Result<C::Answer, ClientError> {
    let mut failures = 0;
    loop {
        match cluster.call_any(call, Instant::now() + cluster.config.request_timeout).await {
            Err(error) if error.is_retriable() || matches!(error, ClientError::Malformed(_)) => {
                failures += 1;
                tracing::debug!(%error, "no producer id yet");
                sleep(cluster.retry().delay(failures)).await;
            }
            result => return result,
        }
    }
}

/// The next time at which there is something to do.
struct Alarm {
    now: Instant,
    next: Option<Instant>,
}

impl Alarm {
    /// What is due already waits for something else, which wakes the sender by itself.
    fn at(&mut self, time: Instant) {
        if time > self.now {
            self.next = Some(self.next.map_or(time, |next| next.min(time)));
        }
    }
}
