use std::rc::Rc;

use tokio::time::{Instant, sleep_until};

use super::session::Session;
use super::{Assignment, ConsumerConfig};
use crate::ClientError;
use crate::calls::{Fetch, FetchAnswer, FetchPartition, FetchedPartition};
use crate::cluster::Cluster;
use crate::connection::Connection;

/// Requests under way to one broker, each on a connection of its own: while one waits for news of quiet partitions, the other fetches those
/// that have been taken meanwhile.
const LANES: usize = 2;

/// One connection for fetching from one broker, with its session.
#[derive(Default)]
pub(super) struct Lane {
    connection: Option<Connection>,
    session: Session,
    /// The broker asked for a rest until then (KIP-219).
    throttled_until: Option<Instant>,
}

/// What became of one request.
pub(super) struct LaneAnswer {
    pub(super) node: i32,
    pub(super) lane: Lane,
    pub(super) asked: Vec<(Assignment, FetchPartition)>,
    pub(super) outcome: Result<Vec<FetchedPartition>, ClientError>,
}

impl Lane {
    pub(super) async fn fetch(
        mut self,
        cluster: &Rc<Cluster>,
        config: &ConsumerConfig,
        node: i32,
        asked: Vec<(Assignment, FetchPartition)>,
    ) -> LaneAnswer {
        let wanted: Vec<_> = asked.iter().map(|(_, partition)| *partition).collect();
        let outcome = self.try_fetch(cluster, config, node, &wanted).await;
        let outcome = match outcome {
            // The broker has forgotten the session: the same again without it.
            Err(ClientError::Refused { .. }) => {
                self.session.reset();
                self.try_fetch(cluster, config, node, &wanted).await
            }
            outcome => outcome,
        };
        if outcome.is_err() {
            self.session.reset();
            self.connection = None;
        }
        LaneAnswer { node, lane: self, asked, outcome }
    }

    async fn try_fetch(
        &mut self,
        cluster: &Rc<Cluster>,
        config: &ConsumerConfig,
        node: i32,
        wanted: &[FetchPartition],
    ) -> Result<Vec<FetchedPartition>, ClientError> {
        if let Some(until) = self.throttled_until.take() {
            sleep_until(until).await;
        }
        let address = cluster.address(node).ok_or(ClientError::Disconnected)?;
        let usable = |connection: &Connection| connection.is_open() && connection.address == address;
        if !self.connection.as_ref().is_some_and(usable) {
            self.session.reset();
            self.connection = Some(cluster.connect(&address).await?);
        }
        let connection = self.connection.as_ref().ok_or(ClientError::Disconnected)?;
        let request = self.session.request(wanted);
        let call = Fetch {
            max_wait: config.fetch_max_wait,
            min_bytes: config.fetch_min_bytes,
            max_bytes: config.fetch_max_bytes,
            partition_max_bytes: config.max_partition_fetch_bytes,
            read_committed: config.read_committed,
            session_id: request.id,
            session_epoch: request.epoch,
            partitions: request.partitions,
            forgotten: request.forgotten,
        };
        let deadline = Instant::now() + cluster.config.request_timeout + config.fetch_max_wait;
        let FetchAnswer { throttle, session_id, partitions } = connection.call(&call, deadline).await??;
        self.session.answered(session_id);
        if !throttle.is_zero() {
            self.throttled_until = Some(Instant::now() + throttle);
        }
        Ok(partitions)
    }
}

/// The lanes to one broker. One that is under way is away from here.
#[derive(Default)]
pub(super) struct Lanes {
    idle: Vec<Lane>,
    under_way: usize,
}

impl Lanes {
    /// A lane that has nothing under way, if there is one or may be another.
    pub(super) fn take(&mut self) -> Option<Lane> {
        let lane = match self.idle.pop() {
            Some(lane) => lane,
            None if self.under_way < LANES => Lane::default(),
            None => return None,
        };
        self.under_way += 1;
        Some(lane)
    }

    /// The lane's request is over.
    pub(super) fn give_back(&mut self, lane: Lane) {
        self.under_way -= 1;
        self.idle.push(lane);
    }
}
