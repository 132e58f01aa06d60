use std::collections::HashMap;

use crate::calls::{FetchPartition, PartitionKey};

/// A fetch session with one broker over one connection (KIP-227): the broker remembers the partitions, and requests tell only what is new.
#[derive(Debug, Default)]
pub(super) struct Session {
    id: i32,
    epoch: i32,
    /// What the broker remembers.
    known: HashMap<PartitionKey, FetchPartition>,
}

/// What a request says of its session and its partitions.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SessionRequest {
    pub(super) id: i32,
    pub(super) epoch: i32,
    pub(super) partitions: Vec<FetchPartition>,
    pub(super) forgotten: Vec<PartitionKey>,
}

impl Session {
    /// The next request, for exactly these partitions. What it tells counts as known: after a failure the session must be [reset](Self::reset).
    pub(super) fn request(&mut self, wanted: &[FetchPartition]) -> SessionRequest {
        if self.id == 0 {
            self.known = wanted.iter().map(|partition| (partition.key, *partition)).collect();
            return SessionRequest { id: 0, epoch: 0, partitions: wanted.to_vec(), forgotten: Vec::new() };
        }
        let before = std::mem::take(&mut self.known);
        let mut partitions = Vec::new();
        for partition in wanted {
            if before.get(&partition.key) != Some(partition) {
                partitions.push(*partition);
            }
            self.known.insert(partition.key, *partition);
        }
        let forgotten = before.into_keys().filter(|key| !self.known.contains_key(key)).collect();
        SessionRequest { id: self.id, epoch: self.epoch, partitions, forgotten }
    }

    /// The broker has answered within this session; 0: it keeps none.
    pub(super) fn answered(&mut self, id: i32) {
        if id == 0 {
            return self.reset();
        }
        self.epoch = if self.id == id { self.epoch.checked_add(1).unwrap_or(1) } else { 1 };
        self.id = id;
    }

    /// The next request starts a new session.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(index: i32, offset: i64) -> FetchPartition {
        FetchPartition { key: ([1; 16], index), leader_epoch: 0, offset, last_epoch: -1 }
    }

    #[test]
    fn only_what_is_new_is_told_within_a_session() {
        let mut session = Session::default();
        let request = session.request(&[at(0, 5), at(1, 6)]);
        assert_eq!((request.id, request.epoch, request.partitions.len()), (0, 0, 2));
        session.answered(77);
        let request = session.request(&[at(0, 5), at(2, 0)]);
        assert_eq!((request.id, request.epoch), (77, 1));
        assert_eq!((&request.partitions[..], &request.forgotten[..]), (&[at(2, 0)][..], &[([1; 16], 1)][..]));
        session.answered(77);
        let request = session.request(&[at(0, 9), at(2, 0)]);
        assert_eq!((request.epoch, &request.partitions[..], request.forgotten.len()), (2, &[at(0, 9)][..], 0));
    }

    #[test]
    fn a_broker_without_sessions_is_told_everything_each_time() {
        let mut session = Session::default();
        for _ in 0..2 {
            assert_eq!(session.request(&[at(0, 5)]).partitions.len(), 1);
            session.answered(0);
        }
    }

    #[test]
    fn the_epoch_wraps_to_one_since_zero_would_ask_for_a_new_session() {
        let mut session = Session { id: 3, epoch: i32::MAX, known: HashMap::new() };
        session.answered(3);
        assert_eq!(session.request(&[]).epoch, 1);
    }
}
