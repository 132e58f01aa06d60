//! Which fault comes when.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::chance::Chance;

/// What becomes of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Pass,
    /// It is late, and so is everything behind it.
    Delay(Duration),
    /// It goes on at so many bytes per second.
    Throttle(usize),
    /// So much of it goes on, then both sides are closed.
    Cut(usize),
    /// So much of it goes on, then the client's side is reset.
    Reset(usize),
    /// Neither it nor anything behind it goes on; after a while both sides are closed.
    Swallow(Duration),
    /// The client's side is closed; the broker gets the frame all the same, after a while.
    Late(Duration),
    /// All connections are reset, and none is accepted for a while.
    Refuse(Duration),
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Delay(_) => "delay",
            Self::Throttle(_) => "throttle",
            Self::Cut(_) => "cut",
            Self::Reset(_) => "reset",
            Self::Swallow(_) => "half-open",
            Self::Late(_) => "late",
            Self::Refuse(_) => "refuse",
        }
    }
}

/// Draws faults for all connections of a proxy, so that they come as often however many connections there are.
pub struct Faults {
    chance: Chance,
    /// Bytes between two faults, on average.
    mean: usize,
    left: usize,
    /// Faults so far, by kind and direction.
    tally: BTreeMap<(&'static str, &'static str), usize>,
}

/// What a frame counts beside its bytes, so that small ones (acknowledgements, transactions' ends) are hit as well.
const FRAME: usize = 20_000;

impl Faults {
    pub fn new(seed: u64, mean: usize) -> Self {
        Self { chance: Chance::new(seed), mean, left: mean, tally: BTreeMap::new() }
    }

    pub fn next(&mut self, is_request: bool, length: usize) -> Action {
        let cost = length + FRAME;
        if self.left > cost {
            self.left -= cost;
            return Action::Pass;
        }
        let chance = &mut self.chance;
        self.left = chance.below(2 * self.mean);
        let action = match chance.below(16) {
            0..=1 => Action::Delay(chance.millis(20, 300)),
            2..=3 => Action::Throttle(200_000 + chance.below(2_000_000)),
            4..=7 => Action::Cut(chance.below(length)),
            8..=10 => Action::Reset(chance.below(length)),
            11..=12 => Action::Swallow(chance.millis(100, 2500)),
            13..=14 if is_request => Action::Late(chance.millis(1, 1000)),
            13..=14 => Action::Cut(length),
            _ => Action::Refuse(chance.millis(50, 700)),
        };
        let direction = if is_request { "requests" } else { "answers" };
        *self.tally.entry((action.name(), direction)).or_default() += 1;
        action
    }

    /// How many faults there were, and of which kinds.
    pub fn told(&self) -> (usize, String) {
        let parts = self.tally.iter().map(|((name, direction), count)| format!("{name} of {direction}: {count}"));
        (self.tally.values().sum(), parts.collect::<Vec<_>>().join(", "))
    }
}
