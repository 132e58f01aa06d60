//! What happens in a simulation.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{NODES, UNREST};
use crate::membership::{PlannedSubtopology, PlannedTopology, TaskGroup};
use crate::task::TaskId;

#[derive(Debug, Clone)]
pub(super) enum Operation {
    Start,
    Crash,
    Close,
    Rejoin,
    Threads(u32),
    CutOff(Duration),
    /// The process does nothing for a while, and does not know it.
    StandStill(Duration),
}

#[derive(Debug, Clone)]
pub(super) struct Scenario {
    /// Static members, if set.
    pub(super) statics: bool,
    /// Per thousand of the messages that are lost.
    pub(super) loss: u64,
    pub(super) operations: Vec<(Duration, usize, Operation)>,
    pub(super) seed: u64,
}

pub(super) fn scenario(
    loss: impl Strategy<Value = u64>,
    cut_off: u32,
    stand_still: u32,
) -> impl Strategy<Value = Scenario> {
    let operation = prop_oneof![
        4 => Just(Operation::Start),
        2 => Just(Operation::Crash),
        1 => Just(Operation::Close),
        1 => Just(Operation::Rejoin),
        1 => (0u32..4).prop_map(Operation::Threads),
        stand_still => (0u64..15_000).prop_map(|ms| Operation::StandStill(Duration::from_millis(ms))),
        cut_off => (0u64..15_000).prop_map(|ms| Operation::CutOff(Duration::from_millis(ms))),
    ];
    let at = (0..UNREST.as_millis() as u64).prop_map(Duration::from_millis);
    (any::<bool>(), loss, vec((at, 0..NODES, operation), 1..24), any::<u64>())
        .prop_map(|(statics, loss, operations, seed)| Scenario { statics, loss, operations, seed })
}

pub(super) fn topology() -> PlannedTopology {
    let part = |subtopology, partitions, stateful| PlannedSubtopology {
        tasks: TaskGroup { subtopology, partitions, stateful },
        topics: vec![(format!("topic-{subtopology}"), partitions)],
    };
    PlannedTopology { fingerprint: 7, subtopologies: vec![part(0, 5, false), part(1, 4, true)] }
}

pub(super) fn tasks() -> Vec<TaskId> {
    let parts = topology().subtopologies;
    parts.iter().flat_map(|part| (0..part.tasks.partitions).map(|at| TaskId::new(part.tasks.subtopology, at))).collect()
}
