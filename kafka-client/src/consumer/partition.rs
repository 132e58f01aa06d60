use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::arrivals::Arrival;
use crate::ClientError;
use crate::calls::{FetchPartition, FetchedPartition};
use crate::cluster::{Cluster, NoLeader};
use crate::error::is_retriable;
use crate::records::last_batch;

const OFFSET_OUT_OF_RANGE: i16 = 1;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;

/// An assigned partition as the fetcher sees it.
pub(super) struct Partition {
    topic: Rc<str>,
    index: i32,
    /// Offset from which to fetch next.
    pub(super) offset: i64,
    /// Epoch of the batch before that offset; -1 where none has been read.
    pub(super) last_epoch: i32,
    /// The topic as it was when fetching began: one made anew under the same name is another.
    topic_id: Option<[u8; 16]>,
    pub(super) paused: bool,
    pub(super) phase: Phase,
    failures: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
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

/// Where a partition can be fetched.
pub(super) enum Located {
    At(i32, FetchPartition),
    Later,
    Never(Arrival),
}

impl Partition {
    pub(super) fn new(topic: &str, index: i32, offset: i64) -> Self {
        Self {
            topic: topic.into(),
            index,
            offset,
            last_epoch: -1,
            topic_id: None,
            paused: false,
            phase: Phase::Idle,
            failures: 0,
        }
    }

    /// Finds out where it can be fetched now.
    pub(super) fn locate(&mut self, cluster: &Cluster) -> Located {
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

    /// What an answer means for it.
    pub(super) fn arrival(
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

    /// Leaves it alone until then.
    pub(super) fn rest(&mut self, until: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.phase = Phase::Resting(until);
    }

    /// How long to leave it alone after one more failure.
    pub(super) fn delay(&self, cluster: &Cluster) -> Duration {
        cluster.retry().delay(self.failures + 1)
    }

    fn refused(&self, code: i16) -> ClientError {
        ClientError::Refused { code, context: format!("fetching {}-{}", self.topic, self.index) }
    }
}
