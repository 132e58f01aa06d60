use std::collections::HashMap;
use std::rc::Rc;

use tokio::time::Instant;

use crate::calls::{ClusterMetadata, PartitionMetadata, TopicMetadata};
use crate::config::Address;

/// What is known of the cluster: its brokers, and the topics that somebody uses.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    pub(super) brokers: HashMap<i32, Address>,
    pub(super) controller: Option<i32>,
    topics: HashMap<Rc<str>, Topic>,
    /// When what is here was asked for.
    pub(super) asked: Option<Instant>,
}

#[derive(Debug)]
struct Topic {
    last_used: Instant,
    /// Since when the cluster has said that it does not exist.
    missing_since: Option<Instant>,
    id: [u8; 16],
    code: i16,
    partitions: Vec<Option<PartitionMetadata>>,
}

/// Where requests about a partition go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leader {
    pub(crate) node: i32,
    pub(crate) epoch: i32,
    pub(crate) topic_id: [u8; 16],
}

/// Why a partition's leader is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoLeader {
    /// Nobody has been asked yet, or there is none for the moment.
    NotYet,
    /// The cluster has said since then that there is no such topic. It may still be on its way to all brokers.
    NoTopic(Instant),
    /// The topic has fewer partitions; it may get more.
    NoPartition,
    /// The cluster refuses to say.
    Refused(i16),
}

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const LEADER_NOT_AVAILABLE: i16 = 5;
const UNKNOWN_TOPIC_ID: i16 = 100;

impl Metadata {
    /// Notes that a topic is used; says whether it is a new one.
    pub(super) fn watch(&mut self, name: &Rc<str>, now: Instant) -> bool {
        if let Some(topic) = self.topics.get_mut(name) {
            topic.last_used = now;
            return false;
        }
        let topic = Topic {
            last_used: now,
            missing_since: None,
            id: [0; 16],
            code: LEADER_NOT_AVAILABLE,
            partitions: Vec::new(),
        };
        self.topics.insert(Rc::clone(name), topic);
        true
    }

    /// The topics used since `oldest`; others are forgotten.
    pub(super) fn watched(&mut self, oldest: Option<Instant>) -> Vec<Rc<str>> {
        if let Some(oldest) = oldest {
            self.topics.retain(|_, topic| topic.last_used >= oldest);
        }
        self.topics.keys().cloned().collect()
    }

    pub(super) fn leader(&self, name: &str, partition: i32) -> Result<Leader, NoLeader> {
        let topic = self.topics.get(name).ok_or(NoLeader::NotYet)?;
        match (topic.missing_since, topic.code) {
            (Some(since), _) => return Err(NoLeader::NoTopic(since)),
            (None, 0) => {}
            (None, LEADER_NOT_AVAILABLE) => return Err(NoLeader::NotYet),
            (None, code) => return Err(NoLeader::Refused(code)),
        }
        let known = usize::try_from(partition).ok().and_then(|index| topic.partitions.get(index));
        match known {
            None => Err(NoLeader::NoPartition),
            Some(Some(known)) if known.leader >= 0 => {
                Ok(Leader { node: known.leader, epoch: known.leader_epoch, topic_id: topic.id })
            }
            Some(_) => Err(NoLeader::NotYet),
        }
    }

    /// Takes over what a broker has answered to a question asked at `asked`.
    pub(super) fn update(&mut self, answer: ClusterMetadata, asked: Instant) {
        if !answer.brokers.is_empty() {
            self.brokers = answer.brokers.into_iter().collect();
        }
        self.controller = (answer.controller >= 0).then_some(answer.controller);
        for told in answer.topics {
            if let Some(topic) = self.topics.get_mut(told.name.as_str()) {
                topic.update(told, asked);
            }
        }
        self.asked = Some(asked);
    }
}

impl Topic {
    fn update(&mut self, told: TopicMetadata, asked: Instant) {
        if matches!(told.code, UNKNOWN_TOPIC_OR_PARTITION | UNKNOWN_TOPIC_ID) {
            self.missing_since.get_or_insert(asked);
            self.partitions.clear();
            return;
        }
        self.missing_since = None;
        self.code = told.code;
        if told.code != 0 {
            return;
        }
        let same = std::mem::replace(&mut self.id, told.id) == told.id;
        let before = std::mem::take(&mut self.partitions);
        for partition in told.partitions {
            let Ok(index) = usize::try_from(partition.index) else { continue };
            if index >= MOST_PARTITIONS {
                continue;
            }
            if self.partitions.len() <= index {
                self.partitions.resize(index + 1, None);
            }
            // A broker that lags behind may still name an earlier leader (KIP-320).
            let known = before
                .get(index)
                .copied()
                .flatten()
                .filter(|known| same && known.leader_epoch > partition.leader_epoch);
            self.partitions[index] = Some(known.unwrap_or(partition));
        }
    }
}

/// More than a cluster can have of one topic; an index above is not believed.
const MOST_PARTITIONS: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(name: &str, id: u8, code: i16, leaders: &[(i32, i32)]) -> ClusterMetadata {
        let partitions = leaders.iter().enumerate().map(|(index, &(leader, leader_epoch))| PartitionMetadata {
            index: index as i32,
            leader,
            leader_epoch,
        });
        let topic =
            TopicMetadata { name: name.into(), id: [id; 16], internal: false, code, partitions: partitions.collect() };
        ClusterMetadata {
            brokers: vec![(1, Address { host: "h".into(), port: 1 })],
            controller: 1,
            topics: vec![topic],
        }
    }

    fn watching(name: &str) -> Metadata {
        let mut metadata = Metadata::default();
        assert!(metadata.watch(&name.into(), Instant::now()));
        metadata
    }

    fn node(metadata: &Metadata, partition: i32) -> Result<i32, NoLeader> {
        metadata.leader("t", partition).map(|leader| leader.node)
    }

    #[test]
    fn an_older_leader_is_not_taken_back_unless_the_topic_is_a_new_one() {
        let (mut metadata, now) = (watching("t"), Instant::now());
        assert_eq!(node(&metadata, 0), Err(NoLeader::NotYet));
        metadata.update(answer("t", 1, 0, &[(1, 5), (2, 5)]), now);
        metadata.update(answer("t", 1, 0, &[(3, 4), (3, 6)]), now);
        assert_eq!((node(&metadata, 0), node(&metadata, 1)), (Ok(1), Ok(3)));
        metadata.update(answer("t", 2, 0, &[(3, 0), (-1, 0)]), now);
        assert_eq!((node(&metadata, 0), node(&metadata, 1)), (Ok(3), Err(NoLeader::NotYet)));
        assert_eq!(node(&metadata, 2), Err(NoLeader::NoPartition));
        assert_eq!(node(&metadata, -1), Err(NoLeader::NoPartition));
    }

    #[test]
    fn a_missing_topic_is_missing_since_it_was_first_said_so() {
        let (mut metadata, now) = (watching("t"), Instant::now());
        metadata.update(answer("t", 0, 3, &[]), now);
        metadata.update(answer("t", 0, 3, &[]), now + std::time::Duration::from_secs(1));
        assert_eq!(node(&metadata, 0), Err(NoLeader::NoTopic(now)));
        metadata.update(answer("t", 0, 29, &[]), now);
        assert_eq!(node(&metadata, 0), Err(NoLeader::Refused(29)));
        metadata.update(answer("t", 0, 0, &[(1, 0)]), now);
        assert_eq!(node(&metadata, 0), Ok(1));
    }

    #[test]
    fn topics_nobody_uses_are_forgotten() {
        let mut metadata = watching("t");
        let later = Instant::now() + std::time::Duration::from_secs(1);
        metadata.watch(&"u".into(), later);
        assert_eq!(metadata.watched(Some(later)), ["u".into()]);
        assert!(!metadata.watch(&"u".into(), later));
    }

    #[test]
    fn an_absurd_partition_index_costs_nothing() {
        let mut metadata = watching("t");
        let mut told = answer("t", 1, 0, &[(1, 0)]);
        told.topics[0].partitions[0].index = i32::MAX;
        metadata.update(told, Instant::now());
        assert_eq!(node(&metadata, i32::MAX), Err(NoLeader::NoPartition));
    }
}
