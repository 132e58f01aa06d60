use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn member(number: usize, threads: u32) -> MemberState {
    MemberState {
        // The order of the ids is not that of the processes.
        member_id: format!("m{}", 1000 - number),
        process_id: Uuid::from_u128(number as u128),
        threads,
        owned: Vec::new(),
        generation: -1,
        local_state: Vec::new(),
    }
}

fn group(subtopology: u32, partitions: i32, stateful: bool) -> TaskGroup {
    TaskGroup { subtopology, partitions, stateful }
}

fn groups() -> impl Strategy<Value = Vec<TaskGroup>> {
    vec((0i32..9, any::<bool>()), 1..5).prop_map(|parts| {
        parts.into_iter().enumerate().map(|(number, (count, stateful))| group(number as u32, count, stateful)).collect()
    })
}

fn equal_members() -> impl Strategy<Value = Vec<MemberState>> {
    (1usize..7, 1u32..4).prop_map(|(count, threads)| (0..count).map(|number| member(number, threads)).collect())
}

fn members() -> impl Strategy<Value = Vec<MemberState>> {
    vec(1u32..6, 1..7)
        .prop_map(|threads| threads.into_iter().enumerate().map(|(number, threads)| member(number, threads)).collect())
}

fn all_tasks(groups: &[TaskGroup]) -> Vec<TaskId> {
    groups.iter().flat_map(super::tasks).collect()
}

/// What everyone has in the end, active or not.
fn finally(target: &TargetAssignment) -> BTreeMap<String, BTreeSet<TaskId>> {
    let all = |target: &MemberTarget| target.active.iter().chain(&target.withheld).copied().collect();
    target.members.iter().map(|(member, target)| (member.clone(), all(target))).collect()
}

/// Everyone holds what it has in the end.
fn settle(members: &mut [MemberState], target: &TargetAssignment) {
    let targets = finally(target);
    for member in members {
        member.owned = targets[&member.member_id].iter().copied().collect();
        member.generation = 1;
    }
}

fn moves(before: &[MemberState], target: &TargetAssignment) -> usize {
    let targets = finally(target);
    before
        .iter()
        .map(|member| member.owned.iter().filter(|task| !targets[&member.member_id].contains(task)).count())
        .sum()
}

fn within_one_of_share(count: usize, of: usize, threads: u32, total: u32) -> bool {
    let exact = of as f64 * f64::from(threads) / f64::from(total);
    (count as f64 - exact).abs() < 1.0
}

fn assert_balanced(groups: &[TaskGroup], members: &[MemberState], target: &TargetAssignment) {
    let total = members.iter().map(|member| member.threads).sum();
    let targets = finally(target);
    let mut families: Vec<Vec<u32>> = groups.iter().map(|group| vec![group.subtopology]).collect();
    families.push(groups.iter().map(|group| group.subtopology).collect());
    for stateful in [false, true] {
        families
            .push(groups.iter().filter(|group| group.stateful == stateful).map(|group| group.subtopology).collect());
    }
    for family in families {
        let of = all_tasks(groups).iter().filter(|task| family.contains(&task.subtopology)).count();
        for member in members {
            let has = &targets[&member.member_id];
            let count = has.iter().filter(|task| family.contains(&task.subtopology)).count();
            assert!(
                within_one_of_share(count, of, member.threads, total),
                "{} has {count} of the {of} tasks of subtopologies {family:?}",
                member.member_id
            );
        }
    }
}

/// The fewest moves that any balanced assignment needs, by trying every way to round the shares.
fn fewest_moves(groups: &[TaskGroup], members: &[MemberState]) -> usize {
    let total: u32 = members.iter().map(|member| member.threads).sum();
    let mut best = usize::MAX;
    search(groups, members, total, 0, &mut vec![[0, 0]; members.len()], 0, &mut best);
    best
}

fn search(
    groups: &[TaskGroup],
    members: &[MemberState],
    total: u32,
    row: usize,
    sums: &mut Vec<[usize; 2]>,
    moved: usize,
    best: &mut usize,
) {
    if row == groups.len() {
        let tasks = |stateful| {
            all_tasks(&groups.iter().copied().filter(|group| group.stateful == stateful).collect::<Vec<_>>()).len()
        };
        let of = [tasks(false), tasks(true)];
        let fair = members.iter().zip(sums.iter()).all(|(member, has)| {
            (0..2).all(|part| within_one_of_share(has[part], of[part], member.threads, total))
                && within_one_of_share(has[0] + has[1], of[0] + of[1], member.threads, total)
        });
        if fair {
            *best = moved.min(*best);
        }
        return;
    }
    let group = groups[row];
    let owned: Vec<usize> = members
        .iter()
        .map(|member| {
            let exists = |task: &&TaskId| task.subtopology == group.subtopology && task.partition < group.partitions;
            member.owned.iter().filter(exists).count()
        })
        .collect();
    let mut counts = vec![0; members.len()];
    rows(&group, members, total, group.partitions as usize, 0, &mut counts, &mut |counts| {
        let lost: usize = owned.iter().zip(counts).map(|(&owned, &count)| owned.saturating_sub(count)).sum();
        if moved + lost >= *best {
            return;
        }
        let part = usize::from(group.stateful);
        sums.iter_mut().zip(counts).for_each(|(sum, count)| sum[part] += count);
        search(groups, members, total, row + 1, sums, moved + lost, best);
        sums.iter_mut().zip(counts).for_each(|(sum, count)| sum[part] -= count);
    });
}

/// Every way to share the tasks of a group that gives each member its share rounded down or up.
fn rows(
    group: &TaskGroup,
    members: &[MemberState],
    total: u32,
    left: usize,
    at: usize,
    counts: &mut Vec<usize>,
    found: &mut dyn FnMut(&[usize]),
) {
    if at == members.len() {
        if left == 0 {
            found(counts);
        }
        return;
    }
    let share = group.partitions as usize * members[at].threads as usize;
    for count in share / total as usize..=share.div_ceil(total as usize) {
        if count <= left {
            counts[at] = count;
            rows(group, members, total, left - count, at + 1, counts, found);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_task_goes_to_one_member_and_all_are_balanced(groups in groups(), members in members()) {
        let target = assign(&groups, &members);
        let mut given: Vec<TaskId> = finally(&target).into_values().flatten().collect();
        given.sort_unstable();
        prop_assert_eq!(given, all_tasks(&groups));
        assert_balanced(&groups, &members, &target);
        prop_assert!(target.is_settled());
    }

    #[test]
    fn whatever_members_claim_every_task_goes_to_one_and_nobody_gets_what_another_holds(
        groups in groups(), mut members in members(), claims in vec((0usize..6, 0u32..5, 0i32..9), 0..30), generations in vec(0i32..3, 6),
    ) {
        for (number, subtopology, partition) in claims {
            let at = number % members.len();
            members[at].owned.push(TaskId::new(subtopology, partition));
        }
        members.iter_mut().zip(&generations).for_each(|(member, generation)| member.generation = *generation);
        let target = assign(&groups, &members);
        let mut given: Vec<TaskId> = finally(&target).into_values().flatten().collect();
        given.sort_unstable();
        prop_assert_eq!(given, all_tasks(&groups));
        assert_balanced(&groups, &members, &target);
        for member in &members {
            for task in &target.members[&member.member_id].active {
                let others: Vec<_> = members.iter().filter(|other| other.member_id != member.member_id && other.owned.contains(task)).collect();
                let newest = member.owned.contains(task) && others.iter().all(|other| other.generation < member.generation);
                prop_assert!(others.is_empty() || newest);
            }
        }
    }

    #[test]
    fn the_order_of_the_arguments_and_the_member_ids_mean_nothing(
        groups in groups(), mut members in members(), seed in any::<prop::sample::Index>(), owners in vec(0usize..8, 40),
    ) {
        for (task, owner) in all_tasks(&groups).into_iter().zip(owners) {
            if let Some(member) = members.get_mut(owner) {
                member.owned.push(task);
            }
        }
        let target = assign(&groups, &members);
        let (mut turned, mut reversed) = (members.clone(), groups.clone());
        turned.rotate_left(seed.index(members.len()));
        turned.swap(0, seed.index(members.len()));
        reversed.reverse();
        prop_assert_eq!(&assign(&reversed, &turned), &target);

        let mut renamed = members.clone();
        renamed.iter_mut().for_each(|member| member.member_id = format!("{}", member.process_id));
        let by_process = assign(&groups, &renamed);
        for member in &members {
            prop_assert_eq!(&by_process.members[&format!("{}", member.process_id)], &target.members[&member.member_id]);
        }
    }

    #[test]
    fn what_is_balanced_stays(groups in groups(), mut members in members()) {
        let target = assign(&groups, &members);
        settle(&mut members, &target);
        prop_assert_eq!(assign(&groups, &members), target);
    }

    #[test]
    fn joining_or_leaving_moves_no_more_than_any_balanced_assignment_must(
        groups in vec((0i32..6, any::<bool>()), 1..4), threads in vec(1u32..4, 2..5), leaver in any::<prop::sample::Index>(), joins: bool,
    ) {
        let groups: Vec<TaskGroup> =
            groups.into_iter().enumerate().map(|(number, (count, stateful))| group(number as u32, count, stateful)).collect();
        let mut members: Vec<MemberState> =
            threads.into_iter().enumerate().map(|(number, threads)| member(number, threads)).collect();
        let changed = members.remove(leaver.index(members.len()));
        if joins {
            let target = assign(&groups, &members);
            settle(&mut members, &target);
            members.push(changed);
        } else {
            members.push(changed);
            let target = assign(&groups, &members);
            settle(&mut members, &target);
            members.pop();
        }
        let target = assign(&groups, &members);
        assert_balanced(&groups, &members, &target);
        prop_assert_eq!(moves(&members, &target), fewest_moves(&groups, &members));
    }

    #[test]
    fn with_equal_threads_and_one_subtopology_a_newcomer_gets_its_share_and_nothing_else_moves(
        partitions in 0i32..40, mut members in equal_members(), stateful: bool,
    ) {
        let groups = [group(0, partitions, stateful)];
        let target = assign(&groups, &members);
        settle(&mut members, &target);
        members.push(member(members.len(), members[0].threads));
        let target = assign(&groups, &members);
        prop_assert_eq!(moves(&members, &target), partitions as usize / members.len());

        // It leaves again: only its own tasks move.
        settle(&mut members, &target);
        members.pop();
        prop_assert_eq!(moves(&members, &assign(&groups, &members)), 0);
    }

    #[test]
    fn from_anywhere_the_target_is_reached_in_two_rounds_with_no_task_held_twice(
        groups in groups(), mut members in members(), owners in vec(0usize..8, 40),
    ) {
        for (task, owner) in all_tasks(&groups).into_iter().zip(owners) {
            if let Some(member) = members.get_mut(owner) {
                member.owned.push(task);
            }
        }
        for round in 1..=2 {
            let target = assign(&groups, &members);
            if round == 2 {
                prop_assert!(target.is_settled());
                prop_assert_eq!(moves(&members, &target), 0, "what was given or kept is not taken away again");
            }
            for member in &mut members {
                // What must be given up may still be there while others begin with what they were given.
                let mut holding: BTreeSet<TaskId> = member.owned.iter().copied().collect();
                holding.extend(&target.members[&member.member_id].active);
                member.owned = holding.into_iter().collect();
            }
            let held: Vec<&TaskId> = members.iter().flat_map(|member| &member.owned).collect();
            prop_assert_eq!(held.len(), held.iter().collect::<BTreeSet<_>>().len(), "a task is held twice");
            for member in &mut members {
                member.owned.clone_from(&target.members[&member.member_id].active);
            }
        }
        prop_assert_eq!(members.iter().map(|member| member.owned.len()).sum::<usize>(), all_tasks(&groups).len());
    }
}

#[test]
fn surplus_members_stand_by() {
    let target = assign(&[group(0, 2, true)], &[member(0, 1), member(1, 1), member(2, 1)]);
    let counts: Vec<usize> = finally(&target).values().map(BTreeSet::len).collect();
    assert_eq!(counts.iter().sum::<usize>(), 2);
    assert_eq!(counts.iter().max(), Some(&1));
}

#[test]
fn a_member_without_threads_gives_up_what_it_has() {
    let mut members = [member(0, 0), member(1, 1)];
    members[0].owned = vec![TaskId::new(0, 0)];
    let target = assign(&[group(0, 2, false)], &members);
    assert_eq!(target.members["m1000"], MemberTarget::default());
    let expected = MemberTarget { active: vec![TaskId::new(0, 1)], withheld: vec![TaskId::new(0, 0)] };
    assert_eq!(target.members["m999"], expected);
}

#[test]
fn without_threads_anywhere_nobody_gets_anything() {
    let target = assign(&[group(0, 2, false)], &[member(0, 0)]);
    assert_eq!(target.members["m1000"], MemberTarget::default());
    assert_eq!(assign(&[group(0, 2, false)], &[]), TargetAssignment::default());
}

#[test]
fn tasks_without_owner_go_where_the_newest_local_state_is() {
    let mut members = [member(0, 1), member(1, 1), member(2, 1)];
    let tasks: Vec<TaskId> = (0..3).map(|partition| TaskId::new(0, partition)).collect();
    members[0].local_state = vec![(tasks[2], 10), (tasks[1], 10)];
    members[1].local_state = vec![(tasks[0], 7), (tasks[2], 9)];
    members[2].local_state = vec![(tasks[1], 11), (tasks[0], 6)];
    let target = assign(&[group(0, 3, true)], &members);
    let active = |id: &str| target.members[id].active.clone();
    assert_eq!([active("m1000"), active("m999"), active("m998")], [vec![tasks[2]], vec![tasks[0]], vec![tasks[1]]]);
}

#[test]
fn who_comes_back_gets_the_tasks_that_it_has_local_state_for() {
    let mut members = [member(0, 1), member(1, 1)];
    members[0].owned = (0..4).map(|partition| TaskId::new(0, partition)).collect();
    members[1].local_state = vec![(TaskId::new(0, 0), 5), (TaskId::new(0, 2), 5)];
    let target = assign(&[group(0, 4, true)], &members);
    assert_eq!(target.members["m999"].withheld, [TaskId::new(0, 0), TaskId::new(0, 2)]);
    assert_eq!(target.members["m1000"].active, [TaskId::new(0, 1), TaskId::new(0, 3)]);
}

#[test]
fn who_comes_back_gets_the_tasks_of_which_its_local_state_is_newest() {
    let mut members = [member(0, 1), member(1, 1), member(2, 1)];
    let tasks: Vec<TaskId> = (0..6).map(|partition| TaskId::new(0, partition)).collect();
    members[0].owned = tasks[..4].to_vec();
    members[1].local_state = vec![(tasks[0], 0), (tasks[1], 0), (tasks[2], 7), (tasks[3], 9)];
    // Newer state of others counts for nothing where its holder has no room.
    members[2].owned = tasks[4..].to_vec();
    members[2].local_state = vec![(tasks[0], 50), (tasks[1], 50)];
    let target = assign(&[group(0, 6, true)], &members);
    assert_eq!(target.members["m999"].withheld, [tasks[2], tasks[3]]);
    assert_eq!(target.members["m1000"].active, [tasks[0], tasks[1]]);
}

#[test]
fn of_two_claims_the_newer_generation_is_right_and_the_same_one_holds_for_nobody() {
    let mut members = [member(0, 1), member(1, 1)];
    for (member, generation) in members.iter_mut().zip([4, 5]) {
        member.owned = vec![TaskId::new(0, 0)];
        member.generation = generation;
    }
    let groups = [group(0, 1, true)];
    assert_eq!(assign(&groups, &members).members["m999"].active, [TaskId::new(0, 0)]);
    members[0].generation = 5;
    let target = assign(&groups, &members);
    assert!(target.members.values().all(|target| target.active.is_empty()), "{target:?}");
    assert!(!target.is_settled());
}

#[test]
fn tasks_that_do_not_exist_any_more_are_given_up() {
    let mut members = [member(0, 1)];
    members[0].owned = vec![TaskId::new(0, 5), TaskId::new(7, 0), TaskId::new(0, 0)];
    assert_eq!(assign(&[group(0, 1, false)], &members).members["m1000"].active, [TaskId::new(0, 0)]);
}

#[test]
fn a_large_group_is_assigned_without_delay() {
    let groups: Vec<TaskGroup> = (0..30).map(|number| group(number, 97, number % 2 == 0)).collect();
    let mut members: Vec<MemberState> = (0..100).map(|number| member(number, 1 + number as u32 % 3)).collect();
    let target = assign(&groups, &members);
    assert_balanced(&groups, &members, &target);
    settle(&mut members, &target);
    members.pop();
    let target = assign(&groups, &members);
    assert_balanced(&groups, &members, &target);
}
