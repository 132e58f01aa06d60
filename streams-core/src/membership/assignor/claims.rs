use std::collections::BTreeMap;

use super::MemberState;
use crate::task::TaskId;

/// Which members say that they hold a task, by their positions.
#[derive(Debug, Default)]
pub(crate) struct Claim {
    /// Everyone who says so.
    pub(crate) claimants: Vec<usize>,
    /// The one who is right: the only one, or the one with the newest generation.
    pub(crate) owner: Option<usize>,
}

impl Claim {
    /// Whether `member` may have the task now: nobody else holds it, or `member` is known to be the one who is right.
    pub(crate) fn admits(&self, member: usize) -> bool {
        self.owner == Some(member) || self.claimants.iter().all(|&claimant| claimant == member)
    }
}

/// What the members claim.
///
/// A member that has lost its membership gives up its tasks before it joins again, so two claims on one task mean that the
/// group's state was lost or that a program is at fault. The newest generation is right then. Claims of the same generation
/// cannot be told apart: nobody may keep the task until all but one have given it up.
pub(crate) fn claims(members: &[&MemberState]) -> BTreeMap<TaskId, Claim> {
    let mut claims: BTreeMap<TaskId, Claim> = BTreeMap::new();
    for (number, member) in members.iter().enumerate() {
        for task in &member.owned {
            let claim = claims.entry(*task).or_default();
            if claim.claimants.last() != Some(&number) {
                claim.claimants.push(number);
            }
        }
    }
    for claim in claims.values_mut() {
        let newest = claim.claimants.iter().map(|&number| members[number].generation).max();
        let mut right = claim.claimants.iter().filter(|&&number| Some(members[number].generation) == newest);
        claim.owner = right.next().copied().filter(|_| right.next().is_none());
    }
    claims
}
