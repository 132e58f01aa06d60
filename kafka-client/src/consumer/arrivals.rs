use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::Assignment;
use crate::ClientError;
use crate::records::AbortedTransaction;

/// What has come from brokers and waits to be taken: the one thing that both threads of a consumer touch, once per answer and poll.
pub(super) struct Arrivals {
    state: Mutex<State>,
    /// Tells the user's thread that something is here.
    notify: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(Assignment, Arrival)>,
    bytes: usize,
    /// Ends of partitions as last seen.
    ends: HashMap<Assignment, i64>,
}

/// What came of one partition.
#[derive(Debug)]
pub(super) enum Arrival {
    /// Whole batches, as the broker has them; the first may begin below `from`.
    Batches {
        from: i64,
        batches: Bytes,
        aborted: Vec<AbortedTransaction>,
    },
    OutOfRange,
    /// The log that was read has been cut off at this offset.
    Truncated(i64),
    Failed(ClientError),
}

impl Arrival {
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Batches { batches, .. } => batches.len(),
            _ => 0,
        }
    }
}

impl State {
    fn retain(&mut self, mut keep: impl FnMut(Assignment, &Arrival) -> bool) {
        let Self { waiting, bytes, .. } = self;
        waiting.retain(|(assignment, arrival)| {
            let keep = keep(*assignment, arrival);
            if !keep {
                *bytes -= arrival.size();
            }
            keep
        });
    }
}

impl Arrivals {
    pub(super) fn new(notify: Box<dyn Fn() + Send + Sync>) -> Self {
        Self { state: Mutex::default(), notify }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts in what one answer brought, and where the partitions end.
    pub(super) fn put(
        &self,
        arrivals: impl IntoIterator<Item = (Assignment, Arrival)>,
        ends: impl IntoIterator<Item = (Assignment, i64)>,
    ) {
        let mut state = self.state();
        let before = state.waiting.len();
        for (assignment, arrival) in arrivals {
            state.bytes += arrival.size();
            state.waiting.push_back((assignment, arrival));
        }
        state.ends.extend(ends);
        let any = state.waiting.len() > before;
        drop(state);
        if any {
            (self.notify)();
        }
    }

    /// Takes everything of partitions that are not held back, in the order of its arrival.
    pub(super) fn take(&self, held: impl Fn(Assignment) -> bool, into: &mut VecDeque<(Assignment, Arrival)>) {
        let mut state = self.state();
        let State { waiting, bytes, .. } = &mut *state;
        for _ in 0..waiting.len() {
            let Some((assignment, arrival)) = waiting.pop_front() else { break };
            if held(assignment) {
                waiting.push_back((assignment, arrival));
            } else {
                *bytes -= arrival.size();
                into.push_back((assignment, arrival));
            }
        }
    }

    /// Forgets data of partitions for which `drop_it` says so; answers their assignments and first offsets. What else was told of them
    /// stays: nobody would tell it again.
    pub(super) fn discard_batches(&self, drop_it: impl Fn(Assignment) -> bool) -> Vec<(Assignment, i64)> {
        let mut discarded = Vec::new();
        self.state().retain(|assignment, arrival| match arrival {
            Arrival::Batches { from, .. } if drop_it(assignment) => {
                discarded.push((assignment, *from));
                false
            }
            _ => true,
        });
        discarded
    }

    /// Forgets everything of a partition.
    pub(super) fn forget(&self, assignment: Assignment) {
        let mut state = self.state();
        state.retain(|other, _| other != assignment);
        state.ends.remove(&assignment);
    }

    /// Bytes that wait to be taken.
    pub(super) fn bytes(&self) -> usize {
        self.state().bytes
    }

    /// Where a partition ends, as last seen.
    pub(super) fn end(&self, assignment: Assignment) -> Option<i64> {
        self.state().ends.get(&assignment).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches(size: usize) -> Arrival {
        Arrival::Batches { from: 5, batches: vec![0; size].into(), aborted: Vec::new() }
    }

    #[test]
    fn what_is_held_back_stays_in_its_order_and_counts() {
        let arrivals = Arrivals::new(Box::new(|| {}));
        let [a, b] = [Assignment(1), Assignment(2)];
        arrivals.put([(a, batches(3)), (b, batches(10)), (a, Arrival::OutOfRange)], [(a, 9)]);
        let mut taken = VecDeque::new();
        arrivals.take(|assignment| assignment == b, &mut taken);
        assert!(matches!(
            taken.make_contiguous(),
            [(Assignment(1), Arrival::Batches { .. }), (Assignment(1), Arrival::OutOfRange)]
        ));
        assert_eq!((arrivals.bytes(), arrivals.end(a), arrivals.end(b)), (10, Some(9), None));
        assert_eq!(arrivals.discard_batches(|assignment| assignment == b), [(b, 5)]);
        assert_eq!(arrivals.bytes(), 0);
    }

    #[test]
    fn only_data_is_discarded_but_everything_is_forgotten() {
        let arrivals = Arrivals::new(Box::new(|| {}));
        let a = Assignment(1);
        let waiting = || {
            let mut taken = VecDeque::new();
            arrivals.take(|_| false, &mut taken);
            taken
        };
        let put = || arrivals.put([(a, batches(3)), (a, Arrival::Truncated(2))], [(a, 9)]);
        put();
        assert_eq!(arrivals.discard_batches(|_| true), [(a, 5)]);
        assert!(matches!(waiting().make_contiguous(), [(_, Arrival::Truncated(2))]));
        put();
        arrivals.forget(a);
        assert!(waiting().is_empty());
        assert_eq!((arrivals.bytes(), arrivals.end(a)), (0, None));
    }
}
