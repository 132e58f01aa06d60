use std::collections::{BTreeMap, BTreeSet};

use kafka_client::consumer_protocol::TopicPartitions;

use super::SubtopologySources;
use crate::task::TaskId;

/// What the instance has, and what it has said about it.
#[derive(Debug)]
pub(super) struct Tasks {
    /// Counts the lists of tasks handed to the instance, and the losses.
    pub(super) revision: u64,
    /// The last list.
    pub(super) assigned: BTreeSet<TaskId>,
    /// All that the instance may hold: what was assigned, and what it still has to close.
    pub(super) held: BTreeSet<TaskId>,
    /// What the last subscription says is held.
    pub(super) claimed: BTreeSet<TaskId>,
    /// The generation of the last list; -1 before the first.
    pub(super) generation: i32,
    pub(super) local_state: Vec<(TaskId, i64)>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self {
            revision: 0,
            assigned: BTreeSet::new(),
            held: BTreeSet::new(),
            claimed: BTreeSet::new(),
            generation: -1,
            local_state: Vec::new(),
        }
    }
}

impl Tasks {
    /// The instance gets a new list. Until it says otherwise it holds what it held before, too.
    pub(super) fn assign(&mut self, tasks: &[TaskId], generation: i32) -> u64 {
        self.assigned = tasks.iter().copied().collect();
        self.held.extend(&self.assigned);
        self.generation = generation;
        self.revision += 1;
        self.revision
    }

    /// Nothing is this instance's any more, but until it says otherwise it holds what it held.
    pub(super) fn lose(&mut self) -> u64 {
        self.assigned.clear();
        self.generation = -1;
        self.revision += 1;
        self.revision
    }

    /// The instance says what it holds; false if it did not know of the present list yet.
    pub(super) fn changed(&mut self, revision: u64, owned: Vec<TaskId>, local_state: Vec<(TaskId, i64)>) -> bool {
        if revision != self.revision {
            return false;
        }
        self.held = owned.into_iter().chain(self.assigned.iter().copied()).collect();
        self.local_state = local_state;
        true
    }

    /// The next subscription will say what is held now.
    pub(super) fn claim(&mut self) {
        self.claimed.clone_from(&self.held);
    }

    /// Whether something that the last subscription claims is gone.
    pub(super) fn claims_less(&self) -> bool {
        !self.claimed.is_subset(&self.held)
    }

    /// Whether all that had to go is gone, and the group does not know it.
    pub(super) fn are_given_up(&self) -> bool {
        self.claims_less() && self.held.is_subset(&self.assigned)
    }

    /// What is claimed, as partitions of the source topics.
    pub(super) fn claimed_partitions(&self, sources: &[SubtopologySources]) -> Vec<TopicPartitions> {
        let mut partitions: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for part in sources {
            for task in self.claimed.iter().filter(|task| task.subtopology == part.subtopology) {
                for topic in &part.topics {
                    partitions.entry(topic).or_default().push(task.partition);
                }
            }
        }
        partitions
            .into_iter()
            .map(|(topic, partitions)| TopicPartitions { topic: topic.to_owned(), partitions })
            .collect()
    }
}
