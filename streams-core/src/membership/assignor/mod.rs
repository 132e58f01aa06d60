//! Which member gets which task: a pure function of the tasks and of what the members say about themselves.
//!
//! Every member gets its share, in proportion to its threads, rounded down or up: of the tasks of each subtopology, of all
//! stateful and of all stateless tasks, and of all tasks. Among the assignments that are balanced like this it is one with the
//! fewest moves (a cheapest flow finds it), among those one that moves the fewest stateful tasks, and then one that gives the most
//! tasks without an owner to the members with the newest local state for them. Ties are decided by the process ids, since member
//! ids change with every start.

mod claims;
mod flow;
mod shares;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) use claims::claims;
use shares::{Share, share};
use uuid::Uuid;

use crate::task::TaskId;

/// The tasks of one subtopology. They are co-partitioned by construction: a task reads its partition of every source topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskGroup {
    /// Number of the subtopology.
    pub subtopology: u32,
    /// Number of tasks: the most partitions that any source topic has.
    pub partitions: i32,
    /// Whether the tasks have state stores, so that moving them means restoring.
    pub stateful: bool,
}

/// What the assignor knows of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberState {
    /// The member's id.
    pub member_id: String,
    /// The process, for as long as its state directory lives.
    pub process_id: Uuid,
    /// Its processing threads, counted up to 1024. A member without threads gets no tasks, and gives up those it has.
    pub threads: u32,
    /// The tasks that it holds.
    pub owned: Vec<TaskId>,
    /// The generation in which they were given to it; -1 for none.
    pub generation: i32,
    /// Tasks with a state directory, and the sum of the changelog offsets that it reaches. More is newer.
    pub local_state: Vec<(TaskId, i64)>,
}

/// Who shall have what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetAssignment {
    /// By member id.
    pub members: BTreeMap<String, MemberTarget>,
}

/// What one member shall have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberTarget {
    /// What it has from now on, in order. What it holds besides, it has to give up.
    pub active: Vec<TaskId>,
    /// What it gets once the members that hold it now have given it up, in order.
    pub withheld: Vec<TaskId>,
}

impl TargetAssignment {
    /// Whether nothing is left to be given up: the target is reached when every member has what is active.
    pub fn is_settled(&self) -> bool {
        self.members.values().all(|target| target.withheld.is_empty())
    }
}

/// Distributes the tasks of `groups`. Takes the order of neither argument into account.
///
/// Every task goes to exactly one member, as active or withheld, unless no member has threads. A task is withheld from its new
/// owner for as long as another member says that it holds it.
pub fn assign(groups: &[TaskGroup], members: &[MemberState]) -> TargetAssignment {
    let mut members: Vec<&MemberState> = members.iter().collect();
    members.sort_by(|a, b| (a.process_id, &a.member_id).cmp(&(b.process_id, &b.member_id)));
    members.dedup_by(|a, b| a.member_id == b.member_id);
    let groups: BTreeMap<u32, &TaskGroup> = groups.iter().map(|group| (group.subtopology, group)).collect();

    let weights: Vec<u64> = members.iter().map(|member| u64::from(member.threads.min(1024))).collect();
    let claims = claims(&members);
    let holders = holders(&members);
    let mut target = vec![MemberTarget::default(); members.len()];
    let subtopologies: Vec<Subtopology<'_>> =
        groups.values().map(|group| Subtopology::new(group, &weights, &claims, &holders)).collect();
    let shares: Vec<Share<'_>> = subtopologies.iter().map(Subtopology::share).collect();
    for (subtopology, counts) in subtopologies.iter().zip(share(&shares, &weights)) {
        for (task, member) in subtopology.distribute(counts) {
            let admitted = claims.get(&task).is_none_or(|claim| claim.admits(member));
            let list = if admitted { &mut target[member].active } else { &mut target[member].withheld };
            list.push(task);
        }
    }
    for list in &mut target {
        list.active.sort_unstable();
        list.withheld.sort_unstable();
    }
    let ids = members.iter().map(|member| member.member_id.clone());
    TargetAssignment { members: ids.zip(target).collect() }
}

/// The members with local state, by task, newest first.
type Holders = BTreeMap<TaskId, Vec<(i64, usize)>>;

fn holders(members: &[&MemberState]) -> Holders {
    let mut holders = Holders::new();
    for (number, member) in members.iter().enumerate().filter(|(_, member)| member.threads > 0) {
        for (task, offset) in &member.local_state {
            holders.entry(*task).or_default().push((*offset, number));
        }
    }
    for list in holders.values_mut() {
        list.sort_by_key(|&(offset, number)| (Reverse(offset), number));
    }
    holders
}

/// What keeping a task is worth. An owner outweighs any number of holders of local state.
const OWNED: i64 = 1 << 32;
const STATEFUL: i64 = 1 << 16;
const LOCAL_STATE: i64 = 1;

/// The tasks of one subtopology, while they are distributed.
struct Subtopology<'a> {
    group: &'a TaskGroup,
    holders: &'a Holders,
    /// For each member the tasks that should go to it before others, with what that is worth; the worthiest first.
    wishes: Vec<Vec<(i64, TaskId)>>,
    values: Vec<Vec<i64>>,
}

impl<'a> Subtopology<'a> {
    fn new(
        group: &'a TaskGroup,
        weights: &[u64],
        claims: &BTreeMap<TaskId, claims::Claim>,
        holders: &'a Holders,
    ) -> Self {
        let mut wishes = vec![Vec::new(); weights.len()];
        for task in tasks(group) {
            let owner = claims.get(&task).and_then(|claim| claim.owner).filter(|&member| weights[member] > 0);
            let held_by = holders.get(&task).map_or(&[][..], Vec::as_slice);
            if let Some(member) = owner {
                wishes[member].push((OWNED + if group.stateful { STATEFUL } else { 0 }, task));
            } else if let Some(&(_, member)) = held_by.first() {
                wishes[member].push((LOCAL_STATE, task));
            }
        }
        for list in &mut wishes {
            list.sort_by_key(|(value, task)| (-value, *task));
        }
        let values = wishes.iter().map(|list| list.iter().map(|&(value, _)| value).collect()).collect();
        Self { group, holders, wishes, values }
    }

    fn share(&self) -> Share<'_> {
        Share { tasks: self.group.partitions.max(0) as u64, stateful: self.group.stateful, values: &self.values }
    }

    /// Gives each member the number of tasks in `counts`.
    fn distribute(&self, mut counts: Vec<u64>) -> Vec<(TaskId, usize)> {
        let mut left: BTreeSet<TaskId> = tasks(self.group).collect();
        let mut placed = Vec::with_capacity(left.len());
        let vacant: Vec<bool> =
            self.wishes.iter().zip(&counts).map(|(list, count)| *count > list.len() as u64).collect();
        for (member, list) in self.wishes.iter().enumerate() {
            let mut list = list.clone();
            if list.len() as u64 > counts[member] {
                // Of equally worthy tasks those are given up that a member with room can take over with the least to restore. It may have
                // been away for a moment only, and have old state of others besides.
                list.sort_by_key(|(value, task)| (-value, Reverse(self.lag(*task, &vacant)), *task));
            }
            let kept = list.len().min(counts[member] as usize);
            counts[member] -= kept as u64;
            for (_, task) in &list[..kept] {
                left.remove(task);
                placed.push((*task, member));
            }
        }
        for (task, member) in self.next_best(&left) {
            if counts[member] > 0 && left.remove(&task) {
                counts[member] -= 1;
                placed.push((task, member));
            }
        }
        let vacancies = counts.iter().enumerate().flat_map(|(member, &count)| (0..count).map(move |_| member));
        placed.extend(left.into_iter().zip(vacancies));
        placed
    }

    /// How far the newest local state of a task among the members with room is behind the newest there is.
    fn lag(&self, task: TaskId, vacant: &[bool]) -> i64 {
        let held_by = self.holders.get(&task).map_or(&[][..], Vec::as_slice);
        let newest = held_by.first().map_or(0, |&(offset, _)| offset);
        let among_vacant = held_by.iter().find(|&&(_, member)| vacant[member]);
        among_vacant.map_or(i64::MAX, |&(offset, _)| newest.saturating_sub(offset))
    }

    /// Members that have local state for the tasks that are left, newest first.
    fn next_best(&self, left: &BTreeSet<TaskId>) -> Vec<(TaskId, usize)> {
        let mut pairs: Vec<(i64, usize, TaskId)> = Vec::new();
        for task in left {
            let held_by = self.holders.get(task).map_or(&[][..], Vec::as_slice);
            pairs.extend(held_by.iter().map(|&(offset, member)| (offset, member, *task)));
        }
        pairs.sort_by_key(|&(offset, member, task)| (Reverse(offset), task, member));
        pairs.into_iter().map(|(_, member, task)| (task, member)).collect()
    }
}

fn tasks(group: &TaskGroup) -> impl Iterator<Item = TaskId> {
    (0..group.partitions).map(|partition| TaskId::new(group.subtopology, partition))
}
